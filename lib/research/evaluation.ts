// What `qtrader evaluate` reports. A figure that cannot be computed is undefined: null in JSON, "n/a" in text, never a stand-in.

import type { Interval } from '../core/statistics/block-bootstrap.ts';
import type { LabelDefinition } from '../models/manifest.ts';
import type { Action, ModelAbstentionReason } from '../models/vote.ts';
import type { Drawdown } from '../risk/drawdown.ts';
import type { DropCounts } from './labels/dataset-rows.ts';
import type { ActedEdge } from './metrics/acted-edge.ts';
import type { ClassPrior, SymbolScores, WeekScores } from './metrics/evaluate-probabilities.ts';
import type { DailyCoefficient } from './metrics/information-coefficient.ts';
import type { ProfitReliability } from './metrics/profit-reliability.ts';
import type { ReliabilityBin } from './metrics/reliability.ts';
import type { SymbolProblem } from './symbol-problem.ts';

type Figure = number | undefined;

/** Of one model's probabilities, or of the ensemble's; all undefined when it gave no answer. */
export interface ProbabilityFigures {
  /** Rows answered; all figures here are over these. */
  readonly rows: number;
  readonly logLoss: Figure;
  readonly priorLogLoss: Figure;
  /** Log-loss = volatility part (HOLD or a move) + direction part (which way, given a move); the same for the prior. */
  readonly volatilityLogLoss: Figure;
  readonly priorVolatilityLogLoss: Figure;
  readonly directionLogLoss: Figure;
  readonly priorDirectionLogLoss: Figure;
  readonly brier: Figure;
  readonly ece: Figure;
  readonly auc: Readonly<Record<'sell' | 'hold' | 'buy', Figure>>;
  /** Mean per-bar Spearman correlation across symbols of expected move, in barriers, and forward return. */
  readonly rankIc: Figure;
  readonly rankIcT: Figure;
  readonly rankIcTKind: 'by_day' | 'newey_west' | undefined;
  readonly rankIcTByDay: Figure;
  readonly rankIcTNeweyWest: Figure;
  readonly rankIcBars: number;
  readonly reliability: readonly ReliabilityBin[];
  readonly weeks: readonly WeekScores[];
  readonly days: readonly DailyCoefficient[];
}

interface VoteFigures {
  readonly agreementXgbLgbm: Figure;
  readonly consensusRate: Figure;
  /** Of a model: mean probability of the side leaned to. Of the ensemble: mean confidence of BUY and SELL signals. */
  readonly meanConfidence: Figure;
  readonly actions: Readonly<Record<Action, number>>;
}

export type InSample = boolean | 'partly';

/** `agreementXgbLgbm` is set for xgboost and lightgbm only; a model's actions are the sides it leans to. */
export interface ModelFigures extends ProbabilityFigures, VoteFigures {
  readonly version: string;
  readonly weight: number;
  /** undefined for a quarantined model: its manifest is not verified. */
  readonly training: { readonly fromMs: number; readonly toMs: number } | undefined;
  readonly inSample: InSample | undefined;
  readonly quarantined: { readonly reason: ModelAbstentionReason; readonly message: string } | undefined;
  /** Rows without a vote of this model, by reason. */
  readonly abstentions: Readonly<Partial<Record<ModelAbstentionReason, number>>>;
}

export interface EnsembleFigures extends ProbabilityFigures, VoteFigures {
  /** Whether confidence is the share of signals that end with a net profit, held to the horizon. */
  readonly confidence: { readonly acting: ProfitReliability; readonly leaning: ProfitReliability };
  readonly meanConsensus: Figure;
  /** Rows on which fewer than two models answered. */
  readonly abstained: number;
  readonly edge: ActedEdge;
  readonly bySymbol: readonly SymbolFigures[];
}

export interface SymbolFigures extends Omit<SymbolScores, 'symbol'> {
  readonly symbol: string;
  readonly actions: Readonly<Record<Action, number>>;
  /** Mean per acted-on signal, basis points, before and after costs. */
  readonly grossBps: Figure;
  readonly netBps: Figure;
}

/** The simulated account of run-portfolio.ts over all BUY and SELL signals, left at the ensemble's stop or time. */
export interface StrategyFigures {
  readonly sharpe: Figure;
  /** 95 %, days drawn with replacement. */
  readonly sharpeInterval: Interval | undefined;
  readonly sortino: Figure;
  readonly calmar: Figure;
  readonly profitFactor: Figure;
  /** Deepest fall from a high, as a share of it. */
  readonly maxDrawdown: Figure;
  readonly deflatedSharpe: Figure;
  readonly trades: number;
  readonly totalReturn: Figure;
  readonly winRate: Figure;
  /** Per trade as traded: from the entry bar's open to the exit, before costs and after. */
  readonly tradedGrossBps: Figure;
  readonly tradedNetBps: Figure;
  /** Trades that were left at the stop; the others after the bars that the ensemble holds. */
  readonly stopped: number;
  readonly skippedOpen: number;
  readonly skippedFull: number;
  readonly drawdown: Drawdown | undefined;
  /** Trials that the deflated Sharpe ratio takes into account, this strategy included; or why there is none. */
  readonly trials: number | undefined;
  readonly trialsUnknown: string | undefined;
  readonly rules: {
    readonly positionsMax: number;
    readonly feeBps: number;
    readonly slippageBps: number;
  };
  readonly daily: readonly { readonly startMs: number; readonly value: number }[];
  /** One snapshot at every bar's close, the first at the start. */
  readonly equity: { readonly timeMs: readonly number[]; readonly equityUsdt: readonly number[] };
  /** The same money held in equal parts of all symbols since each one's first close, at the same times. */
  readonly heldUsdt: readonly number[];
}

export interface Evaluation {
  readonly ensembleId: string;
  readonly label: LabelDefinition;
  /** True when every evaluated bar lies in the training range of a serving model; `partly` when some do. */
  readonly inSample: InSample;
  /** Open times of the first and last evaluated bar. */
  readonly range: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly from: string;
    readonly to: string;
  };
  readonly symbols: readonly string[];
  readonly rows: number;
  /** Every n-th bar of the clock was evaluated. */
  readonly everyBars: number;
  /** Class frequencies of all evaluated rows: known only in hindsight, so harder to beat than training's. */
  readonly prior: { readonly source: 'evaluated_range'; readonly frequencies: ClassPrior };
  readonly edgeThresholdBps: number;
  /** Bars without a row, by reason: serving would abstain, or the labelled path is incomplete. */
  readonly abstentions: DropCounts;
  /** Symbols skipped because their candles cannot be used. */
  readonly symbolProblems: readonly SymbolProblem[];
  readonly models: Readonly<Record<string, ModelFigures>>;
  readonly ensemble: EnsembleFigures;
  readonly strategy: StrategyFigures;
}
