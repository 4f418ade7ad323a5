// A market made from a seed, for when there is no recorded one: a fresh clone trades at once, and a test can have as many bars as
// it likes. Only + − × ÷ and sqrt touch the numbers, since these are exact everywhere and exp, log and sin are not: the same seed
// gives the same candles, bit for bit, on every machine, and a longer or wider market starts like a shorter one.
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { invariant } from '../../lib/core/invariant.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries } from '../../lib/market/candle-series.ts';
import { type MarketSource, marketOf } from './market-source.ts';

interface GeneratedMarketQuery {
  /** Any 32-bit integer. */
  readonly seed: number;
  /** How many, 1…200; the first ones carry the names of real majors. */
  readonly symbols: number;
  /** Open time of the first bar, a multiple of 300000. */
  readonly fromMs: number;
  readonly bars: number;
}

interface Listing {
  readonly symbol: string;
  readonly price: number;
  readonly tickDecimals: number;
  readonly stepDecimals: number;
  /** How far it follows the market. */
  readonly beta: number;
  /** Own deviation per bar, as a fraction of the price. */
  readonly deviation: number;
  /** Mean per bar, in USDT. */
  readonly turnoverUsdt: number;
}

const SYMBOLS_MAX = 1_000;
/** Trades-like moves within a bar, from which its high and low come. */
const STEPS = 8;
const MARKET_DEVIATION = 0.0011;

/** Symbol, price, tick decimals, step decimals, beta, own deviation, turnover in thousands. */
const MAJORS: readonly (readonly [string, number, number, number, number, number, number])[] = [
  ['BTCUSDT', 60_000, 1, 3, 1, 0.0004, 40_000],
  ['ETHUSDT', 2_600, 2, 3, 1.15, 0.0006, 28_000],
  ['SOLUSDT', 150, 3, 1, 1.4, 0.0012, 9_000],
  ['BNBUSDT', 550, 2, 2, 0.9, 0.0007, 3_000],
  ['XRPUSDT', 0.56, 4, 1, 1, 0.001, 4_000],
  ['DOGEUSDT', 0.11, 5, 0, 1.45, 0.0013, 3_500],
  ['ADAUSDT', 0.36, 5, 0, 1.2, 0.0011, 1_400],
  ['AVAXUSDT', 24, 3, 0, 1.4, 0.0014, 1_300],
  ['LINKUSDT', 11, 3, 2, 1.25, 0.0012, 1_100],
  ['DOTUSDT', 4.5, 3, 1, 1.2, 0.0012, 800],
  ['LTCUSDT', 65, 2, 3, 0.95, 0.0009, 900],
  ['TRXUSDT', 0.15, 5, 0, 0.5, 0.0007, 500],
  ['NEARUSDT', 4.2, 3, 0, 1.5, 0.0016, 900],
  ['UNIUSDT', 6.5, 3, 0, 1.3, 0.0015, 600],
  ['ATOMUSDT', 4.6, 3, 2, 1.2, 0.0013, 450],
  ['1000PEPEUSDT', 0.0085, 7, 0, 1.7, 0.002, 2_600],
  ['APTUSDT', 6.2, 3, 1, 1.4, 0.0016, 650],
  ['ARBUSDT', 0.55, 4, 1, 1.4, 0.0015, 700],
  ['FILUSDT', 3.7, 3, 1, 1.35, 0.0014, 550],
  ['SUIUSDT', 0.95, 4, 1, 1.5, 0.0019, 1_500],
];

/** How the whole market behaves for a while: drift and deviation in market deviations, mean length in bars. */
const REGIMES = [
  { drift: 0, deviation: 0.7, meanBars: 400, next: [0.1, 0.45, 0.42, 0.03] },
  { drift: 0.08, deviation: 0.9, meanBars: 250, next: [0.6, 0.1, 0.24, 0.06] },
  { drift: -0.07, deviation: 1.1, meanBars: 200, next: [0.55, 0.3, 0.05, 0.1] },
  { drift: -0.6, deviation: 3.5, meanBars: 30, next: [0.3, 0.3, 0.4, 0] },
] as const;

/** Share of the day's mean volume by hour, UTC: quiet before Asia closes, busiest when New York opens. */
const VOLUME_BY_HOUR = [
  1.1, 1, 0.95, 0.85, 0.75, 0.7, 0.75, 0.85, 0.95, 0.95, 0.9, 0.95, 1.1, 1.35, 1.6, 1.55, 1.4, 1.25, 1.1,
  1.05, 1, 0.95, 0.9, 1,
];

/** Pure: the same query always gives the same candles; all of them valid, without gaps. */
export function generateMarket(query: GeneratedMarketQuery): MarketSource {
  const { seed, symbols, fromMs, bars } = query;
  invariant(Number.isInteger(seed), `the seed must be an integer, not ${seed}`);
  invariant(Number.isInteger(fromMs / BAR_MS), `${fromMs} is not the open time of a bar`);
  invariant(
    symbols >= 1 && symbols <= SYMBOLS_MAX && bars >= 1,
    `cannot make ${symbols} symbols × ${bars} bars`,
  );
  const factor = generateFactor(randomness(seed, 0), bars);
  const bySymbol = new Map<string, CandleSeries>();
  for (let index = 0; index < symbols; index++) {
    const listing = listingAt(index);
    const random = randomness(seed, index + 1);
    bySymbol.set(listing.symbol, generateCandles({ listing, random, factor, fromMs, bars }));
  }
  return marketOf(bySymbol);
}

type Random = () => number;

/** Uniform in [0, 1); each stream of a seed is its own, so that one symbol more changes no other. */
function randomness(seed: number, stream: number): Random {
  const generator = xoroshiro128plus(seed ^ Math.imul(stream, 0x9e3779b1));
  return () => (generator.next() >>> 0) / 0x1_0000_0000;
}

/** Mean 0, deviation 1, nearly normal: the sum of four uniforms, whose variance is 4/12. */
const bell = (random: Random): number => (random() + random() + random() + random() - 2) * 1.7320508075688772;

/** GARCH(1,1) around 1: calm follows calm and storm follows storm (Bollerslev 1986). */
const nextVariance = (variance: number, shock: number): number =>
  Math.min(0.02 + 0.13 * shock * shock + 0.85 * variance, 40);

/** The moves of the whole market, [bars × STEPS], as fractions of the price. */
function generateFactor(random: Random, bars: number): Float64Array {
  const moves = new Float64Array(bars * STEPS);
  let regime: (typeof REGIMES)[number] = REGIMES[0];
  let variance = 1;
  for (let bar = 0; bar < bars; bar++) {
    const leaves = random() * regime.meanBars < 1;
    const pick = random();
    if (leaves) regime = pickRegime(regime.next, pick);
    const deviation = Math.sqrt(variance / STEPS);
    let shock = 0;
    for (let step = 0; step < STEPS; step++) {
      const own = deviation * bell(random);
      shock += own;
      moves[bar * STEPS + step] = MARKET_DEVIATION * (regime.deviation * own + regime.drift / STEPS);
    }
    variance = nextVariance(variance, shock);
  }
  return moves;
}

function pickRegime(weights: readonly number[], pick: number): (typeof REGIMES)[number] {
  let sum = 0;
  for (const [index, weight] of weights.entries()) {
    sum += weight;
    if (pick < sum) return REGIMES[index]!;
  }
  return REGIMES[0];
}

function generateCandles(context: {
  listing: Listing;
  random: Random;
  factor: Float64Array;
  fromMs: number;
  bars: number;
}): CandleSeries {
  const { listing, random, factor, fromMs, bars } = context;
  const series = allocateSeries(bars);
  const perTick = 10 ** listing.tickDecimals;
  const perStep = 10 ** listing.stepDecimals;
  const toTick = (price: number): number => Math.max(Math.round(price * perTick), 100) / perTick;
  let price = listing.price * (0.8 + 0.4 * random());
  let variance = 1;
  for (let bar = 0; bar < bars; bar++) {
    const openTimeMs = fromMs + bar * BAR_MS;
    const moves = ownMoves(random, variance);
    // A weak pull towards the listing price keeps a market of years within sight of it.
    const pull = (1 - price / listing.price) * 0.0001;
    const open = price;
    let high = price;
    let low = price;
    for (let step = 0; step < STEPS; step++) {
      const move =
        listing.beta * factor[bar * STEPS + step]! + listing.deviation * moves.steps[step]! + pull / STEPS;
      price *= 1 + Math.max(Math.min(move, 0.2), -0.2);
      high = Math.max(high, price);
      low = Math.min(low, price);
    }
    series.openTimeMs[bar] = openTimeMs;
    series.open[bar] = toTick(open);
    series.high[bar] = toTick(high);
    series.low[bar] = toTick(low);
    series.close[bar] = toTick(price);
    const liveliness = Math.abs(price / open - 1) / (listing.deviation + listing.beta * MARKET_DEVIATION);
    const turnoverUsdt =
      listing.turnoverUsdt * volumeShape(openTimeMs) * (0.4 + 0.8 * liveliness) * moves.crowd;
    series.volume[bar] = Math.max(Math.round((turnoverUsdt / price) * perStep), 1) / perStep;
    variance = nextVariance(variance, moves.shock);
  }
  return series;
}

/** A symbol's own moves within one bar, in own deviations; one bar in some 500 jumps. `crowd` multiplies the volume. */
function ownMoves(random: Random, variance: number): { steps: number[]; shock: number; crowd: number } {
  const deviation = Math.sqrt(variance / STEPS);
  const steps: number[] = [];
  let shock = 0;
  for (let step = 0; step < STEPS; step++) {
    const own = deviation * bell(random);
    shock += own;
    steps.push(own);
  }
  // Every bar draws the same number of times, so that what happens in one shifts nothing after it.
  const [jumps, size, side, at, crowd] = [random(), random(), random(), random(), random() * random()];
  if (jumps < 0.002) {
    const jump = (4 + 8 * size) * (side < 0.5 ? -1 : 1);
    steps[Math.floor(at * STEPS)]! += jump;
    shock += jump / 3;
  }
  return { steps, shock, crowd: 0.5 + 2 * crowd };
}

function volumeShape(openTimeMs: number): number {
  const hours = (openTimeMs / HOUR_MS) % 24;
  const hour = Math.floor(hours);
  const from = VOLUME_BY_HOUR[hour]!;
  return from + (VOLUME_BY_HOUR[(hour + 1) % 24]! - from) * (hours - hour);
}

/** Beyond the majors, small coins that look like the last of them. */
function listingAt(index: number): Listing {
  const row = MAJORS[index % MAJORS.length]!;
  const [symbol, price, tickDecimals, stepDecimals, beta, deviation, thousands] = row;
  const round = Math.floor(index / MAJORS.length);
  return {
    symbol: round === 0 ? symbol : `COIN${index + 1}USDT`,
    price,
    tickDecimals,
    stepDecimals,
    beta,
    deviation,
    turnoverUsdt: (thousands * 1_000) / (1 + round),
  };
}
