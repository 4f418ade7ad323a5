// What BUY and SELL signals are worth by themselves, whatever a strategy does with them: side × move from the signal's close to the
// close of the bar that the position is held to. Training chooses its threshold by the same figure.
import { blockBootstrap, type DrawIndex, type Interval } from '../../core/statistics/block-bootstrap.ts';
import { DAY_MS } from '../../core/units.ts';

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
    const blocks = [...this.#days].sort(([a], [b]) => a - b).map(([, sums]) => sums);
    const signals = blocks.reduce((sum, day) => sum + day[1], 0);
    const grossBps = signals > 0 ? blocks.reduce((sum, day) => sum + day[0], 0) / signals : undefined;
    return {
      signals,
      days: blocks.length,
      grossBps,
      netBps: grossBps === undefined ? undefined : grossBps - costsBps,
      netBpsInterval: blockBootstrap({
        blocks,
        statistic: ([sum, count]) => sum! / count! - costsBps,
        draws: DRAWS,
        level: LEVEL,
        drawIndex,
      }),
      costsBps,
    };
  }
}
