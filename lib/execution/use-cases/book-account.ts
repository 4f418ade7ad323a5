// The ledger of an account: what orders have filled and the exchange has paid or taken is booked exactly once, and compared with
// what the account holds. It comes after protection, and nothing that protects waits for it.
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { Versioned } from '../../risk/ports.ts';
import { bookIncome, declarationsSinceMs, explainTransfers, incomeSinceMs } from '../ledger/book-income.ts';
import {
  type AccountStatement,
  atExchangeCosts,
  type BookedLedger,
  bookOrder,
  differencesOf,
  forgetOrders,
  newBookedLedger,
  positionDifferences,
  walletDifference,
  withOwnTrades,
} from '../ledger/booked-ledger.ts';
import type { BrokerPosition } from '../ports.ts';
import type { OrderRecord } from '../records.ts';
import { executionRecords } from './execution-records.ts';
import { type AccountReading, problemsOf, type ViewFailure } from './observe-account.ts';
import { type ExecutionContext, fillsOf, isSettled, updateOrder, usdtFeesOf } from './send-order.ts';

export interface AccountView extends AccountReading {
  /** undefined when it could not be read or written. */
  readonly bookedLedger: Versioned<BookedLedger> | undefined;
  /** What the account holds, to be compared with the ledger; undefined when not all of it could be read. */
  readonly statement: AccountStatement | undefined;
  /** One line each: what exchange and ledger hold differently, but for symbols with an order that is not booked to its end. */
  readonly differences: readonly string[];
  /** null: there is none; undefined: not compared, as while an order is in doubt. */
  readonly walletDifference: string | null | undefined;
  /** An order that filled a moment ago is not booked: its trades are not all listed yet, which is as it should be. */
  readonly hasLateTrades: boolean;
}

/**
 * How far the account may be shown behind a fill, in both looks of a run: what is compared sooner takes a late answer for a
 * position that is gone. Less than the minute to the next run.
 */
const READ_LAG_MS = 45_000;

const EVERY_SYMBOL = { has: () => true };

const overtaken = () =>
  failure<ViewFailure>({ code: 'overtaken', message: 'the ledger was changed by another run' });

/** Books and compares. Fails only when another run has written the ledger since; all else that goes wrong is a fault of the view. */
export async function bookAccount(
  context: ExecutionContext,
  reading: AccountReading,
): Promise<Result<AccountView, ViewFailure>> {
  const statement = statementOf(reading);
  const unbooked = (fault: string): Result<AccountView, ViewFailure> =>
    success({
      ...reading,
      bookedLedger: undefined,
      statement,
      differences: [],
      walletDifference: undefined,
      hasLateTrades: false,
      faults: [...reading.faults, fault],
    });
  try {
    const stored = await openLedger(context, reading);
    if (stored === undefined) return unbooked('ledger: there is none, and no wallet to open it with');
    const booked = await book(context, { reading, before: stored });
    if (booked === undefined) return overtaken();
    const view = {
      ...reading,
      orders: booked.orders,
      statement,
      anomalies: [...reading.anomalies, ...booked.unexplained],
      faults: [...reading.faults, ...booked.faults],
      hasLateTrades: booked.hasLateTrades,
    };
    if (statement === undefined)
      return success({
        ...view,
        bookedLedger: booked.bookedLedger,
        differences: [],
        walletDifference: undefined,
      });
    const compared = await compare(context, { ...view, bookedLedger: booked.bookedLedger, statement });
    return compared === undefined ? overtaken() : success({ ...view, ...compared });
  } catch (error) {
    return unbooked(`ledger: ${messageOf(error)}`);
  }
}

function statementOf(reading: AccountReading): AccountStatement | undefined {
  const { walletMicroUsdt, held, unreadablePositions } = reading;
  const isCosted = (row: BrokerPosition): row is BrokerPosition & { entryPrice: number } =>
    row.entryPrice !== null;
  const positions = [...held.values()].filter(isCosted);
  const isWhole = unreadablePositions.length === 0 && positions.length === held.size;
  return isWhole && walletMicroUsdt !== undefined ? { walletMicroUsdt, positions } : undefined;
}

/** What exchange and ledger differ in; the costs of the positions alone are no difference, and are taken over at once. */
async function compare(
  context: ExecutionContext,
  view: AccountReading & { bookedLedger: Versioned<BookedLedger>; statement: AccountStatement },
): Promise<Pick<AccountView, 'bookedLedger' | 'differences' | 'walletDifference'> | undefined> {
  const { bookedLedger, statement } = view;
  const ledger = atExchangeCosts(bookedLedger.value.ledger, statement);
  if (differencesOf(ledger, statement).length === 0) {
    const isSame = differencesOf(bookedLedger.value.ledger, statement).length === 0;
    const written = isSame
      ? bookedLedger
      : await writeLedger(context, bookedLedger, { ...bookedLedger.value, ledger });
    return written && { bookedLedger: written, differences: [], walletDifference: null };
  }
  if (view.hasUnreadOrders) return { bookedLedger, differences: [], walletDifference: undefined };
  const unbooked = symbolsInDoubt(context, view);
  const differences = positionDifferences(bookedLedger.value.ledger, statement)
    .filter(({ symbol }) => !unbooked.has(symbol))
    .map(({ line }) => line);
  // What an order in doubt has paid or earned is not known yet either.
  const walletDifferent =
    unbooked.size > 0 ? undefined : (walletDifference(bookedLedger.value.ledger, statement) ?? null);
  return { bookedLedger, differences, walletDifference: walletDifferent };
}

/** It has filled so lately that positions and trades need not show it yet. */
const hasJustFilled = ({ filledAtMs }: OrderRecord, nowMs: number): boolean =>
  filledAtMs !== null && nowMs - filledAtMs < READ_LAG_MS;

/** Symbols of orders of which not everything is known or booked, or that have filled so lately that lists may lag. */
function symbolsInDoubt({ clock }: ExecutionContext, { orders, found }: AccountReading): ReadonlySet<string> {
  const nowMs = clock.nowMs();
  const inDoubt = [...orders.values()].filter((order) => {
    if (hasJustFilled(order, nowMs)) return true;
    if (isSettled(order)) return false;
    return (
      order.bookedQuantity < order.state.filledQuantity ||
      found.get(order.clientOrderId)?.report === undefined
    );
  });
  return new Set(inDoubt.map(({ symbol }) => symbol));
}

/** The ledger as it stood when the run began; opened with the wallet as deposit when there is none yet. */
async function openLedger(
  { risk, broker, clock }: ExecutionContext,
  { ledgerBefore, walletMicroUsdt }: AccountReading,
): Promise<Versioned<BookedLedger> | undefined> {
  if (ledgerBefore !== undefined || walletMicroUsdt === undefined) return ledgerBefore;
  const opened = newBookedLedger(walletMicroUsdt, clock.nowMs());
  const records = executionRecords(risk).bookedLedger;
  await records.put(broker.scope, opened, { ifAbsent: true });
  return records.get(broker.scope);
}

/** Books fills, fees and funding in one write, then tells the orders what is booked of them; undefined when overtaken. */
async function book(
  context: ExecutionContext,
  { reading, before }: { reading: AccountReading; before: Versioned<BookedLedger> },
): Promise<
  | {
      bookedLedger: Versioned<BookedLedger>;
      orders: ReadonlyMap<string, OrderRecord>;
      unexplained: readonly string[];
      faults: string[];
      hasLateTrades: boolean;
    }
  | undefined
> {
  const { found } = reading;
  const orders = new Map(reading.orders);
  const settled = new Set([...orders.values()].filter(isSettled).map(({ clientOrderId }) => clientOrderId));
  const faults: string[] = [];
  const { bookedLedger: withFills, hasLateTrades } = await bookFills(context, {
    found,
    bookedLedger: forgetOrders(before.value, settled),
    faults,
  });
  const income = await context.broker.incomeSince(incomeSinceMs(withFills));
  faults.push(...problemsOf('income', income));
  const nowMs = context.clock.nowMs();
  // By the orders as they were looked up, with what is booked by now.
  const looked = {
    orders: new Map([...orders].map(([id, order]) => [id, withBooked(order, withFills.orders[id])])),
  };
  // While an order of ours cannot be read its trades would pass for those of others, and be booked twice once it can.
  const inDoubt = reading.hasUnreadOrders ? EVERY_SYMBOL : symbolsInDoubt(context, { ...reading, ...looked });
  const withIncome = income.ok ? bookIncome(withFills, income.value.rows, { inDoubt, nowMs }) : withFills;
  const { bookedLedger: after, unexplained } = await explain(context, withIncome);
  const written = await writeLedger(context, before, after);
  if (written === undefined) return undefined;
  for (const clientOrderId of found.keys()) {
    const record = await updateOrder(context, clientOrderId, (current) =>
      withBooked(current, after.orders[clientOrderId]),
    );
    if (record !== undefined) orders.set(clientOrderId, record);
  }
  return { bookedLedger: written, orders, unexplained, faults, hasLateTrades };
}

/** Transfers against what operators have declared. */
async function explain({ risk, broker, clock }: ExecutionContext, bookedLedger: BookedLedger) {
  const sinceMs = declarationsSinceMs(bookedLedger);
  if (sinceMs === undefined) return { bookedLedger, unexplained: [] };
  const { records } = await executionRecords(risk).transferDeclarations.since(broker.scope, sinceMs);
  const declarations = records.map(({ value }) => value);
  return explainTransfers(bookedLedger, { declarations, nowMs: clock.nowMs() });
}

async function bookFills(
  context: ExecutionContext,
  given: { found: AccountReading['found']; bookedLedger: BookedLedger; faults: string[] },
): Promise<{ bookedLedger: BookedLedger; hasLateTrades: boolean }> {
  let { bookedLedger } = given;
  let hasLateTrades = false;
  for (const [clientOrderId, { record, report }] of given.found) {
    if (report === undefined) continue;
    const { filledQuantity, averagePrice } = report;
    const { symbol, side } = record;
    const fills = await fillsOf(context, report);
    // An order whose trades are not listed yet is booked whole or not at all.
    if (!fills.ok && fills.error.isLate && hasJustFilled(record, context.clock.nowMs())) hasLateTrades = true;
    else if (!fills.ok) given.faults.push(`${symbol}: order ${clientOrderId}: ${fills.error.message}`);
    else {
      const booked = bookOrder(bookedLedger, {
        clientOrderId,
        symbol,
        side,
        filledQuantity,
        averagePrice,
        feeMicroUsdt: usdtFeesOf(fills.value),
        booked: bookedOf(record),
      });
      const trades = fills.value.map(({ tradeId, atMs }) => ({ id: tradeId, symbol, atMs }));
      bookedLedger = withOwnTrades(booked, trades);
    }
  }
  return { bookedLedger, hasLateTrades };
}

const bookedOf = ({ state, bookedQuantity, bookedFeeMicroUsdt }: OrderRecord) => ({
  quantity: bookedQuantity,
  averagePrice: bookedQuantity > 0 ? state.averagePrice : null,
  feeMicroUsdt: bookedFeeMicroUsdt,
});

function withBooked(record: OrderRecord, booked: BookedLedger['orders'][string] | undefined): OrderRecord {
  if (booked === undefined) return record;
  const { quantity: bookedQuantity, feeMicroUsdt: bookedFeeMicroUsdt } = booked;
  // What is booked only grows: a late writer knows less.
  if (bookedQuantity < record.bookedQuantity) return record;
  const same = record.bookedQuantity === bookedQuantity && record.bookedFeeMicroUsdt === bookedFeeMicroUsdt;
  return same ? record : { ...record, bookedQuantity, bookedFeeMicroUsdt };
}

/** @returns the ledger as it then stands; undefined when another run has written since */
export async function writeLedger(
  { risk, broker }: ExecutionContext,
  before: Versioned<BookedLedger>,
  bookedLedger: BookedLedger,
): Promise<Versioned<BookedLedger> | undefined> {
  if (bookedLedger === before.value) return before;
  const records = executionRecords(risk).bookedLedger;
  const written = await records.put(broker.scope, bookedLedger, { ifRevision: before.revision });
  return written === 'conflict' ? undefined : records.get(broker.scope);
}
