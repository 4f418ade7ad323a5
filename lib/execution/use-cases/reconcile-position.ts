// What guard does for one symbol: an open position has a stop of its full size and leaves when its horizon is over; what is
// closed gives back what the gate held for it. Every step may be repeated, and works whatever the gate says.

import { invariant } from '../../core/invariant.ts';
import { microUsdt } from '../../core/money.ts';
import { lastClosedOpenTimeMs } from '../../market/candle.ts';
import { planRelease } from '../../risk/gate.ts';
import type { Versioned } from '../../risk/ports.ts';
import type { TradeRecord } from '../../risk/records.ts';
import { clientOrderId } from '../client-order-id.ts';
import { ARRIVAL_MS_MAX, isFinal } from '../order-state.ts';
import type { OpenOrder } from '../ports.ts';
import type { OrderRecord, PositionRecord } from '../records.ts';
import { stopPrice } from '../stop-price.ts';
import { executionRecords } from './execution-records.ts';
import { type AccountView, isOpen, type PricedPosition } from './observe-account.ts';
import { changePosition, legIds, openPosition, protect, sendExit } from './protect-position.ts';
import { type ExecutionContext, findOrder, isSettled, SEND_MS_MAX, updateOrder } from './send-order.ts';

/** A position without a stop is closed when, after this long, its stop can still not be placed for sure. */
const UNPROTECTED_MS_MAX = 45_000;
/** Distance of the stop of an adopted position, which is closed at once; it only counts when that fails. */
const ADOPTED_STOP_FRACTION = 0.02;

/** One word each: what was done. */
type Actions = readonly string[];

/** @param known.adoptable the symbol is held without any record of ours, seen twice */
export async function reconcileSymbol(
  context: ExecutionContext,
  view: AccountView,
  known: { readonly symbol: string; readonly adoptable: boolean },
): Promise<Actions> {
  const { symbol } = known;
  const held = view.held.get(symbol);
  if (held === undefined) return finaliseTrade(context, view, symbol);
  const position = view.positions.get(symbol);
  const entryId = position?.value.entryClientOrderId ?? view.gate?.reserved[symbol]?.clientOrderId;
  const entry = entryId === undefined ? undefined : view.orders.get(entryId);
  if (entry !== undefined && entry.state.filledQuantity > 0) {
    return protectOpenPosition(context, view, {
      held,
      entry,
      position: position ?? (await openPosition(context, entry)),
    });
  }
  // An entry is written down before its position is, and goes after months: what is held has then outlived it.
  const isOrphan = entryId !== undefined && entry === undefined && isGivenUp(context, view, entryId);
  return known.adoptable || isOrphan ? adopt(context, view, held) : ['waiting'];
}

interface Kept {
  readonly held: PricedPosition;
  readonly entry: OrderRecord;
  readonly position: Versioned<PositionRecord>;
}

async function protectOpenPosition(
  context: ExecutionContext,
  view: AccountView,
  kept: Kept,
): Promise<Actions> {
  const { entry } = kept;
  const quantity = Math.abs(kept.held.quantity);
  const nowMs = context.clock.nowMs();
  const stop = stopOf(view, kept.position.value);
  const isSafe = stop.open !== undefined && covers(stop.open, quantity);
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
  if (stop.isOnItsWay(nowMs)) return ['stop_on_its_way'];
  const closeIfUnsure = nowMs - unprotectedSinceMs! > UNPROTECTED_MS_MAX && !exiting;
  return protect(context, position, { entry, quantity, replace: true, closeIfUnsure });
}

const covers = (stop: OpenOrder, quantity: number): boolean =>
  stop.closesPosition || (stop.quantity ?? 0) >= quantity;

function stopOf({ openOrders, orders }: AccountView, { stopClientOrderId: id }: PositionRecord) {
  const open = openOrders.find(({ clientOrderId }) => clientOrderId === id);
  const record = id === null ? undefined : orders.get(id);
  const isOnItsWay = (nowMs: number) => isOpen(record) && nowMs - record!.createdAtMs <= SEND_MS_MAX;
  return { open, isOnItsWay };
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
async function adopt(context: ExecutionContext, view: AccountView, held: PricedPosition): Promise<Actions> {
  const entry = await standInFor(context, {
    symbol: held.symbol,
    side: held.quantity > 0 ? 'BUY' : 'SELL',
    quantity: Math.abs(held.quantity),
    entryPrice: held.entryPrice,
    markPrice: held.markPrice,
  });
  const known = view.positions.get(held.symbol);
  const position =
    known === undefined ? await openPosition(context, entry) : await handOver(context, view, known, entry);
  if (position === undefined) return ['conflict'];
  return ['adopted', ...(await protectOpenPosition(context, view, { held, entry, position }))];
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
  view: AccountView,
  position: Versioned<PositionRecord>,
  { clientOrderId: entryClientOrderId }: OrderRecord,
): Promise<Versioned<PositionRecord> | undefined> {
  const { stopClientOrderId } = position.value;
  return changePosition(context, position, {
    entryClientOrderId,
    exitDueMs: context.clock.nowMs(),
    exitClientOrderId: null,
    stopClientOrderId: stopOf(view, position.value).open === undefined ? null : stopClientOrderId,
  });
}

/** Ends a trade whose position is gone: its orders first, then its record, last what the gate holds for it. */
async function finaliseTrade(context: ExecutionContext, view: AccountView, symbol: string): Promise<Actions> {
  // Until the books agree that nothing is held, the exchange may only be slow to say so.
  if (view.bookedLedger.value.ledger.positions[symbol] !== undefined) return ['waiting'];
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
  return endTrade(context, view, { entry, legs, position });
}

/** Of an entry without a record: it is sent within the time or not at all, and written down before. */
const isGivenUp = ({ clock }: ExecutionContext, { gate }: AccountView, entryId: string): boolean =>
  clock.nowMs() - (gate?.authorised[entryId]?.atMs ?? 0) > ARRIVAL_MS_MAX;

async function endTrade(
  context: ExecutionContext,
  view: AccountView,
  trade: { entry: OrderRecord; legs: readonly OrderRecord[]; position: Versioned<PositionRecord> },
): Promise<Actions> {
  const { risk, broker } = context;
  const records = executionRecords(risk);
  if (trade.entry.state.filledQuantity > 0) await records.trades.add(broker.scope, tradeOf(trade));
  const removed = await records.positions.remove(broker.scope, trade.position);
  if (removed === 'conflict') return ['conflict'];
  return ['closed', ...(await release(context, view, trade.entry.symbol))];
}

async function release(
  { risk, broker }: ExecutionContext,
  view: AccountView,
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
  const ids = [
    ...legIds(context, entry, 'stop', position.stopClientOrderId),
    ...legIds(context, entry, 'exit', position.exitClientOrderId),
  ];
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
    const cancelled = await broker.cancel(order);
    if (!cancelled.ok) faults.push(`not_cancelled: ${cancelled.error.message}`);
    const stored = await executionRecords(risk).orders.get(broker.scope, order.clientOrderId);
    if (!cancelled.ok || stored === undefined || isFinal(stored.value.state.status)) continue;
    const found = await findOrder(context, stored.value);
    if (found.ok) await updateOrder(context, order.clientOrderId, found.value.advance);
  }
  return faults;
}

const lastFillMs = ({ filledAtMs, updatedAtMs }: OrderRecord): number => filledAtMs ?? updatedAtMs;

function tradeOf(trade: {
  entry: OrderRecord;
  legs: readonly OrderRecord[];
  position: Versioned<PositionRecord>;
}): TradeRecord {
  const { entry, legs, position } = trade;
  const { averagePrice, filledQuantity } = entry.state;
  invariant(averagePrice !== null, `entry ${entry.clientOrderId} has no price`);
  const filled = legs.filter(({ state }) => state.filledQuantity > 0);
  const last = filled.toSorted((a, b) => lastFillMs(b) - lastFillMs(a))[0];
  const closed = filled.reduce((sum, { state }) => sum + state.filledQuantity, 0);
  const proceeds = filled.reduce((sum, { state }) => sum + state.filledQuantity * state.averagePrice!, 0);
  const feesMicroUsdt = [entry, ...filled].reduce((sum, order) => sum + order.bookedFeeMicroUsdt, 0);
  const gain = (proceeds - closed * averagePrice) * (entry.side === 'BUY' ? 1 : -1);
  return {
    symbol: entry.symbol,
    side: entry.side,
    quantity: filledQuantity,
    entryPrice: averagePrice,
    exitPrice: closed > 0 ? proceeds / closed : null,
    reason: last === undefined ? 'unknown' : last.leg === 'stop' ? 'stop' : last.note,
    feesMicroUsdt,
    profitMicroUsdt: microUsdt(gain) - feesMicroUsdt,
    openedAtMs: position.value.openedAtMs,
    // A leg may be cancelled after the end; only when none has closed it is there no better time.
    closedAtMs:
      last !== undefined
        ? lastFillMs(last)
        : Math.max(entry.updatedAtMs, ...legs.map((leg) => leg.updatedAtMs)),
    entryClientOrderId: entry.clientOrderId,
    ensembleId: entry.ensembleId,
  };
}
