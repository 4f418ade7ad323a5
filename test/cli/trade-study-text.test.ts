import { describe, expect, test } from 'vitest';
import { formatTradePage, formatTradeStudy } from '../../cli/reports/trade-study-text.ts';
import type { RuleReport, TradeFigures } from '../../lib/research/trades/trade-study.ts';
import type { TradeStudy } from '../../lib/research/use-cases/study-trades.ts';

const interval = { low: -123.45, high: 123.45 };
const figures: TradeFigures = {
  trades: 123_456,
  enteredRate: 0.25,
  stopHitRate: 1,
  grossBps: -123.45,
  netBps: -123.45,
  enteredNetBps: -493.8,
  netInterval: interval,
  netFamily: interval,
  profitFactor: 12.34,
  adverseBps: 123.45,
  otherDaysNetBps: undefined,
};
const difference = { meanBps: -123.45, interval, family: interval };
const rule: RuleReport = {
  name: '1.2 x ATR 5m',
  signals: figures,
  control: { ...figures, netInterval: undefined },
  versusActive: { meanBps: undefined, interval: undefined, family: undefined },
  versusControl: difference,
};
const study: TradeStudy = {
  question: 'stops',
  ensembleId: 'e20240728_000000',
  holdBars: 12,
  costs: { feeBps: 5, slippageBps: 2 },
  fromMs: 0,
  toMs: 300_000,
  symbols: 30,
  decided: 100,
  acted: 10,
  excluded: 1,
  days: 5,
  busiestDay: undefined,
  rules: [rule, { ...rule, name: 'no stop', versusActive: difference }],
  conclusion: { code: 'none_survives', survivors: [], better: [], worse: [], text: 'None survives.' },
  symbolProblems: [],
};

describe('a study of stops', () => {
  test('fits a terminal of 80 columns with every table', () => {
    const [about, ...rest] = formatTradeStudy(study).split('\n\n');
    expect(about).toContain('10 BUY and SELL signals on 5 days; 1 excluded');
    expect(rest).toHaveLength(4);
    for (const line of rest.join('\n').split('\n')) expect([line, line.length <= 80]).toEqual([line, true]);
    expect(rest.join()).not.toContain('undefined');
  });

  test('names what it is about', () => {
    const exits = { ...study, question: 'exits' } as const;
    expect(formatTradePage(exits, 'candles')).toMatch(/^# Which exit survives costs/);
    expect(formatTradePage(exits, 'candles')).toContain('`qtrader study exits --data candles');
    expect(formatTradeStudy(exits)).toMatch(/^exit +trades/m);
  });

  test('of entries tells how many were entered, and what those earned', () => {
    const entries = { ...study, question: 'entries' } as const;
    const [about, first, second] = formatTradeStudy(entries).split('\n\n');
    expect(about).toMatch(/filled when the price goes 2 bps beyond it/);
    expect(first).toMatch(/^entry +trades +entered/m);
    expect(first).toContain('25.0 %');
    expect(second).toMatch(/if entered.*\n.*\n.*-493.8/);
  });

  test('has the same figures in one table of its page', () => {
    const page = formatTradePage(study, 'candles');
    const row = page.split('\n').find((line) => line.startsWith('| no stop |'))!;
    for (const cell of ['123456', '100.0 %', '-123.5 to 123.5', 'n/a', '12.34', '-123.5 (-123.5 to 123.5)'])
      expect(row).toContain(cell);
    expect(page).not.toContain('undefined');
  });
});
