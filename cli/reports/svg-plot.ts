// Small plots as inline SVG: a page with them loads nothing from anywhere. Scales, ticks and paths are d3's.
import { scaleLinear, scaleUtc } from 'd3-scale';
import { line as pathThrough } from 'd3-shape';
import { formatInstant } from '../../lib/core/format-figure.ts';

type Point = readonly [x: number, y: number];

export interface PlotLine {
  readonly name: string;
  readonly colour: string;
  /** In order of x; finite. */
  readonly points: readonly Point[];
  readonly style?: 'solid' | 'dashed' | 'bars';
}

export interface Plot {
  readonly title: string;
  readonly lines: readonly PlotLine[];
  /** `time`: epoch ms, labelled in UTC. */
  readonly x: 'time' | 'number';
  /** d3-format specifier of the labels, such as `.1%`. @default as many decimals as the ticks need */
  readonly yFormat?: string;
  /** Span of the axes; that of the points where undefined. */
  readonly span?: { readonly x: Span; readonly y: Span };
}

type Span = readonly [low: number, high: number];

const WIDTH = 460;
const HEIGHT = 260;
const LEFT = 58;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 46;
const X_TICKS = 4;
const Y_TICKS = 5;
/** A line with so few points shows each of them. */
const DOTS_MAX = 30;

/** `<figure>` with the plot and its legend; says so where there is no point to draw. */
export function drawPlot(plot: Plot): string {
  const caption = `<figcaption>${escapeHtml(plot.title)}</figcaption>`;
  if (plot.lines.every(({ points }) => points.length === 0))
    return `<figure>${caption}<p>no data</p></figure>`;
  const axes = axesOf(plot);
  return [
    `<figure>${caption}<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(plot.title)}">`,
    drawAxes(axes),
    ...plot.lines.map((line) => (line.style === 'bars' ? drawBars(line, axes) : drawLine(line, axes))),
    drawLegend(plot.lines),
    '</svg></figure>',
  ].join('');
}

interface Axis {
  /** Where on the drawing. */
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly at: number; readonly name: string }[];
}

interface Axes {
  readonly x: Axis;
  readonly y: Axis;
}

function axesOf({ lines, x, yFormat, span }: Plot): Axes {
  const points = lines.flatMap((line) => line.points);
  const zero = lines.some(({ style }) => style === 'bars') ? [0] : [];
  const across = span?.x ?? extentOf(points.map(([at]) => at));
  const up = span?.y ?? extentOf([...points.map(([, value]) => value), ...zero]);
  const width = [LEFT, WIDTH - RIGHT];
  const y = scaleLinear()
    .domain(up)
    .nice(Y_TICKS)
    .range([HEIGHT - BOTTOM, TOP]);
  const numbers = scaleLinear().domain(across).range(width);
  const times = scaleUtc().domain(across).range(width);
  return {
    x:
      x === 'time'
        ? axis(times, times.ticks(X_TICKS), nameInstant)
        : axis(numbers, numbers.ticks(X_TICKS), numbers.tickFormat(X_TICKS)),
    y: axis(y, y.ticks(Y_TICKS), y.tickFormat(Y_TICKS, yFormat)),
  };
}

const axis = <Tick extends number | Date>(
  at: (value: Tick | number) => number,
  ticks: readonly Tick[],
  name: (tick: Tick) => string,
): Axis => ({ at, ticks: ticks.map((tick) => ({ at: at(tick), name: name(tick) })) });

/** The day at midnight, else the time of day. */
function nameInstant(instant: Date): string {
  const [day, time] = formatInstant(instant.getTime()).split(' ') as [string, string];
  return time === '00:00' ? day : time;
}

/** A single value still gets an axis of some length. */
function extentOf(values: readonly number[]): Span {
  const low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return low < high ? [low, high] : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
}

function drawAxes({ x, y }: Axes): string {
  const rows = y.ticks.map(({ at, name }) => {
    const row = round(at);
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${row}" y2="${row}" class="grid"/><text x="${LEFT - 5}" y="${row}" text-anchor="end" dominant-baseline="middle">${escapeHtml(name)}</text>`;
  });
  const columns = x.ticks.map(
    ({ at, name }) =>
      `<text x="${round(at)}" y="${HEIGHT - BOTTOM + 15}" text-anchor="middle">${escapeHtml(name)}</text>`,
  );
  return [...rows, ...columns].join('');
}

const round = (value: number): number => Math.round(value * 10) / 10;

function drawLine({ points, colour, style }: PlotLine, { x, y }: Axes): string {
  const path = pathThrough<Point>(
    ([at]) => x.at(at),
    ([, value]) => y.at(value),
  ).digits(1)(thin(points, x));
  const dashes = style === 'dashed' ? ' stroke-dasharray="5 4"' : '';
  const dots =
    points.length <= DOTS_MAX && style !== 'dashed'
      ? points.map(
          ([at, value]) =>
            `<circle cx="${round(x.at(at))}" cy="${round(y.at(value))}" r="2.5" fill="${colour}"/>`,
        )
      : [];
  return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.5"${dashes}/>${dots.join('')}`;
}

/**
 * Of the points that share a unit of width, the first, the lowest, the highest and the last: a year of 5-minute snapshots draws the
 * same line, each extreme included, from a hundredth of the text.
 */
function thin(points: readonly Point[], x: Axis): Point[] {
  const kept: Point[] = [];
  for (let start = 0, end = 0; start < points.length; start = end) {
    const column = Math.floor(x.at(points[start]![0]));
    let [lowest, highest] = [start, start];
    for (end = start; end < points.length && Math.floor(x.at(points[end]![0])) === column; end++) {
      if (points[end]![1] < points[lowest]![1]) lowest = end;
      if (points[end]![1] > points[highest]![1]) highest = end;
    }
    const indexes = new Set([start, lowest, highest, end - 1].sort((a, b) => a - b));
    for (const index of indexes) kept.push(points[index]!);
  }
  return kept;
}

function drawBars({ points, colour }: PlotLine, { x, y }: Axes): string {
  const width = Math.max(1, Math.min(12, (WIDTH - LEFT - RIGHT) / points.length - 1));
  const zero = y.at(0);
  return points
    .map(([at, value]) => {
      const top = Math.min(y.at(value), zero);
      return `<rect x="${round(x.at(at) - width / 2)}" y="${round(top)}" width="${round(width)}" height="${round(Math.abs(y.at(value) - zero))}" fill="${colour}"/>`;
    })
    .join('');
}

function drawLegend(lines: readonly PlotLine[]): string {
  const width = (WIDTH - LEFT - RIGHT) / lines.length;
  return lines
    .map(({ name, colour }, index) => {
      const x = round(LEFT + index * width);
      const y = HEIGHT - 12;
      return `<rect x="${x}" y="${y - 7}" width="9" height="9" fill="${colour}"/><text x="${x + 13}" y="${y + 1}">${escapeHtml(name)}</text>`;
    })
    .join('');
}

/** Safe inside an element and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
