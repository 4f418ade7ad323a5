// Use case: judge the active ensemble, and each of its models, on any candles, by the code that serves: the same features, the
// same proven sessions, the same decision. Labels are the ensemble's own; what was trained on is named as such.

import { invariant } from '../../core/invariant.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleSource } from '../../market/ports.ts';
import { manifestKey } from '../../models/ensemble.ts';
import { parseManifest } from '../../models/parse-document.ts';
import type { EnsembleProvider } from '../../models/use-cases/load-ensemble.ts';
import type { LoadedEnsemble } from '../../models/use-cases/loaded-ensemble.ts';
import { DAY_MS, type EquityCurve } from '../../risk/equity-curve.ts';
import type {
  EnsembleFigures,
  Evaluation,
  InSample,
  ModelFigures,
  ProbabilityFigures,
  StrategyFigures,
  SymbolFigures,
} from '../evaluation.ts';
import type { ActedEdge } from '../metrics/acted-edge.ts';
import { deflatedSharpe } from '../metrics/deflated-sharpe.ts';
import {
  type ClassPrior,
  classFrequencies,
  evaluateProbabilities,
  type ProbabilityEvaluation,
} from '../metrics/evaluate-probabilities.ts';
import { dailySharpe, performanceOf } from '../metrics/performance.ts';
import { tradeStatistics } from '../metrics/trade-statistics.ts';
import { runPortfolio } from '../run-portfolio.ts';
import {
  type CollectedAnswers,
  type CollectRequest,
  collectAnswers,
  ENSEMBLE_VOTER,
  rowsAnsweredBy,
} from './collect-answers.ts';
import { readTrialLog, type TrialLog } from './trial-log.ts';

/** As the executor's limits have it: at most a tenth of the account in one symbol. */
const POSITIONS_MAX = 10;
const START_USDT = 10_000;

export interface EvaluateDependencies {
  readonly source: CandleSource;
  readonly ensembles: EnsembleProvider;
  /** Where the ensemble came from: manifests and the log of trials. */
  readonly store: ObjectStore;
  /** For confidence intervals. */
  readonly drawIndex: DrawIndex;
}

export interface EvaluateRequest
  extends Pick<CollectRequest, 'symbols' | 'everyBars' | 'onProgress' | 'onSignal'> {
  /** Of the judged bars; candles before it feed the features, none from `toMs` on is read. */
  readonly range: OpenTimeRange;
}

/** Closed: why nothing can be evaluated; one line each. */
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
      const faults = loaded.quarantined.map(
        ({ model, reason, message }) => `${model}: ${reason} (${message})`,
      );
      return failure({ code: 'no_models', message: `no model may serve: ${faults.join('; ')}` });
    }
    const answers = await collectAnswers({ ...request, source: dependencies.source, loaded });
    if (answers.blocks.length === 0) return failure({ code: 'no_rows', message: describeNoRows(answers) });
    return success(await evaluate(dependencies, { request, loaded, answers }));
  } finally {
    await loaded.release();
  }
}

interface Evaluated {
  readonly request: EvaluateRequest;
  readonly loaded: LoadedEnsemble;
  readonly answers: CollectedAnswers;
}

async function evaluate(
  { store, drawIndex }: EvaluateDependencies,
  evaluated: Evaluated,
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
    failures: answers.failures,
    models,
    ensemble: evaluateEnsemble(evaluated, { prior, drawIndex }),
    strategy: evaluateStrategy(evaluated, { fromMs, toMs, log: await readTrialLog(store) }),
  };
}

function describeNoRows({ dropped, failures }: CollectedAnswers): string {
  const reasons = Object.entries(dropped)
    .filter(([, bars]) => bars > 0)
    .map(([reason, bars]) => `${reason} ${bars}`);
  const unusable = failures.map(({ symbol, message }) => `${symbol}: ${message}`);
  const why = [...reasons, ...unusable].join(', ') || 'the range holds no bar';
  return `no bar to judge (${why}): check --from, --to and --symbols`;
}

/** Of all judged rows: a prior that knows the range is the stricter opponent. */
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

/** Open times of the first and last judged bar. */
function evaluatedRange({ blocks }: CollectedAnswers): { fromMs: number; toMs: number } {
  return {
    fromMs: Math.min(...blocks.map(({ openTimeMs }) => openTimeMs[0]!)),
    toMs: Math.max(...blocks.map(({ openTimeMs }) => openTimeMs.at(-1)!)),
  };
}

async function evaluateMembers(
  store: ObjectStore,
  { loaded, answers }: Evaluated,
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

/** The manifest was proven when the model was loaded; undefined when it is gone since. */
async function trainingRange(store: ObjectStore, model: { name: string; version: string }) {
  const stored = await store.get(manifestKey(model));
  const manifest = stored && parseManifest(stored.body, manifestKey(model));
  if (!manifest?.ok) return undefined;
  const { fromMs, toMs } = manifest.value.training;
  return { fromMs, toMs };
}

interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How far judged bars lie within a training range, both ends inclusive. */
function compareRanges(evaluated: TimeSpan, training: TimeSpan): InSample {
  if (evaluated.fromMs > training.toMs || evaluated.toMs < training.fromMs) return false;
  return evaluated.fromMs >= training.fromMs && evaluated.toMs <= training.toMs ? true : 'partly';
}

/** What one serving model has seen, the ensemble has seen. */
function combineInSample(models: readonly Pick<ModelFigures, 'inSample'>[]): InSample {
  const seen = models.map(({ inSample }) => inSample);
  if (seen.includes(true)) return true;
  return seen.includes('partly') ? 'partly' : false;
}

function evaluateVoter(
  { blocks }: CollectedAnswers,
  options: { voter: string; prior: ClassPrior; horizonBars: number },
): { figures: ProbabilityFigures; bySymbol: ProbabilityEvaluation['bySymbol'] } {
  const assessment = evaluateProbabilities(rowsAnsweredBy(blocks, options.voter), options);
  const { scores, direction } = assessment ?? {};
  return {
    bySymbol: assessment?.bySymbol ?? [],
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
      auc: assessment?.auc ?? { sell: undefined, hold: undefined, buy: undefined },
      rankIc: direction?.mean,
      rankIcT: assessment?.directionT,
      rankIcTKind: assessment?.directionTKind,
      rankIcTByDay: direction?.tByDay,
      rankIcTNeweyWest: direction?.tNeweyWest,
      rankIcBars: direction?.bars ?? 0,
      reliability: assessment?.reliability ?? [],
      weeks: assessment?.weeks ?? [],
      days: direction?.byDay ?? [],
    },
  };
}

function evaluateEnsemble(
  { loaded, answers }: Evaluated,
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
    meanConfidenceActed: summary.meanConfidenceActed,
    meanConsensus: summary.meanConsensus,
    abstained: summary.abstained,
    edge: answers.edge.summary({ costsBps, drawIndex }),
    bySymbol: symbols,
  };
}

const roundTripBps = ({ ensemble }: LoadedEnsemble): number =>
  2 * (ensemble.costs.feeBps + ensemble.costs.slippageBps);

function evaluateStrategy(
  { loaded, answers }: Evaluated,
  context: TimeSpan & { log: Result<TrialLog, string> },
): StrategyFigures {
  const { costs, label } = loaded.ensemble;
  const { blocks, candidates } = answers;
  const result = runPortfolio(candidates, {
    fromMs: context.fromMs,
    // The last judged bar's trade may stay open for the whole horizon.
    toMs: context.toMs + (label.horizonBars + 1) * BAR_MS,
    startUsdt: START_USDT,
    positionsMax: POSITIONS_MAX,
    costs,
    closeAt: (symbol, barMs) => {
      const { openTimeMs, closes } = blocks[symbol]!;
      return closes[(barMs - openTimeMs[0]!) / BAR_MS]!;
    },
  });
  const performance = performanceOf(result.curve);
  const statistics = tradeStatistics(result.trades);
  const traded = meanTradedBps(result.traded);
  return {
    sharpe: performance.sharpe,
    sortino: performance.sortino,
    calmar: performance.calmar,
    profitFactor: statistics.profitFactor,
    maxDrawdown: performance.maxDrawdown?.fraction,
    ...deflate(
      performance.dailyReturns.map(({ value }) => value),
      context.log,
    ),
    trades: statistics.trades,
    totalReturn: performance.totalReturn,
    winRate: statistics.winRate,
    tradedGrossBps: traded,
    tradedNetBps: traded === undefined ? undefined : traded - roundTripBps(loaded),
    exits: countExits(result.traded),
    skippedOpen: result.skippedOpen,
    skippedFull: result.skippedFull,
    drawdown: performance.maxDrawdown,
    rules: { positionsMax: POSITIONS_MAX, ...costs },
    daily: performance.dailyReturns,
    equity: endsOfDays(result.curve),
  };
}

type Candidate = CollectedAnswers['candidates'][number];

/** Side × move from entry to exit, before costs; undefined without trades. */
function meanTradedBps(traded: readonly Candidate[]): number | undefined {
  if (traded.length === 0) return undefined;
  const sum = traded.reduce((total, { side, entryPrice, exitPrice }) => {
    const moveBps = 10_000 * (exitPrice / entryPrice - 1);
    return total + (side === 'BUY' ? moveBps : -moveBps);
  }, 0);
  return sum / traded.length;
}

function countExits(traded: readonly Candidate[]): StrategyFigures['exits'] {
  const exits = { target: 0, stop: 0, horizon: 0 };
  for (const { exit } of traded) exits[exit]++;
  return exits;
}

function deflate(
  returns: readonly number[],
  log: Result<TrialLog, string>,
): Pick<StrategyFigures, 'deflatedSharpe' | 'trials' | 'trialsUnknown'> {
  if (!log.ok) return { deflatedSharpe: undefined, trials: undefined, trialsUnknown: log.error };
  const own = dailySharpe(returns);
  const { dailySharpes, trials } = log.value;
  if (dailySharpes.length < trials) {
    const missing = `${trials - dailySharpes.length} of ${trials} logged trials have no daily Sharpe ratio`;
    return { deflatedSharpe: undefined, trials: undefined, trialsUnknown: missing };
  }
  const trialSharpes = own === undefined ? dailySharpes : [...dailySharpes, own];
  return {
    deflatedSharpe: deflatedSharpe({ returns, trialSharpes }),
    trials: trialSharpes.length,
    trialsUnknown: undefined,
  };
}

/** The first mark and the last of each UTC day: enough for a plot. */
function endsOfDays({ timeMs, equityUsdt }: EquityCurve): EquityCurve {
  const kept = Array.from(timeMs, (_, mark) => mark).filter(
    (mark) => mark === 0 || mark === timeMs.length - 1 || timeMs[mark]! % DAY_MS === 0,
  );
  return { timeMs: kept.map((mark) => timeMs[mark]!), equityUsdt: kept.map((mark) => equityUsdt[mark]!) };
}
