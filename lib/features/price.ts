// Price group: where the bar's own prices lie, relative to its close.
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { larger, logOfRatio, smaller } from './inline-math.ts';
import { type FeatureBars, FIRST_ROW, type RowWriter } from './shared-columns.ts';

const LOG_RETURN_1 = columnOf('log_return_1');
const LOG_RETURN_12 = columnOf('log_return_12');
const PRICE_RANGE = columnOf('price_range');
const BODY = columnOf('body');
const UPPER_WICK = columnOf('upper_wick');
const LOWER_WICK = columnOf('lower_wick');

export function priceGroup({ open, high, low, close, logReturn }: FeatureBars): RowWriter {
  return (rows, from, to) => {
    for (let bar = from, row = (from - FIRST_ROW) * FEATURE_COUNT; bar < to; bar++, row += FEATURE_COUNT) {
      const o = open[bar]!;
      const h = high[bar]!;
      const l = low[bar]!;
      const c = close[bar]!;
      rows[row + LOG_RETURN_1] = logReturn[bar]!;
      rows[row + LOG_RETURN_12] = logOfRatio(c / close[bar - 12]!);
      rows[row + PRICE_RANGE] = (h - l) / c;
      rows[row + BODY] = (c - o) / c;
      rows[row + UPPER_WICK] = (h - larger(o, c)) / c;
      rows[row + LOWER_WICK] = (smaller(o, c) - l) / c;
    }
  };
}
