// A sweep chooses on the past alone, counts everything that it tried, and never calls luck skill.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { failure, success } from '../../lib/core/result.ts';
import { DAY_MS } from '../../lib/core/units.ts';
import { releasedSettings } from '../../lib/research/backtest-settings.ts';
import { deflatedSharpe } from '../../lib/research/metrics/deflated-sharpe.ts';
import { dailySharpe } from '../../lib/research/metrics/performance.ts';
import { expandGrid, parseVaried } from '../../lib/research/sweep/grid.ts';
import { compound, walkForward } from '../../lib/research/sweep/walk-forward.ts';
import { reportSweep, type SweptRun } from '../../lib/research/use-cases/report-sweep.ts';
import { ENSEMBLE } from '../support/trading/past.ts';

const START_MS = Date.UTC(2024, 0, 1);
const daysOf = (values: readonly number[]) =>
  values.map((value, day) => ({ startMs: START_MS + day * DAY_MS, value }));
const value = fc.double({ min: -0.05, max: 0.05, noNaN: true });
const trialsOf = (days: number) =>
  fc.array(fc.array(value, { minLength: days, maxLength: days }), { minLength: 2, maxLength: 5 });

describe('walk-forward', () => {
  test('takes the better of two on the days before, and judges it on those after', () => {
    const steady = [0.01, 0.012, 0.01, -0.02, -0.021, -0.02, 0.01];
    const late = [-0.01, -0.012, -0.01, 0.03, 0.031, 0.03, 0.02];
    const { folds, judged } = walkForward([daysOf(steady), daysOf(late)], { choose: 3, judge: 2 });
    expect(folds.map(({ chosen }) => chosen)).toEqual([0, 1]);
    expect(judged.map(({ value: of }) => of)).toEqual([-0.02, -0.021, 0.03, 0.02]);
    expect(folds[0]).toMatchObject({
      chooseFromMs: START_MS,
      judgeFromMs: START_MS + 3 * DAY_MS,
      judgeToMs: START_MS + 5 * DAY_MS,
      baseReturn: compound([-0.02, -0.021]),
    });
    expect(folds[0]!.chosenReturn).toBeCloseTo(1.01 * 1.012 * 1.01 - 1, 12);
  });

  test('what happens on the days judged, and later, changes no choice', () => {
    fc.assert(
      fc.property(trialsOf(12), trialsOf(12), (trials, others) => {
        const shaken = trials.map((trial, index) => [
          ...trial.slice(0, 8),
          ...others[index % others.length]!.slice(8),
        ]);
        const [calm, other] = [trials, shaken].map((of) =>
          walkForward(of.map(daysOf), { choose: 4, judge: 4 }),
        );
        expect(other!.folds.map(({ chosen }) => chosen)).toEqual(calm!.folds.map(({ chosen }) => chosen));
        expect(other!.judged.slice(0, 4)).toEqual(calm!.judged.slice(0, 4));
      }),
    );
  });

  test('judges every day after the first choice exactly once', () => {
    fc.assert(
      fc.property(
        trialsOf(15),
        fc.integer({ min: 1, max: 14 }),
        fc.integer({ min: 1, max: 20 }),
        (trials, choose, judge) => {
          const { judged } = walkForward(trials.map(daysOf), { choose, judge });
          expect(judged.map(({ startMs }) => startMs)).toEqual(
            Array.from({ length: 15 - choose }, (_, day) => START_MS + (choose + day) * DAY_MS),
          );
        },
      ),
    );
  });

  test('prefers not to trade to losing, and the base among equals', () => {
    const idle = [0, 0, 0, 0];
    const losing = [-0.01, -0.02, -0.01, 0.5];
    expect(walkForward([daysOf(losing), daysOf(idle)], { choose: 3, judge: 1 }).folds[0]!.chosen).toBe(1);
    expect(walkForward([daysOf(idle), daysOf(idle)], { choose: 3, judge: 1 }).folds[0]!.chosen).toBe(0);
  });

  test('a ruined trial earns nothing more', () => {
    const ruined = daysOf([0.01, 0.02, -1]);
    const { judged } = walkForward([ruined, daysOf([0, 0, 0, 0, 0])], { choose: 2, judge: 3 });
    expect(judged.map(({ value: of }) => of)).toEqual([-1, 0, 0]);
  });
});

describe('the grid', () => {
  const base = releasedSettings(ENSEMBLE);
  const varied = (...texts: string[]) =>
    texts.map((text) => {
      const parsed = parseVaried(text);
      if (!parsed.ok) throw new Error(parsed.error);
      return parsed.value;
    });

  test('is every combination once, the base first', () => {
    const grid = expandGrid(base, varied('stop-atr=1,1.2,1', 'long-only=true,false'));
    expect(grid.ok && grid.value.map(({ stopAtrMultiple, longOnly }) => [stopAtrMultiple, longOnly])).toEqual(
      [
        [1.2, false],
        [1, true],
        [1, false],
        [1.2, true],
      ],
    );
  });

  test.each([
    ['stop=1', /"stop" is no setting: there are fee-bps/],
    ['stop-atr', /must read stop-atr=VALUE,VALUE/],
    ['stop-atr=1,x', /^stop-atr must be a number .* not "x"$/],
    ['stop-atr=1=2', /must read/],
  ])('refuses %s', (text, why) => {
    const parsed = parseVaried(text);
    expect(parsed.ok ? '' : parsed.error).toMatch(why);
  });

  test('refuses more than it can try', () => {
    const many = Array.from({ length: 30 }, (_, index) => index + 1).join(',');
    const grid = expandGrid(base, varied(`fee-bps=${many}`, `slippage-bps=${many}`));
    expect(grid.ok ? '' : grid.error).toMatch(/900 combinations, more than 500/);
  });
});

describe('the report', () => {
  const run = (values: readonly number[], stopAtrMultiple: number): SweptRun => ({
    settings: { ...releasedSettings(ENSEMBLE), stopAtrMultiple },
    daily: daysOf(values),
    summary: {
      ...{ trades: 3, wins: 2, losses: 1, winRate: 2 / 3, profitFactor: 2, expectancyUsdt: 1, sqn: 1 },
      ...{ averageDurationMs: 1, totalReturn: compound(values), annualReturn: undefined, sharpe: undefined },
      ...{ sharpeInterval: undefined, dailyReturnInterval: undefined, sortino: undefined, calmar: undefined },
      ...{ maxDrawdown: undefined, marketChange: 0 },
    },
  });
  const wave = (phase: number, drift: number) =>
    Array.from({ length: 40 }, (_, day) => drift + Math.sin(day * 1.7 + phase) / 100);
  const runs = [
    run(wave(0, 0), 1.2),
    run(wave(1, 0.004), 2),
    run(
      Array.from({ length: 40 }, () => 0),
      3,
    ),
  ];
  const context = {
    ...{ ensembleId: ENSEMBLE.id, range: { fromMs: START_MS, toMs: START_MS + 40 * DAY_MS } },
    ...{ inSample: false as const, symbols: ['AAAUSDT'], chooseDays: 20, judgeDays: 10, symbolProblems: [] },
    drawIndex: (count: number) => count - 1,
  };
  const log = success({ trials: 2, dailySharpes: [0.1, -0.2] });

  test('deflates the best by every trial: of the grid, those that never traded, and those of training', () => {
    const { hindsight } = reportSweep(runs, { ...context, log });
    expect(hindsight).toMatchObject({ best: 1, trials: 5 });
    const returns = runs[1]!.daily.map(({ value: of }) => of);
    const sharpeOf = (of: SweptRun) => dailySharpe(of.daily.map((day) => day.value)) ?? 0;
    const trialSharpes = [0.1, -0.2, ...runs.map(sharpeOf)];
    expect(hindsight.deflatedSharpe).toBeCloseTo(deflatedSharpe({ returns, trialSharpes })!, 12);
    const alone = reportSweep([runs[1]!], { ...context, log });
    expect(alone.hindsight.deflatedSharpe!).toBeGreaterThan(hindsight.deflatedSharpe!);
  });

  test('has no deflated ratio without the log of training, nor of a few days', () => {
    const unknown = reportSweep(runs, { ...context, log: failure('no training-log.json beside the models') });
    expect(unknown.hindsight).toMatchObject({
      deflatedSharpe: undefined,
      trialsUnknown: expect.stringContaining('training-log'),
    });
    const short = runs.map((of) => ({ ...of, daily: of.daily.slice(0, 29) }));
    expect(reportSweep(short, { ...context, log }).hindsight.trialsUnknown).toBe('fewer than 30 days');
  });

  test('judges twenty of forty days, and compares them with the base on the same days', () => {
    const { judged, trials } = reportSweep(runs, { ...context, log });
    expect(judged.days).toBe(20);
    expect(judged.baseReturn).toBeCloseTo(compound(wave(0, 0).slice(20)), 12);
    expect(trials.map(({ changes }) => changes)).toEqual(['', 'stop-atr 2', 'stop-atr 3']);
  });
});
