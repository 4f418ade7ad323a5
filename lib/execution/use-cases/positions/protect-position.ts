// What keeps an open position safe: its record, its stop on the exchange, and its way out. Execute uses it right after a fill,
// the position manager every minute; both may die at any point, and two may run at once. Each order is named in the position's record before
// it is written down and sent, so that whoever comes next continues with the same one.
import { invariant } from '../../../core/invariant.ts';
import type { SymbolFilters } from '../../../market/symbol-filters.ts';
import type { Versioned } from '../../../risk/ports.ts';
import { isFinal } from '../../order-state.ts';
import type { ExitReason } from '../../plan-protection.ts';
import type { OrderRecord, PositionRecord } from '../../records.ts';
import { planReduction, restStopPrice } from '../../reduce-plan.ts';
import { roundToStep } from '../../round-to-step.ts';
import { executionRecords } from '../execution-records.ts';
import { lastPriceOf } from '../last-price.ts';
import { type ExecutionContext, refreshOrder, type UnknownOrder } from '../send-order.ts';
import { cancelOpenOrders, closeStopsOf } from './cancel-orders.ts';
import { currentPosition, type Reduction, reduce, whilePosition } from './reduce-position.ts';

const REST = 'closes a rest too small for a market order';

/** The position that an entry has opened, recorded once; as it stands, when it was recorded before. */
export async function openPosition(
  context: ExecutionContext,
  entry: OrderRecord,
): Promise<Versioned<PositionRecord>> {
  const { risk, broker, clock } = context;
  const { symbol, side, state, clientOrderId, stopPrice, exitDueMs } = entry;
  invariant(state.averagePrice !== null && stopPrice !== null, `entry ${clientOrderId} has opened nothing`);
  const nowMs = clock.nowMs();
  const record: PositionRecord = {
    symbol,
    side,
    quantity: state.filledQuantity,
    entryPrice: state.averagePrice,
    entryClientOrderId: clientOrderId,
    stopPrice,
    stopClientOrderId: null,
    stopSequence: null,
    unprotectedSinceMs: nowMs,
    exitClientOrderId: null,
    exitSequence: null,
    exitDueMs: exitDueMs ?? nowMs,
    openedAtMs: nowMs,
  };
  const { positions } = executionRecords(risk);
  await positions.put(broker.scope, record, { ifAbsent: true });
  const stored = await positions.get(broker.scope, symbol);
  invariant(stored !== undefined, `the position of ${symbol} was closed while it was opened`);
  return stored;
}

/**
 * Places the position's stop, or the next one when the last came to nothing.
 * @param options.replace the last one may still be there: the new one takes its place, and the position manager cancels it
 */
async function placeStop(
  context: ExecutionContext,
  position: Versioned<PositionRecord>,
  options: { readonly entry: OrderRecord; readonly quantity: number; readonly replace: boolean },
): Promise<Reduction> {
  const first = await reduce(context, position, { ...options, leg: 'stop', note: 'protects' });
  const answered = isRefusedByFilters(first) ? await placeCloseStop(context, options) : first;
  const sent = answered.outcome === 'unknown' ? await lookUpStop(context, answered) : answered;
  if (sent.outcome !== 'acknowledged') return sent;
  await whilePosition(context, position.value.symbol, (current) =>
    current.stopClientOrderId === sent.record.clientOrderId ? { unprotectedSinceMs: null } : undefined,
  );
  return sent;
}

/** A stop whose answer was lost may well be there: the next run, a minute later, would only then take it for one. */
async function lookUpStop(context: ExecutionContext, sent: UnknownOrder): Promise<Reduction> {
  const looked = await refreshOrder(context, sent.record);
  return looked?.report.status === 'open'
    ? { outcome: 'acknowledged', record: looked.record, message: '' }
    : sent;
}

const isRefusedByFilters = (sent: Reduction): boolean =>
  sent.outcome === 'rejected' && sent.code === 'filters';

/** The stop without a size of its own, which fewer filters concern, at a trigger that the filters of now let pass. */
async function placeCloseStop(
  context: ExecutionContext,
  options: { readonly entry: OrderRecord; readonly quantity: number },
): Promise<Reduction> {
  const { symbol, side } = options.entry;
  const filters = await freshFilters(context, symbol);
  const trigger = options.entry.stopPrice!;
  const onTick = filters && roundToStep(trigger, filters.tickSize, side === 'BUY' ? 'down' : 'up');
  // Below the lowest tick there is none: the exchange refuses the old one, and the position is closed.
  const stopPrice = onTick !== undefined && onTick > 0 ? onTick : trigger;
  return sendCloseStop(context, { ...options, note: 'protects', stopPrice });
}

/** In the place of the one that is there, if there is one: the exchange takes no second. Between the two there is none. */
async function sendCloseStop(
  context: ExecutionContext,
  about: {
    readonly entry: OrderRecord;
    readonly quantity: number;
    readonly note: string;
    readonly stopPrice: number;
  },
): Promise<Reduction> {
  const { symbol } = about.entry;
  const send = async (): Promise<Reduction> => {
    const position = await currentPosition(context, symbol);
    if (position === undefined) return { outcome: 'conflict' };
    const closes = { stopPrice: about.stopPrice };
    return reduce(context, position, { ...about, leg: 'stop', replace: true, closes });
  };
  const first = await send();
  if (first.outcome !== 'rejected' || first.code !== 'close_stop_exists') return first;
  const faults = await cancelOpenOrders(context, await closeStopsOf(context.broker, symbol));
  return faults.length > 0 ? first : send();
}

/** Closes the position at the market, unless an exit is under way; in parts when the exchange's filters have changed. */
export async function sendExit(
  context: ExecutionContext,
  position: Versioned<PositionRecord>,
  options: { readonly entry: OrderRecord; readonly quantity: number; readonly reason: ExitReason },
): Promise<Reduction> {
  const about = { ...options, leg: 'exit' as const, note: options.reason, replace: false };
  const isUrgent = options.reason === 'emergency';
  if (!isUrgent && (await isLeftToRestStop(context, position.value, options.quantity)))
    return { outcome: 'paused' };
  const first = await reduce(context, position, about);
  if (!isRefusedByFilters(first)) return first;
  const { symbol } = position.value;
  const filters = await freshFilters(context, symbol);
  const plan = planReduction(options.quantity, filters);
  let last = first;
  for (const quantity of filters === undefined ? [] : plan.quantities) {
    const current = await currentPosition(context, symbol);
    if (current === undefined) return { outcome: 'conflict' };
    last = await reduce(context, current, { ...about, quantity });
    if (last.outcome !== 'acknowledged') return last;
  }
  if (filters !== undefined && plan.rest > 0)
    await placeRestStop(context, { ...options, filters, rest: plan.rest });
  return last;
}

/** What is held is no more than a rest whose stop is open: every further exit would be refused. */
export async function isLeftToRestStop(
  { risk, broker }: ExecutionContext,
  { stopClientOrderId: id }: PositionRecord,
  quantity: number,
): Promise<boolean> {
  // A record that cannot be read keeps no exit from being sent.
  const read = async (stopId: string) =>
    executionRecords(risk)
      .orders.get(broker.scope, stopId)
      .catch(() => undefined);
  const stop = id === null ? undefined : await read(id);
  if (stop === undefined || stop.value.note !== REST) return false;
  return !isFinal(stop.value.state.status) && stop.value.quantity >= quantity;
}

/** A stop so near to the market that the next small move closes what is left. */
async function placeRestStop(
  context: ExecutionContext,
  given: { entry: OrderRecord; rest: number; filters: SymbolFilters },
): Promise<void> {
  const { entry, rest, filters } = given;
  const position = await currentPosition(context, entry.symbol);
  if (position === undefined) return;
  if (await isLeftToRestStop(context, position.value, rest)) return;
  const { symbol, side } = position.value;
  const price = (await lastPriceOf(context.broker, symbol)) ?? position.value.entryPrice;
  const stopPrice = restStopPrice(price, { isLong: side === 'BUY', tickSize: filters.tickSize });
  if (stopPrice === undefined) return;
  await sendCloseStop(context, { entry, quantity: rest, note: REST, stopPrice });
}

async function freshFilters(
  { broker }: ExecutionContext,
  symbol: string,
): Promise<SymbolFilters | undefined> {
  const filters = await broker.filters({ fresh: true });
  return filters.ok ? filters.value.get(symbol) : undefined;
}

/**
 * The stop, at once; a position whose stop is refused is closed.
 * @param options.closeIfRefused false: not where its exit was refused just now
 * @param options.closeIfUnsure so is one whose stop cannot be confirmed; else the position manager looks it up
 * @returns what was done, one word each
 */
export async function protect(
  context: ExecutionContext,
  position: Versioned<PositionRecord>,
  options: {
    readonly entry: OrderRecord;
    readonly quantity: number;
    readonly replace: boolean;
    readonly closeIfUnsure?: boolean;
    readonly closeIfRefused?: boolean;
  },
): Promise<readonly string[]> {
  const stop = await placeStop(context, position, options);
  const refused = stop.outcome === 'rejected' && options.closeIfRefused !== false;
  const isUnsure = stop.outcome === 'unknown' || stop.outcome === 'unsent';
  if (!refused && !(isUnsure && options.closeIfUnsure === true)) return [`stop_${stop.outcome}`];
  const { risk, broker } = context;
  const current = await executionRecords(risk).positions.get(broker.scope, position.value.symbol);
  if (current === undefined) return [`stop_${stop.outcome}`];
  const exit = await sendExit(context, current, {
    ...options,
    reason: refused ? 'stop_rejected' : 'unprotected',
  });
  return [`stop_${stop.outcome}`, `exit_${exit.outcome}`];
}
