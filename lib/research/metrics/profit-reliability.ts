// Whether confidence means what it says: of the signals that state 70 %, do 70 % end with a net profit? Over the acting signals, and over
// all that lean to a side, a HOLD being followed as if it had acted.
import type { Signal } from '../../inference/signal.ts';
import { leanOf } from '../../models/vote.ts';
import { type ReliabilityBin, ReliabilityTally } from './reliability.ts';

export interface ProfitReliability {
  readonly signals: number;
  /** Mean stated probability of a net profit, and share that had one; undefined without signals. */
  readonly meanConfidence: number | undefined;
  readonly profitable: number | undefined;
  readonly ece: number | undefined;
  readonly reliability: readonly ReliabilityBin[];
}

export class ProfitReliabilityTally {
  readonly #acting = new ReliabilityTally();
  readonly #leaning = new ReliabilityTally();
  readonly #costsBps: number;

  /** @param costsBps round trip */
  constructor(costsBps: number) {
    this.#costsBps = costsBps;
  }

  /** @param forwardReturn ln(close[t+n] / close[t]), n: the bars that a position is held */
  add(signal: Pick<Signal, 'action' | 'confidence' | 'expectedMoveBps'>, forwardReturn: number): void {
    const lean = leanOf(signal.expectedMoveBps ?? 0);
    if (lean === 'HOLD') return;
    const moveBps = 10_000 * Math.expm1(forwardReturn);
    const isProfitable = (lean === 'BUY' ? moveBps : -moveBps) > this.#costsBps;
    this.#leaning.add(signal.confidence, isProfitable);
    if (signal.action !== 'HOLD') this.#acting.add(signal.confidence, isProfitable);
  }

  summary(): { readonly acting: ProfitReliability; readonly leaning: ProfitReliability } {
    return { acting: figuresOf(this.#acting), leaning: figuresOf(this.#leaning) };
  }
}

function figuresOf(tally: ReliabilityTally): ProfitReliability {
  const reliability = tally.table();
  const signals = reliability.reduce((sum, { count }) => sum + count, 0);
  const mean = (of: (bin: ReliabilityBin) => number | undefined) =>
    signals === 0
      ? undefined
      : reliability.reduce((sum, bin) => sum + bin.count * (of(bin) ?? 0), 0) / signals;
  return {
    signals,
    meanConfidence: mean((bin) => bin.meanConfidence),
    profitable: mean((bin) => bin.accuracy),
    ece: tally.expectedCalibrationError(),
    reliability,
  };
}
