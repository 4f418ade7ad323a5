// Use case: evaluate the active ensemble and each of its models on any candles, by the serving code: the same features, the same
// verified sessions, the same decision. Labels are the ensemble's own; bars that a model was trained on are reported as such.

import { invariant } from '../../core/invariant.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import type { CandleSource } from '../../market/ports.ts';
import type { EnsembleProvider } from '../../models/use-cases/load-ensemble.ts';
import type { LoadedEnsemble } from '../../models/use-cases/loaded-ensemble.ts';
import type { Evaluation } from '../evaluation.ts';
import { type ClassPrior, classFrequencies } from '../metrics/evaluate-probabilities.ts';
import { describeNothing } from '../symbol-problem.ts';
import { type CollectedAnswers, type CollectRequest, collectAnswers } from './collect-answers.ts';
import { evaluateStrategy } from './evaluate-strategy.ts';
import { combineInSample, evaluateEnsemble, evaluateMembers } from './evaluate-voters.ts';
import { readTrialLog } from './trial-log.ts';

export interface EvaluateDependencies {
  readonly source: CandleSource;
  readonly ensembles: EnsembleProvider;
  /** Holds the ensemble's manifests and the log of trials. */
  readonly store: ObjectStore;
  /** For confidence intervals. */
  readonly drawIndex: DrawIndex;
}

export interface EvaluateRequest
  extends Pick<CollectRequest, 'symbols' | 'everyBars' | 'onProgress' | 'onSignal'> {
  /** Of the evaluated bars; candles before it feed the features, none from `toMs` on is read. */
  readonly range: OpenTimeRange;
}

/** Why nothing can be evaluated; one line. */
export interface EvaluateError {
  readonly code: 'no_ensemble' | 'no_models' | 'no_rows';
  readonly message: string;
}

/** Throws StoreError when the store fails after the ensemble was loaded from it. */
export async function evaluateModels(
  dependencies: EvaluateDependencies,
  request: EvaluateRequest,
): Promise<Result<Evaluation, EvaluateError>> {
  const current = await dependencies.ensembles.current();
  if (!current.ok) return failure({ code: 'no_ensemble', message: current.error.message });
  const loaded = current.value;
  try {
    if (loaded.serving.length === 0) {
      const reasons = loaded.quarantined.map(
        ({ model, reason, message }) => `${model}: ${reason} (${message})`,
      );
      return failure({ code: 'no_models', message: `every model is quarantined: ${reasons.join('; ')}` });
    }
    const answers = await collectAnswers({ ...request, source: dependencies.source, loaded });
    if (answers.blocks.length === 0) return failure({ code: 'no_rows', message: describeNoRows(answers) });
    return success(await evaluate(dependencies, { request, loaded, answers }));
  } finally {
    await loaded.release();
  }
}

async function evaluate(
  { store, drawIndex }: EvaluateDependencies,
  evaluated: { request: EvaluateRequest; loaded: LoadedEnsemble; answers: CollectedAnswers },
): Promise<Evaluation> {
  const { request, loaded, answers } = evaluated;
  const { ensemble } = loaded;
  const prior = priorOf(answers);
  const { fromMs, toMs } = evaluatedRange(answers);
  const models = await evaluateMembers(store, evaluated, { prior, fromMs, toMs });
  return {
    ensembleId: ensemble.id,
    label: ensemble.label,
    inSample: combineInSample(Object.values(models)),
    range: { fromMs, toMs, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() },
    symbols: answers.blocks.map(({ symbol }) => symbol),
    rows: answers.blocks.reduce((sum, { labels }) => sum + labels.length, 0),
    everyBars: request.everyBars,
    prior: { source: 'evaluated_range', frequencies: prior },
    edgeThresholdBps: ensemble.edgeThresholdBps,
    abstentions: answers.dropped,
    symbolProblems: answers.symbolProblems,
    models,
    ensemble: evaluateEnsemble(evaluated, { prior, drawIndex }),
    strategy: evaluateStrategy(evaluated, { fromMs, toMs, drawIndex, log: await readTrialLog(store) }),
  };
}

function describeNoRows({ dropped, symbolProblems }: CollectedAnswers): string {
  const reasons = Object.entries(dropped)
    .filter(([, bars]) => bars > 0)
    .map(([reason, bars]) => `${reason} ${bars}`);
  return `no bar to evaluate (${describeNothing(reasons, symbolProblems)}): check --from, --to and --symbols`;
}

/** Of all evaluated rows: a prior that knows the range is harder to beat. */
function priorOf({ blocks }: CollectedAnswers): ClassPrior {
  const labels = new Uint8Array(blocks.reduce((sum, block) => sum + block.labels.length, 0));
  let next = 0;
  for (const block of blocks) {
    labels.set(block.labels, next);
    next += block.labels.length;
  }
  const frequencies = classFrequencies(labels);
  invariant(frequencies !== undefined, 'a block holds at least one row');
  return frequencies;
}

/** Open times of the first and last evaluated bar. */
function evaluatedRange({ blocks }: CollectedAnswers): { fromMs: number; toMs: number } {
  return {
    fromMs: Math.min(...blocks.map(({ openTimeMs }) => openTimeMs[0]!)),
    toMs: Math.max(...blocks.map(({ openTimeMs }) => openTimeMs.at(-1)!)),
  };
}
