// A trip that is decided while the database takes no write is latched by the next tick, though nothing stands against it any more.
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
  type UnlatchedTrips,
} from '../../lib/risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { beHealthy, START_MS } from '../support/trading/healthy-scope.ts';

const scope = 'live';
const unavailable = () => new StoreError('no answer', { retryable: true });

/** An armed stage, a tick over a database that fails as given while there is a cause, then one over a sound one without. */
async function trippedOver(commitOf: (risk: RiskStore) => RiskStore['commit']) {
  const stores = { risk: createMemoryRiskStore(), signals: createMemorySignalStore() };
  const flags = createMemoryFlagStore();
  const unlatched: UnlatchedTrips = new Map();
  let nowMs = START_MS;
  const dependencies = (risk: RiskStore) => ({
    ...{ ...stores, risk, flags, clock: { nowMs: () => nowMs }, unlatched },
    ...{ notifier: { notify: async () => undefined }, shards: 1, limits: BREAKER_LIMITS, codeVersion: 'v1' },
  });
  const healthyMinute = async (minutes = 1) => {
    nowMs += minutes * MINUTE_MS;
    await beHealthy(stores, { scope, nowMs });
  };
  await beHealthy(stores, { scope, nowMs });
  await tickBreaker(dependencies(stores.risk), scope);
  // Nothing shows a sign of life, and that cannot be written.
  nowMs += 10 * MINUTE_MS;
  const failed = await tickBreaker(dependencies({ ...stores.risk, commit: commitOf(stores.risk) }), scope);
  return {
    ...{ failed, flags, healthyMinute },
    tick: () => tickBreaker(dependencies(stores.risk), scope),
    gate: async () => (await stores.risk.readGate(scope))!,
    record: (epoch: number) => riskRecords(stores.risk).audit.get(scope, `breaker#${epoch}#tripped`),
    reset: async () => {
      await requestBreakerReset(dependencies(stores.risk), {
        ...{ scope, operator: unproven('ada'), reason: 'known' },
      });
      return approveBreakerReset(dependencies(stores.risk), { scope, operator: unproven('grace') });
    },
  };
}

const causesOf = ({ breaker }: Awaited<ReturnType<RiskStore['readGate']>> & object) =>
  breaker.latch === 'TRIPPED' ? breaker.causes.map(({ code }) => code) : [];

describe('a trip that cannot be written', () => {
  it('closes the flags at once, and is latched by the next tick with its own cause', async () => {
    const stage = await trippedOver(() => () => Promise.reject(unavailable()));
    expect(stage.failed.failures).toContain('no answer');
    const flags = await stage.flags.read(['CIRCUIT_BREAKER_TRIGGERED']);
    expect(flags.get('CIRCUIT_BREAKER_TRIGGERED')).toEqual({ kind: 'text', text: 'true' });
    expect((await stage.gate()).latch).toBe('ARMED');
    await stage.healthyMinute();
    await stage.tick();
    const gate = await stage.gate();
    expect(gate.latch).toBe('TRIPPED');
    expect(causesOf(gate)).toContain('position_manager_silent');
    expect(await stage.record(gate.epoch)).toBeDefined();
  });

  it('but had been written, its answer lost, does not outlive the reset', async () => {
    const stage = await trippedOver((risk) => async (...given) => {
      await risk.commit(...given);
      throw unavailable();
    });
    expect((await stage.gate()).latch).toBe('TRIPPED');
    await stage.healthyMinute(31);
    expect((await stage.reset()).failures).toEqual([]);
    await stage.healthyMinute();
    await stage.tick();
    expect((await stage.gate()).latch).toBe('ARMED');
  });
});
