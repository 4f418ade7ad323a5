// The newest 998 candles of each symbol, kept from bar to bar while the process is warm, so that a bar asks for its newest candles
// only. A window is continued where the last hour of it is the same again and nothing is missing after it; in every other case it is
// read whole, as after a cold start. So long as the exchange changes no candle that is older than an hour, the window has the bits of
// a whole reading; that it has is proven on a part of the symbols at every bar.
import { createHash } from 'node:crypto';
import { type Result, success } from '../../core/result.ts';
import { BAR_MS } from '../candle.ts';
import { allocateSeries, type CandleSeries, countUntil, sliceSeries } from '../candle-series.ts';
import { REQUEST_BARS } from '../grid.ts';
import type { MarketData, MarketDataError } from '../ports.ts';

export interface WindowReading {
  /** At most 998 candles, none newer than asked for. */
  readonly series: CandleSeries;
  readonly source: 'whole' | 'newest';
  /** Whether a candle of the last hour that was known is another one now, or is gone, or one has come between. */
  readonly isRevised: boolean;
  /** Of a whole reading: whether what was kept of older candles is the same; undefined where nothing was kept. */
  readonly isProven: boolean | undefined;
}

export interface CandleWindows {
  read(request: {
    readonly symbol: string;
    readonly lastOpenTimeMs: number;
  }): Promise<Result<WindowReading, MarketDataError>>;
}

/** Candles that are compared at every bar. */
export const OVERLAP_BARS = 12;
/** With the overlap fewer than the 100 candles from which Binance counts more than one unit of weight. */
const MISSED_BARS_MAX = 80;
/** Every symbol is read whole once in so many bars, 8 hours, whatever was kept. */
export const PROOF_PERIOD_BARS = 96;

interface KeptWindow {
  readonly series: CandleSeries;
  /** Nothing of it is in doubt: it is full, and its gaps were there in two whole readings. */
  readonly isTrusted: boolean;
}

/** Empty at first. */
export function createCandleWindows(market: Pick<MarketData, 'closedCandles'>): CandleWindows {
  const windows = new Map<string, KeptWindow>();

  function keep(symbol: string, window: KeptWindow): void {
    const before = windows.get(symbol);
    // A run that was held up must not undo a newer one's.
    if (before === undefined || newestOf(before.series) <= newestOf(window.series))
      windows.set(symbol, window);
  }

  async function readNewest(
    symbol: string,
    { series }: KeptWindow,
    lastOpenTimeMs: number,
  ): Promise<Result<CandleSeries | undefined, MarketDataError>> {
    const missed = (lastOpenTimeMs - newestOf(series)) / BAR_MS;
    const answer = await market.closedCandles({ symbol, count: OVERLAP_BARS + missed, lastOpenTimeMs });
    return answer.ok ? success(continueWindow(series, answer.value, lastOpenTimeMs)) : answer;
  }

  async function readWhole(
    symbol: string,
    kept: KeptWindow | undefined,
    lastOpenTimeMs: number,
  ): Promise<Result<WindowReading, MarketDataError>> {
    const answer = await market.closedCandles({ symbol, count: REQUEST_BARS, lastOpenTimeMs });
    if (!answer.ok) return answer;
    const series = answer.value;
    const compared = kept && compareWindows(kept.series, series);
    const isAsBefore = compared?.older === true && compared.recent;
    if (newestOf(series) === lastOpenTimeMs)
      keep(symbol, { series, isTrusted: isTrustworthy(series, isAsBefore) });
    return success({
      series,
      source: 'whole',
      isRevised: compared?.recent === false,
      isProven: kept?.isTrusted === true ? compared?.older : undefined,
    });
  }

  return {
    async read({ symbol, lastOpenTimeMs }) {
      const kept = windows.get(symbol);
      if (kept?.isTrusted === true && !isProofDue(symbol, lastOpenTimeMs)) {
        const missed = (lastOpenTimeMs - newestOf(kept.series)) / BAR_MS;
        if (missed >= 0 && missed <= MISSED_BARS_MAX) {
          const newest = await readNewest(symbol, kept, lastOpenTimeMs);
          if (!newest.ok) return newest;
          if (newest.value !== undefined) {
            keep(symbol, { series: newest.value, isTrusted: true });
            return success({
              series: newest.value,
              source: 'newest',
              isRevised: false,
              isProven: undefined,
            });
          }
        }
      }
      return readWhole(symbol, kept, lastOpenTimeMs);
    },
  };
}

const newestOf = (series: CandleSeries): number =>
  series.length === 0 ? Number.NEGATIVE_INFINITY : series.openTimeMs[series.length - 1]!;

/** Another part of the symbols at every bar. */
function isProofDue(symbol: string, lastOpenTimeMs: number): boolean {
  const turn = createHash('sha256').update(symbol).digest().readUInt32BE(4);
  return (lastOpenTimeMs / BAR_MS + turn) % PROOF_PERIOD_BARS === 0;
}

/** The window with its newest candles; undefined where they do not fit together, or do not reach the bar that is asked for. */
function continueWindow(
  window: CandleSeries,
  newest: CandleSeries,
  lastOpenTimeMs: number,
): CandleSeries | undefined {
  if (newestOf(newest) !== lastOpenTimeMs) return undefined;
  const overlap = countUntil(newest, newestOf(window));
  const added = newest.length - overlap;
  const missed = (lastOpenTimeMs - newestOf(window)) / BAR_MS;
  if (added !== missed || overlap < OVERLAP_BARS || overlap > window.length) return undefined;
  const known = sliceSeries(window, window.length - overlap, window.length);
  if (!areEqual(known, sliceSeries(newest, 0, overlap))) return undefined;
  if (added === 0) return window;
  const next = allocateSeries(window.length);
  for (const column of COLUMNS) {
    next[column].set(window[column].subarray(added));
    next[column].set(newest[column].subarray(overlap), window.length - added);
  }
  return next;
}

/**
 * Whether a window is as it was, over the time that both cover: in the last hour of the one before, and in what is older.
 * undefined where they share nothing older.
 */
function compareWindows(
  before: CandleSeries,
  now: CandleSeries,
): { older: boolean | undefined; recent: boolean } {
  const startMs = Math.max(before.openTimeMs[0]!, now.openTimeMs[0] ?? Number.POSITIVE_INFINITY) - BAR_MS;
  const endMs = Math.min(newestOf(before), newestOf(now));
  const splitMs = newestOf(before) - OVERLAP_BARS * BAR_MS;
  const same = (afterMs: number, untilMs: number) =>
    areEqual(between(before, afterMs, untilMs), between(now, afterMs, untilMs));
  return {
    older: startMs < splitMs ? same(startMs, Math.min(splitMs, endMs)) : undefined,
    recent: same(Math.max(startMs, splitMs), endMs),
  };
}

/** The candles that opened after the one and up to the other time. */
function between(series: CandleSeries, afterMs: number, untilMs: number): CandleSeries {
  const from = countUntil(series, afterMs);
  return sliceSeries(series, from, Math.max(from, countUntil(series, untilMs)));
}

/** A bar that is missing may still come, within an hour; a hole that is older is believed when it is seen twice. */
function isTrustworthy(series: CandleSeries, isAsBefore: boolean): boolean {
  if (series.length !== REQUEST_BARS) return false;
  const spanOf = (from: number) => (newestOf(series) - series.openTimeMs[from]!) / BAR_MS + 1;
  if (spanOf(REQUEST_BARS - OVERLAP_BARS) !== OVERLAP_BARS) return false;
  return isAsBefore || spanOf(0) === REQUEST_BARS;
}

const COLUMNS = ['openTimeMs', 'open', 'high', 'low', 'close', 'volume'] as const;

function areEqual(a: CandleSeries, b: CandleSeries): boolean {
  if (a.length !== b.length) return false;
  return COLUMNS.every((column) => {
    for (let index = 0; index < a.length; index++) if (a[column][index] !== b[column][index]) return false;
    return true;
  });
}
