// Use case: is the candidate better than the active ensemble? Both answer the same labelled rows through the serving code, on bars
// that neither was trained on; the difference of their log-losses is tested by day.

import { failure, type Result, success } from '../../core/result.ts';
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import type { Signal } from '../../inference/signal.ts';
import { askModels, type SymbolRow } from '../../inference/use-cases/ask-models.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleSource } from '../../market/ports.ts';
import type { EnsembleComparison } from '../../models/ensemble-comparison.ts';
import { labelSchema } from '../../models/manifest.ts';
import { openEnsemble } from '../../models/use-cases/load-ensemble.ts';
import type { ModelSource } from '../../models/use-cases/load-model.ts';
import type { LoadedEnsemble } from '../../models/use-cases/loaded-ensemble.ts';
import { type ClassIndex, rowLogLoss } from '../metrics/classification.ts';
import { PairedLossTally } from '../metrics/paired-comparison.ts';
import { type LabelledBars, labelledBars } from './labelled-bars.ts';

/** Candles to compare on. */
export interface TestCandles {
  readonly source: CandleSource;
  readonly symbols: readonly string[];
  /** Without `fromMs` it starts after both ensembles' training. */
  readonly range: OpenTimeRange;
  readonly drawIndex: DrawIndex;
  readonly onProgress: (progress: { done: number; of: number; symbol: string }) => void;
}

const LABEL_FIELDS = labelSchema.keyof().options;
const DRAWS = 2000;
const LEVEL = 0.95;
/** Rows per call of the models: PatchTST's memory grows with it. */
const BATCH_ROWS = 100;
const UNIFORM_LOSS = Math.log(3);

interface Pair<T> {
  readonly champion: T;
  readonly challenger: T;
}

/** Fails with one line of why the two cannot be compared on these candles. */
export async function compareEnsembles(
  source: ModelSource,
  compared: { championId: string; challengerId: string; candles: TestCandles },
): Promise<Result<EnsembleComparison, string>> {
  const champion = await openEnsemble(source, compared.championId);
  if (!champion.ok) return failure(`the active ensemble: ${champion.error.message}`);
  try {
    const challenger = await openEnsemble(source, compared.challengerId);
    if (!challenger.ok) return failure(`the candidate: ${challenger.error.message}`);
    try {
      return await compareLoaded(
        { champion: champion.value, challenger: challenger.value },
        compared.candles,
      );
    } finally {
      await challenger.value.release();
    }
  } finally {
    await champion.value.release();
  }
}

async function compareLoaded(
  pair: Pair<LoadedEnsemble>,
  candles: TestCandles,
): Promise<Result<EnsembleComparison, string>> {
  const range = rangeAfterTraining(pair, candles.range);
  if (!range.ok) return range;
  const label = pair.champion.ensemble.label;
  const differing = LABEL_FIELDS.find((field) => label[field] !== pair.challenger.ensemble.label[field]);
  if (differing !== undefined)
    return failure(`the two predict different labels (${differing}): their log-losses cannot be compared`);

  const tally = createTally();
  const problems: string[] = [];
  for (const [index, symbol] of candles.symbols.entries()) {
    const read = await candles.source.read(symbol);
    const bars = read.ok
      ? labelledBars(symbol, read.value, { range: range.value, label, withSequences: true })
      : read;
    if (bars.ok) await compareSymbol(pair, bars.value, { strideBars: label.horizonBars, tally });
    else problems.push(`${symbol}: ${bars.error}`);
    candles.onProgress({ done: index + 1, of: candles.symbols.length, symbol });
  }
  const figures = tally.figures(candles.drawIndex);
  if (figures === undefined)
    return failure('these candles have no row in that range on which both can be evaluated');
  return success({
    ...figures,
    championId: pair.champion.ensemble.id,
    challengerId: pair.challenger.ensemble.id,
    fromMs: range.value.fromMs,
    toMs: range.value.toMs ?? null,
    problems,
  });
}

/** The requested range, which must start after the training data of every serving model of both, labels included. */
function rangeAfterTraining(
  { champion, challenger }: Pair<LoadedEnsemble>,
  requested: OpenTimeRange,
): Result<{ fromMs: number; toMs: number | undefined }, string> {
  const models = [...champion.serving, ...challenger.serving];
  if (models.length === 0) return failure('no model of either ensemble can be loaded');
  const trainedToMs = Math.max(...models.map((model) => model.trainedToMs));
  const fromMs = requested.fromMs ?? trainedToMs + BAR_MS;
  if (fromMs > trainedToMs) return success({ fromMs, toMs: requested.toMs });
  return failure(
    `the range starts at ${new Date(fromMs).toISOString()}, but a model was trained on bars up to ` +
      `${new Date(trainedToMs).toISOString()}: start after that`,
  );
}

/** Rows one horizon apart, at the same bars for all symbols: rows between share their future and add cost, not evidence. */
async function compareSymbol(
  pair: Pair<LoadedEnsemble>,
  bars: LabelledBars,
  { strideBars, tally }: { strideBars: number; tally: LossTally },
): Promise<void> {
  const chosen = [...bars.classes.keys()].filter(
    (index) => (bars.grid.openTimeMs[bars.bars[index]!]! / BAR_MS) % strideBars === 0,
  );
  for (let start = 0; start < chosen.length; start += BATCH_ROWS) {
    const batch = chosen.slice(start, start + BATCH_ROWS);
    const rows = batch.map((index) => bars.row(index));
    const champion = await askModels(pair.champion, rows);
    const challenger = await askModels(pair.challenger, rows);
    batch.forEach((index, row) => {
      const label = bars.classes[index] as ClassIndex;
      tally.add(rows[row]!, label, {
        champion: champion.signals[row]!,
        challenger: challenger.signals[row]!,
      });
    });
  }
}

type LossTally = ReturnType<typeof createTally>;

function createTally() {
  const paired = new PairedLossTally();
  const losses = { champion: 0, challenger: 0 };
  const unanswered = { champion: 0, challenger: 0 };
  const lossOf = (side: keyof typeof losses, { probabilities }: Signal, label: ClassIndex): number => {
    if (probabilities === null) unanswered[side]++;
    const loss =
      probabilities === null
        ? UNIFORM_LOSS
        : rowLogLoss([probabilities.sell, probabilities.hold, probabilities.buy], 0, label);
    losses[side] += loss;
    return loss;
  };
  return {
    add({ barOpenTimeMs }: SymbolRow, label: ClassIndex, signals: Pair<Signal>): void {
      const championLoss = lossOf('champion', signals.champion, label);
      const challengerLoss = lossOf('challenger', signals.challenger, label);
      paired.add({ barOpenTimeMs, championLoss, challengerLoss });
    },
    /** undefined without rows. */
    figures(drawIndex: DrawIndex) {
      const comparison = paired.compare({ draws: DRAWS, level: LEVEL, drawIndex });
      if (comparison === undefined) return undefined;
      return {
        ...comparison,
        championLogLoss: losses.champion / comparison.rows,
        challengerLogLoss: losses.challenger / comparison.rows,
        championUnanswered: unanswered.champion,
        challengerUnanswered: unanswered.challenger,
      };
    },
  };
}
