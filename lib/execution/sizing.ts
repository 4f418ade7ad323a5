// How large an entry is meant to be: the calmer the market, the larger, so that each position moves the equity about as much
// as any other; then scaled by the policy and cut to the limits.

import { failure, type Result, success } from '../core/result.ts';
import { MICRO } from '../core/units.ts';

export interface SizingRequest {
  /** Equity × the active allocation: what may be traded with. */
  readonly allocatedMicroUsdt: number;
  /** Standard deviation of the symbol's 5-minute log returns. */
  readonly volatilityPerBar: number;
  /** Daily standard deviation that one position may bring to the allocated equity, e.g. 0.003. */
  readonly targetDailyVolatility: number;
  /** The policy's share of the size, 0…1; outside it is cut to it. */
  readonly policy: number;
  /** Largest position as a share of the allocated equity, 0…1. */
  readonly positionFractionMax: number;
  /** Largest total exposure. */
  readonly exposureMicroUsdtMax: number;
  /** What the open positions and orders already take of it. */
  readonly exposureMicroUsdt: number;
}

/** Closed list of why there is no size. */
export const SIZING_DENIALS = {
  sizing_input_invalid: 'a value that the size depends on is not a number, or out of range',
  size_zero: 'the policy, the allocation or the exposure left allows no position',
} as const;
export type SizingDenial = keyof typeof SIZING_DENIALS;

const BARS_PER_DAY = 288;

/** Notional in micro-USDT, rounded down: never above the position limit nor the exposure left. */
export function sizeEntry(request: SizingRequest): Result<number, SizingDenial> {
  const { allocatedMicroUsdt, volatilityPerBar, targetDailyVolatility, policy, exposureMicroUsdt } = request;
  const plausible =
    Object.values(request).every(Number.isFinite) &&
    volatilityPerBar > 0 &&
    targetDailyVolatility >= 0 &&
    exposureMicroUsdt >= 0 &&
    request.positionFractionMax >= 0 &&
    request.positionFractionMax <= 1 &&
    allocatedMicroUsdt <= Number.MAX_SAFE_INTEGER;
  if (!plausible) return failure('sizing_input_invalid');
  const dailyVolatility = volatilityPerBar * Math.sqrt(BARS_PER_DAY);
  const wanted = Math.min(targetDailyVolatility / dailyVolatility, request.positionFractionMax);
  const fraction = Math.max(0, wanted * Math.min(policy, 1));
  const left = request.exposureMicroUsdtMax - exposureMicroUsdt;
  const notional = Math.floor(Math.min(allocatedMicroUsdt * fraction, left));
  // Less than a cent is nothing, and rounding alone could have made it.
  return notional >= MICRO / 100 ? success(notional) : failure('size_zero');
}
