// Saved backtests are read with care, and compared on the same days.
import { describe, expect, test } from 'vitest';
import { formatComparison } from '../../cli/reports/comparison.ts';
import { DAY_MS } from '../../lib/core/units.ts';
import { releasedSettings } from '../../lib/research/backtest-settings.ts';
import { compareBacktests, parseBacktest, type SavedBacktest } from '../../lib/research/compare-backtests.ts';
import { ENSEMBLE } from '../support/trading/past.ts';

const FROM_MS = Date.UTC(2024, 0, 1);

const runOf = (returns: readonly number[], more: Partial<SavedBacktest> = {}): SavedBacktest => {
  const equityUsdt = [10_000];
  for (const value of returns) equityUsdt.push(equityUsdt.at(-1)! * (1 + value));
  return {
    ...{ ensembleId: ENSEMBLE.id, inSample: false, symbols: ['AAAUSDT'], decisions: 10 },
    range: { fromMs: FROM_MS, toMs: FROM_MS + returns.length * DAY_MS },
    settings: releasedSettings(ENSEMBLE),
    summary: {
      trades: 2,
      winRate: 0.5,
      profitFactor: null,
      totalReturn: 0.01,
      sharpe: null,
      maxDrawdown: null,
    },
    bookedLedger: { depositUsdt: 10_000, feesUsdt: 1, fundingUsdt: 0, equityUsdt: equityUsdt.at(-1)! },
    equity: { timeMs: equityUsdt.map((_, day) => FROM_MS + day * DAY_MS), equityUsdt },
    ...more,
  };
};
const drawIndex = (() => {
  let state = 1;
  return (count: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % count;
  };
})();
const named = (...runs: SavedBacktest[]) => runs.map((run, index) => ({ name: `run${index}`, run }));
const wave = Array.from({ length: 30 }, (_, day) => Math.sin(day) / 100);

describe('a comparison', () => {
  test('tells runs apart by their days, however much they vary together', () => {
    const better = runOf(wave.map((value) => value + 0.001 + Math.cos(value * 900) / 5_000));
    const { runs, warnings } = compareBacktests(named(runOf(wave), better), drawIndex);
    expect(warnings).toEqual([]);
    expect(runs[0]!.dailyDifference).toBeUndefined();
    expect(runs[1]!.dailyDifference!).toBeCloseTo(0.001, 3);
    expect(runs[1]!.dailyDifferenceInterval!.low).toBeGreaterThan(0);
    const text = formatComparison({ runs, warnings });
    expect(text).toMatch(/better by \d+\.\d bps a day, 95 % interval/);
    expect(text).not.toMatch(/NaN|undefined|null/);
  });

  test('does not call a difference better that its days cannot tell', () => {
    const other = runOf(wave.map((value, day) => value + Math.sin(day * 2.3) / 100));
    const comparison = compareBacktests(named(runOf(wave), other), drawIndex);
    expect(formatComparison(comparison)).toContain('which its days cannot tell apart');
    const same = compareBacktests(named(runOf(wave), runOf(wave)), drawIndex).runs[1]!;
    expect(same).toMatchObject({
      changes: '',
      dailyDifference: 0,
      dailyDifferenceInterval: { low: 0, high: 0 },
    });
  });

  test('warns of what makes figures incomparable, and says what is set otherwise', () => {
    const settings = { ...releasedSettings(ENSEMBLE), stopAtrMultiple: 2, longOnly: true };
    const { runs, warnings } = compareBacktests(
      named(
        runOf(wave),
        runOf(wave, { settings }),
        runOf(wave.slice(1), { symbols: ['BBBUSDT'], ensembleId: 'e20250101_000000' }),
      ),
      drawIndex,
    );
    expect(runs.map(({ changes }) => changes)).toEqual(['', 'stop-atr 2, long-only true', '']);
    expect(runs[2]!.dailyDifference).toBeUndefined();
    expect(warnings).toEqual([
      'run2 is of another range: its figures cannot be compared',
      'run2 trades other symbols',
      'run2 is of another ensemble, e20250101_000000',
    ]);
  });
});

describe('a file', () => {
  test('as it was written is read', () => {
    const run = runOf(wave);
    expect(parseBacktest(JSON.stringify(run), 'a.json')).toEqual({ ok: true, value: run });
  });

  test.each([
    ['{', /^a\.json is not JSON: write it with qtrader backtest --json$/],
    ['[]', /no backtest .* \(see its top\)/],
    ['{}', /no backtest/],
    [JSON.stringify({ ...runOf(wave), settings: {} }), /\(see settings\.feeBps\)/],
    [
      JSON.stringify({ ...runOf(wave), equity: { timeMs: [1, 1], equityUsdt: [1, 2] } }),
      /times do not ascend/,
    ],
    [JSON.stringify({ ...runOf(wave), equity: { timeMs: [1, 2], equityUsdt: [1] } }), /times do not ascend/],
    [JSON.stringify({ ...runOf(wave), equity: { timeMs: [1], equityUsdt: [null] } }), /equityUsdt\.0/],
  ])('that is something else is refused with one line: %.30s', (text, why) => {
    const parsed = parseBacktest(text, 'a.json');
    expect(parsed.ok ? '' : parsed.error).toMatch(why);
    expect(parsed.ok ? '' : parsed.error).not.toContain('\n');
  });
});
