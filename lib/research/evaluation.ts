// What `qt evaluate` says. Figures that cannot be computed are undefined: null in JSON, "undefined" in text, never a stand-in.

import type { LabelDefinition } from '../models/manifest.ts';
import type { Action, ModelAbstentionReason } from '../models/vote.ts';
import type { Drawdown } from '../risk/drawdown.ts';
import type { EquityCurve } from '../risk/equity-curve.ts';
import type { DropCounts } from './labels/dataset-rows.ts';
import type { ActedEdge } from './metrics/acted-edge.ts';
import type { ClassPrior, SymbolScores, WeekScores } from './metrics/evaluate-probabilities.ts';
import type { DailyCoefficient } from './metrics/information-coefficient.ts';
import type { ReliabilityBin } from './metrics/reliability.ts';

type Figure = number | undefined;

/** Of one model's probabilities, or of the ensemble's; all undefined where it answered nothing. */
export interface ProbabilityFigures {
  /** Rows answered: what all figures here are computed over. */
  readonly rows: number;
  readonly logLoss: Figure;
  readonly priorLogLoss: Figure;
  /** Log-loss = volatility part (hold or move) + direction part (which way, given a move); the same for the prior. */
  readonly volatilityLogLoss: Figure;
  readonly priorVolatilityLogLoss: Figure;
  readonly directionLogLoss: Figure;
  readonly priorDirectionLogLoss: Figure;
  readonly brier: Figure;
  readonly ece: Figure;
  readonly auc: Readonly<Record<'sell' | 'hold' | 'buy', Figure>>;
  /** Mean per-bar Spearman correlation across symbols of p_buy − p_sell and forward return. */
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
  readonly meanConfidence: Figure;
  readonly actions: Readonly<Record<Action, number>>;
}

export type InSample = boolean | 'partly';

/** Agreement is that of the pair, for its two members; a model's actions are the sides it leans to. */
export interface ModelFigures extends ProbabilityFigures, VoteFigures {
  readonly version: string;
  readonly weight: number;
  /** undefined for a model that did not serve: its manifest is not proven. */
  readonly training: { readonly fromMs: number; readonly toMs: number } | undefined;
  readonly inSample: InSample | undefined;
  readonly quarantined: { readonly reason: ModelAbstentionReason; readonly message: string } | undefined;
  /** Rows without a vote of this model, by reason. */
  readonly abstentions: Readonly<Partial<Record<ModelAbstentionReason, number>>>;
}

export interface EnsembleFigures extends ProbabilityFigures, VoteFigures {
  /** Over BUY and SELL alone. */
  readonly meanConfidenceActed: Figure;
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

/** The account of run-portfolio.ts over all acted-on signals. */
export interface StrategyFigures {
  readonly sharpe: Figure;
  readonly sortino: Figure;
  readonly calmar: Figure;
  readonly profitFactor: Figure;
  /** Deepest fall as a share of the high. */
  readonly maxDrawdown: Figure;
  readonly deflatedSharpe: Figure;
  readonly trades: number;
  readonly totalReturn: Figure;
  readonly winRate: Figure;
  /** Per trade as traded: from the entry bar's open to the exit, before costs and after. */
  readonly tradedGrossBps: Figure;
  readonly tradedNetBps: Figure;
  readonly exits: Readonly<Record<'target' | 'stop' | 'horizon', number>>;
  readonly skippedOpen: number;
  readonly skippedFull: number;
  readonly drawdown: Drawdown | undefined;
  /** Trials that the deflated Sharpe ratio reckons with, this strategy included; or why it cannot. */
  readonly trials: number | undefined;
  readonly trialsUnknown: string | undefined;
  readonly rules: {
    readonly positionsMax: number;
    readonly feeBps: number;
    readonly slippageBps: number;
  };
  readonly daily: readonly { readonly startMs: number; readonly value: number }[];
  /** At the close of each UTC day. */
  readonly equity: EquityCurve;
}

export interface Evaluation {
  readonly ensembleId: string;
  readonly label: LabelDefinition;
  /** True when every judged bar lies in the training range of a serving model; `partly` when some do. */
  readonly inSample: InSample;
  /** Open times of the first and last judged bar. */
  readonly range: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly from: string;
    readonly to: string;
  };
  readonly symbols: readonly string[];
  readonly rows: number;
  /** Every n-th bar of the clock was judged. */
  readonly everyBars: number;
  /** Class frequencies of all judged rows: known only afterwards, so a stricter opponent than training's. */
  readonly prior: { readonly source: 'evaluated_range'; readonly frequencies: ClassPrior };
  readonly edgeThresholdBps: number;
  /** Bars of the range that serving would abstain from, or that have no whole path, by reason. */
  readonly abstentions: DropCounts;
  /** Symbols whose candles could not be used. */
  readonly failures: readonly { readonly symbol: string; readonly message: string }[];
  readonly models: Readonly<Record<string, ModelFigures>>;
  readonly ensemble: EnsembleFigures;
  readonly strategy: StrategyFigures;
}
