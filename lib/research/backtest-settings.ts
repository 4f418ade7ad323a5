// What a backtest may be told to do differently from the system as released: the costs that it pays, the ensemble's threshold and
// stop, the operator's flags, and the sizes. Each setting ends in the same function or record that serves live trading.
import { failure, type Result, success } from '../core/result.ts';
import { TRADING_LIMITS, type TradingLimits } from '../execution/limits.ts';
import type { PaperCosts } from '../execution/paper/paper-matching.ts';
import type { Signal } from '../inference/signal.ts';
import type { Ensemble } from '../models/ensemble.ts';
import { FLAGS, type FlagName } from '../risk/flags.ts';

export interface BacktestSettings {
  readonly feeBps: number;
  /** Half the spread included. */
  readonly slippageBps: number;
  readonly fundingBpsPer8h: number;
  readonly edgeThresholdBps: number;
  readonly stopAtrMultiple: number;
  readonly positionsMax: number;
  readonly capitalFraction: number;
  readonly positionFractionMax: number;
  readonly targetDailyVolatility: number;
  readonly sideFractionMax: number;
  readonly netBetaFractionMax: number;
  readonly longOnly: boolean;
}
export type SettingName = keyof BacktestSettings;

interface SettingDefinition {
  /** Of the option, and in a grid. */
  readonly option: string;
  readonly meaning: string;
  readonly min: number;
  readonly max: number;
  readonly whole?: true;
  /** `true` or `false` instead of a number. */
  readonly yesOrNo?: true;
}

export const BACKTEST_SETTINGS: Readonly<Record<SettingName, SettingDefinition>> = {
  feeBps: { option: 'fee-bps', meaning: 'taker fee of each fill, basis points', min: 0, max: 1_000 },
  slippageBps: {
    option: 'slippage-bps',
    meaning: 'slippage and half the spread of each fill, basis points',
    min: 0,
    max: 1_000,
  },
  fundingBpsPer8h: {
    option: 'funding-bps',
    meaning: 'funding that longs pay to shorts every 8 hours, basis points',
    min: -100,
    max: 100,
  },
  edgeThresholdBps: {
    option: 'edge-bps',
    meaning: 'expected edge, net of costs, above which a signal acts',
    min: -10_000,
    max: 10_000,
  },
  stopAtrMultiple: {
    option: 'stop-atr',
    meaning: 'distance of the protective stop, multiples of the 5-minute ATR',
    min: 0.01,
    max: 1_000,
  },
  positionsMax: {
    option: 'positions',
    meaning: 'positions open at once (QT_MAX_POSITIONS)',
    min: 0,
    max: 100,
    whole: true,
  },
  capitalFraction: {
    option: 'capital',
    meaning: 'share of the equity to trade with (QT_MAX_CAPITAL_ALLOCATION)',
    min: 0,
    max: 1,
  },
  positionFractionMax: {
    option: 'position-share',
    meaning: 'largest position, as a share of the equity to trade with',
    min: 0.001,
    max: 1,
  },
  targetDailyVolatility: {
    option: 'daily-volatility',
    meaning: 'daily deviation that one position is sized to bring to the equity',
    min: 0.00001,
    max: 1,
  },
  sideFractionMax: {
    option: 'side-share',
    meaning: 'largest exposure on one side, as a share of the equity to trade with',
    min: 0,
    max: 10,
  },
  netBetaFractionMax: {
    option: 'net-beta',
    meaning: 'largest net beta to Bitcoin, either way, as a share of the equity to trade with',
    min: 0,
    max: 10,
  },
  longOnly: {
    option: 'long-only',
    meaning: 'open no short position; SELL signals only close',
    min: 0,
    max: 1,
    yesOrNo: true,
  },
};

export const SETTING_NAMES = Object.keys(BACKTEST_SETTINGS) as readonly SettingName[];

/** Binance's rate at 00, 08 and 16 UTC when the premium is small: recorded spot candles have no rates. */
const FUNDING_BPS_PER_8H = 1;

/** The system as released. */
export const releasedSettings = ({
  costs,
  edgeThresholdBps,
  stopAtrMultiple,
}: Ensemble): BacktestSettings => ({
  feeBps: costs.feeBps,
  slippageBps: costs.slippageBps,
  fundingBpsPer8h: FUNDING_BPS_PER_8H,
  edgeThresholdBps,
  stopAtrMultiple,
  positionsMax: Number(FLAGS.QT_MAX_POSITIONS.local),
  capitalFraction: Number(FLAGS.QT_MAX_CAPITAL_ALLOCATION.local),
  positionFractionMax: TRADING_LIMITS.positionFractionMax,
  targetDailyVolatility: TRADING_LIMITS.targetDailyVolatility,
  sideFractionMax: TRADING_LIMITS.sideFractionMax,
  netBetaFractionMax: TRADING_LIMITS.netBetaFractionMax,
  longOnly: false,
});

/** The value that a text stands for; fails with one line that says what is allowed. */
export function parseSetting(name: SettingName, text: string): Result<number | boolean, string> {
  const { option, min, max, whole, yesOrNo } = BACKTEST_SETTINGS[name];
  if (yesOrNo)
    return text === 'true' || text === 'false'
      ? success(text === 'true')
      : failure(`${option} must be true or false, not "${text}"`);
  const value = Number(text);
  // Six digits after the point are what the operator's flags can say.
  const isDecimal = /^-?\d{1,6}(\.\d{1,6})?$/.test(text);
  if (!isDecimal || value < min || value > max || (whole && !Number.isInteger(value)))
    return failure(
      `${option} must be a ${whole ? 'whole number' : 'number'} from ${min} to ${max}, not "${text}"`,
    );
  return success(value);
}

/** `stop-atr 2, long-only true`: where these settings differ from others; empty where they do not. */
export const describeSettings = (settings: BacktestSettings, than: BacktestSettings): string =>
  SETTING_NAMES.filter((name) => settings[name] !== than[name])
    .map((name) => `${BACKTEST_SETTINGS[name].option} ${settings[name]}`)
    .join(', ');

/** The settings as the parts of the system read them. */
export interface AppliedSettings {
  readonly ensemble: Ensemble;
  readonly costs: PaperCosts;
  readonly flags: Readonly<Partial<Record<FlagName, string>>>;
  readonly limits: TradingLimits;
  readonly policy: (signal: Pick<Signal, 'action'>) => number;
}

/**
 * The ensemble expects the costs that it was released with, whatever is paid: other costs make other results, not other decisions.
 */
export const applySettings = (settings: BacktestSettings, ensemble: Ensemble): AppliedSettings => ({
  ensemble: {
    ...ensemble,
    edgeThresholdBps: settings.edgeThresholdBps,
    stopAtrMultiple: settings.stopAtrMultiple,
  },
  costs: {
    halfSpreadBps: 0,
    slippageBps: settings.slippageBps,
    takerFeeBps: settings.feeBps,
    fundingRatePer8h: settings.fundingBpsPer8h / 10_000,
  },
  flags: {
    QT_MAX_POSITIONS: String(settings.positionsMax),
    QT_MAX_CAPITAL_ALLOCATION: settings.capitalFraction.toFixed(6).replace(/\.?0+$/, ''),
  },
  limits: {
    ...TRADING_LIMITS,
    positionFractionMax: settings.positionFractionMax,
    targetDailyVolatility: settings.targetDailyVolatility,
    sideFractionMax: settings.sideFractionMax,
    netBetaFractionMax: settings.netBetaFractionMax,
  },
  policy: ({ action }) => (settings.longOnly && action === 'SELL' ? 0 : 1),
});
