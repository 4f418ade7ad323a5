// Use case: bring the stored candles of every symbol up to the last closed bar. Each run verifies what is stored in its window and
// fetches only what is missing or damaged. Safe to interrupt: the next run resumes.

import { invariant } from '../../core/invariant.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import { DAY_MS } from '../../core/units.ts';
import { type BarRange, clipRange, countBars, missingRanges, monthsOf, rangeOfPeriod } from '../bar-range.ts';
import { BAR_MS, type Candle, lastClosedOpenTimeMs } from '../candle.ts';
import { type CandleSeries, candleAt, seriesFromCandles } from '../candle-series.ts';
import type { CandleArchive, CandleCodec, MarketData, MarketDataError } from '../ports.ts';
import { CollectedSymbol } from './collected-candles.ts';
import { type CandleSources, fetchCandles } from './fetch-candles.ts';

export interface CollectDependencies {
  readonly market: Pick<MarketData, 'serverTimeMs' | 'closedCandles'>;
  readonly archive: CandleArchive;
  readonly objects: Pick<ObjectStore, 'get' | 'put'>;
  readonly codec: CandleCodec;
}

export interface CollectRequest {
  readonly symbols: readonly string[];
  /** From the start of the UTC day that many days ago; a symbol that was stored from earlier on is kept whole from there. */
  readonly days: number;
  /** Name of the exchange, kept with the candles. */
  readonly source: string;
  /** Called before each symbol and month; once true, the rest is left to the next run. */
  readonly isTimeUp: () => boolean;
  readonly onProgress: (progress: { done: number; of: number; symbol: CollectionOfSymbol }) => void;
}

/** `lagging`: bars are still missing; `postponed`: out of time; `failed`: the stored candles cannot be relied on. */
type CollectionOutcome = 'complete' | 'lagging' | 'postponed' | 'failed';

export interface CollectionOfSymbol {
  readonly symbol: string;
  readonly outcome: CollectionOutcome;
  /** One line of why it is not complete. */
  readonly message?: string;
  /** Bars: stored by this run, stored in all, still missing, and lacking at the exchange itself. */
  readonly added: number;
  readonly candles: number;
  readonly missing: number;
  readonly gaps: number;
  /** Files found damaged, and replaced if their bars came. */
  readonly damaged: readonly string[];
}

export interface CollectionReport {
  /** Half-open, of open times. */
  readonly window: BarRange;
  readonly symbols: readonly CollectionOfSymbol[];
  /** Archive files that were used, and that were damaged or could not be had although they may exist. */
  readonly archive: {
    readonly used: number;
    readonly refused: number;
    readonly lastRefusal: string | undefined;
  };
}

/** Symbols under way at once. */
const CONCURRENCY = 4;
/** Refusals in a row after which the archive is not used for the rest of the run. */
const REFUSALS_MAX = 5;

/** Fails when the exchange does not tell its time. What goes wrong with one symbol is in the report. */
export async function collectCandles(
  dependencies: CollectDependencies,
  request: CollectRequest,
): Promise<Result<CollectionReport, MarketDataError>> {
  const time = await dependencies.market.serverTimeMs();
  if (!time.ok) return time;
  const nowMs = time.value;
  const window = {
    fromMs: Math.floor((nowMs - request.days * DAY_MS) / DAY_MS) * DAY_MS,
    toMs: lastClosedOpenTimeMs(nowMs) + BAR_MS,
  };
  const archive = new WatchedArchive(dependencies.archive);
  const symbols: CollectionOfSymbol[] = [];
  const queue = request.symbols.values();
  const work = async () => {
    for (const symbol of queue) {
      const run = { ...dependencies, ...request, archive, symbol, window, nowMs };
      symbols.push(await collectOrFail(run));
      request.onProgress({ done: symbols.length, of: request.symbols.length, symbol: symbols.at(-1)! });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  symbols.sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
  const { used, refused, lastRefusal } = archive;
  return success({ window, symbols, archive: { used, refused, lastRefusal } });
}

type SymbolRun = CollectDependencies &
  CandleSources &
  CollectRequest & { readonly symbol: string; readonly window: BarRange; readonly nowMs: number };

async function collectOrFail(run: SymbolRun): Promise<CollectionOfSymbol> {
  const { symbol, window } = run;
  const nothing = { symbol, added: 0, candles: 0, missing: countBars([window]), gaps: 0, damaged: [] };
  if (run.isTimeUp()) return { ...nothing, outcome: 'postponed', message: 'out of time' };
  try {
    const collected = await CollectedSymbol.open({ objects: run.objects, codec: run.codec }, run);
    if (!collected.ok) return { ...nothing, outcome: 'failed', message: collected.error };
    return await collectSymbol(run, collected.value);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { ...nothing, outcome: 'failed', message: error.message };
  }
}

/** Newest month first: a bar that follows proves what is missing before it. */
async function collectSymbol(run: SymbolRun, collected: CollectedSymbol): Promise<CollectionOfSymbol> {
  const { symbol } = run;
  const window = {
    ...run.window,
    fromMs: Math.min(run.window.fromMs, collected.firstMs ?? run.window.fromMs),
  };
  const sum = { added: 0, candles: 0, missing: 0 };
  const damaged: string[] = [];
  let stopped: Pick<CollectionOfSymbol, 'outcome' | 'message'> | undefined;
  let followingMs: number | undefined;
  for (const month of monthsOf(window)) {
    const wanted = clipRange(rangeOfPeriod(month), window)!;
    if (run.isTimeUp()) stopped ??= { outcome: 'postponed', message: 'out of time' };
    const collectedMonth = await collectMonth(run, {
      collected,
      month,
      wanted,
      followingMs,
      mayFetch: stopped === undefined,
    });
    if (collectedMonth === 'conflict')
      return { symbol, outcome: 'failed', message: 'another run is writing it', ...sum, gaps: 0, damaged };
    const { openTimes, added, missing, problem, damage } = collectedMonth;
    sum.added += added;
    sum.missing += missing;
    sum.candles += openTimes.length;
    followingMs = openTimes[0] ?? followingMs;
    if (damage !== undefined) damaged.push(damage);
    if (problem !== undefined) stopped ??= { outcome: 'lagging', message: problem.message };
  }
  if (!(await collected.save()))
    return { symbol, outcome: 'failed', message: 'another run is writing it', ...sum, gaps: 0, damaged };
  const gaps = countBars(collected.gaps.flatMap((gap) => clipRange(gap, window) ?? []));
  const lagging = { outcome: 'lagging', message: `${sum.missing} bars are not available yet` } as const;
  const end = sum.missing === 0 ? ({ outcome: 'complete' } as const) : (stopped ?? lagging);
  return { symbol, ...end, ...sum, gaps, damaged };
}

interface MonthRun {
  readonly collected: CollectedSymbol;
  readonly month: string;
  readonly wanted: BarRange;
  /** Open time of the first bar known after the month. */
  readonly followingMs: number | undefined;
  readonly mayFetch: boolean;
}

async function collectMonth(run: SymbolRun, { collected, month, wanted, followingMs, mayFetch }: MonthRun) {
  const read = await collected.read(month);
  const damage = read.ok ? undefined : `${month}: ${read.error}`;
  const stored = new Map<number, Candle>();
  if (read.ok) eachCandle(read.value, (candle) => stored.set(candle.openTimeMs, candle));
  const has = (openTimeMs: number) => stored.has(openTimeMs);
  const missing = missingRanges(wanted, { has, gaps: collected.gaps });
  if (missing.length === 0 || !mayFetch)
    return {
      openTimes: [...stored.keys()],
      added: 0,
      missing: countBars(missing),
      problem: undefined,
      damage,
    };

  const known = [...stored.keys(), ...(followingMs === undefined ? [] : [followingMs])];
  const fetched = await fetchCandles(run, { symbol: run.symbol, month, missing, known, nowMs: run.nowMs });
  collected.addGaps(fetched.absent);
  for (const [openTimeMs, candle] of fetched.candles) stored.set(openTimeMs, candle);
  const candles = [...stored.values()].sort((a, b) => a.openTimeMs - b.openTimeMs);
  if (fetched.candles.size > 0 && !(await collected.write(month, seriesOf(candles)))) return 'conflict';
  return {
    openTimes: candles.map(({ openTimeMs }) => openTimeMs),
    added: fetched.candles.size,
    missing: countBars(missingRanges(wanted, { has, gaps: collected.gaps })),
    problem: fetched.problem,
    damage,
  };
}

function eachCandle(series: CandleSeries, take: (candle: Candle) => void): void {
  for (let index = 0; index < series.length; index++) take(candleAt(series, index));
}

function seriesOf(candles: readonly Candle[]): CandleSeries {
  const series = seriesFromCandles(candles);
  invariant(series.ok, 'candles that were read one by one are valid together');
  return series.value;
}

/** Counts what the archive gives, and stops using it after too many refusals in a row. */
class WatchedArchive implements CandleArchive {
  readonly #archive: CandleArchive;
  used = 0;
  refused = 0;
  lastRefusal: string | undefined;
  #refusedInARow = 0;

  constructor(archive: CandleArchive) {
    this.#archive = archive;
  }

  async candles(query: { symbol: string; period: string }): ReturnType<CandleArchive['candles']> {
    if (this.#refusedInARow >= REFUSALS_MAX)
      return failure({
        code: 'unavailable',
        message: 'the archive is paused after repeated refusals',
        retryable: false,
      });
    const file = await this.#archive.candles(query);
    this.#refusedInARow = file.ok ? 0 : this.#refusedInARow + 1;
    if (file.ok && file.value !== undefined) this.used++;
    if (!file.ok) {
      this.refused++;
      this.lastRefusal = file.error.message;
    }
    return file;
  }
}
