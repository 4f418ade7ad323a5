// The feature set: which 49 numbers describe a bar, in which order, under which name. Everything that stores or reads rows
// carries FEATURE_SET_HASH, and nothing runs where two hashes differ.
import { createHash } from 'node:crypto';

type FeatureGroup = 'price' | 'momentum' | 'trend' | 'volatility' | 'volume' | 'pattern' | 'microstructure';

interface FeatureDefinition {
  readonly name: string;
  readonly group: FeatureGroup;
  /** Raised by one whenever the values change, so that models trained on the old ones no longer match. */
  readonly version: number;
  /** c, o, h, l, v: the bar's own values; c1: the previous close; ck: the close k bars before. */
  readonly formula: string;
  readonly unit: 'ratio' | 'log' | 'percent' | 'flag' | 'atr';
  /** Bars that the value depends on at most, its own included. */
  readonly warmUpBars: number;
}

const define = <Name extends string>(
  name: Name,
  group: FeatureGroup,
  unit: FeatureDefinition['unit'],
  warmUpBars: number,
  formula: string,
) => ({ name, group, version: 1, formula, unit, warmUpBars }) as const satisfies FeatureDefinition;

/** Columns of a row, in order. Plain recursions reach back 864 bars at most (see anchored-blocks.ts). */
export const FEATURES = [
  define('log_return_1', 'price', 'log', 2, 'ln(c/c1)'),
  define('log_return_12', 'price', 'log', 13, 'ln(c/c12)'),
  define('price_range', 'price', 'ratio', 1, '(h-l)/c'),
  define('body', 'price', 'ratio', 1, '(c-o)/c'),
  define('upper_wick', 'price', 'ratio', 1, '(h-max(o,c))/c'),
  define('lower_wick', 'price', 'ratio', 1, '(min(o,c)-l)/c'),
  define('rsi_14', 'momentum', 'percent', 865, 'RSI, Wilder(14); 50 without moves'),
  define('macd', 'momentum', 'ratio', 864, '(EMA12-EMA26)/c'),
  define('macd_signal', 'momentum', 'ratio', 864, 'EMA9(EMA12-EMA26)/c'),
  define('macd_hist', 'momentum', 'ratio', 864, 'macd-macd_signal'),
  define('stoch_k', 'momentum', 'percent', 16, 'slow %K (14,3); fast %K is 50 without a range'),
  define('stoch_d', 'momentum', 'percent', 18, 'SMA3(slow %K)'),
  define('roc_10', 'momentum', 'percent', 11, '100*(c/c10-1)'),
  define('ema_9_dist', 'trend', 'ratio', 864, 'c/EMA9-1'),
  define('ema_21_dist', 'trend', 'ratio', 864, 'c/EMA21-1'),
  define('ema_50_dist', 'trend', 'ratio', 800, 'c/EMA50-1'),
  define('ema_200_dist', 'trend', 'ratio', 800, 'c/EMA200-1'),
  define('ema_9_21_spread', 'trend', 'ratio', 864, 'EMA9/EMA21-1'),
  define('ema_50_200_spread', 'trend', 'ratio', 800, 'EMA50/EMA200-1'),
  define('sma_20_dist', 'trend', 'ratio', 20, 'c/SMA20-1'),
  define('sma_50_dist', 'trend', 'ratio', 50, 'c/SMA50-1'),
  define('ema_21_slope', 'trend', 'ratio', 876, 'EMA21/EMA21[12 bars before]-1'),
  define('ema_50_slope', 'trend', 'ratio', 812, 'EMA50/EMA50[12 bars before]-1'),
  define('adx_14', 'trend', 'percent', 865, 'ADX, Wilder(14); DX is 0 without directional moves'),
  define('plus_di_14', 'trend', 'percent', 865, '100*Wilder14(+DM)/ATR14; 0 without range'),
  define('minus_di_14', 'trend', 'percent', 865, '100*Wilder14(-DM)/ATR14; 0 without range'),
  define('bb_width', 'volatility', 'ratio', 20, '(upper-lower)/middle, 20 bars, 2 population deviations'),
  define('bb_position', 'volatility', 'ratio', 20, '(c-lower)/(upper-lower); 0.5 without width'),
  define('bb_upper_dist', 'volatility', 'ratio', 20, 'upper/c-1'),
  define('bb_lower_dist', 'volatility', 'ratio', 20, 'lower/c-1'),
  define('atr_14_pct', 'volatility', 'ratio', 865, 'ATR14/c, Wilder'),
  define('atr_ratio', 'volatility', 'ratio', 865, 'ATR14/mean TR of 96 bars; 1 without range'),
  define('volatility_24', 'volatility', 'log', 25, 'sample deviation of log_return_1, 24 bars'),
  define('volatility_96', 'volatility', 'log', 97, 'sample deviation of log_return_1, 96 bars'),
  define('volume_ratio_20', 'volume', 'ratio', 20, 'v/SMA20(v); 0 without volume'),
  define('volume_trend', 'volume', 'ratio', 50, 'SMA5(v)/SMA50(v); 0 without volume'),
  define('obv_20', 'volume', 'ratio', 21, 'sum sign(c-c1)*v / sum v, 20 bars; 0 without volume'),
  define('obv_96', 'volume', 'ratio', 97, 'sum sign(c-c1)*v / sum v, 96 bars; 0 without volume'),
  define('vpt_96', 'volume', 'ratio', 97, 'sum ((c-c1)/c1)*v / sum v, 96 bars; 0 without volume'),
  define('is_doji', 'pattern', 'flag', 1, '1 if abs(c-o)<=0.1*(h-l) and h>l, else 0'),
  define(
    'is_hammer',
    'pattern',
    'flag',
    1,
    '+1 if lower wick>2*abs(c-o) and upper wick<abs(c-o), -1 mirrored, else 0',
  ),
  define('is_engulfing', 'pattern', 'flag', 2, '+1 if c>o, c1<o1, o<=c1, c>=o1, -1 mirrored, else 0'),
  define('gap_up', 'pattern', 'ratio', 2, 'max(0,l-h1)/c'),
  define('gap_down', 'pattern', 'ratio', 2, 'max(0,l1-h)/c'),
  define('momentum_5', 'microstructure', 'atr', 865, '(c-c5)/ATR14; 0 without range'),
  define('momentum_20', 'microstructure', 'atr', 865, '(c-c20)/ATR14; 0 without range'),
  define('acceleration', 'microstructure', 'atr', 865, '((c-c5)-(c1-c6))/ATR14; 0 without range'),
  define(
    'corwin_schultz_20',
    'microstructure',
    'ratio',
    21,
    'mean over 20 bars of max(0, Corwin-Schultz spread of two bars)',
  ),
  define('close_location', 'microstructure', 'ratio', 1, '(c-l)/(h-l); 0.5 without range'),
] as const;

export type FeatureName = (typeof FEATURES)[number]['name'];

export const FEATURE_NAMES: readonly FeatureName[] = FEATURES.map((feature) => feature.name);
export const FEATURE_COUNT = FEATURES.length;

/** What a sequence model reads of each of its 96 rows, in this order. */
export const SEQUENCE_COLUMNS = [
  'log_return_1',
  'price_range',
  'body',
  'rsi_14',
  'ema_21_dist',
  'bb_position',
  'volume_ratio_20',
  'obv_20',
] as const satisfies readonly FeatureName[];

/** The 55 columns of a feature frame: 6 raw ones (`ts` is the open time, epoch ms) and the features. */
export const FRAME_COLUMNS: readonly string[] = [
  ...['ts', 'open', 'high', 'low', 'close', 'volume'],
  ...FEATURE_NAMES,
];

/** SHA-256 (hex) over the canonical JSON (keys sorted, no spaces) of the ordered list of name, unit, version, window. */
export const FEATURE_SET_HASH = createHash('sha256')
  .update(
    JSON.stringify(
      FEATURES.map(({ name, unit, version, warmUpBars }) => ({ name, unit, version, window: warmUpBars })),
    ),
  )
  .digest('hex');

/** Index of a feature in a row, 0…48. */
export function columnOf(name: FeatureName): number {
  return FEATURE_NAMES.indexOf(name);
}
