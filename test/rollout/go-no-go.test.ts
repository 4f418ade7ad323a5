import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideGoNoGo, GO_CRITERIA, type GoNoGoEvidence } from '../../lib/rollout/go-no-go.ts';

const CLEAN: GoNoGoEvidence = {
  windowHours: 24,
  barsExpected: 288,
  barsDecided: 288,
  positionsOpened: 40,
  stopLossHits: 3,
  featureMismatches: 0,
  modelLoadFailures: 0,
  agreementXgbLgbm: 0.8,
  actingSignals: 60,
  meanConfidence: 0.65,
  worstDailyDrawdown: 0.02,
  profitUsdt: 12,
  memoryBytesMax: 400_000_000,
  latencyMsPerSymbol: 3,
};
const decide = (changed: Partial<GoNoGoEvidence>) => decideGoNoGo({ ...CLEAN, ...changed });

describe('GO/NO-GO', () => {
  it('says GO when every criterion is met, and shows each figure', () => {
    const decision = decide({});
    expect(decision.verdict).toBe('GO');
    expect(decision.results.map((result) => result.criterion)).toEqual(Object.keys(GO_CRITERIA));
    expect(decision.results.every((result) => result.status === 'met')).toBe(true);
    expect(decision.results.find((result) => result.criterion === 'stop_hits')?.value).toBe(0.075);
  });

  it('meets a bound that is met exactly', () => {
    expect(decide({ barsExpected: 300, barsDecided: 285 }).verdict).toBe('GO');
    expect(decide({ positionsOpened: 10, stopLossHits: 0 }).verdict).toBe('GO');
    expect(decide({ windowHours: 48 }).verdict).toBe('GO');
    expect(decide({ actingSignals: 10 }).verdict).toBe('GO');
  });

  // Bounds as in the design; "between" values are NO_GO without a breach.
  it.each<[Partial<GoNoGoEvidence>, keyof typeof GO_CRITERIA, 'not_met' | 'breach' | 'unknown']>([
    [{ windowHours: 23.9 }, 'window', 'not_met'],
    [{ windowHours: 48.1 }, 'window', 'not_met'],
    [{ barsDecided: 273 }, 'coverage', 'not_met'],
    [{ barsDecided: 289 }, 'coverage', 'unknown'],
    [{ barsExpected: 0, barsDecided: 0 }, 'coverage', 'unknown'],
    [{ positionsOpened: 9, stopLossHits: 0 }, 'sample', 'not_met'],
    [{ featureMismatches: 1 }, 'feature_mismatches', 'breach'],
    [{ modelLoadFailures: 1 }, 'model_load_failures', 'breach'],
    [{ agreementXgbLgbm: 0.7 }, 'agreement', 'not_met'],
    [{ agreementXgbLgbm: 0.5 }, 'agreement', 'not_met'],
    [{ agreementXgbLgbm: 0.499 }, 'agreement', 'breach'],
    [{ meanConfidence: 0.6 }, 'confidence', 'not_met'],
    [{ actingSignals: 9 }, 'confidence', 'unknown'],
    [{ actingSignals: undefined }, 'confidence', 'unknown'],
    [{ worstDailyDrawdown: 0.05 }, 'daily_drawdown', 'not_met'],
    [{ worstDailyDrawdown: 0.1 }, 'daily_drawdown', 'not_met'],
    [{ worstDailyDrawdown: 0.1001 }, 'daily_drawdown', 'breach'],
    [{ worstDailyDrawdown: 1.5 }, 'daily_drawdown', 'breach'],
    [{ stopLossHits: 4 }, 'stop_hits', 'not_met'],
    [{ stopLossHits: 41 }, 'stop_hits', 'unknown'],
    [{ profitUsdt: 0 }, 'profit', 'not_met'],
    [{ profitUsdt: -5 }, 'profit', 'not_met'],
    [{ memoryBytesMax: 2_000_000_000 }, 'memory', 'breach'],
    [{ latencyMsPerSymbol: 100 }, 'latency', 'breach'],
    [{ featureMismatches: -1 }, 'feature_mismatches', 'unknown'],
    [{ featureMismatches: 0.5 }, 'feature_mismatches', 'unknown'],
    [{ agreementXgbLgbm: 1.01 }, 'agreement', 'unknown'],
    [{ worstDailyDrawdown: -0.01 }, 'daily_drawdown', 'unknown'],
    [{ profitUsdt: Number.POSITIVE_INFINITY }, 'profit', 'unknown'],
    [{ latencyMsPerSymbol: Number.NaN }, 'latency', 'unknown'],
  ])('of %j is NO_GO for %s: %s', (changed, criterion, status) => {
    const decision = decide(changed);
    if (decision.verdict !== 'NO_GO') throw new Error('expected NO_GO');
    expect(decision.criteria).toEqual([criterion]);
    expect(decision.breaches).toEqual(status === 'breach' ? [criterion] : []);
    expect(decision.results.find((result) => result.criterion === criterion)?.status).toBe(status);
  });

  it('meets bounds that it only just meets', () => {
    expect(
      decide({
        windowHours: 48,
        barsDecided: 274,
        positionsOpened: 10,
        stopLossHits: 0,
        agreementXgbLgbm: 0.701,
        meanConfidence: 0.601,
        worstDailyDrawdown: 0.0499,
        profitUsdt: 0.01,
        memoryBytesMax: 1_999_999_999,
        latencyMsPerSymbol: 99.9,
      }).verdict,
    ).toBe('GO');
  });

  it('is NO_GO without any one figure, whichever it is', () => {
    for (const name of Object.keys(CLEAN)) {
      const decision = decide({ [name]: undefined });
      expect(decision.verdict, name).toBe('NO_GO');
      expect(decision.results.some((result) => result.status === 'unknown')).toBe(true);
    }
  });

  it('has a verdict on any evidence, and names every criterion that is not met', () => {
    const anything = fc.oneof(
      fc.constant(undefined),
      fc.double(),
      fc.integer(),
      fc.constantFrom(null, '0', true, {}, [], 0n) as fc.Arbitrary<unknown>,
    );
    const evidence = fc.record(
      Object.fromEntries(
        Object.entries(CLEAN).map(([name, value]) => [name, fc.oneof(fc.constant(value), anything)]),
      ),
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(evidence, (seen) => {
        const decision = decideGoNoGo(seen as unknown as GoNoGoEvidence);
        const unmet = decision.results.filter((result) => result.status !== 'met');
        if (decision.verdict === 'GO') expect(unmet).toEqual([]);
        else expect(decision.criteria).toEqual(unmet.map((result) => result.criterion));
        expect(decision.results).toHaveLength(Object.keys(GO_CRITERIA).length);
      }),
      { numRuns: 2000 },
    );
  });
});
