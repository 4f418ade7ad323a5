import { describe, expect, test } from 'vitest';
import { formatExitPage, formatExitStudy } from '../../cli/reports/exit-study-text.ts';
import type { ExitFigures, RuleReport } from '../../lib/research/exits/exit-study.ts';
import type { ExitStudy } from '../../lib/research/use-cases/study-exits.ts';

const interval = { low: -123.45, high: 123.45 };
const figures: ExitFigures = {
  trades: 123_456,
  stopHitRate: 1,
  grossBps: -123.45,
  netBps: -123.45,
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
const study: ExitStudy = {
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
    const [about, ...rest] = formatExitStudy(study).split('\n\n');
    expect(about).toContain('10 BUY and SELL signals on 5 days; 1 excluded');
    expect(rest).toHaveLength(4);
    for (const line of rest.join('\n').split('\n')) expect([line, line.length <= 80]).toEqual([line, true]);
    expect(rest.join()).not.toContain('undefined');
  });

  test('names what it is about', () => {
    const exits = { ...study, question: 'exits' } as const;
    expect(formatExitPage(exits, 'candles')).toMatch(/^# Which exit survives costs/);
    expect(formatExitPage(exits, 'candles')).toContain('`qtrader study exits --data candles');
    expect(formatExitStudy(exits)).toMatch(/^exit +trades/m);
  });

  test('has the same figures in one table of its page', () => {
    const page = formatExitPage(study, 'candles');
    const row = page.split('\n').find((line) => line.startsWith('| no stop |'))!;
    for (const cell of ['123456', '100.0 %', '-123.5 to 123.5', 'n/a', '12.34', '-123.5 (-123.5 to 123.5)'])
      expect(row).toContain(cell);
    expect(page).not.toContain('undefined');
  });
});
