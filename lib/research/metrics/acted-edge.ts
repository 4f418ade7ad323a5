// What BUY and SELL signals are worth by themselves, whatever a strategy does with them: side × move from the signal's close to the
// close of the bar that the position is held to. Training chooses its threshold by the same figure.
import { blockBootstrap, type DrawIndex, type Interval } from '../../core/statistics/block-bootstrap.ts';
import { DAY_MS } from '../../core/units.ts';
import { busiestOf } from './busiest-day.ts';

/** 2000 draws settle a 95 % interval. */
const DRAWS = 2_000;
const LEVEL = 0.95;

export interface ActedEdge {
  readonly signals: number;
  readonly days: number;
  /** Means per signal, basis points; undefined without signals. */
  readonly grossBps: number | undefined;
  readonly netBps: number | undefined;
  /** 95 %, UTC days drawn with replacement; undefined below 5 days. */
  readonly netBpsInterval: Interval | undefined;
  /** The day with most signals, the first of equal ones, and the figures without it: one crash can decide a mean. */
  readonly busiestDay: { readonly startMs: number; readonly signals: number } | undefined;
  readonly otherDaysNetBps: number | undefined;
  readonly otherDaysNetBpsInterval: Interval | undefined;
  /** Round trip: fee and slippage, both sides. */
  readonly costsBps: number;
}

/** Sums by UTC day; memory does not grow with the signals. */
export class ActedEdgeTally {
  readonly #days = new Map<number, [sumBps: number, signals: number]>();

  /** @param signal.forwardReturn ln(close[t+n] / close[t]), n: the bars that a position is held */
  add(signal: { side: 'BUY' | 'SELL'; barOpenTimeMs: number; forwardReturn: number }): void {
    const moveBps = 10_000 * Math.expm1(signal.forwardReturn);
    const dayNumber = Math.floor(signal.barOpenTimeMs / DAY_MS);
    const day = this.#days.get(dayNumber) ?? [0, 0];
    day[0] += signal.side === 'BUY' ? moveBps : -moveBps;
    day[1]++;
    this.#days.set(dayNumber, day);
  }

  summary(options: { readonly costsBps: number; readonly drawIndex: DrawIndex }): ActedEdge {
    const { costsBps, drawIndex } = options;
    const dated = [...this.#days].sort(([a], [b]) => a - b);
    const blocks = dated.map(([, sums]) => sums);
    const signals = sumOf(blocks, 1);
    const busiest = busiestOf(blocks.map(([, count]) => count));
    const otherDays = blocks.filter((_, day) => day !== busiest);
    const netOf = (days: readonly DaySums[]) => {
      const count = sumOf(days, 1);
      return count > 0 ? sumOf(days, 0) / count - costsBps : undefined;
    };
    const intervalOf = (days: readonly DaySums[]) =>
      blockBootstrap({
        blocks: days,
        statistic: ([sum, count]) => sum! / count! - costsBps,
        draws: DRAWS,
        level: LEVEL,
        drawIndex,
      });
    return {
      signals,
      days: blocks.length,
      grossBps: signals > 0 ? sumOf(blocks, 0) / signals : undefined,
      netBps: netOf(blocks),
      netBpsInterval: intervalOf(blocks),
      busiestDay:
        busiest < 0 ? undefined : { startMs: dated[busiest]![0] * DAY_MS, signals: blocks[busiest]![1] },
      otherDaysNetBps: netOf(otherDays),
      otherDaysNetBpsInterval: intervalOf(otherDays),
      costsBps,
    };
  }
}

type DaySums = readonly [sumBps: number, signals: number];

const sumOf = (days: readonly DaySums[], column: 0 | 1): number =>
  days.reduce((sum, day) => sum + day[column], 0);
