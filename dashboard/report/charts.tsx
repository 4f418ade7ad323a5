// Draws the plots of a report with the dashboard's chart. What the page says without its script is complete but for them.
import {
  BaselineSeries,
  CandlestickSeries,
  createSeriesMarkers,
  HistogramSeries,
  type IChartApi,
  LineSeries,
  LineStyle,
  type SeriesMarker,
  type UTCTimestamp,
} from 'lightweight-charts';
import { render } from 'preact';
import { Chart, type Colours, PERCENT } from '../app/chart.tsx';
import type { Plot, PlotPane, PlotSeries, TradeMark } from './plots.ts';

const timed = (at: number): UTCTimestamp => at as UTCTimestamp;
/** Bars around the trades that a chart of candles shows first. */
const MARGIN_BARS = 40;
const FIGURE = { type: 'price' as const, precision: 2, minMove: 0.01 };

function draw(plot: Plot, chart: IChartApi, colours: Colours): void {
  // The whole past fits into a telephone's width.
  chart.applyOptions({ timeScale: { minBarSpacing: 0.001 } });
  if (plot.names !== undefined) nameAxis(plot.names, chart);
  plot.panes.forEach((pane, index) => {
    for (const series of pane.series) drawSeries(plot, pane, { series, index, chart, colours });
  });
  if (plot.panes.length > 1) chart.panes()[1]!.setStretchFactor(0.5);
  chart.timeScale().fitContent();
  if (plot.candles !== undefined) drawCandles(plot, plot.candles, { chart, colours });
}

function nameAxis(names: readonly string[], chart: IChartApi): void {
  const nameOf = (at: unknown) => names[Number(at)] ?? '';
  chart.applyOptions({
    // So that the names under it do not overlap.
    timeScale: {
      tickMarkFormatter: nameOf,
      tickMarkMaxCharacterLength: Math.max(8, ...names.map(({ length }) => length)),
    },
    localization: { timeFormatter: nameOf },
  });
}

function drawSeries(
  { at }: Plot,
  { unit }: PlotPane,
  place: { series: PlotSeries; index: number; chart: IChartApi; colours: Colours },
): void {
  const { series, index, chart, colours } = place;
  const color = colours[series.colour];
  const shared = { priceFormat: unit === 'percent' ? PERCENT : FIGURE, priceLineVisible: false };
  const points = at.flatMap((time, point) => {
    const value = series.values[point];
    return typeof value === 'number' ? [{ time: timed(time), value }] : [];
  });
  switch (series.type) {
    case 'bars':
      chart
        .addSeries(HistogramSeries, { ...shared, color }, index)
        .setData(points.map((point) => ({ ...point, color: point.value < 0 ? colours.loss : colours.gain })));
      return;
    case 'fall':
      chart
        .addSeries(
          BaselineSeries,
          {
            ...{ ...shared, baseValue: { type: 'price' as const, price: 0 }, lineWidth: 1 as const },
            ...{ topLineColor: color, topFillColor1: 'transparent', topFillColor2: 'transparent' },
            ...{ bottomLineColor: color, bottomFillColor1: `${color}22`, bottomFillColor2: `${color}66` },
          },
          index,
        )
        .setData(points);
      return;
    case 'line':
    case 'dashed':
      chart
        .addSeries(
          LineSeries,
          {
            ...{ ...shared, color, lineWidth: series.type === 'line' ? (2 as const) : (1 as const) },
            lineStyle: series.type === 'line' ? LineStyle.Solid : LineStyle.Dashed,
            pointMarkersVisible: points.length <= 30,
          },
          index,
        )
        .setData(points);
  }
}

function drawCandles(
  { at }: Plot,
  candles: NonNullable<Plot['candles']>,
  { chart, colours }: { chart: IChartApi; colours: Colours },
): void {
  const { open, high, low, close, trades } = candles;
  const digits = Math.max(0, 5 - Math.ceil(Math.log10(Math.max(...high))));
  const precision = Math.min(digits, 12);
  const series = chart.addSeries(CandlestickSeries, {
    ...{ upColor: colours.gain, wickUpColor: colours.gain, downColor: colours.loss },
    ...{ wickDownColor: colours.loss, borderVisible: false, priceLineVisible: false },
    priceFormat: { type: 'price', precision, minMove: 10 ** -precision },
  });
  series.setData(
    at.map((time, bar) => ({
      ...{ time: timed(time), open: open[bar]!, high: high[bar]!, low: low[bar]!, close: close[bar]! },
    })),
  );
  for (const trade of trades) if (trade.closedAt > trade.openedAt) drawTrade(trade, { chart, colours });
  createSeriesMarkers(
    series,
    trades.flatMap((trade) => markersOf(trade, colours)).sort((a, b) => Number(a.time) - Number(b.time)),
  );
  if (trades.length === 0) return;
  const first = at.indexOf(Math.min(...trades.map(({ openedAt }) => openedAt)));
  const last = at.indexOf(Math.max(...trades.map(({ closedAt }) => closedAt)));
  chart.timeScale().setVisibleLogicalRange({ from: first - MARGIN_BARS, to: last + MARGIN_BARS });
}

/** A line from where it was entered to where it was left. */
function drawTrade(trade: TradeMark, { chart, colours }: { chart: IChartApi; colours: Colours }): void {
  const { openedAt, closedAt, entryPrice, exitPrice, won } = trade;
  chart
    .addSeries(LineSeries, {
      ...{ color: won ? colours.gain : colours.loss, lineWidth: 2, lineStyle: LineStyle.Dotted },
      ...{ priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false },
    })
    .setData([
      { time: timed(openedAt), value: entryPrice },
      { time: timed(closedAt), value: exitPrice },
    ]);
}

function markersOf(
  { side, openedAt, closedAt, won, text }: TradeMark,
  colours: Colours,
): SeriesMarker<UTCTimestamp>[] {
  const isLong = side === 'BUY';
  return [
    {
      time: timed(openedAt),
      position: isLong ? 'belowBar' : 'aboveBar',
      shape: isLong ? 'arrowUp' : 'arrowDown',
      color: colours.accent,
    },
    {
      ...{ time: timed(closedAt), shape: 'circle', text, size: 0.6 },
      position: isLong ? 'aboveBar' : 'belowBar',
      color: won ? colours.gain : colours.loss,
    },
  ];
}

const plots: readonly Plot[] = JSON.parse(document.getElementById('plots')!.textContent!);
for (const plot of plots) {
  const { id, summary, tall } = plot;
  render(
    <Chart
      id={id}
      data={plot}
      summary={summary}
      tall={tall}
      open={(chart, colours) => {
        draw(plot, chart, colours);
        return () => {};
      }}
    />,
    document.getElementById(`plot-${id}`)!,
  );
}
