// What a valid candle is. Everything that enters the system, from an exchange or a file, is checked here once.

/** Length of a bar: 5 minutes, in ms. */
export const BAR_MS = 300_000;

/** One closed 5-minute bar. Prices in the quote asset, volume in the base asset; time is the bar's OPEN, epoch ms UTC. */
export interface Candle {
  readonly openTimeMs: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
}

/** Closed list of what can be wrong with a candle. */
export const CANDLE_PROBLEMS = {
  not_finite: 'a value is missing or not a finite number',
  price_not_positive: 'a price is zero or negative',
  low_above_body: 'low is above open or close',
  high_below_body: 'high is below open or close',
  volume_negative: 'volume is negative',
  misaligned: 'open time is not a multiple of 5 minutes',
  not_increasing: 'open time is not after the one before',
} as const;

export type CandleProblem = keyof typeof CANDLE_PROBLEMS;

/**
 * First problem of a candle, or undefined when it is valid.
 * @param previousOpenTimeMs open time of the candle before it in the same series, when there is one
 */
export function findCandleProblem(candle: Candle, previousOpenTimeMs?: number): CandleProblem | undefined {
  const { openTimeMs, open, high, low, close, volume } = candle;
  if (!(areFinite(openTimeMs, open, high) && areFinite(low, close, volume))) return 'not_finite';
  if (open <= 0 || high <= 0 || low <= 0 || close <= 0) return 'price_not_positive';
  if (low > Math.min(open, close)) return 'low_above_body';
  if (high < Math.max(open, close)) return 'high_below_body';
  if (volume < 0) return 'volume_negative';
  if (!Number.isInteger(openTimeMs / BAR_MS)) return 'misaligned';
  if (previousOpenTimeMs !== undefined && openTimeMs <= previousOpenTimeMs) return 'not_increasing';
  return undefined;
}

const areFinite = (a: number, b: number, c: number): boolean =>
  Number.isFinite(a) && Number.isFinite(b) && Number.isFinite(c);

/** Open time of the newest bar that is closed at `nowMs` of the exchange's clock. */
export function lastClosedOpenTimeMs(nowMs: number): number {
  return Math.floor(nowMs / BAR_MS) * BAR_MS - BAR_MS;
}
