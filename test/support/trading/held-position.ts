// A position that an entry has just opened on the scripted exchange, and what a test asks of it: its stop, its way out, its records.
import type { EntryOrder, OrderSide } from '../../../lib/execution/order.ts';
import type { OrderRecord } from '../../../lib/execution/records.ts';
import type { AccountView } from '../../../lib/execution/use-cases/book-account.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import {
  openPosition,
  protect,
  sendExit,
} from '../../../lib/execution/use-cases/positions/protect-position.ts';
import { type ExecutionContext, newOrderRecord } from '../../../lib/execution/use-cases/send-order.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { viewOf } from './open-trade.ts';
import type { Answer } from './scripted-exchange.ts';
import { BAR, ENSEMBLE_ID, TradingWorld } from './trading-world.ts';

/** Triggers of the entries' stops; neither is on a tick. */
export const TRIGGER = { BUY: 49_000.006, SELL: 51_000.004 } as const;
export type SentOrder = { readonly stopPrice: number | null; readonly quantity: number | null };
export type HeldPosition = Awaited<ReturnType<typeof hold>>;

/** A position that an entry has just opened, without a stop. */
export async function hold({
  side = 'BUY',
  quantity = 0.01,
  about = {},
}: {
  side?: OrderSide;
  quantity?: number;
  about?: Partial<ExecutionContext>;
} = {}) {
  const world = await TradingWorld.open();
  const { exchange, risk, clock } = world;
  exchange.tradeByHand({ symbol: 'BTCUSDT', side, quantity });
  const order: EntryOrder = {
    ...{ kind: 'entry', scope: 'paper', clientOrderId: 'qt-entry', symbol: 'BTCUSDT', side, quantity },
    ...{ barOpenTimeMs: BAR, ensembleId: ENSEMBLE_ID, referencePrice: 50_000, stopPrice: TRIGGER[side] },
    ...{ notionalMicroUsdt: 500_000_000, betaMicroUsdt: 0 },
  };
  const entry: OrderRecord = {
    ...newOrderRecord(order, {
      ...{ leg: 'entry', barOpenTimeMs: BAR, ensembleId: ENSEMBLE_ID, authorisedEpoch: 1 },
      ...{ exitDueMs: BAR + 1, note: '', nowMs: world.nowMs },
    }),
    state: { status: 'filled', quantity, filledQuantity: quantity, averagePrice: 50_000 },
  };
  const context: ExecutionContext = { risk, broker: exchange.broker, clock, ...about };
  const { orders, positions } = executionRecords(risk);
  await orders.put('paper', entry, { ifAbsent: true });
  const position = await openPosition(context, entry);
  const current = async () => (await positions.get('paper', 'BTCUSDT'))!;
  const options = { entry, quantity, replace: false };
  const secure = async (over: Partial<Parameters<typeof protect>[2]> = {}) =>
    protect(context, await current(), { ...options, ...over });
  const leave = async (reason: Parameters<typeof sendExit>[2]['reason'] = 'horizon', of = quantity) =>
    (await sendExit(context, await current(), { entry, quantity: of, reason })).outcome;
  const answer = (of: (order: SentOrder) => Answer) => {
    exchange.answer = of;
  };
  const sent = () => exchange.sent.map((order) => [order.quantity, (order as SentOrder).stopPrice]);
  const notes = async () =>
    allValues(await orders.all('paper'))
      .filter(({ leg }) => leg !== 'entry')
      .map(({ leg, note }) => `${leg}: ${note}`)
      .sort();
  const stops = () => exchange.openStops('BTCUSDT').map((stop) => stop.quantity);
  const remove = async () => positions.remove('paper', await current());
  const view = (over?: Partial<AccountView>) => viewOf(context, over);
  return {
    ...{ world, exchange, context, entry, orders, positions, position, current, secure, leave },
    ...{ answer, sent, notes, stops, remove, view },
  };
}
