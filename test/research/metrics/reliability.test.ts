import { describe, expect, it } from 'vitest';
import { ReliabilityTally } from '../../../lib/research/metrics/reliability.ts';

describe('reliability', () => {
  it('puts a confidence on a boundary into the bin below it, and 0 into the first', () => {
    const tally = new ReliabilityTally(4);
    for (const confidence of [0, 0.25, 0.26, 0.5, 1]) tally.add(confidence, true);
    expect(tally.table().map((bin) => bin.count)).toEqual([2, 2, 0, 1]);
  });

  it('says of each bin what was promised and what happened, and nothing of an empty one', () => {
    const tally = new ReliabilityTally(2);
    tally.add(0.6, true);
    tally.add(0.8, false);
    expect(tally.table()).toEqual([
      { from: 0, to: 0.5, count: 0, meanConfidence: undefined, accuracy: undefined },
      { from: 0.5, to: 1, count: 2, meanConfidence: 0.7, accuracy: 0.5 },
    ]);
    expect(tally.expectedCalibrationError()).toBeCloseTo(0.2, 12);
  });

  it('weighs bins by their rows', () => {
    const tally = new ReliabilityTally(2);
    // Gap 0.1 on 3 rows, gap 0.4 on 1.
    for (const correct of [true, false, false]) tally.add(0.4 + 1 / 30, correct);
    tally.add(0.6, true);
    expect(tally.expectedCalibrationError()).toBeCloseTo((3 * 0.1 + 0.4) / 4, 12);
  });

  it('has no error without rows, and refuses what is no probability', () => {
    expect(new ReliabilityTally().expectedCalibrationError()).toBeUndefined();
    expect(() => new ReliabilityTally().add(Number.NaN, true)).toThrow('probability');
    expect(() => new ReliabilityTally().add(1.01, true)).toThrow('probability');
    expect(() => new ReliabilityTally(0)).toThrow('bins');
  });
});
