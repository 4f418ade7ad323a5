// Pattern group: candlestick shapes (Nison 1991) as flags −1, 0, +1, and gaps between neighbouring bars.
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { type FeatureBars, type FeatureRows, FIRST_ROW } from './shared-columns.ts';

const IS_DOJI = columnOf('is_doji');
const IS_HAMMER = columnOf('is_hammer');
const IS_ENGULFING = columnOf('is_engulfing');
const GAP_UP = columnOf('gap_up');
const GAP_DOWN = columnOf('gap_down');

interface Shape {
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
}

export function writePattern(bars: FeatureBars, rows: FeatureRows): void {
  const shapeAt = (bar: number): Shape => ({
    open: bars.open[bar]!,
    high: bars.high[bar]!,
    low: bars.low[bar]!,
    close: bars.close[bar]!,
  });
  for (let bar = FIRST_ROW, row = 0; bar < bars.length; bar++, row += FEATURE_COUNT) {
    const now = shapeAt(bar);
    const before = shapeAt(bar - 1);
    rows[row + IS_DOJI] = isDoji(now) ? 1 : 0;
    rows[row + IS_HAMMER] = hammer(now);
    rows[row + IS_ENGULFING] = engulfing(now, before);
    rows[row + GAP_UP] = Math.max(0, now.low - before.high) / now.close;
    rows[row + GAP_DOWN] = Math.max(0, before.low - now.high) / now.close;
  }
}

function isDoji({ open, high, low, close }: Shape): boolean {
  return high > low && Math.abs(close - open) <= 0.1 * (high - low);
}

/** +1 hammer, −1 shooting star. */
function hammer({ open, high, low, close }: Shape): number {
  const body = Math.abs(close - open);
  const upperWick = high - Math.max(open, close);
  const lowerWick = Math.min(open, close) - low;
  if (lowerWick > 2 * body && upperWick < body) return 1;
  if (upperWick > 2 * body && lowerWick < body) return -1;
  return 0;
}

/** +1 bullish, −1 bearish. */
function engulfing(now: Shape, before: Shape): number {
  if (now.close > now.open && before.close < before.open) {
    return now.open <= before.close && now.close >= before.open ? 1 : 0;
  }
  if (now.close < now.open && before.close > before.open) {
    return now.open >= before.close && now.close <= before.open ? -1 : 0;
  }
  return 0;
}
