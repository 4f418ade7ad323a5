// Backtests whose outcome is known beforehand, and laws that hold for every past.
import { describe, expect, test } from 'vitest';
import { formatBacktestPage } from '../../cli/reports/backtest-page.ts';
import { formatBacktest } from '../../cli/reports/backtest-text.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries, sliceSeries } from '../../lib/market/candle-series.ts';
import type { BacktestReport } from '../../lib/research/use-cases/backtest-report.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { answersOf, type Bar, FLAT, FROM_MS, pastOf, replay, type Wish } from '../support/trading/past.ts';

const SLIP = 0.0002;
const FEE = 0.0005;
const barOf = (ms: number): number => Math.floor((ms - FROM_MS) / BAR_MS);

/** Index of the candle that opens so many bars after FROM_MS. */
const barAt = (candles: CandleSeries, bars: number): number => candles.openTimeMs.indexOf(FROM_MS) + bars;

const onOne = (bars: readonly Bar[], wishes: Readonly<Record<number, Wish>>) => {
  const candles = pastOf(bars);
  return replay({ AAAUSDT: { candles, predictions: answersOf('AAAUSDT', candles, wishes) } });
};

describe('a market written by hand', () => {
  const at = (price: number): Bar => [price, price, price, price];
  const bars: Bar[] = [
    ...Array.from({ length: 4 }, () => FLAT),
    ...[4, 5, 6].map(() => at(101)),
    // Within the bar entered in: the stop of a short at 102.2, and far below what any target could be.
    [101, 103, 95, 101],
    ...[8, 9, 10, 11].map(() => at(101)),
    // Opens below the stop of a long at 99.8.
    ...Array.from({ length: 10 }, () => at(97)),
  ];
  const wishes = { 0: 'BUY', 6: 'SELL', 10: 'BUY', 15: 'BUY', 16: 'SELL', 19: 'BUY', 21: 'SELL' } as const;

  test('gives exactly the trades that it must: horizon, stop within the bar, gap through the stop, signal, one open', async () => {
    const report = await onOne(bars, wishes);
    expect(report.problems).toEqual([]);
    const seen = report.trades.map(({ side, reason, openedAtMs, entryPrice, exitPrice }) => ({
      side,
      reason,
      bar: barOf(openedAtMs),
      entryPrice,
      exitPrice,
    }));
    const trade = (side: Wish, reason: string, bar: number, [entry, exit]: [number, number]) => {
      const sign = side === 'BUY' ? 1 : -1;
      return {
        side,
        reason,
        bar,
        entryPrice: expect.closeTo(entry * (1 + sign * SLIP), 9),
        exitPrice: expect.closeTo(exit * (1 - sign * SLIP), 9),
      };
    };
    expect(seen).toEqual([
      trade('BUY', 'horizon', 1, [100, 101]),
      trade('SELL', 'stop', 7, [101, 102.2]),
      trade('BUY', 'stop', 11, [101, 97]),
      trade('BUY', 'signal', 16, [97, 97]),
    ]);
    expect(report.openTrades).toMatchObject([
      { symbol: 'AAAUSDT', side: 'BUY', stopPrice: 95.8, markPrice: 97 },
    ]);
    expect(report.outcomes).toEqual({ entered: 5, exited: 1 });
    expect(report.exitReasons.map(({ reason, trades }) => [reason, trades]).sort()).toEqual([
      ['horizon', 1],
      ['signal', 1],
      ['stop', 2],
    ]);
  });

  test('leaves each trade in the bar that ends it', async () => {
    const { trades } = await onOne(bars, wishes);
    // A stop is booked at the close of its bar, which is the open of the next.
    expect(trades.map(({ closedAtMs }) => barOf(closedAtMs))).toEqual([4, 8, 13, 17]);
  });

  test('pays fee and slippage on every fill, and balances to the cent', async () => {
    const report = await onOne(bars, wishes);
    for (const { side, quantity, entryPrice, exitPrice, feesUsdt, profitUsdt } of report.trades) {
      expect(feesUsdt).toBeCloseTo(quantity * (entryPrice + exitPrice!) * FEE, 5);
      const move = (exitPrice! - entryPrice) * (side === 'BUY' ? 1 : -1);
      expect(profitUsdt).toBeCloseTo(quantity * move - feesUsdt, 5);
    }
    expectBalance(report);
    expect(report.bookedLedger.fundingUsdt).toBe(0);
  });

  test('knows its samples: the range against what the models were trained on', async () => {
    const candles = pastOf(bars);
    const predictions = answersOf('AAAUSDT', candles, {});
    const inSample = async (trainedToMs: number) =>
      (await replay({ AAAUSDT: { candles, predictions } }, { trainedToMs })).inSample;
    expect(await inSample(FROM_MS - BAR_MS)).toBe(false);
    expect(await inSample(FROM_MS)).toBe('partly');
    expect(await inSample(FROM_MS + (bars.length - 1) * BAR_MS)).toBe(true);
  });
});

/** equity = deposit + what trades and open positions earned − what is not in a trade yet: the open entries' fees. */
function expectBalance({ bookedLedger, trades, openTrades }: BacktestReport): void {
  const profit = trades.reduce((sum, { profitUsdt }) => sum + profitUsdt, 0);
  const unrealised = openTrades.reduce((sum, { unrealisedUsdt }) => sum + unrealisedUsdt, 0);
  const openFees = openTrades.reduce((sum, { quantity, entryPrice }) => sum + quantity * entryPrice * FEE, 0);
  expect(bookedLedger.equityUsdt).toBeCloseTo(
    bookedLedger.depositUsdt + profit + unrealised - openFees + bookedLedger.fundingUsdt,
    2,
  );
  expect(bookedLedger.unrealisedUsdt).toBeCloseTo(unrealised, 2);
}

describe('without a trade', () => {
  test('what cannot be computed is undefined, and said to be', async () => {
    const report = await onOne(
      Array.from({ length: 600 }, () => FLAT),
      {},
    );
    expect(report.trades).toEqual([]);
    expect(report.summary).toEqual({
      trades: 0,
      wins: 0,
      losses: 0,
      winRate: undefined,
      profitFactor: undefined,
      expectancyUsdt: undefined,
      sqn: undefined,
      averageDurationMs: undefined,
      totalReturn: 0,
      // Two days are too few to annualise.
      annualReturn: undefined,
      sharpe: undefined,
      sortino: undefined,
      calmar: undefined,
      maxDrawdown: undefined,
      marketChange: 0,
    });
    const text = formatBacktest(report);
    for (const name of ['Sharpe', 'Sortino', 'Calmar', 'SQN', 'profit factor', 'expectancy', 'max drawdown'])
      expect(text).toMatch(new RegExp(`${name}[^\\n]*n/a`));
    expect(formatBacktestPage(report, { series: new Map(), charts: [] })).toContain('no data');
  });
});

test('a range in which an order is refused is traded by the use cases, and the report says so', async () => {
  const DAY_BARS = 288;
  const candles = pastOf(Array.from({ length: 2 * DAY_BARS + 12 }, () => [100, 100.25, 99.75, 100] as const));
  // Volumes have decimals until 06:00 of the first day. The steps are derived anew each day, from 500 candles, and asked for once an hour:
  // what is sold before the second midnight does not fit the step of the day after.
  for (let bar = barAt(candles, 6 * 12); bar < candles.length; bar++) candles.volume[bar] = 7;
  const wishes = { [DAY_BARS]: 'BUY', [2 * DAY_BARS - 13]: 'BUY', [2 * DAY_BARS - 3]: 'SELL' } as const;
  const report = await replay({ AAAUSDT: { candles, predictions: answersOf('AAAUSDT', candles, wishes) } });
  expect(report.slowReplay).toBe('AAAUSDT: an order is refused: quantity_off_grid');
  // The rest of the third is below the new step, and so left to a stop that closes all there is.
  expect(report.trades.map(({ side, reason }) => [side, reason])).toEqual([
    ['BUY', 'horizon'],
    ['BUY', 'horizon'],
    ['SELL', 'stop'],
  ]);
  expect(report.openTrades).toEqual([]);
  expect(formatBacktest(report)).toContain(report.slowReplay);

  const calm = await onOne([FLAT, FLAT, FLAT, FLAT, FLAT], { 0: 'BUY' });
  expect(calm.slowReplay).toBeUndefined();
  expect(formatBacktest(calm)).not.toContain('order by order');
});

describe('the circuit breaker', () => {
  // Six longs are stopped by one bar; the same six want to enter again ten bars later.
  const bars: Bar[] = [
    FLAT,
    FLAT,
    [100, 100, 97, 97],
    ...Array.from({ length: 20 }, () => [97, 97, 97, 97] as const),
  ];
  const symbols = () =>
    Object.fromEntries(
      ['AAAUSDT', 'BBBUSDT', 'CCCUSDT', 'DDDUSDT', 'EEEUSDT', 'FFFUSDT'].map((symbol) => {
        const candles = pastOf(bars);
        return [symbol, { candles, predictions: answersOf(symbol, candles, { 0: 'BUY', 12: 'BUY' }) }];
      }),
    );

  test('ends trading for good when it trips, and says when and why', async () => {
    const report = await replay(symbols(), { withBreaker: true });
    expect(report.trip).toMatchObject({ message: expect.stringContaining('stop_hits') });
    expect(barOf(report.trip!.atMs)).toBe(3);
    expect(report.outcomes).toEqual({ entered: 6 });
    expect(formatBacktest(report)).toContain('TRIPPED at 2024-01-02 00:15');
  });

  test('does not judge unless asked to', async () => {
    const report = await replay(symbols());
    expect(report.trip).toBeUndefined();
    expect(report.outcomes).toEqual({ entered: 12 });
  });
});

describe('any market', () => {
  const BARS = 240;
  const WARM_UP = 900;
  const market = generateMarket({
    seed: 11,
    symbols: 6,
    fromMs: FROM_MS - WARM_UP * BAR_MS,
    bars: BARS + WARM_UP,
  });
  /** Wishes that look random and follow from the names alone. */
  const wishesOf = (index: number): Record<number, Wish> =>
    Object.fromEntries(
      Array.from({ length: BARS }, (_, bar) => [bar, (bar * 7 + index * 13) % 31] as const)
        .filter(([, draw]) => draw < 3)
        .map(([bar, draw]) => [bar, draw === 0 ? 'SELL' : 'BUY']),
    );
  const past = (candlesOf: (symbol: string) => CandleSeries = (symbol) => market.candles(symbol)) =>
    Object.fromEntries(
      market.symbols.map((symbol, index) => {
        const candles = candlesOf(symbol);
        const answers = answersOf(symbol, candles, wishesOf(index));
        const atr = answers.close.map((close) => close / 400);
        return [symbol, { candles, predictions: { ...answers, atr, stopAtr: atr } }];
      }),
    );

  test('the same input gives the same bytes', async () => {
    const first = JSON.stringify(await replay(past()));
    expect(JSON.parse(first).trades.length).toBeGreaterThan(50);
    expect(JSON.stringify(await replay(past()))).toBe(first);
  });

  test('balances to the cent, fees and funding included', async () => {
    const report = await replay(past());
    expect(report.problems).toEqual([]);
    expect(report.bookedLedger.fundingUsdt).not.toBe(0);
    expectBalance(report);
  });

  test('nothing that happens later changes what happened before', async () => {
    const cutMs = FROM_MS + 120 * BAR_MS;
    const shaken = (symbol: string): CandleSeries => {
      const candles = market.candles(symbol);
      const copy = allocateSeries(candles.length);
      for (const column of ['openTimeMs', 'open', 'high', 'low', 'close', 'volume'] as const)
        copy[column].set(candles[column]);
      for (let bar = 0; bar < copy.length; bar++) {
        if (copy.openTimeMs[bar]! < cutMs) continue;
        for (const column of ['open', 'high', 'low', 'close'] as const) copy[column][bar]! *= 1.003;
      }
      return copy;
    };
    const [calm, other] = [await replay(past()), await replay(past(shaken))];
    const endedBefore = ({ trades }: BacktestReport) => trades.filter(({ closedAtMs }) => closedAtMs < cutMs);
    expect(endedBefore(calm).length).toBeGreaterThan(20);
    expect(endedBefore(other)).toEqual(endedBefore(calm));
    expect(other.trades).not.toEqual(calm.trades);
    const cut = await replay(
      past((symbol) => sliceSeries(market.candles(symbol), 0, 120 + WARM_UP)),
      { toMs: cutMs },
    );
    expect(endedBefore(cut)).toEqual(endedBefore(calm));
  });
});
