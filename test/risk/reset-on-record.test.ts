// A reset opens the gate, so it is on record before it takes place: wherever its process dies, nothing is open without a record.
import { describe, expect, it } from 'vitest';
import { createMemoryFlagStore } from '../../lib/adapters/memory/memory-flag-store.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { unproven } from '../../lib/core/actor.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import type { RiskStore } from '../../lib/risk/ports.ts';
import {
  approveBreakerReset,
  requestBreakerReset,
  tickBreaker,
  tripBreaker,
} from '../../lib/risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { beHealthy, START_MS } from '../support/trading/healthy-scope.ts';

const scope = 'live';

/** Tripped, cooled down, and asked to be reset. */
async function resettable() {
  const stores = { risk: createMemoryRiskStore(), signals: createMemorySignalStore() };
  let nowMs = START_MS;
  const dependencies = (risk: RiskStore) => ({
    ...{ ...stores, risk, flags: createMemoryFlagStore(), clock: { nowMs: () => nowMs } },
    ...{ notifier: { notify: async () => undefined }, shards: 1, limits: BREAKER_LIMITS, codeVersion: 'v1' },
  });
  await beHealthy(stores, { scope, nowMs });
  await tickBreaker(dependencies(stores.risk), scope);
  await tripBreaker(dependencies(stores.risk), { scope, operator: unproven('ada'), reason: 'drill' });
  nowMs += 31 * MINUTE_MS;
  await beHealthy(stores, { scope, nowMs });
  await requestBreakerReset(dependencies(stores.risk), { scope, operator: unproven('ada'), reason: 'known' });
  return {
    ...stores,
    approveOver: (risk: RiskStore) =>
      approveBreakerReset(dependencies(risk), { scope, operator: unproven('grace') }),
    latch: async () => (await stores.risk.readGate(scope))!.latch,
    record: () => riskRecords(stores.risk).audit.get(scope, 'breaker#3#reset'),
  };
}

describe('a reset', () => {
  it('that cannot be written down does not take place', async () => {
    const { risk, approveOver, latch } = await resettable();
    const put: RiskStore['put'] = async (...given) => {
      if (given[1].startsWith('audit#')) throw new StoreError('throttled', { retryable: true });
      return risk.put(...given);
    };
    const outcome = await approveOver({ ...risk, put });
    expect(outcome.failures).toEqual(['throttled']);
    expect(await latch()).toBe('TRIPPED');
  });

  it('whose process dies as soon as it has taken place is on record', async () => {
    const { risk, approveOver, latch, record } = await resettable();
    let commits = 0;
    const dead = new Promise<never>(() => undefined);
    const died = new Promise<void>((resolve) => {
      const commit: RiskStore['commit'] = async (...given) => {
        await risk.commit(...given);
        commits++;
        resolve();
        return dead;
      };
      void approveOver({ ...risk, commit });
    });
    await died;
    expect(commits).toBe(1);
    expect(await latch()).toBe('ARMED');
    expect((await record())?.value).toMatchObject({
      what: 'reset',
      by: { name: 'ada and grace' },
      message: 'known',
    });
  });
});
