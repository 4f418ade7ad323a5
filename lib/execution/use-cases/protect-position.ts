// What keeps an open position safe: its record, its stop on the exchange, and its way out. Execute uses it right after a fill,
// guard every minute; both may die at any point, and two may run at once. Each order is named in the position's record before
// it is written down and sent, so that whoever comes next continues with the same one.

import { invariant } from '../../core/invariant.ts';
import { approveReduction } from '../../risk/gate.ts';
import type { Versioned } from '../../risk/ports.ts';
import { isFinal } from '../order-state.ts';
import type { OrderRecord, PositionRecord } from '../records.ts';
import { type ReducibleEntry, reduceOrder } from '../reduce-order.ts';
import { executionRecords } from './execution-records.ts';
import { type ExecutionContext, newOrderRecord, type Sent, sendOrder } from './send-order.ts';

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

/** Orders of one leg that may come to nothing before people have to look. */
const LEG_ORDERS_MAX = 50;

/** `conflict`: another process changed the position meanwhile, and goes on with it. */
export type Reduction = Sent | { readonly outcome: 'conflict' };

/** What reductions are made from; an order that is not an entry has no such thing, which is a broken invariant. */
function reducibleEntry({ broker }: Pick<ExecutionContext, 'broker'>, entry: OrderRecord): ReducibleEntry {
  const { symbol, side, barOpenTimeMs, ensembleId, stopPrice } = entry;
  invariant(
    entry.leg === 'entry' && barOpenTimeMs !== null && ensembleId !== null && stopPrice !== null,
    `order ${entry.clientOrderId} is not an entry`,
  );
  return { scope: broker.scope, symbol, side, barOpenTimeMs, ensembleId, stopPrice };
}

/** Ids of a leg's orders, first to newest, 50 at most; empty when none was decided. */
export function legIds(
  context: Pick<ExecutionContext, 'broker'>,
  entry: OrderRecord,
  leg: Leg,
  newestId: string | null,
): readonly string[] {
  if (newestId === null) return [];
  const ids: string[] = [];
  for (let sequence = 0; sequence < LEG_ORDERS_MAX; sequence++) {
    ids.push(reduceOrder(reducibleEntry(context, entry), leg, 1, sequence).clientOrderId);
    if (ids.at(-1) === newestId) return ids;
  }
  return ids;
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
    unprotectedSinceMs: nowMs,
    exitClientOrderId: null,
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
  const sent = await reduce(context, position, { ...options, leg: 'stop', note: 'protects' });
  if (sent.outcome !== 'acknowledged') return sent;
  await whilePosition(context, position.value.symbol, (current) =>
    current.stopClientOrderId === sent.record.clientOrderId ? { unprotectedSinceMs: null } : undefined,
  );
  return sent;
}

/** Closes the position at the market, unless an exit is under way. */
export async function sendExit(
  context: ExecutionContext,
  position: Versioned<PositionRecord>,
  options: { readonly entry: OrderRecord; readonly quantity: number; readonly reason: ExitReason },
): Promise<Reduction> {
  return reduce(context, position, { ...options, leg: 'exit', note: options.reason, replace: false });
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
  options: { entry: OrderRecord; quantity: number; leg: Leg; note: string; replace: boolean },
): Promise<Reduction> {
  const { entry, quantity, leg, note } = options;
  const sequence = await nextSequence(context, position.value, options);
  if (sequence === undefined) return { outcome: 'already_submitted' };
  const order = reduceOrder(reducibleEntry(context, entry), leg, quantity, sequence);
  const id = order.clientOrderId;
  const named = leg === 'stop' ? { stopClientOrderId: id } : { exitClientOrderId: id };
  if ((await changePosition(context, position, named)) === undefined) return { outcome: 'conflict' };
  const { barOpenTimeMs, ensembleId } = entry;
  const about = { leg, barOpenTimeMs, ensembleId, exitDueMs: null, note, nowMs: context.clock.nowMs() };
  return sendOrder(context, approveReduction(order), newOrderRecord(order, about));
}

/** Which order of the leg is to be sent; undefined while the newest one may still do its work. */
async function nextSequence(
  context: ExecutionContext,
  position: PositionRecord,
  { entry, leg, replace }: { entry: OrderRecord; leg: Leg; replace: boolean },
): Promise<number | undefined> {
  const newestId = leg === 'stop' ? position.stopClientOrderId : position.exitClientOrderId;
  const ids = legIds(context, entry, leg, newestId);
  if (newestId === null) return 0;
  invariant(ids.length < LEG_ORDERS_MAX, `${position.symbol} has had ${ids.length} orders of one leg`);
  const newest = await executionRecords(context.risk).orders.get(context.broker.scope, newestId);
  // Named, but not written down: then it was never sent.
  if (newest === undefined) return ids.length - 1;
  return replace || isFinal(newest.value.state.status) ? ids.length : undefined;
}

/** Changes the position's record whoever else writes it, as long as the change still applies. */
async function whilePosition(
  context: ExecutionContext,
  symbol: string,
  change: (position: PositionRecord) => Partial<PositionRecord> | undefined,
): Promise<void> {
  const { positions } = executionRecords(context.risk);
  for (;;) {
    const stored = await positions.get(context.broker.scope, symbol);
    const changed = stored === undefined ? undefined : change(stored.value);
    if (stored === undefined || changed === undefined) return;
    if ((await changePosition(context, stored, changed)) !== undefined) return;
  }
}
