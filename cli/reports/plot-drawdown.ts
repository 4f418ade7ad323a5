// How far equity stood below its high, as both report pages show it.
import { formatDay, formatPercent } from '../format/format-figure.ts';
import { drawPlot } from './svg-plot.ts';

/** `<figure>` of the drawdown at the marks, a fraction ≤ 0. @param equity its marks, oldest first, one entry each */
export function plotDrawdown(equity: {
  readonly timeMs: ArrayLike<number>;
  readonly equityUsdt: ArrayLike<number>;
}): string {
  let high = Number.NEGATIVE_INFINITY;
  const points = Array.from(equity.timeMs, (ms, mark) => {
    high = Math.max(high, equity.equityUsdt[mark]!);
    return [ms, equity.equityUsdt[mark]! / high - 1] as const;
  });
  return drawPlot({
    title: 'Below the high, at the end of each day',
    lines: [{ name: 'drawdown', colour: '#c25e00', points }],
    formatX: formatDay,
    formatY: (value) => formatPercent(value, 2),
  });
}
