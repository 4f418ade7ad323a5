// Pasts made by hand for backtests: candles as written, and what two models are taken to have answered at them.

import { BAR_MS } from '../../../lib/market/candle.ts';
import { type CandleSeries, seriesFromCandles } from '../../../lib/market/candle-series.ts';
import { ensembleKey, POINTER_KEY } from '../../../lib/models/ensemble.ts';
import { decideBars } from '../../../lib/research/replay/decided-bars.ts';
import { allocatePredictions, type Predictions } from '../../../lib/research/use-cases/predictions.ts';
import { type BacktestQuery, replayPast } from '../../../lib/runtime/compose/research/backtest.ts';
import type { ReplayInput } from '../../../lib/runtime/compose/research/past.ts';
import { createMemoryObjectStore } from '../models/memory-object-store.ts';
import { ensembleOf } from '../models/sample-ensemble.ts';

export const FROM_MS = Date.UTC(2024, 0, 2);
export const FLAT = [100, 100, 100, 100] as const;
/** Bars before the first one traded, as many as a beta needs: two decimals in prices, three in volumes. */
const HISTORY = Array.from({ length: 900 }, () => [100, 100.25, 99.75, 100] as const);

export type Bar = readonly [open: number, high: number, low: number, close: number];
export type Wish = 'BUY' | 'SELL';

export const memberOf = (name: string) => ({
  name,
  version: 'v20240101_000000',
  sha256: '0'.repeat(64),
  manifestSha256: '0'.repeat(64),
  versionId: null,
  weight: 1,
});

export const ENSEMBLE = ensembleOf([memberOf('lightgbm'), memberOf('xgboost')], {
  id: 'e20240101_000000',
  label: { kind: 'triple_barrier', horizonBars: 3, atrMultiple: 2, minBarrierBps: 30 },
  edgeThresholdBps: 0,
  confidence: { scores: [-1, 1], probabilities: [0.2, 0.8], rows: 1000, days: 30 },
  stopAtrMultiple: 1.2,
  holdBars: 3,
});

function seriesOf(bars: readonly Bar[], firstMs: number): CandleSeries {
  const series = seriesFromCandles(
    bars.map(([open, high, low, close], index) => ({
      openTimeMs: firstMs + index * BAR_MS,
      open,
      high,
      low,
      close,
      volume: 1.001,
    })),
  );
  if (!series.ok) throw new Error(series.error.problem);
  return series.value;
}

/** The first of `bars` opens at FROM_MS. */
export const pastOf = (bars: readonly Bar[]): CandleSeries =>
  seriesOf([...HISTORY, ...bars], FROM_MS - HISTORY.length * BAR_MS);

/** Moves up and down, for betas to be measured against: that of a symbol with a flat history is none. */
const BITCOIN = seriesOf(
  Array.from({ length: HISTORY.length + 2_000 }, (_, bar) => {
    const [open, close] = [bar, bar + 1].map((at) => 50_000 + 500 * Math.sin(at / 7));
    return [open!, Math.max(open!, close!), Math.min(open!, close!), close!] as const;
  }),
  FROM_MS - HISTORY.length * BAR_MS,
);

/** Answers at every bar from `fromMs` on: both models sure of the wish, or leaning too little to pay the costs. Both ATRs are 1. */
export function answersOf(
  symbol: string,
  candles: CandleSeries,
  wishes: Readonly<Record<number, Wish>>,
  fromMs = FROM_MS,
): Predictions {
  const skipped = candles.openTimeMs.findIndex((ms) => ms >= fromMs);
  const predictions = allocatePredictions(symbol, { rows: candles.length - skipped, members: 2 });
  for (let row = 0; row < predictions.openTimeMs.length; row++) {
    predictions.openTimeMs[row] = candles.openTimeMs[skipped + row]!;
    predictions.close[row] = candles.close[skipped + row]!;
    predictions.atr[row] = 1;
    predictions.stopAtr[row] = 1;
    const wish = wishes[row];
    const answer =
      wish === undefined
        ? [0.33, 0.33, 0.34, 0.01, 0.8]
        : wish === 'BUY'
          ? [0.1, 0.1, 0.8, 0.7, 0.6]
          : [0.8, 0.1, 0.1, -0.7, 0.6];
    predictions.answers.set([...answer, ...answer], row * 10);
  }
  return predictions;
}

type SymbolPasts = Readonly<Record<string, { candles: CandleSeries; predictions: Predictions }>>;

/** What a replay of these symbols reads. */
export async function replayInputOf(symbols: SymbolPasts, trainedToMs = 0): Promise<ReplayInput> {
  const objects = createMemoryObjectStore({ versioned: false });
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  await objects.put(ensembleKey(ENSEMBLE.id), json(ENSEMBLE));
  await objects.put(POINTER_KEY, json({ ensembleId: ENSEMBLE.id }));
  return {
    past: {
      bitcoin: symbols.BTCUSDT?.candles ?? BITCOIN,
      series: new Map(Object.entries(symbols).map(([symbol, past]) => [symbol, past.candles])),
      decided: Object.values(symbols).map((past) => decideBars(past.predictions, past.candles, ENSEMBLE)),
      predictions: async () => Object.values(symbols).map(({ predictions }) => predictions),
      abstentions: {},
      symbolProblems: [],
    },
    ensemble: ENSEMBLE,
    servedModels: 2,
    quarantined: [],
    trainedToMs,
    objects,
  };
}

/** Trades a past of some symbols, over all bars from FROM_MS on unless told otherwise. */
export async function replay(
  symbols: SymbolPasts,
  query: Partial<Pick<BacktestQuery, 'fromMs' | 'toMs' | 'withBreaker' | 'settings'>> & {
    trainedToMs?: number;
  } = {},
) {
  const candles = Object.values(symbols)[0]!.candles;
  const { trainedToMs, ...range } = query;
  const toMs = candles.openTimeMs[candles.length - 1]! + BAR_MS;
  return replayPast(
    { fromMs: FROM_MS, toMs, depositUsdt: 10_000, withBreaker: false, ...range },
    await replayInputOf(symbols, trainedToMs),
  );
}
