// What an entry is sized and checked with: how much may be traded with now, how much of it is taken, and how much the symbol moves.
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../core/units.ts';
import type { Signal } from '../inference/signal.ts';
import { BAR_MS } from '../market/candle.ts';
import type { SizingColumn, SizingState } from '../models/sizing-policy.ts';
import type { Mode } from '../risk/effective-mode.ts';
import type { FlagsState } from '../risk/flags.ts';
import type { GateItem } from '../risk/gate.ts';
import type { Level } from '../risk/level.ts';
import { allocation, exposureLimit, type TradingLimits } from './limits.ts';
import type { EntryRequest } from './plan-entry.ts';

export type Allowance = Pick<EntryRequest['account'], 'equityMicroUsdt' | 'allocatedMicroUsdt' | 'positions'>;

/** What may be traded with; undefined while nothing may. */
export function allowance(
  {
    mode,
    flags,
    level,
  }: { readonly mode: Mode; readonly flags: FlagsState; readonly level: Level | undefined },
  equityMicroUsdt: number,
): Allowance | undefined {
  const { QT_MAX_CAPITAL_ALLOCATION: capital, QT_MAX_POSITIONS: positions } = flags;
  if (mode === 'OFF' || level === undefined) return undefined;
  if (capital.state !== 'value' || positions.state !== 'value') return undefined;
  const given = { equityMicroUsdt, capitalFraction: capital.value, positions: positions.value, level };
  return { equityMicroUsdt, ...allocation(given) };
}

/** What is taken of it already. */
export function usage(
  gate: Omit<GateItem, 'latch' | 'epoch' | 'leaseUntilMs' | 'leaseCodeVersion' | 'breaker'>,
  nowMs: number,
): Omit<EntryRequest['account'], keyof Allowance> {
  // An id that is forgotten was authorised a day ago or longer.
  const reservedAtMs = Object.values(gate.reserved).map(
    ({ clientOrderId }) => gate.authorised[clientOrderId]?.atMs ?? Number.NaN,
  );
  return {
    exposureMicroUsdt: gate.exposureMicroUsdt,
    sideMicroUsdt: gate.sideMicroUsdt,
    netBetaMicroUsdt: gate.netBetaMicroUsdt,
    oldestBetaAtMs: Math.min(nowMs, ...reservedAtMs),
    positionCount: gate.positionCount,
    reservedSymbols: new Set(Object.keys(gate.reserved)),
    ordersLastMinute: Object.values(gate.authorised).filter(({ atMs }) => atMs > nowMs - MINUTE_MS).length,
  };
}

/**
 * Standard deviation of a bar's log return, from the average true range: the range of a Brownian path is √(8/π) ≈ 1.596 times
 * its standard deviation on average (Feller 1951, Ann. Math. Stat. 22).
 */
export const volatilityPerBar = ({ atr, close }: Pick<Signal, 'atr' | 'close'>): number =>
  atr / close / Math.sqrt(8 / Math.PI);

/** When the position that a bar's signal opens is closed at the latest. */
export const exitDueMs = (barOpenTimeMs: number, holdBars: number): number =>
  barOpenTimeMs + (1 + holdBars) * BAR_MS;

/** For how long a stop that was hit counts in a sizing policy's state. */
export const STOP_HITS_WINDOW_MS = 6 * HOUR_MS;

/** What a sizing policy knows of the account. */
export const ACCOUNT_COLUMNS = [
  'exposure_used',
  'positions_used',
  'drawdown',
  'stop_hits',
] as const satisfies readonly SizingColumn[];
type AccountColumn = (typeof ACCOUNT_COLUMNS)[number];

export type SizedSignal = Pick<
  Signal,
  | 'barOpenTimeMs'
  | 'expectedEdgeBps'
  | 'moveDeviationBps'
  | 'confidence'
  | 'consensusFraction'
  | 'close'
  | 'atr'
  | 'atrRatio'
  | 'spreadBps'
>;

/** What a sizing policy knows of the signal; NaN for what it does not say. */
export function signalState(signal: SizedSignal): Omit<SizingState, AccountColumn> {
  const dayAngle = ((signal.barOpenTimeMs % DAY_MS) / DAY_MS) * 2 * Math.PI;
  return {
    expected_edge_bps: signal.expectedEdgeBps ?? Number.NaN,
    move_deviation_bps: signal.moveDeviationBps ?? Number.NaN,
    confidence: signal.confidence,
    consensus: signal.consensusFraction,
    atr_bps: (signal.atr / signal.close) * 10_000,
    atr_ratio: signal.atrRatio,
    spread_bps: signal.spreadBps,
    hour_sin: Math.sin(dayAngle),
    hour_cos: Math.cos(dayAngle),
  };
}

/** What a sizing policy knows of the account; NaN for what is not known. */
export function accountState(
  account: Allowance & Pick<EntryRequest['account'], 'exposureMicroUsdt' | 'positionCount'>,
  about: {
    readonly limits: TradingLimits;
    /** The circuit breaker's; null before its first. */
    readonly highWaterMicroUsdt: number | null;
    readonly stopHits: number;
  },
): Pick<SizingState, AccountColumn> {
  const { limits, highWaterMicroUsdt, stopHits } = about;
  return {
    exposure_used: account.exposureMicroUsdt / exposureLimit(account, limits),
    positions_used: account.positionCount / account.positions,
    drawdown: Math.max(0, 1 - account.equityMicroUsdt / (highWaterMicroUsdt ?? Number.NaN)),
    stop_hits: stopHits,
  };
}
