// Pattern group: candlestick shapes (Nison 1991) as flags −1, 0, +1, and gaps between neighbouring bars.
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { larger, positivePart, smaller } from './inline-math.ts';
import { type FeatureBars, FIRST_ROW, type RowWriter } from './shared-columns.ts';

const IS_DOJI = columnOf('is_doji');
const IS_HAMMER = columnOf('is_hammer');
const IS_ENGULFING = columnOf('is_engulfing');
const GAP_UP = columnOf('gap_up');
const GAP_DOWN = columnOf('gap_down');

// A shape comes and goes from bar to bar, so that no processor could foresee a branch: the conditions are numbers, 0 or 1.

export function patternGroup({ open, high, low, close }: FeatureBars): RowWriter {
  return (rows, from, to) => {
    for (let bar = from, row = (from - FIRST_ROW) * FEATURE_COUNT; bar < to; bar++, row += FEATURE_COUNT) {
      const o = open[bar]!;
      const h = high[bar]!;
      const l = low[bar]!;
      const c = close[bar]!;
      const o1 = open[bar - 1]!;
      const c1 = close[bar - 1]!;
      const body = Math.abs(c - o);
      const upperWick = h - larger(o, c);
      const lowerWick = smaller(o, c) - l;
      const hammer = +(lowerWick > 2 * body) & +(upperWick < body);
      const shootingStar = +(upperWick > 2 * body) & +(lowerWick < body);
      const bullish = +(c > o) & +(c1 < o1) & +(o <= c1) & +(c >= o1);
      const bearish = +(c < o) & +(c1 > o1) & +(o >= c1) & +(c <= o1);
      rows[row + IS_DOJI] = +(h > l) & +(body <= 0.1 * (h - l));
      rows[row + IS_HAMMER] = hammer - shootingStar;
      rows[row + IS_ENGULFING] = bullish - bearish;
      rows[row + GAP_UP] = positivePart(l - high[bar - 1]!) / c;
      rows[row + GAP_DOWN] = positivePart(low[bar - 1]! - h) / c;
    }
  };
}
