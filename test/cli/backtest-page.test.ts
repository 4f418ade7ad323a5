// What the page of a backtest plots agrees with what its table says.
import { describe, expect, test } from 'vitest';
import { formatBacktestPage } from '../../cli/reports/backtest-page.ts';
import { formatBacktest, summaryRows } from '../../cli/reports/backtest-text.ts';
import { answersOf, type Bar, FLAT, pastOf, replay } from '../support/trading/past.ts';

const DAY_BARS = 288;
const at = (price: number): Bar => [price, price, price, price];

describe('an account that falls and recovers within a day', () => {
  // Two days. A long is entered at 100 on the first; the price falls to 99 around noon and is back at 100 before midnight.
  const bars: Bar[] = Array.from({ length: 2 * DAY_BARS }, (_, bar) =>
    bar > 11 && bar < 14 ? at(99) : FLAT,
  );
  const report = async () => {
    const candles = pastOf(bars);
    return replay({ AAAUSDT: { candles, predictions: answersOf('AAAUSDT', candles, { 10: 'BUY' }) } });
  };

  test('shows its drawdown on the page as in the table, and equity at every bar', async () => {
    const backtest = await report();
    const drawdown = new Map(summaryRows(backtest)).get('max drawdown')!;
    const page = formatBacktestPage(backtest);
    expect(page).toContain(`Drawdown from the high, at most ${drawdown}<`);
    expect(page).toContain(`<td>max drawdown</td><td>${drawdown}</td>`);
    expect(backtest.equity.timeMs).toHaveLength(bars.length + 1);
    // Neither end of a day knows of the fall: what only they see is the cost of the trade.
    const endOfDay = backtest.equity.equityUsdt[DAY_BARS]!;
    expect(1 - endOfDay / 10_000).toBeLessThan(backtest.summary.maxDrawdown!.fraction / 2);
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
