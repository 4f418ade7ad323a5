// What a backtest costs: symbol-bars per second with cached predictions, with the models running, and whether twice the
// bars or twice the symbols cost twice the time.
import { createOnnxModelRuntime } from '../lib/adapters/onnx/onnx-model-runtime.ts';
import { invariant } from '../lib/core/invariant.ts';
import { BAR_MS } from '../lib/market/candle.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../lib/market/candle-series.ts';
import { ROW_WINDOW_BARS, SEQUENCE_STEPS } from '../lib/market/grid.ts';
import { OUTPUT_WIDTH } from '../lib/models/model-output.ts';
import { createEnsembleProvider } from '../lib/models/use-cases/load-ensemble.ts';
import type { LoadedEnsemble } from '../lib/models/use-cases/loaded-ensemble.ts';
import { decideBars } from '../lib/research/replay/decided-bars.ts';
import { type Predictions, predictSymbol } from '../lib/research/use-cases/predictions.ts';
import { replayPast } from '../lib/runtime/compose/research/backtest.ts';
import { openModels } from '../lib/runtime/compose/research/recorded-input.ts';
import { generateMarket } from '../local/market/generated-market.ts';

const SYMBOLS = 100;
/** Two days. */
const BARS = 576;
/** Symbols whose answers are timed with the models: more would only take longer. */
const ASKED_SYMBOLS = 10;
const WARM_UP_BARS = ROW_WINDOW_BARS + SEQUENCE_STEPS;
/** One answer in this many is turned into one that acts: the starter on recorded candles acts on one bar in about 1,800. */
const ACTS_EVERY = 1_000;
const TURNS = 3;
/** 2024-01-01T00:00Z */
const FIRST_MS = 1_704_067_200_000;
const FROM_MS = FIRST_MS + WARM_UP_BARS * BAR_MS;

export interface BacktestBenchmark {
  /** Decisions, gate, orders and stops, on one core. */
  readonly cachedSymbolBarsPerSecond: number;
  /** The same with features and models of the starter ensemble. */
  readonly withModelsSymbolBarsPerSecond: number;
  /** Time for twice the bars, and for twice the symbols, over the time for once; 2 is linear. */
  readonly twiceTheBars: number;
  readonly twiceTheSymbols: number;
  readonly trades: number;
}

interface Past {
  readonly series: ReadonlyMap<string, CandleSeries>;
  readonly predictions: readonly Predictions[];
}

/** Throws when cost is far from linear in bars or symbols. */
export async function benchBacktest(): Promise<BacktestBenchmark> {
  const store = openModels(undefined);
  const ensembles = createEnsembleProvider({ store, runtime: createOnnxModelRuntime() });
  const current = await ensembles.current();
  invariant(current.ok, 'the starter ensemble cannot be read');
  const loaded = current.value;
  try {
    const market = generateMarket({
      seed: 3,
      symbols: SYMBOLS,
      fromMs: FIRST_MS,
      bars: WARM_UP_BARS + 2 * BARS,
    });
    const candles = new Map(market.symbols.map((symbol) => [symbol, market.candles(symbol)]));
    const asked = await askModels(loaded, candles);
    // The time depends on how often predictions act, not on what they are.
    const predictions = [...candles.keys()].map((symbol, index) =>
      answersOf(symbol, candles.get(symbol)!, { loaded, index }),
    );
    const past = { series: candles, predictions };
    const half = SYMBOLS / 2;
    const trade = (size: { symbols: number; bars: number }) => () =>
      timeReplay(past, { ...size, loaded, store });
    const [once, bars, symbols] = await fastest([
      trade({ symbols: half, bars: BARS }),
      trade({ symbols: half, bars: 2 * BARS }),
      trade({ symbols: SYMBOLS, bars: BARS }),
    ]);
    const cachedMs = symbols!.elapsedMs / (SYMBOLS * BARS);
    const twiceTheBars = bars!.elapsedMs / once!.elapsedMs;
    const twiceTheSymbols = symbols!.elapsedMs / once!.elapsedMs;
    invariant(twiceTheBars < 3 && twiceTheSymbols < 3, `not linear: ${twiceTheBars}, ${twiceTheSymbols}`);
    return {
      cachedSymbolBarsPerSecond: 1_000 / cachedMs,
      withModelsSymbolBarsPerSecond: 1_000 / (cachedMs + asked),
      twiceTheBars,
      twiceTheSymbols,
      trades: symbols!.trades,
    };
  } finally {
    await loaded.release();
    await ensembles.close();
  }
}

/** ms per symbol-bar. */
async function askModels(
  loaded: LoadedEnsemble,
  candles: ReadonlyMap<string, CandleSeries>,
): Promise<number> {
  const symbols = [...candles.keys()].slice(0, ASKED_SYMBOLS);
  const range = { fromMs: FROM_MS, toMs: FROM_MS + BARS * BAR_MS };
  const startMs = performance.now();
  for (const symbol of symbols) {
    const predictions = await predictSymbol(loaded, symbol, { candles: candles.get(symbol)!, range });
    invariant(predictions.ok && predictions.value.openTimeMs.length === BARS, `${symbol} was not decided`);
  }
  return (performance.now() - startMs) / (symbols.length * BARS);
}

/** Answers that act at one bar in ACTS_EVERY and otherwise lean too little to pay the costs. */
function answersOf(
  symbol: string,
  candles: CandleSeries,
  { loaded, index }: { loaded: LoadedEnsemble; index: number },
): Predictions {
  const first = countUntil(candles, FROM_MS - 1);
  const members = loaded.ensemble.members.length;
  const close = candles.close.slice(first);
  const answers = new Float64Array(close.length * members * OUTPUT_WIDTH);
  for (let row = 0; row < close.length; row++) {
    const acts = (row * 7 + index * 131) % ACTS_EVERY === 0;
    const answer = acts ? [0.05, 0.05, 0.9, 0.85, 0.5] : [0.33, 0.33, 0.34, 0.01, 0.8];
    for (let member = 0; member < members; member++)
      answers.set(answer, (row * members + member) * OUTPUT_WIDTH);
  }
  return {
    symbol,
    openTimeMs: candles.openTimeMs.slice(first),
    close,
    atr: close.map((price) => price / 300),
    stopAtr: close.map((price) => price / 30),
    answers,
    abstentions: new Uint8Array(close.length * members),
  };
}

async function timeReplay(
  past: Past,
  context: {
    symbols: number;
    bars: number;
    loaded: LoadedEnsemble;
    store: ReturnType<typeof openModels>;
  },
): Promise<{ elapsedMs: number; trades: number }> {
  const { loaded, bars } = context;
  const toMs = FROM_MS + bars * BAR_MS;
  const names = [...past.series.keys()].slice(0, context.symbols);
  const series = new Map(
    names.map((symbol) => {
      const candles = past.series.get(symbol)!;
      return [symbol, sliceSeries(candles, 0, countUntil(candles, toMs - 1))];
    }),
  );
  const startMs = performance.now();
  const decided = names.map((symbol, index) =>
    decideBars(past.predictions[index]!, series.get(symbol)!, loaded.ensemble),
  );
  const report = await replayPast(
    { fromMs: FROM_MS, toMs, depositUsdt: 10_000, withBreaker: false },
    {
      past: {
        series,
        decided,
        predictions: async () => past.predictions.slice(0, context.symbols),
        abstentions: {},
        symbolProblems: [],
      },
      ensemble: loaded.ensemble,
      servedModels: loaded.serving.length,
      quarantined: loaded.quarantined,
      trainedToMs: 0,
      objects: context.store,
    },
  );
  const elapsedMs = performance.now() - startMs;
  invariant(report.trades.length > 0, 'nothing was traded');
  return { elapsedMs, trades: report.trades.length };
}

/** The fastest run of each, taking turns: a busy machine then slows all of them alike. */
async function fastest<T extends { elapsedMs: number }>(
  candidates: readonly (() => Promise<T>)[],
): Promise<T[]> {
  const best: T[] = [];
  for (let turn = 0; turn < TURNS; turn++)
    for (const [index, run] of candidates.entries()) {
      const measured = await run();
      if (best[index] === undefined || measured.elapsedMs < best[index].elapsedMs) best[index] = measured;
    }
  return best;
}
