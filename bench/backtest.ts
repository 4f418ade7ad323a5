// What a backtest costs: symbol-bars per second of one core with cached predictions, when it trades now and then and when it trades all
// the time, and with the models running; and whether more bars or symbols cost more than their share.
import { createOnnxModelRuntime } from '../lib/adapters/onnx/onnx-model-runtime.ts';
import { invariant } from '../lib/core/invariant.ts';
import { BAR_MS } from '../lib/market/candle.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../lib/market/candle-series.ts';
import { ROW_WINDOW_BARS, SEQUENCE_STEPS } from '../lib/market/grid.ts';
import { createEnsembleProvider } from '../lib/models/use-cases/load-ensemble.ts';
import type { LoadedEnsemble } from '../lib/models/use-cases/loaded-ensemble.ts';
import { decideBars } from '../lib/research/replay/decided-bars.ts';
import { predictSymbol } from '../lib/research/use-cases/predictions.ts';
import { replayColumns } from '../lib/runtime/compose/research/backtest.ts';
import { openModels } from '../lib/runtime/compose/research/recorded-input.ts';
import { generateMarket } from '../local/market/generated-market.ts';
import { MADE_UP_ENSEMBLE, makeAnswers } from './made-up-answers.ts';

const SYMBOLS = 100;
const SYMBOLS_MAX = 1_000;
/** Two days. */
const BARS = 576;
/** Symbols whose answers are timed with the models: more would only take longer. */
const ASKED_SYMBOLS = 5;
const WARM_UP_BARS = ROW_WINDOW_BARS + SEQUENCE_STEPS;
/** One answer in so many acts: the starter on recorded candles acts on one bar in about 1,800. */
const FEW = 1_800;
const MANY = 50;
const TURNS = 5;
/** 2024-01-01T00:00Z */
const FIRST_MS = 1_704_067_200_000;
const FROM_MS = FIRST_MS + WARM_UP_BARS * BAR_MS;

export interface BacktestBenchmark {
  /** Symbol-bars per second of CPU: decisions, gate, orders and stops. */
  readonly fewTradesPerSecond: number;
  readonly manyTradesPerSecond: number;
  readonly manyTrades: number;
  /** The same with features and models of the starter ensemble. */
  readonly withModelsPerSecond: number;
  /** CPU for more bars, and for more symbols than 100, over that for once; 2, 4, 5 and 10 are linear. */
  readonly twiceTheBars: number;
  readonly fourTimesTheBars: number;
  readonly fiveTimesTheSymbols: number;
  readonly tenTimesTheSymbols: number;
}

interface Market {
  readonly symbols: readonly string[];
  readonly series: ReadonlyMap<string, CandleSeries>;
}

export async function benchBacktest(): Promise<BacktestBenchmark> {
  const ensembles = createEnsembleProvider({
    store: openModels(undefined),
    runtime: createOnnxModelRuntime(),
  });
  const current = await ensembles.current();
  invariant(current.ok, 'the starter ensemble cannot be read');
  const loaded = current.value;
  try {
    const generated = generateMarket({
      seed: 3,
      symbols: SYMBOLS_MAX,
      fromMs: FIRST_MS,
      bars: WARM_UP_BARS + 4 * BARS,
    });
    const { symbols } = generated;
    const series = new Map(symbols.map((symbol) => [symbol, generated.candles(symbol)]));
    const market = { symbols, series };
    const asked = await askModels(loaded, market);
    const trade = (size: { symbols: number; bars: number; actsEvery: number }) => pastOf(market, size);
    const [few, many, twice, fourTimes, five, ten] = await cheapest([
      trade({ symbols: SYMBOLS, bars: BARS, actsEvery: FEW }),
      trade({ symbols: SYMBOLS, bars: BARS, actsEvery: MANY }),
      trade({ symbols: SYMBOLS, bars: 2 * BARS, actsEvery: MANY }),
      trade({ symbols: SYMBOLS, bars: 4 * BARS, actsEvery: MANY }),
      trade({ symbols: 5 * SYMBOLS, bars: BARS, actsEvery: MANY }),
      trade({ symbols: 10 * SYMBOLS, bars: BARS, actsEvery: MANY }),
    ]);
    const perSecond = (cpuMs: number) => (1_000 * SYMBOLS * BARS) / cpuMs;
    return {
      fewTradesPerSecond: perSecond(few!.cpuMs),
      manyTradesPerSecond: perSecond(many!.cpuMs),
      manyTrades: many!.trades,
      withModelsPerSecond: perSecond(many!.cpuMs + asked * SYMBOLS * BARS),
      twiceTheBars: twice!.cpuMs / many!.cpuMs,
      fourTimesTheBars: fourTimes!.cpuMs / many!.cpuMs,
      fiveTimesTheSymbols: five!.cpuMs / many!.cpuMs,
      tenTimesTheSymbols: ten!.cpuMs / many!.cpuMs,
    };
  } finally {
    await loaded.release();
    await ensembles.close();
  }
}

/** ms of CPU that a piece of work takes; unlike the time on a clock, it is much the same on a busy machine. */
async function cpuMsOf<T>(work: () => Promise<T>): Promise<{ cpuMs: number; value: T }> {
  const before = process.cpuUsage();
  const value = await work();
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1_000, value };
}

/** ms of CPU per symbol-bar. */
async function askModels(loaded: LoadedEnsemble, { symbols, series }: Market): Promise<number> {
  const range = { fromMs: FROM_MS, toMs: FROM_MS + BARS * BAR_MS };
  const { cpuMs } = await cpuMsOf(async () => {
    for (const symbol of symbols.slice(0, ASKED_SYMBOLS)) {
      const predictions = await predictSymbol(loaded, symbol, { candles: series.get(symbol)!, range });
      invariant(predictions.ok && predictions.value.openTimeMs.length === BARS, `${symbol} was not decided`);
    }
  });
  return cpuMs / (ASKED_SYMBOLS * BARS);
}

/** Replays the beginning of a market, from the answers of the models on. */
export function pastOf(
  { symbols, series }: Market,
  size: { symbols: number; bars: number; actsEvery: number; fromMs?: number },
) {
  const { fromMs = FROM_MS } = size;
  const toMs = fromMs + size.bars * BAR_MS;
  const past = symbols.slice(0, size.symbols).map((symbol, index) => {
    const candles = series.get(symbol)!;
    const traded = sliceSeries(candles, 0, countUntil(candles, toMs - 1));
    return {
      symbol,
      traded,
      answers: makeAnswers(symbol, traded, { index, fromMs, actsEvery: size.actsEvery }),
    };
  });
  return async () => {
    const { cpuMs, value: run } = await cpuMsOf(() =>
      replayColumns(
        { fromMs, toMs, depositUsdt: 10_000 },
        {
          past: {
            series: new Map(past.map(({ symbol, traded }) => [symbol, traded])),
            // The first symbol stands in for Bitcoin.
            bitcoin: past[0]?.traded,
            decided: past.map(({ answers, traded }) => decideBars(answers, traded, MADE_UP_ENSEMBLE)),
          },
          ensemble: MADE_UP_ENSEMBLE,
        },
      ),
    );
    invariant(run.ok, 'the range cannot be replayed');
    invariant(run.value.trades.length > 0, 'nothing was traded');
    return { cpuMs, trades: run.value.trades.length };
  };
}

/** The run of each that took the least, taking turns: whatever slows the machine then slows all of them alike. */
async function cheapest<T extends { cpuMs: number }>(
  candidates: readonly (() => Promise<T>)[],
): Promise<T[]> {
  const best: T[] = [];
  for (let turn = 0; turn < TURNS; turn++)
    for (const [index, run] of candidates.entries()) {
      const measured = await run();
      if (best[index] === undefined || measured.cpuMs < best[index].cpuMs) best[index] = measured;
    }
  return best;
}
