// What an operator may do to the flag that carries a trip which is not latched yet: it stays closed until the trip is.
import { carriedTrips } from '../breaker/carried-trip.ts';
import type { FlagReading } from '../flags.ts';
import type { RiskStore } from '../ports.ts';

/** The flag by which a trip is carried. */
export const CARRYING_FLAG = 'CIRCUIT_BREAKER_TRIGGERED';

/**
 * Why a flag must not be written now; undefined: it may be. A gate that cannot be read counts as one that is not latched.
 * @param reading of the same flag
 */
export async function refusesToDrop(
  risk: Pick<RiskStore, 'readGate'>,
  name: string,
  reading: FlagReading | undefined,
): Promise<string | undefined> {
  if (name !== CARRYING_FLAG || reading?.kind !== 'text') return undefined;
  for (const { scope, epoch } of carriedTrips(reading.text)) {
    const gate = await risk.readGate(scope).catch(() => undefined);
    if (gate === undefined || gate.breaker.epoch <= epoch)
      return `${CARRYING_FLAG} carries a trip of ${scope} that is not latched yet: it stays true until the circuit breaker has latched it`;
  }
  return undefined;
}
