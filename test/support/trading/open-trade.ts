// A trade that execute has opened on the scripted exchange, with all its records, and what a test asks of the account.
import type { OrderRecord, PositionRecord } from '../../../lib/execution/records.ts';
import { type AccountView, bookAccount } from '../../../lib/execution/use-cases/book-account.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { readAccount } from '../../../lib/execution/use-cases/observe-account.ts';
import type { ExecutionContext } from '../../../lib/execution/use-cases/send-order.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { signalOf, TradingWorld } from './trading-world.ts';

export type OpenTrade = Awaited<ReturnType<typeof openTrade>>;

/** The account as it is now, booked, but for a part. */
export async function viewOf(
  context: ExecutionContext,
  over: Partial<AccountView> = {},
): Promise<AccountView> {
  const read = await readAccount(context, { thorough: false });
  if (!read.ok) throw new Error(read.error.message);
  const booked = await bookAccount(context, read.value);
  if (!booked.ok) throw new Error(booked.error.message);
  return { ...booked.value, ...over };
}

/** A long position of Bitcoin behind its stop, just entered. */
export async function openTrade(about: Partial<ExecutionContext> = {}) {
  const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
  await world.execute();
  const { exchange, risk, clock } = world;
  const context: ExecutionContext = { risk, broker: exchange.broker, clock, ...about };
  const { orders, positions, trades } = executionRecords(risk);
  const current = async () => (await positions.get('paper', 'BTCUSDT'))!;
  const entryId = (await current()).value.entryClientOrderId;
  const orderOf = async (id: string | null) => (await orders.get('paper', id!))!;
  /** Writes a part of the position's record anew. */
  const changePosition = async (change: Partial<PositionRecord>) => {
    const { value, revision } = await current();
    await positions.put('paper', { ...value, ...change }, { ifRevision: revision });
  };
  /** Writes a part of an order's record anew. */
  const changeOrder = async (id: string | null, change: Partial<OrderRecord>) => {
    const { value, revision } = await orderOf(id);
    await orders.put('paper', { ...value, ...change }, { ifRevision: revision });
  };
  const view = (over?: Partial<AccountView>) => viewOf(context, over);
  const told = async () => allValues(await trades.since('paper', 0));
  const reserved = async () => Object.keys((await world.gate()).reserved);
  return {
    ...{ world, exchange, risk, context, entryId, orders, positions, current, orderOf },
    ...{ changePosition, changeOrder, view, told, reserved },
  };
}
