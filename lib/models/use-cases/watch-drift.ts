// Drift, watched: whether the features of the newest week, of a few symbols spread over the universe, still look as they did when
// the active ensemble was trained. It decides nothing: people are told. What cannot be measured says why, and has no figure.

import type { Clock, ObjectStore } from '../../core/ports.ts';
import { failure, type Result } from '../../core/result.ts';
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import { StoreError } from '../../core/store-error.ts';
import { HOUR_MS } from '../../core/units.ts';
import { SIGNIFICANT_ABOVE } from '../../features/population-stability.ts';
import { BAR_MS, type Candle, lastClosedOpenTimeMs } from '../../market/candle.ts';
import { type CandleSeries, candleAt, seriesFromCandles } from '../../market/candle-series.ts';
import { REQUEST_BARS, ROW_WINDOW_BARS } from '../../market/grid.ts';
import type { MarketData } from '../../market/ports.ts';
import { readUniverse } from '../../market/use-cases/active-universe.ts';
import type { DriftRecord } from '../drift-record.ts';
import type { DriftLog } from '../ports.ts';
import { type DriftReport, measureDrift } from './measure-drift.ts';

export interface WatchDriftDependencies {
  readonly market: Pick<MarketData, 'serverTimeMs' | 'closedCandles'>;
  readonly objects: ObjectStore;
  readonly log: DriftLog;
  readonly clock: Clock;
  /** A fresh one for every measurement. */
  readonly draws: () => DrawIndex;
}

const SYMBOLS_MAX = 10;
/** A week: fewer than five whole days say nothing about how far days differ by chance. */
const BARS = 7 * 288;
const PAGES = Math.ceil((BARS + ROW_WINDOW_BARS - 1) / REQUEST_BARS);
/** Of the rows that the sample could have. */
const ROWS_SHARE_MIN = 0.5;
const FEATURES_NAMED = 5;

type Unmeasured = Pick<Extract<DriftRecord, { outcome: 'unmeasured' }>, 'code' | 'message'>;

/** Measures, and keeps the record of it. Throws StoreError when it cannot be kept. */
export async function watchDrift(dependencies: WatchDriftDependencies): Promise<DriftRecord> {
  const atMs = dependencies.clock.nowMs();
  const report = await measureSample(dependencies, atMs).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    return failure<Unmeasured>({ code: 'store_unavailable', message: error.message });
  });
  const record: DriftRecord = report.ok
    ? { outcome: 'measured', atMs, ...summarise(report.value) }
    : { outcome: 'unmeasured', atMs, ...report.error };
  await dependencies.log.append(record);
  return record;
}

/** Throws StoreError. */
async function measureSample(
  { market, objects, draws }: WatchDriftDependencies,
  atMs: number,
): Promise<Result<DriftReport, Unmeasured>> {
  const universe = await readUniverse(objects).catch((error: unknown) => {
    // One that is not there, or malformed; a store that does not answer says nothing of it.
    if (error instanceof StoreError && !error.retryable) return error;
    throw error;
  });
  if (universe instanceof StoreError) return failure({ code: 'no_universe', message: universe.message });
  const symbols = spreadOver(universe.symbols, atMs);
  const serverTime = await market.serverTimeMs();
  if (!serverTime.ok) return failure({ code: 'exchange_unavailable', message: serverTime.error.message });
  const lastOpenTimeMs = lastClosedOpenTimeMs(serverTime.value);
  // All at once: the time that an exchange without answers may take is then that of one question.
  const read = await Promise.all(symbols.map((symbol) => readNewest(market, { symbol, lastOpenTimeMs })));
  const candles = new Map(symbols.map((symbol, index) => [symbol, read[index]!]));
  const source = { read: async (symbol: string) => candles.get(symbol)! };
  const report = await measureDrift(
    { source, store: objects, drawIndex: draws() },
    { symbols, bars: BARS, toMs: lastOpenTimeMs + BAR_MS },
  );
  if (!report.ok) return report;
  const { rows, days } = report.value.recent;
  const asked = symbols.length * BARS;
  if (rows < ROWS_SHARE_MIN * asked || report.value.features.some(({ interval }) => interval === undefined))
    return failure({ code: 'too_few_rows', message: `${rows} of ${asked} rows, of ${days} days` });
  return report;
}

/** Symbols at equal distances, whichever way the universe is ordered; others every hour, so that all have their turn. */
function spreadOver(universe: readonly string[], nowMs: number): string[] {
  const count = Math.min(SYMBOLS_MAX, universe.length);
  const hour = Math.floor(nowMs / HOUR_MS);
  return Array.from(
    { length: count },
    (_, index) => universe[(hour + Math.floor((index * universe.length) / count)) % universe.length]!,
  );
}

/** The bars that a week of rows needs. Fails with one line: part of them would be taken for a gap. */
async function readNewest(
  market: WatchDriftDependencies['market'],
  { symbol, lastOpenTimeMs }: { readonly symbol: string; readonly lastOpenTimeMs: number },
): Promise<Result<CandleSeries, string>> {
  const pages = await Promise.all(
    Array.from({ length: PAGES }, (_, page) =>
      market.closedCandles({
        symbol,
        count: REQUEST_BARS,
        lastOpenTimeMs: lastOpenTimeMs - page * REQUEST_BARS * BAR_MS,
      }),
    ),
  );
  // Where bars are missing a page reaches further back, into the next one.
  const byTime = new Map<number, Candle>();
  for (const page of pages) {
    if (!page.ok) return failure(page.error.message);
    for (let index = 0; index < page.value.length; index++)
      byTime.set(page.value.openTimeMs[index]!, candleAt(page.value, index));
  }
  const series = seriesFromCandles([...byTime.values()].sort((a, b) => a.openTimeMs - b.openTimeMs));
  return series.ok ? series : failure(`candle ${series.error.index} is invalid: ${series.error.problem}`);
}

function summarise({ ensembleId, recent, features }: DriftReport) {
  const { fromMs, toMs, rows, symbols } = recent;
  const bounded = features.map(({ name, psi, interval }) => ({ name, psi, low: interval!.low }));
  return {
    ensembleId,
    fromMs,
    toMs,
    rows,
    symbols: [...symbols],
    drifted: bounded.filter(({ low }) => low > SIGNIFICANT_ABOVE).length,
    features: bounded.sort((a, b) => b.low - a.low).slice(0, FEATURES_NAMED),
  };
}
