// How far stated probabilities match what happened: the reliability table and the expected calibration error.
import { invariant } from '../../core/invariant.ts';

export interface ReliabilityBin {
  /** Confidences in (from, to]; the first bin holds 0 too. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Mean stated probability and share that came true; undefined in an empty bin. */
  readonly meanConfidence: number | undefined;
  readonly accuracy: number | undefined;
}

/** Counts in equal-width bins over [0, 1]; memory does not grow with the rows. */
export class ReliabilityTally {
  readonly #count: Float64Array;
  readonly #confidence: Float64Array;
  readonly #correct: Float64Array;

  /** @param bins 15 is customary (Guo et al. 2017) */
  constructor(bins = 15) {
    invariant(
      Number.isInteger(bins) && bins >= 1,
      `the number of bins must be a positive integer, got ${bins}`,
    );
    this.#count = new Float64Array(bins);
    this.#confidence = new Float64Array(bins);
    this.#correct = new Float64Array(bins);
  }

  /** @param confidence stated probability, 0…1; @param correct whether it came true */
  add(confidence: number, correct: boolean): void {
    invariant(confidence >= 0 && confidence <= 1, 'a probability must lie in [0, 1]');
    const bin = Math.max(0, Math.ceil(confidence * this.#count.length) - 1);
    this.#count[bin]!++;
    this.#confidence[bin]! += confidence;
    if (correct) this.#correct[bin]!++;
  }

  /** Bins from 0 to 1, empty ones included. */
  table(): ReliabilityBin[] {
    const bins = this.#count.length;
    return Array.from(this.#count, (count, bin) => ({
      from: bin / bins,
      to: (bin + 1) / bins,
      count,
      meanConfidence: count > 0 ? this.#confidence[bin]! / count : undefined,
      accuracy: count > 0 ? this.#correct[bin]! / count : undefined,
    }));
  }

  /**
   * ECE = Σ (count / n) × |accuracy − mean confidence|, 0…1; undefined without rows.
   * Source: Guo, Pleiss, Sun, Weinberger 2017, "On Calibration of Modern Neural Networks", eq. 3.
   */
  expectedCalibrationError(): number | undefined {
    const rows = this.#count.reduce((sum, count) => sum + count, 0);
    if (rows === 0) return undefined;
    let gap = 0;
    for (let bin = 0; bin < this.#count.length; bin++) {
      gap += Math.abs(this.#correct[bin]! - this.#confidence[bin]!);
    }
    return gap / rows;
  }
}
