// What one order, and all of them together, may put at risk.

import { MINUTE_MS } from '../core/units.ts';
import type { BookLimits } from '../risk/gate.ts';
import { LEVEL_LIMITS, type Level } from '../risk/level.ts';

export interface TradingLimits {
  /** Largest position, as a share of the allocated equity. */
  readonly positionFractionMax: number;
  /** Largest sum of all positions, as a share of the allocated equity … */
  readonly exposureFractionMax: number;
  /** … and as a multiple of the whole equity. */
  readonly leverageMax: number;
  /** Leverage that every symbol is set to at the exchange: which of its brackets a position has to fit into. */
  readonly symbolLeverage: number;
  /** Largest exposure on one side, as a share of the allocated equity. */
  readonly sideFractionMax: number;
  /** Largest net beta of the book to Bitcoin, either way: |Σ side × notional × beta|, as a share of the allocated equity. */
  readonly netBetaFractionMax: number;
  readonly targetDailyVolatility: number;
  /** Farthest the price may have moved since the signal's close, basis points, either way. */
  readonly priceCollarBps: number;
  /** Entries authorised within any 60 s. */
  readonly ordersPerMinuteMax: number;
  readonly signalAgeMsMax: number;
}

/** Positions are paid for in full: the exchange liquidates none before its stop is far behind. */
export const SYMBOL_LEVERAGE = 1;

/** A net beta of 0.6: Bitcoin falling by 15 % in a day costs about 9 %, and the circuit breaker trips at 12 %. */
export const TRADING_LIMITS: TradingLimits = {
  positionFractionMax: 0.1,
  exposureFractionMax: 1,
  leverageMax: 1,
  symbolLeverage: SYMBOL_LEVERAGE,
  sideFractionMax: 0.7,
  netBetaFractionMax: 0.6,
  targetDailyVolatility: 0.003,
  priceCollarBps: 100,
  ordersPerMinuteMax: 20,
  signalAgeMsMax: 2 * MINUTE_MS,
};

/** What may be traded with now: the operator's flags and the rollout stage, whichever is lower. Rounded down. */
export function allocation(given: {
  readonly equityMicroUsdt: number;
  readonly capitalFraction: number;
  readonly positions: number;
  readonly level: Level;
}): { readonly allocatedMicroUsdt: number; readonly positions: number } {
  const level = LEVEL_LIMITS[given.level];
  const fraction = Math.min(given.capitalFraction, level.capitalFraction);
  return {
    allocatedMicroUsdt: Math.max(0, Math.floor(given.equityMicroUsdt * fraction)),
    positions: Math.min(given.positions, level.positions),
  };
}

/** Largest total exposure, for sizing and for the gate alike. Rounded down. */
export function exposureLimit(
  account: { readonly equityMicroUsdt: number; readonly allocatedMicroUsdt: number },
  limits: TradingLimits,
): number {
  const { equityMicroUsdt, allocatedMicroUsdt } = account;
  return Math.floor(
    Math.min(allocatedMicroUsdt * limits.exposureFractionMax, equityMicroUsdt * limits.leverageMax),
  );
}

/** What the gate holds the whole book to. */
export const bookLimits = (
  account: {
    readonly equityMicroUsdt: number;
    readonly allocatedMicroUsdt: number;
    readonly positions: number;
  },
  limits: TradingLimits,
): BookLimits => ({
  exposureMicroUsdt: exposureLimit(account, limits),
  sideMicroUsdt: Math.floor(account.allocatedMicroUsdt * limits.sideFractionMax),
  netBetaMicroUsdt: Math.floor(account.allocatedMicroUsdt * limits.netBetaFractionMax),
  positions: account.positions,
});
