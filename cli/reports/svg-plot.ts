// Small plots as inline SVG, drawn without any library: a page with them needs nothing from anywhere else.

export interface PlotLine {
  readonly name: string;
  readonly colour: string;
  /** In order of x; finite. */
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly style?: 'solid' | 'dashed' | 'bars';
}

export interface Plot {
  readonly title: string;
  readonly lines: readonly PlotLine[];
  readonly formatX: (x: number) => string;
  readonly formatY: (y: number) => string;
  /** Span of the axes; that of the points where undefined. */
  readonly span?: { readonly x: readonly [number, number]; readonly y: readonly [number, number] };
}

const WIDTH = 460;
const HEIGHT = 260;
const LEFT = 58;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 46;
const TICKS = 5;

/** `<figure>` with the plot and its legend; says "undefined" where there is no point to draw. */
export function drawPlot(plot: Plot): string {
  const points = plot.lines.flatMap((line) => line.points);
  const caption = `<figcaption>${escapeHtml(plot.title)}</figcaption>`;
  if (points.length === 0) return `<figure>${caption}<p>undefined</p></figure>`;
  const scale = scaleOf(plot, points);
  return [
    `<figure>${caption}<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeHtml(plot.title)}">`,
    drawAxes(plot, scale),
    ...plot.lines.map((line) => drawLine(line, scale)),
    drawLegend(plot.lines),
    '</svg></figure>',
  ].join('');
}

interface Scale {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly toX: (x: number) => number;
  readonly toY: (y: number) => number;
}

function scaleOf(plot: Plot, points: readonly (readonly [number, number])[]): Scale {
  const hasBars = plot.lines.some(({ style }) => style === 'bars');
  const x = widen(plot.span?.x ?? extent(points.map(([x]) => x)));
  const y = widen(plot.span?.y ?? extent([...points.map(([, y]) => y), ...(hasBars ? [0] : [])]));
  return {
    x,
    y,
    toX: (value) => LEFT + ((value - x[0]) / (x[1] - x[0])) * (WIDTH - LEFT - RIGHT),
    toY: (value) => TOP + (1 - (value - y[0]) / (y[1] - y[0])) * (HEIGHT - TOP - BOTTOM),
  };
}

const extent = (values: readonly number[]): [number, number] => [
  values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY),
  values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY),
];

/** A single value still gets an axis of some length. */
const widen = ([low, high]: readonly [number, number]): [number, number] =>
  low < high ? [low, high] : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];

function drawAxes({ formatX, formatY }: Plot, { x, y, toX, toY }: Scale): string {
  const ticks = Array.from({ length: TICKS }, (_, tick) => tick / (TICKS - 1));
  const vertical = ticks.map((share) => {
    const value = y[0] + share * (y[1] - y[0]);
    const at = toY(value).toFixed(1);
    return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}" class="grid"/><text x="${LEFT - 5}" y="${at}" text-anchor="end" dominant-baseline="middle">${escapeHtml(formatY(value))}</text>`;
  });
  const horizontal = ticks.map((share) => {
    const value = x[0] + share * (x[1] - x[0]);
    const anchor = share === 0 ? 'start' : share === 1 ? 'end' : 'middle';
    return `<text x="${toX(value).toFixed(1)}" y="${HEIGHT - BOTTOM + 15}" text-anchor="${anchor}">${escapeHtml(formatX(value))}</text>`;
  });
  return [...vertical, ...horizontal].join('');
}

function drawLine({ points, colour, style = 'solid' }: PlotLine, { toX, toY, y }: Scale): string {
  if (style === 'bars') {
    const width = Math.max(1, Math.min(12, (WIDTH - LEFT - RIGHT) / points.length - 1));
    const zero = toY(Math.max(y[0], Math.min(y[1], 0)));
    return points
      .map(([x, value]) => {
        const at = toY(value);
        return `<rect x="${(toX(x) - width / 2).toFixed(1)}" y="${Math.min(at, zero).toFixed(1)}" width="${width.toFixed(1)}" height="${Math.abs(at - zero).toFixed(1)}" fill="${colour}"/>`;
      })
      .join('');
  }
  const path = points.map(([x, value]) => `${toX(x).toFixed(1)},${toY(value).toFixed(1)}`).join(' ');
  const dashes = style === 'dashed' ? ' stroke-dasharray="5 4"' : '';
  const dots =
    points.length <= 30 && style === 'solid'
      ? points.map(
          ([x, value]) =>
            `<circle cx="${toX(x).toFixed(1)}" cy="${toY(value).toFixed(1)}" r="2.5" fill="${colour}"/>`,
        )
      : [];
  return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"${dashes}/>${dots.join('')}`;
}

function drawLegend(lines: readonly PlotLine[]): string {
  const width = (WIDTH - LEFT - RIGHT) / lines.length;
  return lines
    .map(({ name, colour }, index) => {
      const x = LEFT + index * width;
      const y = HEIGHT - 12;
      return `<rect x="${x.toFixed(1)}" y="${y - 7}" width="9" height="9" fill="${colour}"/><text x="${(x + 13).toFixed(1)}" y="${y + 1}">${escapeHtml(name)}</text>`;
    })
    .join('');
}

/** Safe inside an element and inside a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
