// Gives records to a position that nobody here decided, so that it can be closed as every other.
import type { Versioned } from '../../../risk/ports.ts';
import { clientOrderId } from '../../client-order-id.ts';
import { ADOPTED } from '../../plan-protection.ts';
import type { BrokerPosition } from '../../ports.ts';
import type { OrderRecord, PositionRecord } from '../../records.ts';
import { stopPrice } from '../../stop-price.ts';
import { NO_COSTS, tradeOf } from '../../trade-of.ts';
import { executionRecords } from '../execution-records.ts';
import { lastPriceOf } from '../last-price.ts';
import type { AccountReading } from '../observe-account.ts';
import type { ExecutionContext } from '../send-order.ts';
import { openPosition } from './protect-position.ts';
import { changePosition, legRecords } from './reduce-position.ts';

/** Distance of the stop of an adopted position, which is closed at once; it only counts when that fails. */
const ADOPTED_STOP_FRACTION = 0.02;

/**
 * Entry and position as they then stand, due to be closed; undefined when another process has changed the position since. `unpriced`:
 * no price of it is known, and a record of it would be made up.
 */
export async function adoptPosition(
  context: ExecutionContext,
  view: AccountReading,
  held: BrokerPosition,
): Promise<
  { readonly entry: OrderRecord; readonly position: Versioned<PositionRecord> } | 'unpriced' | undefined
> {
  const { symbol, quantity } = held;
  // Whichever there is.
  const price = held.markPrice ?? held.entryPrice ?? (await lastPriceOf(context.broker, symbol));
  if (price === undefined) return 'unpriced';
  const entry = await standInFor(context, {
    symbol,
    side: quantity > 0 ? 'BUY' : 'SELL',
    quantity: Math.abs(quantity),
    entryPrice: held.entryPrice ?? price,
    markPrice: price,
  });
  const known = view.positions.get(symbol);
  const position =
    known === undefined
      ? await openAdopted(context, entry)
      : known.value.side === entry.side
        ? await handOver(context, view, known, entry)
        : await replacePosition(context, view, known, entry);
  return position && { entry, position };
}

/** undefined when another process has adopted it meanwhile. */
async function openAdopted(
  context: ExecutionContext,
  entry: OrderRecord,
): Promise<Versioned<PositionRecord> | undefined> {
  const position = await openPosition(context, entry);
  return position.value.entryClientOrderId === entry.clientOrderId ? position : undefined;
}

/** Writes down an order in the place of the entry that a position lacks: filled, booked, and due to be closed. */
export async function standInFor(
  { risk, broker, clock }: ExecutionContext,
  position: Pick<OrderRecord, 'symbol' | 'side' | 'quantity'> & { entryPrice: number; markPrice: number },
): Promise<OrderRecord> {
  const { symbol, side, quantity, entryPrice, markPrice } = position;
  const nowMs = clock.nowMs();
  // No bar led to it. The moment tells it from one adopted before, under whose ids no order would leave any more.
  const barOpenTimeMs = nowMs;
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
    authorisedEpoch: null,
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
export function handOver(
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
    const trade = tradeOf({ entry: before, legs, position: position.value }, NO_COSTS);
    await executionRecords(context.risk).trades.add(context.broker.scope, trade);
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
