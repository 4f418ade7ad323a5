import { describe, expect, it } from 'vitest';
import {
  columnOf,
  FEATURE_COUNT,
  FEATURE_NAMES,
  FEATURE_SET_HASH,
  FEATURES,
  FRAME_COLUMNS,
  SEQUENCE_COLUMNS,
} from '../../lib/features/feature-set.ts';
import { ROW_WINDOW_BARS } from '../../lib/market/grid.ts';

const PUBLISHED_ORDER =
  `log_return_1 log_return_12 price_range body upper_wick lower_wick rsi_14 macd macd_signal macd_hist
  stoch_k stoch_d roc_10 ema_9_dist ema_21_dist ema_50_dist ema_200_dist ema_9_21_spread ema_50_200_spread sma_20_dist
  sma_50_dist ema_21_slope ema_50_slope adx_14 plus_di_14 minus_di_14 bb_width bb_position bb_upper_dist bb_lower_dist
  atr_14_pct atr_ratio volatility_24 volatility_96 volume_ratio_20 volume_trend obv_20 obv_96 vpt_96 is_doji is_hammer
  is_engulfing gap_up gap_down momentum_5 momentum_20 acceleration corwin_schultz_20 close_location`.split(
    /\s+/,
  );

describe('feature set', () => {
  it('has the 49 published columns in the published order', () => {
    expect(FEATURE_NAMES).toEqual(PUBLISHED_ORDER);
    expect(FEATURE_COUNT).toBe(49);
    expect(columnOf('close_location')).toBe(48);
  });

  it('makes a frame of 55 columns with the raw ones first', () => {
    expect(FRAME_COLUMNS).toHaveLength(55);
    expect(FRAME_COLUMNS.slice(0, 7)).toEqual([
      'ts',
      'open',
      'high',
      'low',
      'close',
      'volume',
      'log_return_1',
    ]);
  });

  it('gives sequence models 8 of its own columns', () => {
    expect(new Set(SEQUENCE_COLUMNS).size).toBe(8);
    for (const column of SEQUENCE_COLUMNS) expect(FEATURE_NAMES).toContain(column);
  });

  it('reads no further back than a row may', () => {
    for (const feature of FEATURES) expect(feature.warmUpBars).toBeLessThanOrEqual(ROW_WINDOW_BARS);
  });

  it('keeps the hash that trained models carry until a feature changes on purpose', () => {
    expect(FEATURE_SET_HASH).toBe('2f9e87f6df62aed20e75282f0dfa997fdd4fad6efed13e84e30cf20b104b3452');
  });
});
