// A trip that was decided while the database took no write has no latch. The flag that it closes carries it until one process or another
// latches it: `true live 7 drawdown,daily_loss` is true, and says that scope live was to trip on its epoch 7.
import type { Scope } from '../gate.ts';
import { cause, TRIP_CAUSES, type TripCause, type TripCauseCode } from './trip-causes.ts';

export interface CarriedTrip {
  readonly scope: Scope;
  /** Of the gate that it was decided on: a gate that has moved on is latched, or was reset since. */
  readonly epoch: number;
  readonly codes: readonly TripCauseCode[];
}

const TRIP = /(paper|live) (\d+) ([a-z_,]+)/g;
const NO_CODE: TripCauseCode = 'evidence_unreadable';

/** @param text undefined: the flag could not be read */
export const carriedTrips = (text: string | undefined): readonly CarriedTrip[] =>
  [...(text ?? '').matchAll(TRIP)].map(([, scope, epoch, codes]) => ({
    scope: scope as Scope,
    epoch: Number(epoch),
    codes: knownCodes(codes!.split(',')),
  }));

/** A newer version of the code may name others. */
function knownCodes(codes: readonly string[]): readonly TripCauseCode[] {
  const known = codes.filter((code): code is TripCauseCode => Object.hasOwn(TRIP_CAUSES, code));
  return known.length === 0 ? [NO_CODE] : known;
}

/** Causes of a trip that this text carries for a gate of this epoch; none when it carries none. */
export const carriedCauses = (text: string | undefined, scope: Scope, epoch: number): readonly TripCause[] =>
  carriedTrips(text)
    .filter((trip) => trip.scope === scope && trip.epoch === epoch)
    .flatMap(({ codes }) => codes.map((code) => cause(code, `${TRIP_CAUSES[code]}, when no latch was left`)));

/**
 * What the flag is to say while a scope is tripped. What it carries of another scope stays.
 * @param own undefined: the scope's trip is latched
 * @param known what the flag is taken to carry where it could not be read
 */
export function closedText(
  text: string | undefined,
  scope: Scope,
  own: CarriedTrip | undefined,
  known: readonly CarriedTrip[] = [],
): string {
  const carried = text === undefined ? known : carriedTrips(text);
  const others = carried.filter((trip) => trip.scope !== scope);
  return textOf([...others, ...(own === undefined ? [] : [own])]);
}

const textOf = (trips: readonly CarriedTrip[]): string =>
  ['true', ...trips.map(({ scope, epoch, codes }) => `${scope} ${epoch} ${codes.join(',')}`)].join(' ');

/** What closes the flag without dropping a trip that it carries. @param text undefined: it could not be read */
export const stillClosedText = (text: string | undefined): string => textOf(carriedTrips(text));
