// What a row is trained to predict: which of two barriers around the close the price touches first (triple barrier, López de
// Prado 2018, Advances in Financial Machine Learning, ch. 3). The barriers are as far as the market moves (ATR) and never
// nearer than the costs of a trade, so that the answer "buy" means "a buy would have paid".

import { invariant } from '../../core/invariant.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import { barrierFraction } from '../../models/label-definition.ts';
import type { LabelDefinition } from '../../models/manifest.ts';
import { CLASSES } from '../../models/vote.ts';

/** Horizons that every dataset is labelled for, in bars; training chooses among them on validation. */
export const LABEL_HORIZONS_BARS = [3, 6, 12, 36] as const;

/** Barrier distance in ATRs is 0.6·√horizon: a random walk moves with the square root of time. */
const ATR_MULTIPLE_PER_SQRT_BAR = 0.6;
/** A touched barrier earns at least half again what opening and closing costs. */
const COST_COVER = 1.5;

/** Costs of one side of a trade, basis points. */
export interface TradingCosts {
  readonly feeBps: number;
  readonly slippageBps: number;
}

/** One definition per horizon, in the order of LABEL_HORIZONS_BARS. ATR multiples are rounded to 2 decimals. */
export function labelDefinitions(costs: TradingCosts): LabelDefinition[] {
  const roundTripBps = 2 * (costs.feeBps + costs.slippageBps);
  return LABEL_HORIZONS_BARS.map((horizonBars) => ({
    kind: 'triple_barrier',
    horizonBars,
    atrMultiple: Math.round(ATR_MULTIPLE_PER_SQRT_BAR * Math.sqrt(horizonBars) * 100) / 100,
    minBarrierBps: COST_COVER * roundTripBps,
  }));
}

/** One element per labelled bar. */
interface BarrierLabels {
  /** Index into CLASSES: 0 sell, 1 hold, 2 buy. */
  readonly classes: Int32Array;
  readonly barrierFractions: Float64Array;
  /** Bar at which the outcome was known: that of the first touch, else the horizon's last. */
  readonly resolvedBars: Int32Array;
  /** ln(close[t+h] / close[t]) */
  readonly forwardReturns: Float64Array;
}

/**
 * Labels bars by the highs and lows of the `horizonBars` bars after each. The barrier touched first wins: the upper one
 * (close × (1 + distance)) is buy, the lower one sell, none hold. A bar that touches both is hold: within a bar nobody
 * knows which came first, so nobody may claim it. Reaching a barrier exactly is touching it.
 * @param rows bars to label, each with a whole path in the grid, and their `atr_14_pct`
 */
export function labelBars(
  grid: CandleSeries,
  rows: { readonly bars: Int32Array; readonly atrPct: Float32Array },
  definition: LabelDefinition,
): BarrierLabels {
  const count = rows.bars.length;
  const labels = {
    classes: new Int32Array(count),
    barrierFractions: new Float64Array(count),
    resolvedBars: new Int32Array(count),
    forwardReturns: new Float64Array(count),
  };
  for (let row = 0; row < count; row++) {
    const bar = rows.bars[row]!;
    const lastBar = bar + definition.horizonBars;
    invariant(lastBar < grid.length, `the path of bar ${bar} runs over the end of the data`);
    const fraction = barrierFraction(rows.atrPct[row]!, definition);
    const touch = firstTouch(grid, { bar, lastBar, fraction });
    labels.classes[row] = CLASSES.indexOf(touch.outcome);
    labels.resolvedBars[row] = touch.bar;
    labels.barrierFractions[row] = fraction;
    labels.forwardReturns[row] = Math.log(grid.close[lastBar]! / grid.close[bar]!);
  }
  return labels;
}

function firstTouch(
  grid: CandleSeries,
  path: { bar: number; lastBar: number; fraction: number },
): { outcome: (typeof CLASSES)[number]; bar: number } {
  const upper = grid.close[path.bar]! * (1 + path.fraction);
  const lower = grid.close[path.bar]! * (1 - path.fraction);
  for (let bar = path.bar + 1; bar <= path.lastBar; bar++) {
    const up = grid.high[bar]! >= upper;
    const down = grid.low[bar]! <= lower;
    if (up && down) return { outcome: 'hold', bar };
    if (up) return { outcome: 'buy', bar };
    if (down) return { outcome: 'sell', bar };
  }
  return { outcome: 'hold', bar: path.lastBar };
}
