import { describe, expect, it } from 'vitest';
import {
  deflatedSharpe,
  expectedMaxSharpe,
  probabilisticSharpe,
} from '../../../lib/research/metrics/deflated-sharpe.ts';

// Bailey & López de Prado 2014, "A numerical example": annualised SR 2.5 over 5 years of 250 days, variance ½ of the trials'
// annualised Sharpe ratios.
const PER_DAY = { sharpe: 2.5 / Math.sqrt(250), observations: 1250 };
const FAT_TAILED = { ...PER_DAY, skewness: -3, kurtosis: 10 };
const NORMAL = { ...PER_DAY, skewness: 0, kurtosis: 3 };
const benchmarkOf = (trials: number) => expectedMaxSharpe({ trials, variance: 0.5 / 250 });

describe('the deflated Sharpe ratio of the paper', () => {
  it('expects 0.1132 per day from the best of 100 trials', () => {
    expect(benchmarkOf(100)).toBeCloseTo(0.1132, 4);
  });

  it.each([
    ['100 trials, skewness −3, kurtosis 10', FAT_TAILED, 100, 0.9004],
    ['46 trials, skewness −3, kurtosis 10', FAT_TAILED, 46, 0.9505],
    ['88 trials, normal returns', NORMAL, 88, 0.9505],
  ])('is, for %s, as printed', (_, evidence, trials, expected) => {
    expect(probabilisticSharpe(evidence, benchmarkOf(trials))).toBeCloseTo(expected, 4);
  });
});

describe('probabilisticSharpe', () => {
  it('is one half at the benchmark', () => {
    expect(probabilisticSharpe(FAT_TAILED, FAT_TAILED.sharpe)).toBe(0.5);
  });

  it('is undefined for one observation, or moments that leave no variance', () => {
    expect(probabilisticSharpe({ ...NORMAL, observations: 1 }, 0)).toBeUndefined();
    expect(probabilisticSharpe({ sharpe: 1, observations: 10, skewness: 5, kurtosis: 3 }, 0)).toBeUndefined();
    expect(probabilisticSharpe({ ...NORMAL, skewness: Number.NaN }, 0)).toBeUndefined();
  });
});

describe('deflatedSharpe of a record', () => {
  const returns = [0.01, -0.02, 0.015, 0.003, -0.004, 0.03];

  it('puts moments, trials and their variance together', () => {
    const trialSharpes = [0.1, 0.3, -0.1, 0.2];
    // Moments from scipy; variance of the four Sharpe ratios 0.0875 / 3.
    const evidence = {
      sharpe: 0.005666666666666667 / 0.017072394872034408,
      observations: 6,
      skewness: -0.11132448456424336,
      kurtosis: 2.2637707812085384,
    };
    const benchmark = expectedMaxSharpe({ trials: 4, variance: 0.0875 / 3 });
    expect(deflatedSharpe({ returns, trialSharpes })).toBeCloseTo(
      probabilisticSharpe(evidence, benchmark)!,
      12,
    );
  });

  it('is the probabilistic Sharpe ratio against 0 for a single trial', () => {
    const single = deflatedSharpe({ returns, trialSharpes: [0.33] })!;
    expect(single).toBeGreaterThan(deflatedSharpe({ returns, trialSharpes: [0.33, 0.1] })!);
    expect(single).toBeGreaterThan(0.5);
  });

  it('is undefined without variance, without returns, and when no trial was logged', () => {
    expect(deflatedSharpe({ returns: [0.1, 0.1, 0.1], trialSharpes: [1] })).toBeUndefined();
    expect(deflatedSharpe({ returns: [], trialSharpes: [1] })).toBeUndefined();
    expect(deflatedSharpe({ returns, trialSharpes: [] })).toBeUndefined();
  });

  it('refuses a number of trials that is none', () => {
    expect(() => expectedMaxSharpe({ trials: 0, variance: 1 })).toThrow('trials');
    expect(() => expectedMaxSharpe({ trials: 1.5, variance: 1 })).toThrow('trials');
    expect(() => expectedMaxSharpe({ trials: 2, variance: -1 })).toThrow('variance');
  });
});
