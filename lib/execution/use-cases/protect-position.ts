// What keeps an open position safe: its record, its stop on the exchange, and its way out. Execute uses it right after a fill,
// guard every minute; both may die at any point, and two may run at once. Each order is named in the position's record before
// it is written down and sent, so that whoever comes next continues with the same one.
import { invariant } from '../../core/invariant.ts';
import { MINUTE_MS } from '../../core/units.ts';
import type { SymbolFilters } from '../../market/symbol-filters.ts';
import { approveReduction } from '../../risk/gate.ts';
import type { Versioned } from '../../risk/ports.ts';
import { isFinal } from '../order-state.ts';
import type { OrderRecord, PositionRecord } from '../records.ts';
import { type ReducibleEntry, reduceOrder } from '../reduce-order.ts';
import { planReduction } from '../reduce-plan.ts';
import { roundToStep } from '../round-to-step.ts';
import { executionRecords } from './execution-records.ts';
import {
  type ExecutionContext,
  newOrderRecord,
  type Sent,
  sendOrder,
  WRITE_ATTEMPTS_MAX,
} from './send-order.ts';

type Leg = 'stop' | 'exit';

/** Closed list of why a position is closed before its stop. */
const EXIT_REASONS = {
  horizon: "the label's horizon is over",
  signal: 'a signal of the other side',
  emergency: 'an operator stopped everything',
  stop_rejected: 'the exchange refuses its stop',
  unprotected: 'it had no stop for too long',
  adopted: 'found on the exchange without a decision behind it',
} as const;
export type ExitReason = keyof typeof EXIT_REASONS;

/** Orders of one leg that are still looked at: the ones before have long ended. */
const LEG_ORDERS_MAX = 50;
/** After so many exits, they are sent as slowly as this while the exchange refuses them; but never given up. */
const EXIT_PAUSES = [
  { fromSequence: 10, pauseMs: 300_000 },
  { fromSequence: 5, pauseMs: 2 * MINUTE_MS },
] as const;
/** How far from the market the stop of a rest is put that no market order may be as small as. */
const REST_STOP_FRACTION = 0.0005;
const REST = 'closes a rest too small for a market order';

/** `conflict`: another process changed the position meanwhile, and goes on with it. `paused`: refused too often to be sent now. */
export type Reduction = Sent | { readonly outcome: 'conflict' | 'paused' };

/** What reductions are made from; an order that is not an entry has no such thing, which is a broken invariant. */
function reducibleEntry({ broker }: Pick<ExecutionContext, 'broker'>, entry: OrderRecord): ReducibleEntry {
  const { symbol, side, barOpenTimeMs, ensembleId, stopPrice } = entry;
  invariant(
    entry.leg === 'entry' && barOpenTimeMs !== null && ensembleId !== null && stopPrice !== null,
    `order ${entry.clientOrderId} is not an entry`,
  );
  return { scope: broker.scope, symbol, side, barOpenTimeMs, ensembleId, stopPrice };
}

const newestOf = (leg: Leg, position: PositionRecord) =>
  leg === 'stop'
    ? { id: position.stopClientOrderId, sequence: position.stopSequence }
    : { id: position.exitClientOrderId, sequence: position.exitSequence };

/** Ids of a leg's orders, oldest to newest, the newest 50 at most; empty when none was decided. */
export function legIds(
  context: Pick<ExecutionContext, 'broker'>,
  entry: OrderRecord,
  leg: Leg,
  position: PositionRecord,
): readonly string[] {
  const newest = newestOf(leg, position);
  if (newest.id === null) return [];
  const idOf = (sequence: number) =>
    reduceOrder(reducibleEntry(context, entry), leg, 1, sequence).clientOrderId;
  if (newest.sequence !== null) {
    const first = Math.max(0, newest.sequence + 1 - LEG_ORDERS_MAX);
    return Array.from({ length: newest.sequence + 1 - first }, (_, index) => idOf(first + index));
  }
  const ids = Array.from({ length: LEG_ORDERS_MAX }, (_, sequence) => idOf(sequence));
  return ids.slice(0, ids.indexOf(newest.id) + 1);
}

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

/** Writes a change of the position; undefined when another process has changed it since. */
export async function changePosition(
  { risk, broker }: ExecutionContext,
  position: Versioned<PositionRecord>,
  change: Partial<PositionRecord>,
): Promise<Versioned<PositionRecord> | undefined> {
  const { positions } = executionRecords(risk);
  const value = { ...position.value, ...change };
  const written = await positions.put(broker.scope, value, { ifRevision: position.revision });
  return written === 'conflict' ? undefined : positions.get(broker.scope, value.symbol);
}

/**
 * Places the position's stop, or the next one when the last came to nothing.
 * @param options.replace the last one may still be there: the new one takes its place, and guard cancels it
 */
async function placeStop(
  context: ExecutionContext,
  position: Versioned<PositionRecord>,
  options: { readonly entry: OrderRecord; readonly quantity: number; readonly replace: boolean },
): Promise<Reduction> {
  const first = await reduce(context, position, { ...options, leg: 'stop', note: 'protects' });
  const sent = isRefusedByFilters(first) ? await placeCloseStop(context, position, options) : first;
  if (sent.outcome !== 'acknowledged') return sent;
  await whilePosition(context, position.value.symbol, (current) =>
    current.stopClientOrderId === sent.record.clientOrderId ? { unprotectedSinceMs: null } : undefined,
  );
  return sent;
}

const isRefusedByFilters = (sent: Reduction): boolean =>
  sent.outcome === 'rejected' && sent.code === 'filters';

/** The stop without a size of its own, which fewer filters concern, at a trigger that the filters of now let pass. */
async function placeCloseStop(
  context: ExecutionContext,
  position: Versioned<PositionRecord>,
  options: { readonly entry: OrderRecord; readonly quantity: number },
): Promise<Reduction> {
  const { symbol, side } = position.value;
  const filters = await freshFilters(context, symbol);
  const trigger = options.entry.stopPrice!;
  const stopPrice = filters && roundToStep(trigger, filters.tickSize, side === 'BUY' ? 'down' : 'up');
  const current = await currentPosition(context, symbol);
  if (current === undefined) return { outcome: 'conflict' };
  const closes = { stopPrice: stopPrice ?? trigger };
  return reduce(context, current, { ...options, leg: 'stop', note: 'protects', replace: true, closes });
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
async function isLeftToRestStop(
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
  const prices = await context.broker.prices([symbol]);
  const price = (prices.ok ? prices.value.get(symbol) : undefined) ?? position.value.entryPrice;
  const isLong = side === 'BUY';
  const near = price * (1 + (isLong ? -REST_STOP_FRACTION : REST_STOP_FRACTION));
  const stopPrice = roundToStep(near, filters.tickSize, isLong ? 'down' : 'up') ?? near;
  const about = { leg: 'stop' as const, note: REST, replace: true, closes: { stopPrice } };
  await reduce(context, position, { ...about, entry, quantity: rest });
}

const currentPosition = ({ risk, broker }: ExecutionContext, symbol: string) =>
  executionRecords(risk).positions.get(broker.scope, symbol);

async function freshFilters(
  { broker }: ExecutionContext,
  symbol: string,
): Promise<SymbolFilters | undefined> {
  const filters = await broker.filters({ fresh: true });
  return filters.ok ? filters.value.get(symbol) : undefined;
}

/**
 * The stop, at once; a position whose stop is refused is closed.
 * @param options.closeIfUnsure so is one whose stop cannot be confirmed; else guard looks it up
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
  },
): Promise<readonly string[]> {
  const stop = await placeStop(context, position, options);
  const refused = stop.outcome === 'rejected';
  if (!refused && !(stop.outcome === 'unknown' && options.closeIfUnsure === true))
    return [`stop_${stop.outcome}`];
  const { risk, broker } = context;
  const current = await executionRecords(risk).positions.get(broker.scope, position.value.symbol);
  if (current === undefined) return [`stop_${stop.outcome}`];
  const exit = await sendExit(context, current, {
    ...options,
    reason: refused ? 'stop_rejected' : 'unprotected',
  });
  return [`stop_${stop.outcome}`, `exit_${exit.outcome}`];
}

async function reduce(
  context: ExecutionContext,
  position: Versioned<PositionRecord>,
  options: {
    entry: OrderRecord;
    quantity: number;
    leg: Leg;
    note: string;
    replace: boolean;
    /** A stop that closes whatever is held when it triggers. */
    closes?: { readonly stopPrice: number };
  },
): Promise<Reduction> {
  const { entry, quantity, leg, note, closes } = options;
  const sequence = await nextSequence(context, position.value, options);
  if (typeof sequence !== 'number') return { outcome: sequence };
  const sized = reduceOrder(reducibleEntry(context, entry), leg, quantity, sequence);
  const order = closes === undefined ? sized : { ...sized, ...closes };
  const id = order.clientOrderId;
  const named =
    leg === 'stop'
      ? { stopClientOrderId: id, stopSequence: sequence }
      : { exitClientOrderId: id, exitSequence: sequence };
  if ((await changePosition(context, position, named)) === undefined) return { outcome: 'conflict' };
  const { barOpenTimeMs, ensembleId } = entry;
  const about = { leg, barOpenTimeMs, ensembleId, exitDueMs: null, note, nowMs: context.clock.nowMs() };
  const sent = closes === undefined ? order : { ...order, quantity: null };
  return sendOrder(context, approveReduction(sent), newOrderRecord(order, about));
}

/** Which order of the leg is to be sent, or why none now. */
async function nextSequence(
  context: ExecutionContext,
  position: PositionRecord,
  { entry, leg, replace }: { entry: OrderRecord; leg: Leg; replace: boolean },
): Promise<number | 'already_submitted' | 'paused'> {
  const { id, sequence: known } = newestOf(leg, position);
  if (id === null) return 0;
  const sequence = known ?? legIds(context, entry, leg, position).length - 1;
  // Of an order whose record cannot be read nothing is known: another one is sent, which can only reduce.
  const newest = await executionRecords(context.risk)
    .orders.get(context.broker.scope, id)
    .catch(() => 'unreadable' as const);
  if (newest === 'unreadable') return sequence + 1;
  // Named, but not written down: then it was never sent.
  if (newest === undefined) return Math.max(0, sequence);
  const { state, updatedAtMs } = newest.value;
  if (!replace && !isFinal(state.status)) return 'already_submitted';
  const pause = EXIT_PAUSES.find(({ fromSequence }) => sequence >= fromSequence);
  const isRefused = leg === 'exit' && state.status === 'rejected';
  const sinceMs = context.clock.nowMs() - updatedAtMs;
  return isRefused && pause !== undefined && sinceMs < pause.pauseMs ? 'paused' : sequence + 1;
}

/** Changes the position's record whoever else writes it, as long as the change still applies. */
async function whilePosition(
  context: ExecutionContext,
  symbol: string,
  change: (position: PositionRecord) => Partial<PositionRecord> | undefined,
): Promise<void> {
  for (let attempt = 0; attempt < WRITE_ATTEMPTS_MAX; attempt++) {
    const stored = await currentPosition(context, symbol);
    const changed = stored === undefined ? undefined : change(stored.value);
    if (stored === undefined || changed === undefined) return;
    if ((await changePosition(context, stored, changed)) !== undefined) return;
  }
  throw new Error(`the record of position ${symbol} is written by others all the time`);
}
