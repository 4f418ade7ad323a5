// The trades of a few symbols on their candles: the worst, the best, and what was asked for.
import type { Plot, TradeMark } from '../../dashboard/report/plots.ts';
import { formatFigure } from '../../lib/core/format-figure.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { type CandleSeries, countUntil } from '../../lib/market/candle-series.ts';
import type { BacktestReport, ReportedTrade } from '../../lib/research/use-cases/backtest-report.ts';
import { secondsOf } from './plots.ts';

/** More candles of a symbol are joined into longer ones. */
const CANDLES_MAX = 2_500;
const STEPS_MS = [5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, 24 * HOUR_MS];
/** Trades with their profit written beside them. */
const TEXTS_MAX = 40;

export interface ChosenSymbol {
  readonly symbol: string;
  readonly why: string;
}

/** @param pairs the most profitable first */
export function chooseSymbols(
  { pairs }: Pick<BacktestReport, 'pairs'>,
  asked: readonly string[],
): ChosenSymbol[] {
  const most = [...pairs].sort((a, b) => b.trades - a.trades)[0];
  const candidates = [
    ...asked.map((symbol) => ({ symbol, why: 'as asked' })),
    ...(pairs.length > 0 ? [{ symbol: pairs.at(-1)!.symbol, why: 'the worst' }] : []),
    ...(pairs.length > 1 ? [{ symbol: pairs[0]!.symbol, why: 'the best' }] : []),
    ...(most === undefined ? [] : [{ symbol: most.symbol, why: 'most trades' }]),
  ];
  return candidates.filter(
    ({ symbol }, index) => candidates.findIndex((of) => of.symbol === symbol) === index,
  );
}

/** @param candles of the symbol; only those of the report's range are drawn */
export function plotTrades(
  { symbol, why }: ChosenSymbol,
  candles: CandleSeries,
  { range, trades }: Pick<BacktestReport, 'range' | 'trades'>,
): Plot & { readonly stepMs: number } {
  const first = countUntil(candles, range.fromMs - 1);
  const end = countUntil(candles, range.toMs - 1);
  const stepMs = STEPS_MS.find((ms) => (range.toMs - range.fromMs) / ms <= CANDLES_MAX) ?? STEPS_MS.at(-1)!;
  const joined = joinCandles(candles, { first, end, stepMs });
  const own = trades.filter((trade) => trade.symbol === symbol);
  const marks = own.flatMap((trade) => markOf(trade, { stepMs, isNamed: own.length <= TEXTS_MAX }));
  const seen = new Set(joined.at);
  return {
    id: `candles-${symbol}`,
    summary: `Candles of ${symbol} (${why}) with ${own.length} trades: an arrow at each entry, a dot at each exit`,
    tall: true,
    at: joined.at,
    panes: [],
    candles: {
      ...joined.prices,
      trades: marks.filter((mark) => seen.has(mark.openedAt) && seen.has(mark.closedAt)),
    },
    stepMs,
  };
}

function joinCandles(
  candles: CandleSeries,
  { first, end, stepMs }: { first: number; end: number; stepMs: number },
) {
  const at: number[] = [];
  const prices = { open: [] as number[], high: [] as number[], low: [] as number[], close: [] as number[] };
  for (let bar = first; bar < end; bar++) {
    const second = secondsOf(Math.floor(candles.openTimeMs[bar]! / stepMs) * stepMs);
    const last = at.length - 1;
    const [high, low, close] = [candles.high[bar]!, candles.low[bar]!, candles.close[bar]!];
    if (at[last] === second) {
      prices.high[last] = Math.max(prices.high[last]!, high);
      prices.low[last] = Math.min(prices.low[last]!, low);
      prices.close[last] = close;
      continue;
    }
    at.push(second);
    prices.open.push(candles.open[bar]!);
    prices.high.push(high);
    prices.low.push(low);
    prices.close.push(close);
  }
  return { at, prices };
}

/** A position is closed at the end of a bar: the instant before lies within it. */
function markOf(
  { side, openedAtMs, closedAtMs, entryPrice, exitPrice, profitUsdt, reason }: ReportedTrade,
  { stepMs, isNamed }: { stepMs: number; isNamed: boolean },
): TradeMark[] {
  if (exitPrice === null) return [];
  const candleOf = (ms: number) => secondsOf(Math.floor(ms / stepMs) * stepMs);
  return [
    {
      ...{ side, entryPrice, exitPrice, won: profitUsdt > 0 },
      openedAt: candleOf(openedAtMs),
      closedAt: Math.max(candleOf(openedAtMs), candleOf(closedAtMs - 1)),
      text: isNamed ? `${reason} ${profitUsdt > 0 ? '+' : ''}${formatFigure(profitUsdt, 2)}` : '',
    },
  ];
}
