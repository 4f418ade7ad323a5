// What the position manager does for one symbol that the account holds: tells planProtection what is known, and carries out what
// it says. Every step may be repeated, and works whatever the gate says.
import { systemActor } from '../../../core/actor.ts';
import { approveReduction } from '../../../risk/gate.ts';
import type { Versioned } from '../../../risk/ports.ts';
import type { OrderSide } from '../../order.ts';
import { ADOPTED, type ProtectionAct, type ProtectionFacts, planProtection } from '../../plan-protection.ts';
import type { BrokerPosition } from '../../ports.ts';
import type { OrderRecord, PositionRecord } from '../../records.ts';
import { executionRecords } from '../execution-records.ts';
import type { AccountReading, UnreadablePosition } from '../observe-account.ts';
import { type ExecutionContext, isSettled } from '../send-order.ts';
import { unrecordedReduction } from '../unrecorded-reduction.ts';
import { adoptPosition } from './adopt-position.ts';
import { cancelOpenOrders } from './cancel-orders.ts';
import { isLeftToRestStop, openPosition, protect, sendExit } from './protect-position.ts';
import { changePosition, currentPosition, legIds } from './reduce-position.ts';

/** One word each: what was done. */
type Actions = readonly string[];

/** What is known of a symbol's trade; it grows while records are made for it. */
interface Trade {
  readonly held: BrokerPosition;
  /** Held without any record of ours, seen twice. */
  readonly adoptable: boolean;
  readonly entryId: string | undefined;
  readonly entry: OrderRecord | undefined;
  readonly position: Versioned<PositionRecord> | undefined;
}

/** Records made for it lead to an act in two steps; a third would be a circle. */
const STEPS_MAX = 3;

/**
 * A position that is held: behind its stop, or on its way out. Waits for nothing but what the account holds.
 * @param known.adoptable the symbol is held without any record of ours, seen twice
 */
export async function protectSymbol(
  context: ExecutionContext,
  view: AccountReading,
  known: { readonly held: BrokerPosition; readonly adoptable: boolean },
): Promise<Actions> {
  const { symbol } = known.held;
  const unreadable = view.unreadableRecords.get(symbol);
  if (unreadable !== undefined && !(await setAside(context, unreadable))) return ['conflict'];
  const position = view.positions.get(symbol);
  const entryId = position?.value.entryClientOrderId ?? view.entryIds.get(symbol);
  const entry = entryId === undefined ? undefined : view.orders.get(entryId);
  let trade: Trade = { ...known, entryId, entry, position };
  const done: string[] = [];
  for (let step = 0; step < STEPS_MAX; step++) {
    const act = planProtection(factsOf(context, view, trade));
    if (act.act === 'wait') return ['waiting'];
    if (act.act === 'adopt') {
      if (isExternal(context, trade)) return [LEFT];
      const adopted = await adoptPosition(context, view, known.held);
      if (adopted === undefined) return ['conflict'];
      if (adopted === 'unpriced') return closeUnrecorded(context, known.held);
      trade = { ...trade, ...adopted };
      done.push('adopted');
    } else if (act.act === 'record') {
      if (!(await isStillOpen(context, act.entry))) return ['overtaken'];
      trade = { ...trade, position: await openPosition(context, act.entry) };
    } else
      return [
        ...done,
        ...(await carryOut(context, view, { act, held: known.held, position: trade.position! })),
      ];
  }
  throw new Error(`${symbol}: its records do not settle`);
}

/**
 * At the market, which needs no price. No record of the order is kept: what it does is booked as what others do, from income. Throws
 * when it is not taken.
 */
async function closeUnrecorded({ broker, clock }: ExecutionContext, held: BrokerPosition): Promise<Actions> {
  const about = { quantity: Math.abs(held.quantity), atMs: clock.nowMs(), ensembleId: ADOPTED };
  const sent = await broker.submit(approveReduction(unrecordedReduction(broker.scope, held, about)));
  if (sent.outcome === 'acknowledged') return ['exit_acknowledged'];
  throw new Error(`it has no price to adopt it at, and its exit is ${sent.outcome}: ${sent.message}`);
}

/** A position of somebody else that is not touched. */
export const LEFT = 'external_position_left';

/** Nobody here has opened it, and the stage leaves such positions alone; one whose entry is forgotten is still ours. */
const isExternal = ({ externalPositions }: ExecutionContext, { held, position }: Trade): boolean =>
  externalPositions === 'leave-and-halt' && position?.value.side !== sideOf(held);

const sideOf = ({ quantity }: BrokerPosition): OrderSide => (quantity > 0 ? 'BUY' : 'SELL');

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
    by: systemActor('manage-positions'),
    message: `${message}: ${JSON.stringify(value)}`,
  });
  return (await positions.discard(broker.scope, record)) !== 'conflict';
}

/** A late run must not open the record of a trade that another run has ended since. */
async function isStillOpen(
  { risk, broker }: ExecutionContext,
  { symbol, clientOrderId }: OrderRecord,
): Promise<boolean> {
  const gate = await risk.readGate(broker.scope).catch(() => 'unreadable' as const);
  if (gate !== 'unreadable') return gate?.reserved[symbol]?.clientOrderId === clientOrderId;
  // A trade ends only when all of it is booked.
  const stored = await executionRecords(risk).orders.get(broker.scope, clientOrderId);
  return stored !== undefined && !isSettled(stored.value);
}

function factsOf(context: ExecutionContext, view: AccountReading, trade: Trade): ProtectionFacts {
  const { held, adoptable, entryId, entry, position } = trade;
  const recordOf = (id: string | null | undefined) => (id == null ? undefined : view.orders.get(id));
  const { stopClientOrderId = null, exitClientOrderId = null } = position?.value ?? {};
  const stopIds =
    entry === undefined || position === undefined ? [] : legIds(context, entry, 'stop', position.value);
  return {
    nowMs: context.clock.nowMs(),
    heldQuantity: held.quantity,
    isAdoptable: adoptable,
    position: position?.value,
    entry:
      entryId === undefined && entry === undefined
        ? undefined
        : { authorisedAtMs: view.gate?.authorised[entryId ?? '']?.atMs, record: entry },
    stop: recordOf(stopClientOrderId),
    exit: recordOf(exitClientOrderId),
    isStopFound: stopClientOrderId !== null && view.found.get(stopClientOrderId)?.report?.status === 'open',
    // A stop of ours is known by its id, whatever symbol its row bears.
    listedStops: view.openOrders.filter(
      ({ symbol, kind, clientOrderId }) =>
        kind === 'stop' && (symbol === held.symbol || stopIds.includes(clientOrderId)),
    ),
    knowsStops: view.knowsStops,
    earlierStopIds: stopIds.filter((id) => id !== stopClientOrderId),
    epoch: epochOf(view.gate),
  };
}

const epochOf = (gate: AccountReading['gate']): ProtectionFacts['epoch'] =>
  gate && {
    number: gate.epoch,
    sinceMs: gate.breaker.latch === 'TRIPPED' ? gate.breaker.trippedAtMs : gate.breaker.armedAtMs,
  };

type OwnedAct = Exclude<ProtectionAct, { act: 'wait' | 'adopt' | 'record' }>;

async function carryOut(
  context: ExecutionContext,
  view: AccountReading,
  known: {
    readonly act: OwnedAct;
    readonly held: BrokerPosition;
    readonly position: Versioned<PositionRecord>;
  },
): Promise<Actions> {
  const { act, held } = known;
  const { entry, stopClientOrderId, unprotectedSinceMs } = act;
  const quantity = Math.abs(held.quantity);
  const position = await withChange(context, known.position, {
    quantity,
    stopClientOrderId,
    unprotectedSinceMs,
    // What is closed for this reason is closed whatever the gate says next.
    ...(act.act === 'close' && act.reason === 'withdrawn' ? { exitDueMs: context.clock.nowMs() } : {}),
  });
  if (position === undefined) return ['conflict'];
  const about = { entry, quantity };
  switch (act.act) {
    case 'wait_for_stop':
      return [`stop_${act.why}`];
    case 'keep':
      return cancelSurplus(context, view, act.surplus);
    case 'place_stop':
      return placeStop(context, view, { ...about, act, position });
    case 'close': {
      const exit = await sendExit(context, position, { ...about, reason: act.reason });
      const done = [...(act.stop === 'unknown' ? ['stop_unknown'] : []), `exit_${exit.outcome}`];
      if (exit.outcome === 'acknowledged' || act.stop !== 'missing') return done;
      // The stop is then all the more needed; the next run tries the exit again.
      const current = await currentPosition(context, held.symbol);
      if (current === undefined) return done;
      const hasNewStop = current.value.stopClientOrderId !== position.value.stopClientOrderId;
      if (hasNewStop && (await isLeftToRestStop(context, current.value, quantity))) return done;
      const retry = { act: 'place_stop', closeIfUnsure: false, surplus: [] } as const;
      return [
        ...done,
        ...(await placeStop(context, view, {
          ...about,
          act: retry,
          position: current,
          closeIfRefused: false,
        })),
      ];
    }
  }
}

/** The stop that takes the place of all others, which are cancelled once it is on the exchange. */
async function placeStop(
  context: ExecutionContext,
  view: AccountReading,
  {
    act,
    position,
    ...about
  }: {
    readonly act: Pick<Extract<ProtectionAct, { act: 'place_stop' }>, 'closeIfUnsure' | 'surplus'>;
    readonly position: Versioned<PositionRecord>;
    readonly entry: OrderRecord;
    readonly quantity: number;
    readonly closeIfRefused?: boolean;
  },
): Promise<Actions> {
  const done = await protect(context, position, {
    ...about,
    replace: true,
    closeIfUnsure: act.closeIfUnsure,
  });
  const isPlaced = done.includes('stop_acknowledged');
  return isPlaced ? [...done, ...(await cancelSurplus(context, view, act.surplus))] : done;
}

/** @returns one line for each that was cancelled, or would not be */
async function cancelSurplus(
  context: ExecutionContext,
  view: AccountReading,
  ids: readonly string[],
): Promise<Actions> {
  const surplus = view.openOrders.filter(({ clientOrderId }) => ids.includes(clientOrderId));
  const problems = await cancelOpenOrders(context, surplus);
  return [...surplus.slice(problems.length).map(() => 'surplus_stop_cancelled'), ...problems];
}

/** The position with what has changed; undefined when another process has changed it since. */
async function withChange(
  context: ExecutionContext,
  position: Versioned<PositionRecord>,
  change: Partial<PositionRecord>,
): Promise<Versioned<PositionRecord> | undefined> {
  const { value } = position;
  const isSame = Object.entries(change).every(([key, wanted]) => Reflect.get(value, key) === wanted);
  return isSame ? position : changePosition(context, position, change);
}
