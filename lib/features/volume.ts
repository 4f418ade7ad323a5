// Volume group: activity against its recent mean, and volume signed or weighted by the move (OBV, VPT) over a window, as a
// share of the window's volume, so that no cumulative total enters a row.
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { takeColumn } from './scratch-columns.ts';
import { type FeatureBars, FIRST_ROW, type RowWriter } from './shared-columns.ts';
import { windowSums } from './window-sums.ts';

const VOLUME_RATIO_20 = columnOf('volume_ratio_20');
const VOLUME_TREND = columnOf('volume_trend');
const OBV_20 = columnOf('obv_20');
const OBV_96 = columnOf('obv_96');
const VPT_96 = columnOf('vpt_96');

export function volumeGroup(bars: FeatureBars): RowWriter {
  const { volume, volumeSum20, volumeSum96, firstIndex, length } = bars;
  const { signed, weighted } = directedVolumes(bars);
  const sumsOf = (values: Float64Array, window: number) =>
    windowSums(values, { window, from: FIRST_ROW, to: length, firstIndex });
  const volumeSum5 = sumsOf(volume, 5);
  const volumeSum50 = sumsOf(volume, 50);
  const signedSum20 = sumsOf(signed, 20);
  const signedSum96 = sumsOf(signed, 96);
  const weightedSum96 = sumsOf(weighted, 96);
  return (rows, from, to) => {
    for (let bar = from, row = (from - FIRST_ROW) * FEATURE_COUNT; bar < to; bar++, row += FEATURE_COUNT) {
      const sum20 = volumeSum20[bar]!;
      const sum50 = volumeSum50[bar]!;
      const sum96 = volumeSum96[bar]!;
      rows[row + VOLUME_RATIO_20] = sum20 > 0 ? volume[bar]! / (sum20 / 20) : 0;
      rows[row + VOLUME_TREND] = sum50 > 0 ? volumeSum5[bar]! / 5 / (sum50 / 50) : 0;
      rows[row + OBV_20] = sum20 > 0 ? signedSum20[bar]! / sum20 : 0;
      rows[row + OBV_96] = sum96 > 0 ? signedSum96[bar]! / sum96 : 0;
      rows[row + VPT_96] = sum96 > 0 ? weightedSum96[bar]! / sum96 : 0;
    }
  };
}

/** sign(c−c1)·v and ((c−c1)/c1)·v, by bar; as far back as the longest window reads. */
function directedVolumes({ change, close, volume, length }: FeatureBars): {
  signed: Float64Array;
  weighted: Float64Array;
} {
  const signed = takeColumn();
  const weighted = takeColumn();
  for (let bar = FIRST_ROW - 95; bar < length; bar++) {
    const move = change[bar]!;
    signed[bar] = move > 0 ? volume[bar]! : move < 0 ? -volume[bar]! : 0;
    weighted[bar] = (move / close[bar - 1]!) * volume[bar]!;
  }
  return { signed, weighted };
}
