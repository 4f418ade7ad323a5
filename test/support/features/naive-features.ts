// The features once more, straight from the table of formulas and as slow as that is: every value from scratch out of the
// last 880 bars. Shares no code with lib/features, so that an error would have to be made twice.
import type { CandleSeries } from '../../../lib/market/candle-series.ts';

interface Bar {
  o: number;
  h: number;
  l: number;
  c: number;
  v: number;
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
const mean = (values: number[]): number => sum(values) / values.length;
const deviation = (values: number[], freedom: number): number =>
  Math.sqrt(sum(values.map((value) => (value - mean(values)) ** 2)) / (values.length - freedom));

/** Plain recursion with weight `alpha`, seeded at the first value; all values of it. */
function recursion(values: number[], alpha: number): number[] {
  const averages: number[] = [];
  for (const value of values) {
    const previous = averages.at(-1) ?? value;
    averages.push((1 - alpha) * previous + alpha * value);
  }
  return averages;
}
const ema = (values: number[], period: number): number[] => recursion(values, 2 / (period + 1));
const wilder = (values: number[]): number => recursion(values, 1 / 14).at(-1)!;

/** Truncated at 800 values, weights normalised. */
function longEma(values: number[], period: number): number {
  const decay = 1 - 2 / (period + 1);
  const last = values.slice(-800).reverse();
  return sum(last.map((value, age) => value * decay ** age)) / sum(last.map((_, age) => decay ** age));
}

/** Row of one bar, in the order of the table. */
export function naiveRow(series: CandleSeries, bar: number): number[] {
  const bars: Bar[] = [];
  for (let i = bar - 879; i <= bar; i++) {
    bars.push({
      o: series.open[i]!,
      h: series.high[i]!,
      l: series.low[i]!,
      c: series.close[i]!,
      v: series.volume[i]!,
    });
  }
  return [
    ...price(bars),
    ...momentum(bars),
    ...trend(bars),
    ...volatility(bars),
    ...volume(bars),
    ...pattern(bars),
    ...microstructure(bars),
  ];
}

const closes = (bars: Bar[]): number[] => bars.map(({ c }) => c);
const returns = (bars: Bar[]): number[] => bars.slice(1).map((now, i) => Math.log(now.c / bars[i]!.c));
const trueRanges = (bars: Bar[]): number[] =>
  bars
    .slice(1)
    .map((now, i) => Math.max(now.h - now.l, Math.abs(now.h - bars[i]!.c), Math.abs(now.l - bars[i]!.c)));
const ago = (bars: Bar[], count: number): Bar => bars.at(-1 - count)!;

function price(bars: Bar[]): number[] {
  const { o, h, l, c } = ago(bars, 0);
  return [
    Math.log(c / ago(bars, 1).c),
    Math.log(c / ago(bars, 12).c),
    (h - l) / c,
    (c - o) / c,
    (h - Math.max(o, c)) / c,
    (Math.min(o, c) - l) / c,
  ];
}

function momentum(bars: Bar[]): number[] {
  const { c } = ago(bars, 0);
  const changes = bars.slice(1).map((now, i) => now.c - bars[i]!.c);
  const gain = wilder(changes.map((change) => Math.max(change, 0)));
  const loss = wilder(changes.map((change) => Math.max(-change, 0)));
  const ema26 = ema(closes(bars), 26);
  const macds = ema(closes(bars), 12).map((fast, i) => fast - ema26[i]!);
  const macd = macds.at(-1)! / c;
  const signal = ema(macds, 9).at(-1)! / c;
  const fastK = (back: number): number => {
    const window = bars.slice(bars.length - back - 14, bars.length - back);
    const lowest = Math.min(...window.map(({ l }) => l));
    const highest = Math.max(...window.map(({ h }) => h));
    return highest > lowest ? (100 * (ago(bars, back).c - lowest)) / (highest - lowest) : 50;
  };
  const slowK = (back: number): number => mean([fastK(back), fastK(back + 1), fastK(back + 2)]);
  return [
    gain + loss > 0 ? 100 - 100 / (1 + gain / loss) : 50,
    macd,
    signal,
    macd - signal,
    slowK(0),
    mean([slowK(0), slowK(1), slowK(2)]),
    100 * (c / ago(bars, 10).c - 1),
  ];
}

function trend(bars: Bar[]): number[] {
  const all = closes(bars);
  const c = all.at(-1)!;
  const ema9 = ema(all, 9).at(-1)!;
  const ema21s = ema(all, 21);
  const ema21 = ema21s.at(-1)!;
  const ema50 = longEma(all, 50);
  const ema200 = longEma(all, 200);
  const moves = bars.slice(1).map((now, i) => ({ up: now.h - bars[i]!.h, down: bars[i]!.l - now.l }));
  const plusMoves = moves.map(({ up, down }) => (up > down && up > 0 ? up : 0));
  const minusMoves = moves.map(({ up, down }) => (down > up && down > 0 ? down : 0));
  const atrs = recursion(trueRanges(bars), 1 / 14);
  const plus = recursion(plusMoves, 1 / 14).map((move, i) => (atrs[i]! > 0 ? (100 * move) / atrs[i]! : 0));
  const minus = recursion(minusMoves, 1 / 14).map((move, i) => (atrs[i]! > 0 ? (100 * move) / atrs[i]! : 0));
  const dx = plus.map((up, i) =>
    up + minus[i]! > 0 ? (100 * Math.abs(up - minus[i]!)) / (up + minus[i]!) : 0,
  );
  return [
    c / ema9 - 1,
    c / ema21 - 1,
    c / ema50 - 1,
    c / ema200 - 1,
    ema9 / ema21 - 1,
    ema50 / ema200 - 1,
    c / mean(all.slice(-20)) - 1,
    c / mean(all.slice(-50)) - 1,
    ema21 / ema21s.at(-13)! - 1,
    ema50 / longEma(all.slice(0, -12), 50) - 1,
    wilder(dx),
    plus.at(-1)!,
    minus.at(-1)!,
  ];
}

function volatility(bars: Bar[]): number[] {
  const last20 = closes(bars).slice(-20);
  const c = last20.at(-1)!;
  const middle = mean(last20);
  const upper = middle + 2 * deviation(last20, 0);
  const lower = middle - 2 * deviation(last20, 0);
  const ranges = trueRanges(bars);
  const atr = wilder(ranges);
  return [
    (upper - lower) / middle,
    upper > lower ? (c - lower) / (upper - lower) : 0.5,
    upper / c - 1,
    lower / c - 1,
    atr / c,
    mean(ranges.slice(-96)) > 0 ? atr / mean(ranges.slice(-96)) : 1,
    deviation(returns(bars).slice(-24), 1),
    deviation(returns(bars).slice(-96), 1),
  ];
}

function volume(bars: Bar[]): number[] {
  const volumes = bars.map(({ v }) => v);
  const ratio = (over: number, under: number): number => (under > 0 ? over / under : 0);
  const directed = (count: number, weigh: (change: number) => number): number =>
    sum(
      Array.from({ length: count }, (_, back) => {
        const now = ago(bars, back);
        return weigh(now.c / ago(bars, back + 1).c - 1) * now.v;
      }),
    );
  return [
    ratio(volumes.at(-1)!, mean(volumes.slice(-20))),
    ratio(mean(volumes.slice(-5)), mean(volumes.slice(-50))),
    ratio(directed(20, Math.sign), sum(volumes.slice(-20))),
    ratio(directed(96, Math.sign), sum(volumes.slice(-96))),
    ratio(
      directed(96, (change) => change),
      sum(volumes.slice(-96)),
    ),
  ];
}

function pattern(bars: Bar[]): number[] {
  const { o, h, l, c } = ago(bars, 0);
  const before = ago(bars, 1);
  const body = Math.abs(c - o);
  const upper = h - Math.max(o, c);
  const lower = Math.min(o, c) - l;
  const hammer = lower > 2 * body && upper < body;
  const star = upper > 2 * body && lower < body;
  const bullish = c > o && before.c < before.o && o <= before.c && c >= before.o;
  const bearish = c < o && before.c > before.o && o >= before.c && c <= before.o;
  return [
    body <= 0.1 * (h - l) && h > l ? 1 : 0,
    Number(hammer) - Number(star),
    Number(bullish) - Number(bearish),
    Math.max(0, l - before.h) / c,
    Math.max(0, before.l - h) / c,
  ];
}

function microstructure(bars: Bar[]): number[] {
  const { h, l, c } = ago(bars, 0);
  const atr = wilder(trueRanges(bars));
  const inAtr = (move: number): number => (atr > 0 ? move / atr : 0);
  const spread = (now: Bar, before: Bar): number => {
    const beta = Math.log(now.h / now.l) ** 2 + Math.log(before.h / before.l) ** 2;
    const gamma = Math.log(Math.max(now.h, before.h) / Math.min(now.l, before.l)) ** 2;
    const k = 3 - 2 * Math.sqrt(2);
    const alpha = (Math.sqrt(2 * beta) - Math.sqrt(beta)) / k - Math.sqrt(gamma / k);
    return Math.max(0, (2 * (Math.exp(alpha) - 1)) / (1 + Math.exp(alpha)));
  };
  return [
    inAtr(c - ago(bars, 5).c),
    inAtr(c - ago(bars, 20).c),
    inAtr(c - ago(bars, 5).c - (ago(bars, 1).c - ago(bars, 6).c)),
    mean(Array.from({ length: 20 }, (_, back) => spread(ago(bars, back), ago(bars, back + 1)))),
    h > l ? (c - l) / (h - l) : 0.5,
  ];
}
