// The market as the system sees it: every symbol with its newest decision, and one symbol's candles with what was decided and done.
import {
  BaselineSeries,
  CandlestickSeries,
  createSeriesMarkers,
  HistogramSeries,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  LineSeries,
  type SeriesMarker,
  type Time,
} from 'lightweight-charts';
import { Fragment } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { type Candles, type Position, read, type Signal, type Status, type Trade } from './api.ts';
import { Chart, type Colours, PERCENT, timeOf } from './chart.tsx';
import { bps, figure, instant, percent, words } from './format.ts';
import { Overview } from './overview.tsx';
import { usePolled } from './use-polled.ts';

const CANDLES = 288;
/** At first; the rest of the day is there to scroll to. */
const BARS_SHOWN = 120;
const BARS_AHEAD = 5;
const BAR_MS = 300_000;
const EVERY_MS = 60_000;

type Filter = 'all' | 'acting' | 'abstaining';

interface Row {
  readonly symbol: string;
  readonly signal: Signal | undefined;
  readonly abstained: string | undefined;
}

/** Acting first, then abstaining, then HOLD; the largest expected edge first. */
function rowsOf(signals: readonly Signal[], lastBar: Status['lastBar']): Row[] {
  const abstentions = lastBar?.abstentions ?? [];
  const rank = ({ signal }: Row) => (signal === undefined ? 1 : signal.action === 'HOLD' ? 2 : 0);
  const edge = ({ signal }: Row) => signal?.expectedEdgeBps ?? Number.NEGATIVE_INFINITY;
  return [
    ...signals.map((signal) => ({ symbol: signal.symbol, signal, abstained: undefined })),
    ...abstentions.map(({ symbol, abstained }) => ({ symbol, signal: undefined, abstained })),
  ].sort((a, b) => rank(a) - rank(b) || edge(b) - edge(a) || a.symbol.localeCompare(b.symbol));
}

export function Market({
  token,
  status,
  signals,
  positions,
  trades,
  isLoaded,
}: {
  token: string;
  status: Status;
  signals: readonly Signal[];
  positions: readonly Position[];
  trades: readonly Trade[];
  /** Signals, positions and trades have been read. */
  isLoaded: boolean;
}) {
  const rows = useMemo(() => rowsOf(signals, status.lastBar), [signals, status.lastBar]);
  const [chosen, setChosen] = useState<string | undefined>();
  const acting = rows.find(({ signal }) => signal !== undefined && signal.action !== 'HOLD');
  const worthSeeing = positions[0]?.symbol ?? acting?.symbol ?? trades[0]?.symbol ?? rows[0]?.symbol;
  // What is shown stays, whatever the next bar brings, until another symbol is chosen.
  useEffect(() => {
    if (chosen === undefined && isLoaded) setChosen(worthSeeing);
  }, [chosen, isLoaded, worthSeeing]);
  const symbol = chosen ?? worthSeeing;
  return (
    <>
      <div class="market">
        <SymbolList rows={rows} chosen={symbol} onChoose={setChosen} positions={positions} />
        {symbol === undefined ? (
          <p class="empty">Nothing has been decided yet. The first bar is decided within five minutes.</p>
        ) : (
          <SymbolView
            key={symbol}
            token={token}
            symbol={symbol}
            status={status}
            row={rows.find((row) => row.symbol === symbol)}
            position={positions.find((position) => position.symbol === symbol)}
            trades={trades}
          />
        )}
      </div>
      <Overview token={token} status={status} />
    </>
  );
}

function SymbolList({
  rows,
  chosen,
  onChoose,
  positions,
}: {
  rows: readonly Row[];
  chosen: string | undefined;
  onChoose: (symbol: string) => void;
  positions: readonly Position[];
}) {
  const [search, setSearch] = useState('');
  const [filter, setFilter] = useState<Filter>('all');
  const shown = rows.filter(
    ({ symbol, signal }) =>
      symbol.includes(search.toUpperCase()) &&
      (filter === 'all' ||
        (filter === 'acting' ? signal !== undefined && signal.action !== 'HOLD' : signal === undefined)),
  );
  return (
    <section class="symbols" aria-label="Symbols">
      <div class="filters">
        <input
          type="search"
          placeholder="Search"
          aria-label="Search symbols"
          value={search}
          onInput={({ currentTarget }) => setSearch(currentTarget.value)}
        />
        <select
          aria-label="Show"
          value={filter}
          onInput={({ currentTarget }) => setFilter(currentTarget.value as Filter)}
        >
          <option value="all">all ({rows.length})</option>
          <option value="acting">acting</option>
          <option value="abstaining">abstaining</option>
        </select>
      </div>
      <Abstentions rows={rows} />
      <ul>
        {shown.map(({ symbol, signal, abstained }) => (
          <li key={symbol}>
            <button
              type="button"
              aria-pressed={symbol === chosen}
              class={positions.some((held) => held.symbol === symbol) ? 'held' : ''}
              onClick={() => onChoose(symbol)}
            >
              <span class="name">{symbol}</span>
              <span class={`tag ${signal?.action ?? 'none'}`}>{signal?.action ?? 'abstains'}</span>
              <span class="number">
                {abstained === undefined
                  ? signal?.expectedEdgeBps == null
                    ? ''
                    : `${bps(signal.expectedEdgeBps)} bps`
                  : words(abstained)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p class="empty">No symbol matches.</p>}
    </section>
  );
}

/** How many symbols have no decision, by reason. */
function Abstentions({ rows }: { rows: readonly Row[] }) {
  const counts = new Map<string, number>();
  for (const { abstained } of rows)
    if (abstained !== undefined) counts.set(abstained, (counts.get(abstained) ?? 0) + 1);
  if (counts.size === 0) return null;
  const largestFirst = [...counts].sort(([, a], [, b]) => b - a);
  return (
    <p class="soft">
      Abstaining: {largestFirst.map(([reason, count]) => `${count} ${words(reason)}`).join(', ')}
    </p>
  );
}

interface SymbolData {
  readonly candles: Candles['candles'];
  readonly signals: readonly Signal[];
  readonly position: Position | undefined;
  readonly trades: readonly Trade[];
}

function SymbolView({
  token,
  symbol,
  status,
  row,
  position,
  trades,
}: {
  token: string;
  symbol: string;
  status: Status;
  row: Row | undefined;
  position: Position | undefined;
  trades: readonly Trade[];
}) {
  const trigger = status.lastBar?.barOpenTimeMs;
  const polled = usePolled(
    symbol,
    async (cancelled) => {
      const [{ candles }, { signals }] = await Promise.all([
        read(token, '/api/candles', { symbol, count: CANDLES }, cancelled),
        read(token, '/api/signals', { symbol, count: CANDLES }, cancelled),
      ]);
      return { candles, signals };
    },
    { everyMs: EVERY_MS, trigger },
  );
  const data: SymbolData = useMemo(
    () => ({
      candles: polled.data?.candles ?? [],
      signals: polled.data?.signals ?? [],
      position,
      trades: trades.filter((trade) => trade.symbol === symbol),
    }),
    [polled.data, position, trades, symbol],
  );
  const last = data.candles.at(-1);
  return (
    <section class="symbol" aria-label={symbol}>
      <h2>
        {symbol} {last !== undefined && <span class="soft">{figure(last.close)} USDT</span>}
      </h2>
      {polled.problem !== undefined && <p class="problem">Candles could not be read: {polled.problem}</p>}
      <Chart
        id={symbol}
        data={data}
        open={openSymbolChart}
        tall
        summary={`Candles of ${symbol} over the last day, with ${data.trades.length} closed trades`}
      />
      <p class="soft">
        Below the candles, by bar: share of the models that agree (bars, in the colour of their side) and
        expected edge (line).
      </p>
      {position !== undefined && (
        <p>
          {position.side === 'BUY' ? 'Long' : 'Short'} {figure(position.quantity)} from{' '}
          {figure(position.entryPrice)}, stop {figure(position.stopPrice)} (the band), closed at{' '}
          {instant(position.exitDueMs)} UTC at the latest.
        </p>
      )}
      {row?.signal !== undefined && <Votes signal={row.signal} />}
      {row?.abstained !== undefined && <p>No decision on the last bar: {words(row.abstained)}.</p>}
    </section>
  );
}

/** Candles with markers above; consensus and expected edge of each decision below. */
function openSymbolChart(chart: IChartApi, colours: Colours) {
  const candles = chart.addSeries(CandlestickSeries, {
    ...{ upColor: colours.gain, downColor: colours.loss, borderVisible: false },
    ...{ wickUpColor: colours.gain, wickDownColor: colours.loss },
  });
  const quiet = { lastValueVisible: false, priceLineVisible: false };
  const consensus = chart.addSeries(HistogramSeries, { ...quiet, priceFormat: PERCENT }, 1);
  const edge = chart.addSeries(
    LineSeries,
    { ...quiet, color: colours.accent, lineWidth: 1, priceScaleId: 'edge' },
    1,
  );
  chart.panes()[1]!.setStretchFactor(0.3);
  // From entry to stop, while a position is open.
  const band = chart.addSeries(BaselineSeries, {
    ...{
      ...quiet,
      crosshairMarkerVisible: false,
      topLineColor: 'transparent',
      bottomLineColor: 'transparent',
    },
    ...{ topFillColor1: `${colours.loss}33`, topFillColor2: `${colours.loss}33` },
    ...{ bottomFillColor1: `${colours.loss}33`, bottomFillColor2: `${colours.loss}33` },
  });
  const markers = createSeriesMarkers(candles, []);
  let lines: IPriceLine[] = [];
  let isFitted = false;
  return (data: SymbolData) => {
    const oldestFirst = data.signals.toReversed();
    candles.setData(
      data.candles.map(({ openTimeMs, ...prices }) => ({ time: timeOf(openTimeMs), ...prices })),
    );
    const digits = priceDigits(data.candles.at(-1)?.close);
    candles.applyOptions({ priceFormat: { type: 'price', precision: digits, minMove: 10 ** -digits } });
    consensus.setData(
      oldestFirst.map((signal) => ({
        time: timeOf(signal.barOpenTimeMs),
        value: signal.consensusFraction * 100,
        color: sideColour(signal, colours),
      })),
    );
    edge.setData(
      oldestFirst.flatMap(({ barOpenTimeMs, expectedEdgeBps }) =>
        expectedEdgeBps === null ? [] : [{ time: timeOf(barOpenTimeMs), value: expectedEdgeBps }],
      ),
    );
    markers.setMarkers(markersOf(data, colours));
    drawBand(band, data);
    if (!isFitted && data.candles.length > 0) {
      isFitted = true;
      const to = data.candles.length + BARS_AHEAD;
      chart.timeScale().setVisibleLogicalRange({ from: to - BARS_SHOWN, to });
    }
    for (const line of lines) candles.removePriceLine(line);
    lines =
      data.position === undefined
        ? []
        : [
            candles.createPriceLine({
              price: data.position.entryPrice,
              color: colours.accent,
              title: 'entry',
            }),
            candles.createPriceLine({ price: data.position.stopPrice, color: colours.loss, title: 'stop' }),
          ];
  };
}

function drawBand(band: ISeriesApi<'Baseline'>, { candles, position }: SymbolData): void {
  if (position === undefined) {
    band.setData([]);
    return;
  }
  const { entryPrice, stopPrice, openedAtMs } = position;
  band.applyOptions({ baseValue: { type: 'price', price: entryPrice } });
  band.setData(
    candles
      .filter(({ openTimeMs }) => openTimeMs + BAR_MS > openedAtMs)
      .map(({ openTimeMs }) => ({ time: timeOf(openTimeMs), value: stopPrice })),
  );
}

const sideColour = ({ probabilities }: Signal, colours: Colours): string =>
  probabilities === null
    ? colours.muted
    : probabilities.buy > probabilities.sell
      ? colours.gain
      : colours.loss;

function priceDigits(price: number | undefined): number {
  if (price === undefined) return 2;
  return Math.min(8, Math.max(1, 5 - Math.floor(Math.log10(price))));
}

/** Decisions to act, entries and exits; those older than the candles are left out. */
function markersOf(
  { candles, signals, position, trades }: SymbolData,
  colours: Colours,
): SeriesMarker<Time>[] {
  const fromMs = candles[0]?.openTimeMs ?? Number.POSITIVE_INFINITY;
  const barOf = (ms: number) => timeOf(Math.floor(ms / BAR_MS) * BAR_MS);
  const marks: SeriesMarker<Time>[] = [];
  for (const { action, barOpenTimeMs } of signals) {
    if (action === 'HOLD') continue;
    marks.push({
      time: timeOf(barOpenTimeMs),
      position: action === 'BUY' ? 'belowBar' : 'aboveBar',
      shape: action === 'BUY' ? 'arrowUp' : 'arrowDown',
      color: action === 'BUY' ? colours.gain : colours.loss,
    });
  }
  const entry = (side: string, ms: number, price: number) =>
    marks.push({
      time: barOf(ms),
      position: 'atPriceMiddle',
      price,
      shape: 'circle',
      color: colours.accent,
      text: `in ${side === 'BUY' ? 'long' : 'short'}`,
    });
  for (const trade of trades) {
    entry(trade.side, trade.openedAtMs, trade.entryPrice);
    if (trade.exitPrice !== null)
      marks.push({
        time: barOf(trade.closedAtMs),
        position: 'atPriceMiddle',
        price: trade.exitPrice,
        shape: 'square',
        color: trade.profitMicroUsdt < 0 ? colours.loss : colours.gain,
        text: words(trade.reason),
      });
  }
  if (position !== undefined) entry(position.side, position.openedAtMs, position.entryPrice);
  return marks
    .filter(({ time }) => Number(time) * 1000 >= fromMs)
    .sort((a, b) => Number(a.time) - Number(b.time));
}

const SIDES = ['sell', 'buy'] as const;

/** What every model said of the last bar. */
function Votes({ signal }: { signal: Signal }) {
  const { action, confidence, expectedEdgeBps, reasons, consensusFraction } = signal;
  return (
    <>
      <p>
        <span class={`tag ${action}`}>{action}</span> on the bar of {instant(signal.barOpenTimeMs)} UTC:
        confidence {percent(confidence, 1)}, expected edge{' '}
        {expectedEdgeBps === null ? 'unknown' : `${bps(expectedEdgeBps)} bps`} after costs,{' '}
        {percent(consensusFraction, 0)} of the models agree
        {reasons.length > 0 && `; no action: ${reasons.map(words).join(', ')}`}.
      </p>
      <ul class="votes">
        {signal.votes.map((vote) => (
          <li key={vote.model}>
            <span class="name">{vote.model}</span>
            {'abstained' in vote ? (
              <span class="soft">abstains: {words(vote.abstained)}</span>
            ) : (
              SIDES.map((side) => (
                <Fragment key={side}>
                  <meter
                    class={side}
                    min={0}
                    max={1}
                    value={vote.probabilities[side]}
                    aria-label={`${vote.model}: probability of ${side}`}
                  />
                  <span class="number">
                    {percent(vote.probabilities[side], 0)} {side}
                  </span>
                </Fragment>
              ))
            )}
          </li>
        ))}
      </ul>
    </>
  );
}
