// Volume group: activity against its recent mean, and volume signed or weighted by the move (OBV, VPT) over a window, as a
// share of the window's volume, so that no cumulative total enters a row.
import { columnOf, FEATURE_COUNT } from './feature-set.ts';
import { type FeatureBars, type FeatureRows, FIRST_ROW } from './shared-columns.ts';
import { windowSums } from './window-sums.ts';

const VOLUME_RATIO_20 = columnOf('volume_ratio_20');
const VOLUME_TREND = columnOf('volume_trend');
const OBV_20 = columnOf('obv_20');
const OBV_96 = columnOf('obv_96');
const VPT_96 = columnOf('vpt_96');

export function writeVolume(bars: FeatureBars, rows: FeatureRows): void {
  const { volume, volumeSum20, volumeSum96, firstIndex } = bars;
  const { signed, weighted } = directedVolumes(bars);
  const volumeSum5 = windowSums(volume, { window: 5, from: FIRST_ROW, firstIndex });
  const volumeSum50 = windowSums(volume, { window: 50, from: FIRST_ROW, firstIndex });
  const signedSum20 = windowSums(signed, { window: 20, from: FIRST_ROW, firstIndex });
  const signedSum96 = windowSums(signed, { window: 96, from: FIRST_ROW, firstIndex });
  const weightedSum96 = windowSums(weighted, { window: 96, from: FIRST_ROW, firstIndex });
  for (let bar = FIRST_ROW, row = 0; bar < bars.length; bar++, row += FEATURE_COUNT) {
    const sum20 = volumeSum20[bar]!;
    const sum50 = volumeSum50[bar]!;
    const sum96 = volumeSum96[bar]!;
    rows[row + VOLUME_RATIO_20] = sum20 > 0 ? volume[bar]! / (sum20 / 20) : 0;
    rows[row + VOLUME_TREND] = sum50 > 0 ? volumeSum5[bar]! / 5 / (sum50 / 50) : 0;
    rows[row + OBV_20] = sum20 > 0 ? signedSum20[bar]! / sum20 : 0;
    rows[row + OBV_96] = sum96 > 0 ? signedSum96[bar]! / sum96 : 0;
    rows[row + VPT_96] = sum96 > 0 ? weightedSum96[bar]! / sum96 : 0;
  }
}

/** sign(c−c1)·v and ((c−c1)/c1)·v, by bar; as far back as the longest window reads. */
function directedVolumes({ change, close, volume, length }: FeatureBars): {
  signed: Float64Array;
  weighted: Float64Array;
} {
  const signed = new Float64Array(length);
  const weighted = new Float64Array(length);
  for (let bar = FIRST_ROW - 95; bar < length; bar++) {
    const move = change[bar]!;
    signed[bar] = move > 0 ? volume[bar]! : move < 0 ? -volume[bar]! : 0;
    weighted[bar] = (move / close[bar - 1]!) * volume[bar]!;
  }
  return { signed, weighted };
}
