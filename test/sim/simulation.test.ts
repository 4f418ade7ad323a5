// The simulation itself: the same seed is the same day, a broken product is noticed and made small, and Lambda's bounds are the stage's.
import { beforeAll, describe, expect, it } from 'vitest';
import { FUNCTIONS } from '../../infra/catalog/functions.ts';
import { SIM_MUTANTS } from '../support/sim/mutants/mutants.ts';
import { bundle } from '../support/sim/run/bundle.ts';
import { runOnce } from '../support/sim/run/processes.ts';
import { shrink } from '../support/sim/run/shrink.ts';
import { FUNCTION_BOUNDS } from '../support/sim/world/lambda.ts';

const HOURS = 2 / 24;

describe('a simulated run', { timeout: 240_000 }, () => {
  let program: string;
  beforeAll(async () => {
    program = await bundle('test');
  }, 120_000);

  it('is the same for the same seed, to the last count, and another for another', async () => {
    // 4 decides on candles, 3 by the seed.
    const [once, again, other] = await Promise.all(
      [4, 4, 3].map((seed) => runOnce(program, { seed, days: HOURS })),
    );
    const { cpuMs: _once, ...first } = once!;
    const { cpuMs: _again, ...second } = again!;
    expect(second).toEqual(first);
    expect(first.violations).toEqual([]);
    expect(Object.values(first.faultCounts).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10);
    expect(other!.faultCounts).not.toEqual(first.faultCounts);
  });

  it('without faults has none, and trips nothing', async () => {
    const quiet = await runOnce(program, { seed: 5, days: HOURS, only: [] });
    expect(quiet.faultCounts).toEqual({});
    expect(quiet.violations).toEqual([]);
    expect(quiet.seen['latch TRIPPED']).toBeUndefined();
    expect(quiet.tested.one_order).toBeGreaterThan(5);
  });

  it('notices a broken product, and fails with fewer faults too', async () => {
    const mutant = SIM_MUTANTS.find(({ name }) => name === 'positions are booked and not protected')!;
    const broken = await bundle('test-broken', mutant.mutations);
    const failed = await runOnce(broken, mutant.run);
    expect(failed.violations).not.toEqual([]);
    const shrunk = await shrink(failed, { attempt: (run) => runOnce(broken, run), triesMax: 6 });
    expect(shrunk.report.violations[0]!.invariant).toBe(failed.violations[0]!.invariant);
    expect(shrunk.report.faults.length).toBeLessThanOrEqual(failed.faults.length);
    const replayed = await runOnce(broken, shrunk.run);
    expect(replayed.violations).toEqual(shrunk.report.violations);
  });

  it('gives every function the bounds that it has on AWS', () => {
    for (const [name, { timeoutS, concurrency, retries, ageMaxS }] of Object.entries(FUNCTION_BOUNDS)) {
      const { retry, ...deployed } = FUNCTIONS[name as keyof typeof FUNCTION_BOUNDS];
      expect({ name, timeoutS: deployed.timeoutS, concurrency: deployed.concurrency, retry }).toEqual({
        ...{ name, timeoutS, concurrency },
        retry: { attempts: retries, ageMaxS },
      });
    }
  });
});
