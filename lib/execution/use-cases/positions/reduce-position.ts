// How an order that reduces a position leaves: named in the position's record before it is written down and sent, so that whoever
// comes next continues with the same one; and paced, so that an exchange that refuses is asked for ever, but not without end.
import { invariant } from '../../../core/invariant.ts';
import { MINUTE_MS } from '../../../core/units.ts';
import { approveReduction } from '../../../risk/gate.ts';
import type { Versioned } from '../../../risk/ports.ts';
import { isFinal } from '../../order-state.ts';
import type { OrderRecord, PositionRecord } from '../../records.ts';
import { type ReducibleEntry, reduceOrder } from '../../reduce-order.ts';
import { executionRecords } from '../execution-records.ts';
import {
  type ExecutionContext,
  newOrderRecord,
  type Sent,
  sendOrder,
  WRITE_ATTEMPTS_MAX,
} from '../send-order.ts';

type Leg = 'stop' | 'exit';

/** Orders of one leg that are still looked at: the ones before have long ended. */
const LEG_ORDERS_MAX = 50;
/** After so many exits, they are sent as slowly as this while the exchange refuses them; but never given up. */
const EXIT_PAUSES = [
  { fromSequence: 10, pauseMs: 300_000 },
  { fromSequence: 5, pauseMs: 2 * MINUTE_MS },
] as const;
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

/** Orders of both legs of a position, as far as there are records. */
export async function legRecords(
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

/** As it stands; undefined when it was closed. */
export const currentPosition = ({ risk, broker }: ExecutionContext, symbol: string) =>
  executionRecords(risk).positions.get(broker.scope, symbol);

/** Sends the next order of a leg, unless one is under way. */
export async function reduce(
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
  const about = {
    leg,
    barOpenTimeMs,
    ensembleId,
    exitDueMs: null,
    authorisedEpoch: null,
    note,
    nowMs: context.clock.nowMs(),
  };
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
export async function whilePosition(
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
