// The account of a simulation as plots: equity, and how far it stood below its high, at every snapshot.
import { formatPercent } from '../../lib/core/format-figure.ts';
import type { EquityCurve } from '../../lib/risk/equity-curve.ts';
import { drawPlot } from './svg-plot.ts';

/** Two `<figure>`s. @param costs what the equity is net of, such as `fees and slippage` */
export function plotEquity({ timeMs, equityUsdt }: EquityCurve, costs: string): string {
  let high = Number.NEGATIVE_INFINITY;
  let deepest = 0;
  const equity: [number, number][] = [];
  const drawdown: [number, number][] = [];
  for (let snapshot = 0; snapshot < timeMs.length; snapshot++) {
    const [ms, usdt] = [timeMs[snapshot]!, equityUsdt[snapshot]!];
    high = Math.max(high, usdt);
    // After ruin there is no share of the high to speak of.
    const fall = high > 0 ? usdt / high - 1 : -1;
    deepest = Math.min(deepest, fall);
    equity.push([ms, usdt]);
    drawdown.push([ms, fall]);
  }
  return [
    drawPlot({
      title: 'Equity, USDT',
      lines: [{ name: `net of ${costs}`, colour: '#1f5fae', points: equity }],
      x: 'time',
    }),
    drawPlot({
      title: `Drawdown from the high, at most ${formatPercent(-deepest, 2)}`,
      lines: [{ name: 'drawdown', colour: '#c25e00', points: drawdown }],
      x: 'time',
      yFormat: '%',
    }),
  ].join('');
}
