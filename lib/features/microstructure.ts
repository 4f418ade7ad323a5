// Microstructure group: moves in units of ATR, the Corwin–Schultz (2012) spread, and where in its range a bar closed.
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { expOfSpread, larger, logOfRatio, positivePart, smaller } from './inline-math.ts';
import { takeColumn } from './scratch-columns.ts';
import { type FeatureBars, FIRST_ROW, type RowWriter } from './shared-columns.ts';
import { windowSums } from './window-sums.ts';

const MOMENTUM_5 = columnOf('momentum_5');
const MOMENTUM_20 = columnOf('momentum_20');
const ACCELERATION = columnOf('acceleration');
const CORWIN_SCHULTZ_20 = columnOf('corwin_schultz_20');
const CLOSE_LOCATION = columnOf('close_location');

export function microstructureGroup(bars: FeatureBars): RowWriter {
  const { high, low, close, atr, firstIndex, length } = bars;
  const spreadSum20 = windowSums(spreads(bars, FIRST_ROW - 19), {
    window: 20,
    from: FIRST_ROW,
    to: length,
    firstIndex,
  });
  return (rows, from, to) => {
    for (let bar = from, row = (from - FIRST_ROW) * FEATURE_COUNT; bar < to; bar++, row += FEATURE_COUNT) {
      const c = close[bar]!;
      const range = high[bar]! - low[bar]!;
      const unit = atr[bar]!;
      const move5 = c - close[bar - 5]!;
      const earlierMove5 = close[bar - 1]! - close[bar - 6]!;
      rows[row + MOMENTUM_5] = unit > 0 ? move5 / unit : 0;
      rows[row + MOMENTUM_20] = unit > 0 ? (c - close[bar - 20]!) / unit : 0;
      rows[row + ACCELERATION] = unit > 0 ? (move5 - earlierMove5) / unit : 0;
      rows[row + CORWIN_SCHULTZ_20] = spreadSum20[bar]! / 20;
      rows[row + CLOSE_LOCATION] = range > 0 ? (c - low[bar]!) / range : 0.5;
    }
  };
}

/**
 * Corwin–Schultz spread of each bar and the one before it, negative ones as 0; valid from bar `from` ≥ 1 on.
 * With β = ln²(h/l) + ln²(h1/l1) and γ = ln²(H/L) of both bars together, the published
 * α = (√(2β) − √β)/(3 − 2√2) − √(γ/(3 − 2√2)) equals (√β − ln(H/L))/(√2 − 1), since 3 − 2√2 = (√2 − 1)².
 */
function spreads({ high, low, length }: FeatureBars, from: number): Float64Array {
  const spread = takeColumn();
  let previousLog = logOfRatio(high[from - 1]! / low[from - 1]!);
  for (let bar = from; bar < length; bar++) {
    const log = logOfRatio(high[bar]! / low[bar]!);
    const bothLog = logOfRatio(larger(high[bar]!, high[bar - 1]!) / smaller(low[bar]!, low[bar - 1]!));
    const alpha = (Math.sqrt(log * log + previousLog * previousLog) - bothLog) / (Math.SQRT2 - 1);
    const growth = expOfSpread(positivePart(alpha));
    spread[bar] = (2 * (growth - 1)) / (1 + growth);
    previousLog = log;
  }
  return spread;
}
