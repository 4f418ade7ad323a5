// The figures of everyone who answers: each model of the ensemble, and the ensemble itself.
import type { ObjectStore } from '../../core/ports.ts';
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import { manifestKey } from '../../models/ensemble.ts';
import { parseManifest } from '../../models/parse-document.ts';
import type { LoadedEnsemble } from '../../models/use-cases/loaded-ensemble.ts';
import type {
  EnsembleFigures,
  InSample,
  ModelFigures,
  ProbabilityFigures,
  SymbolFigures,
} from '../evaluation.ts';
import type { ActedEdge } from '../metrics/acted-edge.ts';
import {
  type ClassPrior,
  evaluateProbabilities,
  type ProbabilityEvaluation,
} from '../metrics/evaluate-probabilities.ts';
import { type CollectedAnswers, ENSEMBLE_VOTER, rowsAnsweredBy } from './collect-answers.ts';

export interface AnsweredRows {
  readonly loaded: LoadedEnsemble;
  readonly answers: CollectedAnswers;
}

export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Fee and slippage of both sides, basis points. */
export const roundTripBps = ({ ensemble }: LoadedEnsemble): number =>
  2 * (ensemble.costs.feeBps + ensemble.costs.slippageBps);

export async function evaluateMembers(
  store: ObjectStore,
  { loaded, answers }: AnsweredRows,
  context: { prior: ClassPrior; fromMs: number; toMs: number },
): Promise<Record<string, ModelFigures>> {
  const { label, members } = loaded.ensemble;
  const { agreementXgbLgbm } = answers.tally.summary();
  const models: Record<string, ModelFigures> = {};
  for (const { name, version, weight } of members) {
    const quarantined = loaded.quarantined.find(({ model }) => model === name);
    const training = quarantined === undefined ? await trainingRange(store, { name, version }) : undefined;
    const { abstentions, actions, meanConfidence, consensusRate } = answers.votes.get(name)!.summary();
    const { figures } = evaluateVoter(answers, { voter: name, horizonBars: label.horizonBars, ...context });
    models[name] = {
      version,
      weight,
      training,
      inSample: training && compareRanges(context, training),
      quarantined: quarantined && { reason: quarantined.reason, message: quarantined.message },
      abstentions,
      ...figures,
      agreementXgbLgbm: name === 'xgboost' || name === 'lightgbm' ? agreementXgbLgbm : undefined,
      consensusRate,
      meanConfidence,
      actions,
    };
  }
  return models;
}

/** The manifest was verified when the model was loaded; undefined when it has disappeared since. */
async function trainingRange(store: ObjectStore, model: { name: string; version: string }) {
  const stored = await store.get(manifestKey(model));
  const manifest = stored && parseManifest(stored.body, manifestKey(model));
  if (!manifest?.ok) return undefined;
  const { fromMs, toMs } = manifest.value.training;
  return { fromMs, toMs };
}

/** How far evaluated bars lie within a training range, both ends inclusive. */
function compareRanges(bars: TimeSpan, training: TimeSpan): InSample {
  if (bars.fromMs > training.toMs || bars.toMs < training.fromMs) return false;
  return bars.fromMs >= training.fromMs && bars.toMs <= training.toMs ? true : 'partly';
}

/** The ensemble has seen whatever one serving model has seen. */
export function combineInSample(models: readonly Pick<ModelFigures, 'inSample'>[]): InSample {
  const seen = models.map(({ inSample }) => inSample);
  if (seen.includes(true)) return true;
  return seen.includes('partly') ? 'partly' : false;
}

function evaluateVoter(
  { blocks }: CollectedAnswers,
  options: { voter: string; prior: ClassPrior; horizonBars: number },
): { figures: ProbabilityFigures; bySymbol: ProbabilityEvaluation['bySymbol'] } {
  const evaluated = evaluateProbabilities(rowsAnsweredBy(blocks, options.voter), options);
  const { scores, direction } = evaluated ?? {};
  return {
    bySymbol: evaluated?.bySymbol ?? [],
    figures: {
      rows: scores?.rows ?? 0,
      logLoss: scores?.logLoss,
      priorLogLoss: scores?.priorLogLoss,
      volatilityLogLoss: scores?.volatilityLogLoss,
      priorVolatilityLogLoss: scores?.priorVolatilityLogLoss,
      directionLogLoss: scores?.directionLogLoss,
      priorDirectionLogLoss: scores?.priorDirectionLogLoss,
      brier: scores?.brier,
      ece: scores?.ece,
      auc: evaluated?.auc ?? { sell: undefined, hold: undefined, buy: undefined },
      rankIc: direction?.mean,
      rankIcT: evaluated?.directionT,
      rankIcTKind: evaluated?.directionTKind,
      rankIcTByDay: direction?.tByDay,
      rankIcTNeweyWest: direction?.tNeweyWest,
      rankIcBars: direction?.bars ?? 0,
      reliability: evaluated?.reliability ?? [],
      weeks: evaluated?.weeks ?? [],
      days: direction?.byDay ?? [],
    },
  };
}

export function evaluateEnsemble(
  { loaded, answers }: AnsweredRows,
  { prior, drawIndex }: { prior: ClassPrior; drawIndex: DrawIndex },
): EnsembleFigures {
  const { label } = loaded.ensemble;
  const costsBps = roundTripBps(loaded);
  const summary = answers.tally.summary();
  const { figures, bySymbol } = evaluateVoter(answers, {
    voter: ENSEMBLE_VOTER,
    prior,
    horizonBars: label.horizonBars,
  });
  const symbols = bySymbol.map(({ symbol, ...scores }): SymbolFigures => {
    const block = answers.blocks[symbol]!;
    const { grossBps, netBps }: ActedEdge = block.edge.summary({ costsBps, drawIndex });
    return { symbol: block.symbol, ...scores, actions: block.tally.summary().actions, grossBps, netBps };
  });
  return {
    ...figures,
    agreementXgbLgbm: summary.agreementXgbLgbm,
    consensusRate: summary.consensusRate,
    meanConfidence: summary.meanConfidence,
    actions: summary.actions,
    confidence: answers.confidence.summary(),
    meanConsensus: summary.meanConsensus,
    abstained: summary.abstained,
    edge: answers.edge.summary({ costsBps, drawIndex }),
    bySymbol: symbols,
  };
}
