// What guard does for one symbol: an open position has a stop of its full size and leaves when its horizon is over; what is
// closed gives back what the gate held for it. Every step may be repeated, and works whatever the gate says.
import { lastClosedOpenTimeMs } from '../../market/candle.ts';
import { planRelease } from '../../risk/gate.ts';
import type { Versioned } from '../../risk/ports.ts';
import { clientOrderId } from '../client-order-id.ts';
import type { OrderSide } from '../order.ts';
import { ARRIVAL_MS_MAX, isFinal } from '../order-state.ts';
import type { BrokerPosition, OpenOrder } from '../ports.ts';
import type { OrderRecord, PositionRecord } from '../records.ts';
import { stopPrice } from '../stop-price.ts';
import type { AccountView } from './book-account.ts';
import { executionRecords } from './execution-records.ts';
import { type AccountReading, isOpen, type UnreadablePosition } from './observe-account.ts';
import { changePosition, legIds, openPosition, protect, sendExit } from './protect-position.ts';
import { type ExecutionContext, findOrder, isSettled, SEND_MS_MAX, updateOrder } from './send-order.ts';
import { type EndedTrade, isClosedByUs, NO_COSTS, type TradeCosts, tradeCosts, tradeOf } from './trade-of.ts';

/** A position without a stop is closed when, after this long, its stop can still not be placed for sure. */
const UNPROTECTED_MS_MAX = 45_000;
/** Distance of the stop of an adopted position, which is closed at once; it only counts when that fails. */
const ADOPTED_STOP_FRACTION = 0.02;

/** A position of somebody else that is not touched. */
export const LEFT = 'external_position_left';

/** Whether an order is somebody else's, and to be left alone: ours are written down before they leave. */
export const isLeftToOthers = (
  { externalPositions }: ExecutionContext,
  record: Versioned<OrderRecord> | undefined,
): boolean => externalPositions === 'leave-and-halt' && record === undefined;

/** One word each: what was done. */
type Actions = readonly string[];

/**
 * A position that is held: behind its stop, or on its way out. Waits for nothing but what the account holds.
 * @param known.adoptable the symbol is held without any record of ours, seen twice
 */
export async function protectSymbol(
  context: ExecutionContext,
  view: AccountReading,
  known: { readonly held: BrokerPosition; readonly adoptable: boolean },
): Promise<Actions> {
  const { held } = known;
  const { symbol } = held;
  const unreadable = view.unreadableRecords.get(symbol);
  if (unreadable !== undefined && !(await setAside(context, unreadable))) return ['conflict'];
  const position = view.positions.get(symbol);
  const entryId = position?.value.entryClientOrderId ?? view.gate?.reserved[symbol]?.clientOrderId;
  const entry = entryId === undefined ? undefined : view.orders.get(entryId);
  const isOurs = entry !== undefined && entry.state.filledQuantity > 0;
  // The account is right about the side: what is held against the records is nothing that we opened.
  const recordedSide = position?.value.side ?? (isOurs ? entry.side : undefined);
  if (recordedSide !== undefined && recordedSide !== sideOf(held)) return adopt(context, view, held);
  if (isOurs) {
    // A late run must not open the record of a trade that another run has ended since.
    const gate = position === undefined ? await context.risk.readGate(context.broker.scope) : view.gate;
    if (position === undefined && gate?.reserved[symbol]?.clientOrderId !== entryId) return ['overtaken'];
    return protectOpenPosition(context, view, {
      held,
      entry,
      position: position ?? (await openPosition(context, entry)),
    });
  }
  // An entry is written down before its position is, and goes after months: what is held has then outlived it.
  const isOrphan = entryId !== undefined && entry === undefined && isGivenUp(context, view, entryId);
  // An entry that came to nothing has not opened what is held.
  const isOthers = entry !== undefined && isSettled(entry);
  return known.adoptable || isOrphan || isOthers ? adopt(context, view, held) : ['waiting'];
}

/** Moves a record that cannot be read to the audit trail, so that its symbol gets a new one; false when another run did. */
async function setAside(
  { risk, broker, clock }: ExecutionContext,
  record: UnreadablePosition,
): Promise<boolean> {
  const { key, revision, value, message } = record;
  const { audit, positions } = executionRecords(risk);
  await audit.add(broker.scope, `unreadable#${key}#${revision}`, {
    atMs: clock.nowMs(),
    what: 'unreadable_record',
    by: 'manage-positions',
    message: `${message}: ${JSON.stringify(value)}`,
  });
  return (await positions.discard(broker.scope, record)) !== 'conflict';
}

const sideOf = ({ quantity }: BrokerPosition): OrderSide => (quantity > 0 ? 'BUY' : 'SELL');

interface Kept {
  readonly held: BrokerPosition;
  readonly entry: OrderRecord;
  readonly position: Versioned<PositionRecord>;
}

async function protectOpenPosition(
  context: ExecutionContext,
  view: AccountReading,
  kept: Kept,
): Promise<Actions> {
  const { entry } = kept;
  const quantity = Math.abs(kept.held.quantity);
  const nowMs = context.clock.nowMs();
  const stop = stopState(context, view, { position: kept.position.value, quantity });
  const isSafe = stop === 'covers';
  const unprotectedSinceMs = isSafe ? null : (kept.position.value.unprotectedSinceMs ?? nowMs);
  const position = await withChange(context, kept.position, { quantity, unprotectedSinceMs });
  if (position === undefined) return ['conflict'];

  const { exitClientOrderId, exitDueMs } = position.value;
  const exiting = exitClientOrderId !== null && isOpen(view.orders.get(exitClientOrderId));
  if (!exiting && nowMs >= exitDueMs) {
    const reason = entry.ensembleId === ADOPTED ? 'adopted' : 'horizon';
    const exit = await sendExit(context, position, { entry, quantity, reason });
    if (exit.outcome === 'acknowledged') return ['exit_acknowledged'];
    // The stop is then all the more needed: the next run tries the exit again.
    return isSafe ? [`exit_${exit.outcome}`] : [`exit_${exit.outcome}`, 'still_unprotected'];
  }
  if (isSafe) return [];
  if (stop === 'on_its_way') return ['stop_on_its_way'];
  const closeIfUnsure = nowMs - unprotectedSinceMs! > UNPROTECTED_MS_MAX && !exiting;
  if (stop === 'unknown') {
    // It may well be there: a second one is not placed beside it, but nobody relies on it for long.
    if (!closeIfUnsure) return ['stop_unknown'];
    const exit = await sendExit(context, position, { entry, quantity, reason: 'unprotected' });
    return ['stop_unknown', `exit_${exit.outcome}`];
  }
  return protect(context, position, { entry, quantity, replace: true, closeIfUnsure });
}

const covers = (stop: OpenOrder, quantity: number): boolean =>
  stop.closesPosition || (stop.quantity ?? 0) >= quantity;

type StopState = 'covers' | 'on_its_way' | 'unknown' | 'missing';

/** The list of open stops outranks the lookup; without the list, a stop that was just found open is one. */
function stopState(
  context: ExecutionContext,
  view: AccountReading,
  { position, quantity }: { position: PositionRecord; quantity: number },
): StopState {
  const { stopClientOrderId: id } = position;
  const record = id === null ? undefined : view.orders.get(id);
  const listed = view.openOrders.find(({ clientOrderId }) => clientOrderId === id);
  if (listed !== undefined && covers(listed, quantity)) return 'covers';
  if (!isOpen(record)) return 'missing';
  if (context.clock.nowMs() - record!.createdAtMs <= SEND_MS_MAX) return 'on_its_way';
  if (view.knowsStops) return 'missing';
  const isFoundOpen = view.found.get(record!.clientOrderId)?.report?.status === 'open';
  return isFoundOpen && record!.quantity >= quantity ? 'covers' : 'unknown';
}

async function withChange(
  context: ExecutionContext,
  position: Versioned<PositionRecord>,
  change: Pick<PositionRecord, 'quantity' | 'unprotectedSinceMs'>,
): Promise<Versioned<PositionRecord> | undefined> {
  const { quantity, unprotectedSinceMs } = position.value;
  const same = quantity === change.quantity && unprotectedSinceMs === change.unprotectedSinceMs;
  return same ? position : changePosition(context, position, change);
}

/** Takes the place of an ensemble in the records of positions that nobody here decided. */
const ADOPTED = 'adopted';

/** Gives a position without a decision the records that every position has, and closes it. */
async function adopt(
  context: ExecutionContext,
  view: AccountReading,
  held: BrokerPosition,
): Promise<Actions> {
  if (context.externalPositions === 'leave-and-halt') return [LEFT];
  const { symbol, quantity } = held;
  const price = await priceOf(context, held);
  const entry = await standInFor(context, {
    symbol,
    side: sideOf(held),
    quantity: Math.abs(quantity),
    entryPrice: held.entryPrice ?? price,
    markPrice: price,
  });
  const known = view.positions.get(held.symbol);
  const position =
    known === undefined
      ? await openPosition(context, entry)
      : known.value.side === entry.side
        ? await handOver(context, view, known, entry)
        : await replacePosition(context, view, known, entry);
  if (position === undefined) return ['conflict'];
  return ['adopted', ...(await protectOpenPosition(context, view, { held, entry, position }))];
}

/** Mark, entry or last price, whichever there is. Throws when there is none. */
async function priceOf({ broker }: ExecutionContext, held: BrokerPosition): Promise<number> {
  const known = held.markPrice ?? held.entryPrice;
  if (known !== null) return known;
  const last = await broker.prices([held.symbol]);
  const price = last.ok ? last.value.get(held.symbol) : undefined;
  if (price === undefined) throw new Error(`${held.symbol} has no price`);
  return price;
}

/** Writes down an order in the place of the entry that a position lacks: filled, booked, and due to be closed. */
async function standInFor(
  { risk, broker, clock }: ExecutionContext,
  position: Pick<OrderRecord, 'symbol' | 'side' | 'quantity'> & { entryPrice: number; markPrice: number },
): Promise<OrderRecord> {
  const { symbol, side, quantity, entryPrice, markPrice } = position;
  const nowMs = clock.nowMs();
  const barOpenTimeMs = lastClosedOpenTimeMs(nowMs);
  const filters = await broker.filters();
  const tickSize = filters.ok ? (filters.value.get(symbol)?.tickSize ?? Number.MIN_VALUE) : Number.MIN_VALUE;
  const stop = stopPrice({
    side,
    entryPrice: markPrice,
    atr: markPrice,
    atrMultiple: ADOPTED_STOP_FRACTION,
    tickSize,
  });
  const record: OrderRecord = {
    clientOrderId: clientOrderId({
      scope: broker.scope,
      symbol,
      barOpenTimeMs,
      side,
      ensembleId: ADOPTED,
      leg: 'entry',
    }),
    symbol,
    leg: 'entry',
    side,
    quantity,
    stopPrice: stop.ok ? stop.value : markPrice,
    exitDueMs: nowMs,
    barOpenTimeMs,
    ensembleId: ADOPTED,
    referencePrice: null,
    notionalMicroUsdt: 0,
    state: { status: 'filled', quantity, filledQuantity: quantity, averagePrice: entryPrice },
    filledAtMs: nowMs,
    bookedQuantity: quantity,
    bookedFeeMicroUsdt: 0,
    note: ADOPTED,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  await executionRecords(risk).orders.put(broker.scope, record, { ifAbsent: true });
  return record;
}

/** Names the new entry in the position. A stop that is open stays; the names of other orders follow from the old entry. */
function handOver(
  context: ExecutionContext,
  view: AccountReading,
  position: Versioned<PositionRecord>,
  { clientOrderId: entryClientOrderId }: OrderRecord,
): Promise<Versioned<PositionRecord> | undefined> {
  const { stopClientOrderId } = position.value;
  const mayBeOpen =
    !view.knowsStops || view.openOrders.some((order) => order.clientOrderId === stopClientOrderId);
  return changePosition(context, position, {
    entryClientOrderId,
    exitDueMs: context.clock.nowMs(),
    exitClientOrderId: null,
    exitSequence: null,
    stopClientOrderId: mayBeOpen ? stopClientOrderId : null,
    stopSequence: mayBeOpen ? -1 : null,
  });
}

/** Tells the trade that ended when the position was turned around, and puts what is held now in its place. */
async function replacePosition(
  context: ExecutionContext,
  view: AccountReading,
  position: Versioned<PositionRecord>,
  { clientOrderId: entryClientOrderId, side, quantity, stopPrice: stop, state }: OrderRecord,
): Promise<Versioned<PositionRecord> | undefined> {
  const before = view.orders.get(position.value.entryClientOrderId);
  if (before !== undefined && before.state.filledQuantity > 0) {
    const legs = await legRecords(context, before, position.value);
    // Protection of what is held now waits for nothing that the exchange would still have to say of it.
    await writeTrade(context, { entry: before, legs, position }, NO_COSTS);
  }
  const nowMs = context.clock.nowMs();
  return changePosition(context, position, {
    side,
    quantity,
    entryPrice: state.averagePrice!,
    entryClientOrderId,
    stopPrice: stop!,
    stopClientOrderId: null,
    stopSequence: null,
    unprotectedSinceMs: nowMs,
    exitClientOrderId: null,
    exitSequence: null,
    exitDueMs: nowMs,
    openedAtMs: nowMs,
  });
}

/** Ends a trade whose position is gone: its orders first, then its record, last what the gate holds for it. */
export async function finaliseTrade(
  context: ExecutionContext,
  view: AccountView,
  symbol: string,
): Promise<Actions> {
  const mayBeHeld = view.unreadablePositions.some((row) => row.symbol === undefined || row.symbol === symbol);
  // Until the ledger agrees that nothing is held, the exchange may only be slow to say so.
  const { bookedLedger } = view;
  if (mayBeHeld || bookedLedger === undefined) return ['waiting'];
  if (bookedLedger.value.ledger.positions[symbol] !== undefined) return ['waiting'];
  const position = view.positions.get(symbol);
  const reservation = view.gate?.reserved[symbol];
  const entryId = position?.value.entryClientOrderId ?? reservation?.clientOrderId;
  const entry = entryId === undefined ? undefined : view.orders.get(entryId);
  if (entry === undefined && position !== undefined) {
    // It has outlived its entry's record. The next run ends it, with what is left to tell of it.
    const { side, quantity, entryPrice } = position.value;
    const standIn = await standInFor(context, { symbol, side, quantity, entryPrice, markPrice: entryPrice });
    return [(await handOver(context, view, position, standIn)) === undefined ? 'conflict' : 'adopted'];
  }
  if (entry === undefined) {
    const isOver = entryId === undefined || isGivenUp(context, view, entryId);
    return isOver ? release(context, view, symbol) : ['waiting'];
  }
  if (!isSettled(entry)) return ['waiting'];
  const faults = await cancelOpenOrders(
    context,
    view.openOrders.filter((order) => order.symbol === symbol),
  );
  if (faults.length > 0) return faults;
  if (position === undefined) return release(context, view, symbol);
  const legs = await legRecords(context, entry, position.value);
  if (legs.some((leg) => !isSettled(leg))) return ['waiting'];
  // What others have closed is told by income, which is complete once it explains the wallet.
  if (!isClosedByUs({ entry, legs }) && view.walletDifference !== undefined) return ['waiting'];
  return endTrade(context, view, { entry, legs, position });
}

/** Of an entry without a record: it is sent within the time or not at all, and written down before. */
const isGivenUp = ({ clock }: ExecutionContext, { gate }: AccountReading, entryId: string): boolean =>
  clock.nowMs() - (gate?.authorised[entryId]?.atMs ?? 0) > ARRIVAL_MS_MAX;

async function endTrade(context: ExecutionContext, view: AccountView, trade: EndedTrade): Promise<Actions> {
  const { risk, broker } = context;
  const { symbol } = trade.entry;
  if (trade.entry.state.filledQuantity > 0)
    await writeTrade(context, trade, await tradeCosts(context, trade));
  const removed = await executionRecords(risk).positions.remove(broker.scope, trade.position);
  return removed === 'conflict' ? ['conflict'] : ['closed', ...(await release(context, view, symbol))];
}

async function writeTrade(
  { risk, broker }: ExecutionContext,
  trade: EndedTrade,
  costs: TradeCosts,
): Promise<void> {
  await executionRecords(risk).trades.add(broker.scope, tradeOf(trade, costs));
}

async function release(
  { risk, broker }: ExecutionContext,
  view: AccountReading,
  symbol: string,
): Promise<Actions> {
  const reservation = view.gate?.reserved[symbol];
  if (reservation === undefined) return [];
  const released = await risk.commit(broker.scope, planRelease({ symbol, ...reservation }));
  return [released.ok ? 'released' : released.error];
}

async function legRecords(
  { risk, broker }: ExecutionContext,
  entry: OrderRecord,
  position: PositionRecord,
): Promise<OrderRecord[]> {
  const context = { broker };
  const ids = [...legIds(context, entry, 'stop', position), ...legIds(context, entry, 'exit', position)];
  const { orders } = executionRecords(risk);
  const records = await Promise.all(ids.map((id) => orders.get(broker.scope, id)));
  return records.flatMap((record) => (record === undefined ? [] : [record.value]));
}

/** Cancels orders and writes down how they ended. @returns one line for each that would not be cancelled */
export async function cancelOpenOrders(
  context: ExecutionContext,
  orders: readonly OpenOrder[],
): Promise<Actions> {
  const faults: string[] = [];
  for (const order of orders) {
    const { risk, broker } = context;
    const stored = await executionRecords(risk).orders.get(broker.scope, order.clientOrderId);
    if (isLeftToOthers(context, stored)) continue;
    const cancelled = await broker.cancel(order);
    if (!cancelled.ok) faults.push(`not_cancelled: ${cancelled.error.message}`);
    if (!cancelled.ok || stored === undefined || isFinal(stored.value.state.status)) continue;
    const found = await findOrder(context, stored.value);
    if (found.ok) await updateOrder(context, order.clientOrderId, found.value.advance);
  }
  return faults;
}
