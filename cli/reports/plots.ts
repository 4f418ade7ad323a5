// What the plots of reports show, as numbers for the script of the page.
import type { Colour, Plot, PlotSeries } from '../../dashboard/report/plots.ts';
import type { EquityCurve } from '../../lib/risk/equity-curve.ts';
import { escapeHtml } from './html.ts';

const SECOND_MS = 1_000;

export const secondsOf = (ms: number): number => Math.floor(ms / SECOND_MS);

/** The place of a plot on the page, with the names of its lines; says so where there is nothing to draw. */
export function placePlot(plot: Plot): string {
  if (plot.at.length === 0) return '<p class="empty">no data</p>';
  const lines = plot.panes.flatMap(({ series }) => series);
  const legend = lines.map(({ name, colour }) => `<li class="${colour}">${escapeHtml(name)}</li>`).join('');
  return `<div>${legend === '' ? '' : `<ul class="legend">${legend}</ul>`}<div id="plot-${plot.id}"></div></div>`;
}

/** Plots that have something to draw. */
export const drawn = (plots: readonly Plot[]): Plot[] => plots.filter(({ at }) => at.length > 0);

const rounded = (values: ArrayLike<number>, decimals: number): number[] => {
  const scale = 10 ** decimals;
  return Array.from(values, (value) => Math.round(value * scale) / scale);
};

/**
 * How far equity stood below its high at each snapshot, as a share of it, ≤ 0: the deepest of them is the drawdown of the table.
 * After ruin there is no share of the high to speak of.
 */
export function fallsOf({ equityUsdt }: EquityCurve): number[] {
  let high = Number.NEGATIVE_INFINITY;
  return Array.from(equityUsdt, (usdt) => {
    high = Math.max(high, usdt);
    return high > 0 ? usdt / high - 1 : -1;
  });
}

/** Equity at every bar, and below it the fall from the high. */
export function plotEquity(curve: EquityCurve, costs: string): Plot {
  return {
    id: 'equity',
    summary: `Equity at every bar, net of ${costs}, and how far it stood below its high`,
    tall: true,
    at: Array.from(curve.timeMs, secondsOf),
    panes: [
      {
        unit: 'number',
        series: [
          {
            name: `equity, USDT, net of ${costs}`,
            type: 'line',
            colour: 'accent',
            values: rounded(curve.equityUsdt, 2),
          },
        ],
      },
      {
        unit: 'percent',
        series: [
          {
            name: 'drawdown from the high, %',
            type: 'fall',
            colour: 'loss',
            values: rounded(
              fallsOf(curve).map((fall) => 100 * fall),
              4,
            ),
          },
        ],
      },
    ],
  };
}

const BENCHMARK_COLOURS: readonly Colour[] = ['muted', 'text'];

/** Several accounts over the same times, as growth since the start. */
export function plotGrowth(
  timeMs: ArrayLike<number>,
  accounts: readonly { readonly name: string; readonly equityUsdt: ArrayLike<number> }[],
  { id, summary, compared = false }: { id: string; summary: string; compared?: boolean },
): Plot {
  const colours: readonly Colour[] = compared ? ['accent', 'loss', 'gain', 'text', 'muted'] : ['accent'];
  const series = accounts.map(({ name, equityUsdt }, index): PlotSeries => {
    const growth = Array.from(equityUsdt, (usdt) => 100 * (usdt / equityUsdt[0]! - 1));
    return {
      name,
      type: index === 0 || compared ? 'line' : 'dashed',
      colour: colours[index] ?? BENCHMARK_COLOURS[index % 2]!,
      values: rounded(growth, 3),
    };
  });
  return {
    ...{ id, summary, tall: false, at: Array.from(timeMs, secondsOf) },
    panes: [{ unit: 'percent', series }],
  };
}

/** Bars up and down from zero; those of the same second are added. */
export function plotBars(
  points: readonly (readonly [ms: number, value: number])[],
  { id, name, summary }: { id: string; name: string; summary: string },
): Plot {
  const sums = new Map<number, number>();
  for (const [ms, value] of points) sums.set(secondsOf(ms), (sums.get(secondsOf(ms)) ?? 0) + value);
  const at = [...sums.keys()].sort((a, b) => a - b);
  return {
    ...{ id, summary, tall: false, at },
    panes: [
      {
        unit: 'number',
        series: [
          {
            name,
            type: 'bars',
            colour: 'gain',
            values: rounded(
              at.map((second) => sums.get(second)!),
              4,
            ),
          },
        ],
      },
    ],
  };
}

/** Lines over times, or over places that have names. */
export function plotLines(
  places: { readonly timeMs: readonly number[] } | { readonly names: readonly string[] },
  series: readonly PlotSeries[],
  { id, summary }: { id: string; summary: string },
): Plot {
  const names = 'names' in places ? places.names : undefined;
  return {
    ...{
      id,
      summary,
      tall: false,
      at: 'timeMs' in places ? places.timeMs.map(secondsOf) : places.names.map((_, place) => place),
    },
    ...(names && { names }),
    panes: [{ unit: 'number', series }],
  };
}
