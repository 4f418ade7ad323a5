// Decides what becomes of one symbol that the account holds: whose position it is, whether it stays behind its stop or is closed,
// and which stops are surplus. Pure, so that laws can be tested on it. What the account holds comes first; records, lists and the
// gate may be missing, and then only what needs them is left out.
import type { OrderSide } from './order.ts';
import { ARRIVAL_MS_MAX, isFinal } from './order-state.ts';
import type { OrderRecord, PositionRecord } from './records.ts';
import { SEND_MS_MAX } from './send-window.ts';

/** A position without a stop is closed when, after this long, its stop can still not be placed for sure. */
const UNPROTECTED_MS_MAX = 45_000;
/** How far positions may be shown behind a fill: what is shown for longer is held. */
const POSITIONS_LAG_MS = 20_000;
/** Takes the place of an ensemble in the records of positions that nobody here decided. */
export const ADOPTED = 'adopted';

/** Closed list of why a position is closed before its stop. */
const EXIT_REASONS = {
  horizon: "the label's horizon is over",
  signal: 'a signal of the other side',
  emergency: 'an operator stopped everything',
  stop_rejected: 'the exchange refuses its stop',
  unprotected: 'it had no stop for too long',
  adopted: 'found on the exchange without a decision behind it',
  withdrawn: 'its entry was filled after the circuit breaker had withdrawn what allowed it',
} as const;
export type ExitReason = keyof typeof EXIT_REASONS;

/** A stop of anybody, as the exchange lists it. */
export interface ListedStop {
  readonly clientOrderId: string;
  /** null when it is not readable, or closes whatever is held. */
  readonly quantity: number | null;
  readonly closesPosition: boolean;
}

/** What is known of a symbol that the account holds. */
export interface ProtectionFacts {
  readonly nowMs: number;
  /** Base asset; above zero long, below zero short; never zero. */
  readonly heldQuantity: number;
  /** Held without any record of ours, in two looks. */
  readonly isAdoptable: boolean;
  readonly position: PositionRecord | undefined;
  /** The entry that the position or else the gate names: its record, when there is one that can be read. */
  readonly entry:
    | { readonly authorisedAtMs: number | undefined; readonly record: OrderRecord | undefined }
    | undefined;
  /** The position's newest stop and exit, as far as their records can be read. */
  readonly stop: OrderRecord | undefined;
  readonly exit: OrderRecord | undefined;
  /** The newest stop was looked up, and is open. */
  readonly isStopFound: boolean;
  readonly listedStops: readonly ListedStop[];
  /** Whether the list of stops was read. */
  readonly knowsStops: boolean;
  /** Ids of the position's stops before its newest, oldest first. */
  readonly earlierStopIds: readonly string[];
  /** Of the gate; undefined when it could not be read. */
  readonly epoch: { readonly number: number; readonly sinceMs: number } | undefined;
}

/** `on_its_way`: another process is about to send it. `unknown`: it may be there, but nobody can say so. */
export type StopState = 'covers' | 'on_its_way' | 'unknown' | 'missing';

/** What to do with the symbol. Ids in `surplus` are cancelled once the stop that stays is known to be on the exchange. */
export type ProtectionAct =
  /** An entry that is not known yet may explain what is held; or a stop or exit has closed it, and positions lag. */
  | { readonly act: 'wait'; readonly why: 'entry_under_way' | 'closed_just_now' }
  /** Record the position that our entry has opened, then decide again. */
  | { readonly act: 'record'; readonly entry: OrderRecord }
  /** Give records to what nobody here decided, or not on this side; then decide again. */
  | { readonly act: 'adopt' }
  | ({ readonly act: 'keep'; readonly surplus: readonly string[] } & Owned)
  | ({ readonly act: 'wait_for_stop'; readonly why: 'on_its_way' | 'unknown' } & Owned)
  /** A stop of the full size, beside or instead of what is there. */
  | ({
      readonly act: 'place_stop';
      /** Close the position if the exchange does not confirm the stop. */
      readonly closeIfUnsure: boolean;
      readonly surplus: readonly string[];
    } & Owned)
  /** When the exit is not taken, the position stays behind its stop, or gets one. */
  | ({ readonly act: 'close'; readonly reason: ExitReason; readonly stop: StopState } & Owned);

/** Of a position of ours: its entry, and since when it has no stop. */
interface Owned {
  readonly entry: OrderRecord;
  /** The stop that the record is to name: the one that covers the position, or else its newest. */
  readonly stopClientOrderId: string | null;
  readonly unprotectedSinceMs: number | null;
}

/** The one act for a symbol that the account holds. Total: for any facts there is one. */
export function planProtection(facts: ProtectionFacts): ProtectionAct {
  const { entry, position, heldQuantity, isAdoptable } = facts;
  const record = entry?.record;
  const isOurs = record !== undefined && record.state.filledQuantity > 0;
  // The account is right about the side: what is held against the records is nothing that we opened.
  const recordedSide = position?.side ?? (isOurs ? record.side : undefined);
  if (recordedSide !== undefined && recordedSide !== sideOf(heldQuantity)) return { act: 'adopt' };
  if (isOurs)
    return position === undefined ? { act: 'record', entry: record } : planOwned(facts, record, position);
  // An entry is written down before its position is, and goes after months: what is held has then outlived it.
  const isOrphan =
    entry !== undefined && record === undefined && isGivenUp(entry.authorisedAtMs, facts.nowMs);
  // An entry that came to nothing has not opened what is held.
  const isOthers = record !== undefined && isFinal(record.state.status);
  if (isAdoptable || isOrphan || isOthers) return { act: 'adopt' };
  return { act: 'wait', why: 'entry_under_way' };
}

const sideOf = (quantity: number): OrderSide => (quantity > 0 ? 'BUY' : 'SELL');

/** Of an entry without a record: it is sent within the time or not at all, and written down before. */
export const isGivenUp = (authorisedAtMs: number | undefined, nowMs: number): boolean =>
  nowMs - (authorisedAtMs ?? 0) > ARRIVAL_MS_MAX;

function planOwned(facts: ProtectionFacts, entry: OrderRecord, position: PositionRecord): ProtectionAct {
  const { nowMs, exit } = facts;
  if (isClosedJustNow(facts, position)) return { act: 'wait', why: 'closed_just_now' };
  const stop = stopState(facts, position);
  const unprotectedSinceMs = stop === 'covers' ? null : (position.unprotectedSinceMs ?? nowMs);
  const stopClientOrderId = coveringStop(facts, position) ?? position.stopClientOrderId;
  const owned = { entry, stopClientOrderId, unprotectedSinceMs };
  const isExiting = exit !== undefined && !isFinal(exit.state.status);
  const reason = isExiting ? undefined : exitReason(facts, entry, position);
  if (reason !== undefined) return { act: 'close', reason, stop, ...owned };
  if (stop === 'covers')
    return {
      act: 'keep',
      surplus: surplusBeside(facts, stopClientOrderId),
      ...owned,
    };
  if (stop === 'on_its_way') return { act: 'wait_for_stop', why: stop, ...owned };
  const isOverdue =
    !isExiting && unprotectedSinceMs !== null && nowMs - unprotectedSinceMs > UNPROTECTED_MS_MAX;
  // It may well be there: a second one is not placed beside it, but nobody relies on it for long.
  if (stop === 'unknown')
    return isOverdue
      ? { act: 'close', reason: 'unprotected', stop, ...owned }
      : { act: 'wait_for_stop', why: stop, ...owned };
  return { act: 'place_stop', closeIfUnsure: isOverdue, surplus: surplusBeside(facts, undefined), ...owned };
}

/** All that was held when it was last seen, and still is shown, has its stop or exit filled since: another one would find nothing. */
function isClosedJustNow({ stop, exit, heldQuantity, nowMs }: ProtectionFacts, { quantity }: PositionRecord) {
  const held = Math.abs(heldQuantity);
  return [stop, exit].some(
    (leg) =>
      leg?.state.status === 'filled' &&
      leg.state.filledQuantity >= held &&
      quantity === held &&
      Math.abs(nowMs - (leg.filledAtMs ?? Number.NaN)) <= POSITIONS_LAG_MS,
  );
}

/** Why the position is to be closed now; undefined while it is to be kept. */
function exitReason(
  { nowMs, epoch }: ProtectionFacts,
  entry: OrderRecord,
  position: PositionRecord,
): ExitReason | undefined {
  if (entry.ensembleId === ADOPTED && nowMs >= position.exitDueMs) return 'adopted';
  // Filled after the circuit breaker had moved on from the epoch that allowed it. What was filled before keeps its stop.
  const isWithdrawn =
    epoch !== undefined &&
    entry.authorisedEpoch !== null &&
    entry.authorisedEpoch < epoch.number &&
    (entry.filledAtMs ?? position.openedAtMs) > epoch.sinceMs;
  if (isWithdrawn) return 'withdrawn';
  return isHorizonOver(position, nowMs) ? 'horizon' : undefined;
}

/** Whether a position has been open for as long as its label looks ahead. */
export const isHorizonOver = ({ exitDueMs }: Pick<PositionRecord, 'exitDueMs'>, nowMs: number): boolean =>
  nowMs >= exitDueMs;

/** The list of open stops outranks the lookup; without the list, a stop that was just found open is one. */
function stopState(facts: ProtectionFacts, position: PositionRecord): StopState {
  const { stop, knowsStops, isStopFound, nowMs } = facts;
  if (coveringStop(facts, position) !== undefined) return 'covers';
  if (stop === undefined || isFinal(stop.state.status)) return 'missing';
  if (nowMs - stop.createdAtMs <= SEND_MS_MAX) return 'on_its_way';
  if (knowsStops) return 'missing';
  return isStopFound && stop.quantity >= Math.abs(facts.heldQuantity) ? 'covers' : 'unknown';
}

/** The newest listed stop of the position that covers what is held. Its newest one may have come to nothing beside it. */
function coveringStop(
  { listedStops, earlierStopIds, heldQuantity }: ProtectionFacts,
  { stopClientOrderId }: PositionRecord,
): string | undefined {
  const covering = listedStops.filter(
    ({ closesPosition, quantity }) => closesPosition || (quantity ?? 0) >= Math.abs(heldQuantity),
  );
  const ids = stopClientOrderId === null ? earlierStopIds : [...earlierStopIds, stopClientOrderId];
  return ids.findLast((id) => covering.some(({ clientOrderId }) => clientOrderId === id));
}

/** Listed stops of the position but for the one that stays. What another process has sent since is not among them. */
function surplusBeside(
  { listedStops, earlierStopIds, position }: ProtectionFacts,
  staying: string | null | undefined,
): readonly string[] {
  const ours = new Set([...earlierStopIds, position?.stopClientOrderId]);
  return listedStops.map(({ clientOrderId }) => clientOrderId).filter((id) => id !== staying && ours.has(id));
}
