// A trip that is decided while the database takes no write is latched by the next tick, though nothing stands against it any more, and
// though the process that decided it has died: the flags carry it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMemoryFlagStore } from '../../lib/adapters/memory/memory-flag-store.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { unproven } from '../../lib/core/actor.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { carriedCauses, carriedTrips, closedText } from '../../lib/risk/breaker/carried-trip.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { TRIP_CAUSES, type TripCauseCode } from '../../lib/risk/breaker/trip-causes.ts';
import { FLAG_NAMES, parseFlag, parseFlags } from '../../lib/risk/flags.ts';
import type { Scope } from '../../lib/risk/gate.ts';
import type { RiskStore } from '../../lib/risk/ports.ts';
import {
  approveBreakerReset,
  requestBreakerReset,
  tickBreaker,
  tripBreaker,
  type UnlatchedTrips,
} from '../../lib/risk/use-cases/circuit-breaker.ts';
import { closeGate } from '../../lib/risk/use-cases/close-gate.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { CARRYING_FLAG, refusesToDrop } from '../../lib/risk/use-cases/unlatched-trip.ts';
import { beHealthy, START_MS } from '../support/trading/healthy-scope.ts';

const scope = 'live';
const unavailable = () => new StoreError('no answer', { retryable: true });

/** An armed stage, a tick over a database that fails as given while there is a cause, then one over a sound one without. */
async function trippedOver(
  commitOf: (risk: RiskStore) => RiskStore['commit'],
  { unlatched }: { unlatched: UnlatchedTrips | undefined } = { unlatched: new Map() },
) {
  const stores = { risk: createMemoryRiskStore(), signals: createMemorySignalStore() };
  const flags = createMemoryFlagStore();
  let nowMs = START_MS;
  const dependencies = (risk: RiskStore) => ({
    ...{ ...stores, risk, flags, clock: { nowMs: () => nowMs }, ...(unlatched && { unlatched }) },
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
    ...{ failed, flags, healthyMinute, risk: stores.risk },
    carrying: async () => (await flags.read([CARRYING_FLAG])).get(CARRYING_FLAG),
    tick: () => tickBreaker(dependencies(stores.risk), scope),
    gate: async () => (await stores.risk.readGate(scope))!,
    record: (epoch: number) => riskRecords(stores.risk).audit.get(scope, `breaker#${epoch}#tripped`),
    /** Over a sound database, while no flag can be read. */
    tripOther: () =>
      tripBreaker(
        { ...dependencies(stores.risk), flags: { ...flags, read: async () => new Map() } },
        { scope: 'paper', operator: unproven('ada'), reason: 'drill' },
      ),
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

async function expectLatchedByNextTick(stage: Awaited<ReturnType<typeof trippedOver>>): Promise<void> {
  await stage.healthyMinute();
  await stage.tick();
  const gate = await stage.gate();
  expect(gate.latch).toBe('TRIPPED');
  expect(causesOf(gate)).toContain('position_manager_silent');
  expect(await stage.record(gate.epoch)).toBeDefined();
}

describe('a trip that cannot be written', () => {
  it('closes the flags at once, and is latched by the next tick with its own cause', async () => {
    const stage = await trippedOver(() => () => Promise.reject(unavailable()));
    expect(stage.failed.failures).toContain('no answer');
    const flags = parseFlags(await stage.flags.read(FLAG_NAMES));
    expect(flags.CIRCUIT_BREAKER_TRIGGERED).toEqual({ state: 'value', value: true });
    expect(flags.QT_ENABLE_AI_TRADING).toEqual({ state: 'value', value: false });
    expect((await stage.gate()).latch).toBe('ARMED');
    await expectLatchedByNextTick(stage);
  });

  it('is latched by another process, the first one having died', async () => {
    const stage = await trippedOver(() => () => Promise.reject(unavailable()), { unlatched: undefined });
    expect((await stage.gate()).latch).toBe('ARMED');
    await expectLatchedByNextTick(stage);
    expect(await stage.carrying()).toEqual({ kind: 'text', text: 'true' });
    await stage.healthyMinute(31);
    expect((await stage.reset()).failures).toEqual([]);
    await stage.healthyMinute();
    await stage.tick();
    expect((await stage.gate()).latch).toBe('ARMED');
  });

  it('keeps its flag closed until it is latched', async () => {
    const stage = await trippedOver(() => () => Promise.reject(unavailable()), { unlatched: undefined });
    const refusal = async () => refusesToDrop(stage.risk, CARRYING_FLAG, await stage.carrying());
    expect(await refusal()).toContain('not latched yet');
    const blind = { readGate: () => Promise.reject(unavailable()) };
    const carried = await stage.carrying();
    expect(await refusesToDrop(blind, CARRYING_FLAG, carried)).toContain('not latched yet');
    expect(await refusesToDrop(blind, 'TRADING_ENABLED', carried)).toBeUndefined();
    for (const reading of [undefined, { kind: 'missing' }, { kind: 'unreadable', message: '' }] as const)
      expect(await refusesToDrop(blind, CARRYING_FLAG, reading)).toBeUndefined();
    await stage.healthyMinute();
    await stage.tick();
    expect(await refusal()).toBeUndefined();
    // What was read before the trip was latched still names it.
    expect(await refusesToDrop(stage.risk, CARRYING_FLAG, carried)).toBeUndefined();
  });

  it('is not dropped by the other scope’s while its flag cannot be read', async () => {
    const stage = await trippedOver(() => () => Promise.reject(unavailable()));
    const carried = await stage.carrying();
    expect(await stage.tripOther()).toMatchObject({ latched: true, failures: [] });
    expect(await stage.carrying()).toEqual(carried);
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

describe('the last resort of a stop', () => {
  it('leaves a carried trip in its flag, so that it is latched later', async () => {
    const stage = await trippedOver(() => () => Promise.reject(unavailable()), { unlatched: undefined });
    const before = await stage.carrying();
    const risk = { closeLatch: () => Promise.reject(unavailable()) };
    const closed = await closeGate({ flags: stage.flags, risk }, [scope], {});
    expect(closed.failures).toEqual(['latch (live): no answer']);
    expect(await stage.carrying()).toEqual(before);
    await expectLatchedByNextTick(stage);
  });

  it('says of each flag and latch what it is now', async () => {
    const flags = createMemoryFlagStore();
    const closeLatch = async (of: Scope) =>
      of === 'paper' ? ('closed' as const) : ('gate_missing' as const);
    const closed = await closeGate({ flags, risk: { closeLatch } }, ['paper', 'live'], {
      EMERGENCY_MODE: 'true',
    });
    expect(closed.failures).toEqual([]);
    expect(closed.done.toSorted()).toEqual([
      'CIRCUIT_BREAKER_TRIGGERED is true',
      'EMERGENCY_MODE is true',
      'QT_ENABLE_AI_TRADING is false',
      'QT_ENABLE_EXECUTION is false',
      'the live scope has no gate, and trades nothing',
      'the paper latch is TRIPPED',
    ]);
  });

  it.each(['unreadable', 'failing'])('closes the flag all the same while reading is %s', async (how) => {
    const flags = createMemoryFlagStore({ CIRCUIT_BREAKER_TRIGGERED: 'false' });
    const reading = { kind: 'unreadable', message: 'AccessDenied' } as const;
    const blind = async () => {
      if (how === 'failing') throw unavailable();
      return new Map([[CARRYING_FLAG, reading]]);
    };
    const risk = { closeLatch: async () => 'closed' as const };
    expect((await closeGate({ flags: { ...flags, read: blind }, risk }, [scope], {})).failures).toEqual([]);
    expect((await flags.read([CARRYING_FLAG])).get(CARRYING_FLAG)).toEqual({ kind: 'text', text: 'true' });
  });
});

describe('the text of the flag that carries trips', () => {
  const codes = fc.uniqueArray(fc.constantFrom(...(Object.keys(TRIP_CAUSES) as TripCauseCode[])), {
    minLength: 1,
  });
  const trip = (of: Scope) => fc.record({ scope: fc.constant(of), epoch: fc.nat(), codes });

  it('is true, says what it was given, and keeps what it says of the other scope', () => {
    fc.assert(
      fc.property(trip('live'), trip('paper'), (live, paper) => {
        const both = closedText(closedText('false', 'live', live), 'paper', paper);
        expect(parseFlag(CARRYING_FLAG, both)).toEqual({ ok: true, value: true });
        expect(carriedTrips(both)).toEqual([live, paper]);
        expect(carriedTrips(closedText(both, 'live', undefined))).toEqual([paper]);
        expect(carriedCauses(both, 'live', live.epoch).map(({ code }) => code)).toEqual(live.codes);
        expect(carriedCauses(both, 'live', live.epoch + 1)).toEqual([]);
      }),
    );
  });

  it.each(['true', 'false', undefined])('carries nothing when it is %s', (text) => {
    expect(carriedTrips(text)).toEqual([]);
    expect(closedText(text, 'live', undefined)).toBe('true');
  });

  it('of a code that is not known closes all the same', () => {
    expect(carriedCauses('true live 3 sunspots', 'live', 3)).toMatchObject([{ code: 'evidence_unreadable' }]);
  });
});
