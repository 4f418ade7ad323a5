// What a decision costs without the network: 998 candles of 100 symbols to signals, through the code that serves.
import { createFolderObjectStore } from '../lib/adapters/files/folder-object-store.ts';
import { createOnnxModelRuntime } from '../lib/adapters/onnx/onnx-model-runtime.ts';
import { invariant } from '../lib/core/invariant.ts';
import { computeFeatures } from '../lib/features/compute-features.ts';
import { askModels, type SymbolRow, toSymbolRow } from '../lib/inference/use-cases/ask-models.ts';
import { betaToBitcoin } from '../lib/market/beta.ts';
import type { CandleSeries } from '../lib/market/candle-series.ts';
import { checkWindow, REQUEST_BARS, SEQUENCE_STEPS } from '../lib/market/grid.ts';
import { newestTimeframeAtr } from '../lib/market/timeframe-atr.ts';
import { STOP_TIMEFRAMES } from '../lib/models/stop-timeframe.ts';
import { createEnsembleProvider } from '../lib/models/use-cases/load-ensemble.ts';
import type { LoadedEnsemble } from '../lib/models/use-cases/loaded-ensemble.ts';
import { STARTER_MODELS_FOLDER } from '../lib/runtime/config/starter-models.ts';
import { generateMarket } from '../local/market/generated-market.ts';

const SYMBOLS = 100;
const RUNS = 31;
const WARM_UP_RUNS = 5;

export interface InferBenchmark {
  readonly models: number;
  /** Loading and verifying the ensemble, sessions and golden vectors included; once per cold start. */
  readonly loadMs: number;
  /** Features and models for 100 symbols: median over the runs. */
  readonly p50Ms100Symbols: number;
  /** One symbol's own features, and its share of the models' batch: 99th percentile over symbols and runs. */
  readonly p99MsPerSymbol: number;
  readonly rssMb: number;
  /** The models alone, medians. */
  readonly modelsMs100Rows: number;
  readonly modelsMs1000Rows: number;
  /** The models and what is decided of their answers, beta to Bitcoin included; median. */
  readonly decisionsMs100Rows: number;
  /** CPU of features and models of 100 symbols: a bar besides the network and the stores. */
  readonly cycleCpuMs100Symbols: number;
}

export async function benchInfer(): Promise<InferBenchmark> {
  const market = generateMarket({
    seed: 5,
    symbols: SYMBOLS,
    fromMs: Date.UTC(2024, 0, 1),
    bars: REQUEST_BARS,
  });
  const windows = market.symbols.map((symbol) => ({ symbol, series: market.candles(symbol) }));
  const ensembles = createEnsembleProvider({
    store: createFolderObjectStore(STARTER_MODELS_FOLDER),
    runtime: createOnnxModelRuntime(),
  });
  const loadStartedMs = performance.now();
  const loaded = await ensembles.current();
  const loadMs = performance.now() - loadStartedMs;
  invariant(loaded.ok && loaded.value.quarantined.length === 0, 'the starter models do not load');

  const totalsMs: number[] = [];
  const perSymbolMs: number[] = [];
  const cpuMs: number[] = [];
  for (let run = -WARM_UP_RUNS; run < RUNS; run++) {
    const featuresMs: number[] = [];
    const startedMs = performance.now();
    const cpuBefore = process.cpuUsage();
    const rows = windows.map(({ symbol, series }) => {
      const symbolStartedMs = performance.now();
      const row = toRow(symbol, series);
      featuresMs.push(performance.now() - symbolStartedMs);
      return row;
    });
    const modelsStartedMs = performance.now();
    const { signals } = await askModels(loaded.value, rows);
    const endedMs = performance.now();
    invariant(signals.length === SYMBOLS, 'a symbol has no signal');
    if (run < 0) continue;
    totalsMs.push(endedMs - startedMs);
    const { user, system } = process.cpuUsage(cpuBefore);
    cpuMs.push((user + system) / 1_000);
    const shareMs = (endedMs - modelsStartedMs) / SYMBOLS;
    perSymbolMs.push(...featuresMs.map((ms) => ms + shareMs));
  }
  const rows = windows.map(({ symbol, series }) => toRow(symbol, series));
  const thousand = Array.from({ length: 10 }, () => rows).flat();
  const decisionsMs100Rows = await medianMs(() => askModels(loaded.value, rows));
  const modelsMs100Rows = await medianMs(runModels(loaded.value, rows));
  const modelsMs1000Rows = await medianMs(runModels(loaded.value, thousand));
  await loaded.value.release();
  const { length: models } = loaded.value.serving;
  await ensembles.close();
  return {
    models,
    loadMs,
    p50Ms100Symbols: quantile(totalsMs, 0.5),
    p99MsPerSymbol: quantile(perSymbolMs, 0.99),
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    modelsMs100Rows,
    modelsMs1000Rows,
    decisionsMs100Rows,
    cycleCpuMs100Symbols: quantile(cpuMs, 0.5),
  };
}

/** All models on rows that are put together already. */
function runModels({ serving }: LoadedEnsemble, rows: readonly SymbolRow[]): () => Promise<void> {
  const join = (parts: readonly Float32Array[]) => Float32Array.from(parts.flatMap((part) => [...part]));
  const tabular = join(rows.map((row) => row.tabular));
  const sequence = join(rows.flatMap((row) => row.sequence ?? []));
  return async () => {
    for (const member of serving)
      await member.predict(member.input.kind === 'tabular' ? tabular : sequence, rows.length);
  };
}

async function medianMs(work: () => Promise<unknown>): Promise<number> {
  const durationsMs: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const startedMs = performance.now();
    await work();
    durationsMs.push(performance.now() - startedMs);
  }
  return quantile(durationsMs, 0.5);
}

function toRow(symbol: string, series: CandleSeries): SymbolRow {
  const window = checkWindow(series, series.openTimeMs[series.length - 1]!);
  invariant(window.ok && window.value.hasSequence, `${symbol} has no row`);
  const { grid } = window.value;
  const features = computeFeatures(grid, { from: grid.length - SEQUENCE_STEPS, to: grid.length });
  const newest = grid.length - 1;
  return toSymbolRow(symbol, features, {
    barOpenTimeMs: grid.openTimeMs[newest]!,
    close: grid.close[newest]!,
    longerAtrOf: (timeframe) => newestTimeframeAtr(grid, STOP_TIMEFRAMES[timeframe]),
    betaToBitcoin: () => betaToBitcoin(series, series, grid.openTimeMs[newest]!),
  });
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1]!;
}
