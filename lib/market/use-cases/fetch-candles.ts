// Gets the missing bars of one symbol and month: whole months and days from the exchange's archive files, the rest from its
// API. It also proves what the exchange lacks: a bar counts as absent only when an answer that contains a bar known to exist skips
// it, or, before the first bar of all, when two answers agree. An empty or shortened answer alone proves nothing.

import { DAY_MS, HOUR_MS } from '../../core/units.ts';
import { type BarRange, clipRange, countBars, dayOf, missingRanges, rangeOfPeriod } from '../bar-range.ts';
import { BAR_MS, type Candle } from '../candle.ts';
import { type CandleSeries, candleAt } from '../candle-series.ts';
import { REQUEST_BARS } from '../grid.ts';
import type { CandleArchive, MarketData, MarketDataError } from '../ports.ts';

export interface CandleSources {
  readonly market: Pick<MarketData, 'closedCandles'>;
  readonly archive: CandleArchive;
}

export interface MissingCandles {
  readonly symbol: string;
  readonly month: string;
  /** Not empty, all within the month, oldest first. */
  readonly missing: readonly BarRange[];
  /** Open times of the bars that are known after each missing range, ascending: of the month, and the first one after it. */
  readonly known: readonly number[];
  /** The exchange's clock. */
  readonly nowMs: number;
}

export interface FetchedCandles {
  /** Valid bars of the missing ranges, by open time. */
  readonly candles: ReadonlyMap<number, Candle>;
  /** Bars that the exchange was proven to lack. */
  readonly absent: readonly BarRange[];
  /** Why the rest could not be fetched. */
  readonly problem: MarketDataError | undefined;
}

/** Fewer missing bars than this are not worth the file of a month. */
const MONTH_FILE_BARS_MIN = (3 * DAY_MS) / BAR_MS;
/** Files of days appear within so long, or there was no trading that day. */
const DAY_FILE_LATE_MS = 3 * DAY_MS;
/** Files of months appear within so long. */
const MONTH_FILE_LATE_MS = 10 * DAY_MS;
/** A bar younger than this may still come. */
const SETTLED_MS = HOUR_MS;

export async function fetchCandles(sources: CandleSources, wanted: MissingCandles): Promise<FetchedCandles> {
  const candles = new Map<number, Candle>();
  const absent: BarRange[] = [];
  const isMissing = (openTimeMs: number) =>
    wanted.missing.some(({ fromMs, toMs }) => fromMs <= openTimeMs && openTimeMs < toMs);
  const keep = (series: CandleSeries) => {
    for (let index = 0; index < series.length; index++)
      if (isMissing(series.openTimeMs[index]!))
        candles.set(series.openTimeMs[index]!, candleAt(series, index));
  };
  await readArchive(sources.archive, wanted, keep);
  const rest = wanted.missing.flatMap((range) =>
    missingRanges(range, { has: (ms) => candles.has(ms), gaps: [] }),
  );
  // Newest first, so that a bar that follows is known.
  for (const range of rest.toReversed()) {
    const known = [...wanted.known, ...candles.keys()].filter((ms) => ms >= range.toMs);
    const bracketMs = known.length === 0 ? undefined : known.reduce((a, b) => Math.min(a, b));
    const asked = await askExchange(sources.market, { symbol: wanted.symbol, range, bracketMs });
    for (const series of asked.answers) keep(series);
    absent.push(...asked.absent.filter(({ toMs }) => toMs <= wanted.nowMs - SETTLED_MS));
    if (asked.problem !== undefined) return { candles, absent, problem: asked.problem };
  }
  return { candles, absent, problem: undefined };
}

/** The bars of files that are refused or absent are fetched from the exchange's API. */
async function readArchive(
  archive: CandleArchive,
  { symbol, month, missing, nowMs }: MissingCandles,
  keep: (series: CandleSeries) => void,
): Promise<void> {
  const { toMs } = rangeOfPeriod(month);
  if (toMs <= nowMs && countBars(missing) >= MONTH_FILE_BARS_MIN) {
    const whole = await archive.candles({ symbol, period: month });
    if (whole.ok && whole.value !== undefined) return keep(whole.value);
  }
  if (toMs + MONTH_FILE_LATE_MS <= nowMs) return;
  for (const day of wholeDays(missing).toReversed()) {
    const file = await archive.candles({ symbol, period: dayOf(day.fromMs) });
    if (file.ok && file.value !== undefined) keep(file.value);
    else if (file.ok && day.toMs + DAY_FILE_LATE_MS <= nowMs) return;
  }
}

const wholeDays = (ranges: readonly BarRange[]): BarRange[] =>
  ranges.flatMap(({ fromMs, toMs }) => {
    const first = Math.ceil(fromMs / DAY_MS);
    const days = Math.max(0, Math.floor(toMs / DAY_MS) - first);
    return Array.from({ length: days }, (_, index) => rangeOfPeriod(dayOf((first + index) * DAY_MS)));
  });

interface Asked {
  readonly answers: readonly CandleSeries[];
  readonly absent: readonly BarRange[];
  readonly problem: MarketDataError | undefined;
}

/** @param bracketMs a bar known to exist after the range: every answer must hold it, or the one that it moves to */
async function askExchange(
  market: CandleSources['market'],
  { symbol, range, bracketMs }: { symbol: string; range: BarRange; bracketMs: number | undefined },
): Promise<Asked> {
  const answers: CandleSeries[] = [];
  const absent: BarRange[] = [];
  let bracket = bracketMs;
  let endMs = bracketMs ?? range.toMs - BAR_MS;
  for (;;) {
    const count = Math.min(REQUEST_BARS, (endMs - range.fromMs) / BAR_MS + 1);
    const answer = await market.closedCandles({ symbol, count, lastOpenTimeMs: endMs });
    if (!answer.ok) return { answers, absent, problem: answer.error };
    const series = answer.value;
    const newestMs = series.openTimeMs.at(-1);
    if (newestMs === undefined || (bracket !== undefined && newestMs !== bracket))
      return { answers, absent, problem: inconsistent(symbol, { bracket, newestMs }) };
    const oldestMs = series.openTimeMs[0]!;
    if (series.length === 1 && bracket !== undefined && count > 1) {
      // A shortened answer looks the same: ask once more, in another way, whether there is nothing before.
      const before = await market.closedCandles({ symbol, count: 1, lastOpenTimeMs: bracket - BAR_MS });
      if (!before.ok) return { answers, absent, problem: before.error };
      if (before.value.length > 0) return { answers, absent, problem: shortened(symbol, bracket) };
      const older = clipRange({ fromMs: range.fromMs, toMs: bracket }, range);
      return { answers, absent: older === undefined ? absent : [...absent, older], problem: undefined };
    }
    answers.push(series);
    absent.push(...holesOf(series, range));
    if (oldestMs <= range.fromMs) return { answers, absent, problem: undefined };
    bracket = endMs = oldestMs;
  }
}

function holesOf(series: CandleSeries, range: BarRange): BarRange[] {
  const times = series.openTimeMs;
  return Array.from({ length: Math.max(0, series.length - 1) }, (_, index) =>
    clipRange({ fromMs: times[index]! + BAR_MS, toMs: times[index + 1]! }, range),
  ).filter((hole) => hole !== undefined);
}

const shortened = (symbol: string, firstMs: number): MarketDataError => ({
  code: 'invalid_response',
  message: `the exchange gave ${new Date(firstMs).toISOString()} as the first candle of ${symbol}, and then an earlier one`,
  retryable: true,
});

function inconsistent(
  symbol: string,
  { bracket, newestMs }: { bracket: number | undefined; newestMs: number | undefined },
): MarketDataError {
  const time = (ms: number) => new Date(ms).toISOString();
  const said = newestMs === undefined ? 'no candle' : `none after ${time(newestMs)}`;
  const why = bracket === undefined ? '' : `, though it had given the one of ${time(bracket)}`;
  return {
    code: 'invalid_response',
    message: `the exchange gave ${said} of ${symbol}${why}`,
    retryable: true,
  };
}
