// The market of the simulated exchange: recorded candles of a folder, or a generated market.
import { BAR_MS } from '../../lib/market/candle.ts';
import { type CandleSeries, countUntil } from '../../lib/market/candle-series.ts';
import { REQUEST_BARS } from '../../lib/market/grid.ts';
import { LocalStartError } from '../aws/host/local-start-error.ts';
import { generateMarket } from '../market/generated-market.ts';
import { loadRecordedMarket, type MarketSource, marketOf } from '../market/market-source.ts';

export interface MarketChoice {
  /** Folder of recorded candles; the generated market when undefined. */
  readonly dataFolder: string | undefined;
  readonly seed: number;
  /** How many symbols, or which. */
  readonly symbols: number | readonly string[];
}

export interface ChosenMarket {
  readonly market: MarketSource;
  /** Name of the market, by which a restart recognises its own state. */
  readonly source: string;
}

const GENERATED_FROM_MS = Date.UTC(2024, 5, 1);
/** 30 days of replay after the history that the first bar needs. */
const GENERATED_BARS = REQUEST_BARS + 30 * 288;
const DAY_BARS = 288;

/** @param fromMs when the replay starts: the universe is ranked by the day before. Throws LocalStartError. */
export async function chooseMarket(choice: MarketChoice, fromMs: number | undefined): Promise<ChosenMarket> {
  const { dataFolder, seed, symbols } = choice;
  if (dataFolder === undefined) {
    const market = generateMarket({
      seed,
      symbols: typeof symbols === 'number' ? symbols : GENERATED_SYMBOLS_MAX,
      fromMs: GENERATED_FROM_MS,
      bars: GENERATED_BARS,
    });
    return { market: keepNamed(market, symbols), source: `generated market, seed ${seed}` };
  }
  const recorded = await loadRecordedMarket({
    folder: dataFolder,
    symbols: typeof symbols === 'number' ? undefined : symbols,
  });
  if (!recorded.ok) throw new LocalStartError(recorded.error);
  return { market: keepLargest(recorded.value, symbols, fromMs), source: `candles of ${dataFolder}` };
}

/** Named symbols are looked for among this many generated ones. */
const GENERATED_SYMBOLS_MAX = 200;

function keepNamed(market: MarketSource, symbols: number | readonly string[]): MarketSource {
  if (typeof symbols === 'number') return market;
  const unknown = symbols.filter((symbol) => !market.symbols.includes(symbol));
  if (unknown.length > 0)
    throw new LocalStartError(
      `the generated market has no ${unknown.join(', ')}: choose among ${market.symbols.slice(0, 20).join(', ')} …`,
    );
  return restrict(market, symbols);
}

/** The symbols with the largest quote volume in the 24 hours before the start, as in the universe. */
function keepLargest(
  market: MarketSource,
  symbols: number | readonly string[],
  fromMs: number | undefined,
): MarketSource {
  if (typeof symbols !== 'number' || symbols >= market.symbols.length) return market;
  const untilMs = fromMs ?? firstRunMs(market);
  const ranked = market.symbols
    .map((symbol) => ({ symbol, quoteVolume: dayQuoteVolume(market.candles(symbol), untilMs) }))
    .sort((a, b) => b.quoteVolume - a.quoteVolume);
  return restrict(
    market,
    ranked.slice(0, symbols).map(({ symbol }) => symbol),
  );
}

const restrict = (market: MarketSource, symbols: readonly string[]): MarketSource =>
  marketOf(new Map(symbols.map((symbol) => [symbol, market.candles(symbol)])));

function dayQuoteVolume(series: CandleSeries, untilMs: number): number {
  const end = countUntil(series, untilMs - BAR_MS);
  let sum = 0;
  for (let bar = Math.max(0, end - DAY_BARS); bar < end; bar++)
    sum += series.close[bar]! * series.volume[bar]!;
  return sum;
}

/** The earliest bar close with a whole window of history before it. */
export const firstRunMs = (market: MarketSource): number => market.firstOpenTimeMs + REQUEST_BARS * BAR_MS;
