// What the page of a backtest plots agrees with what its table says.
import { describe, expect, test } from 'vitest';
import { formatBacktestPage } from '../../cli/reports/backtest-page.ts';
import { summariseBacktest } from '../../cli/reports/backtest-summary.ts';
import { formatBacktest, summaryRows } from '../../cli/reports/backtest-text.ts';
import type { BacktestReport } from '../../lib/research/use-cases/backtest-report.ts';
import { plotsOf } from '../support/report-page.ts';
import { answersOf, type Bar, FLAT, pastOf, replay } from '../support/trading/past.ts';

const DAY_BARS = 288;
const at = (price: number): Bar => [price, price, price, price];

describe('an account that falls and recovers within a day', () => {
  // Two days. A long is entered at 100 on the first; the price falls to 99 around noon and is back at 100 before midnight.
  const bars: Bar[] = Array.from({ length: 2 * DAY_BARS }, (_, bar) =>
    bar > 11 && bar < 14 ? at(99) : FLAT,
  );
  const candles = pastOf(bars);
  const pageOf = (backtest: BacktestReport) =>
    formatBacktestPage(backtest, { series: new Map([['AAAUSDT', candles]]), charts: [] });
  const report = async () => {
    return replay({ AAAUSDT: { candles, predictions: answersOf('AAAUSDT', candles, { 10: 'BUY' }) } });
  };

  test('plots the drawdown that the table says, and equity at every bar', async () => {
    const backtest = await report();
    const drawdown = new Map(summaryRows(backtest)).get('max drawdown')!;
    const page = pageOf(backtest);
    expect(page).toContain(`<th scope="row" class="">max drawdown</th><td class="">${drawdown}</td>`);
    const { at, panes } = plotsOf(page).find(({ id }) => id === 'equity')!;
    const [equity, falls] = panes.map(({ series }) => series[0]!.values as number[]);
    expect(`${(-Math.min(...falls!)).toFixed(2)} %`).toBe(drawdown);
    expect(at).toHaveLength(bars.length + 1);
    expect(equity!.at(-1)).toBeCloseTo(backtest.bookedLedger.equityUsdt, 2);
    expect(backtest.equity.timeMs).toHaveLength(bars.length + 1);
    // Neither end of a day knows of the fall: what only they see is the cost of the trade.
    const endOfDay = backtest.equity.equityUsdt[DAY_BARS]!;
    expect(1 - endOfDay / 10_000).toBeLessThan(backtest.summary.maxDrawdown!.fraction / 2);
  });

  test('marks its trades on the candles that they were opened and closed in', async () => {
    const backtest = await report();
    const { at, candles } = plotsOf(pageOf(backtest)).find(({ id }) => id === 'candles-AAAUSDT')!;
    expect(at).toHaveLength(bars.length);
    const [mark] = candles!.trades;
    // At the horizon it is closed just after the open of the next bar.
    expect([at.indexOf(mark!.openedAt), at.indexOf(mark!.closedAt)]).toEqual([11, 14]);
    expect(mark!.text).toMatch(/^horizon [-+]\d+\.\d\d$/);
  });

  test('sums up in one paragraph, with the benchmark and without a rate per year', async () => {
    const text = summariseBacktest(await report());
    expect(text).toContain('opened 1 positions, 1 long and 0 short');
    expect(text).toContain('held instead, equal parts of all 0.00 %');
    expect(text).toContain('2 days are too few for a rate per year');
    expect(text).not.toMatch(/NaN|undefined/);
  });

  test('gives no annualised figure for two days, and says why', async () => {
    const text = formatBacktest(await report());
    for (const name of ['return per year', 'Sharpe \\(daily, √365\\)', 'Sortino', 'Calmar'])
      expect(text).toMatch(new RegExp(`${name} +n/a \\(under 30 days\\)`));
    expect(text).not.toContain('undefined');
  });

  test('fits a terminal of 80 columns with every table', async () => {
    const backtest = await report();
    const trade = {
      symbol: '1000SATSUSDT',
      side: 'BUY' as const,
      openedAtMs: 0,
      quantity: 16.634988999999997,
      entryPrice: 0.00012345678,
      stopPrice: 0.00012345678,
      markPrice: 0.00012345678,
      unrealisedUsdt: -1_234.5678,
    };
    const text = formatBacktest({ ...backtest, openTrades: [trade] });
    const tables = text.slice(text.indexOf('\npairs\n'));
    for (const line of tables.split('\n')) expect([line, line.length <= 80]).toEqual([line, true]);
    expect(tables).toContain('16.635');
  });
});
