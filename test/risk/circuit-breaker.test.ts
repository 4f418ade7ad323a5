// The circuit breaker at work over stores in memory: what it decides, what it does about it, and whom it tells.
import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { unproven } from '../../lib/core/actor.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import type { FlagStore, RiskStore } from '../../lib/risk/ports.ts';
import { keyOf } from '../../lib/risk/record-kind.ts';
import { POSITION_MANAGER } from '../../lib/risk/records.ts';
import {
  approveBreakerReset,
  type BreakerDependencies,
  requestBreakerReset,
  tickBreaker,
  tripBreaker,
} from '../../lib/risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { runOf } from '../support/inference/sample-signals.ts';
import { beHealthy, START_MS, writeRecord } from '../support/trading/healthy-scope.ts';

describe('circuit breaker', () => {
  let risk: RiskStore;
  let nowMs: number;
  let told: string[];
  let notifierFails: boolean;
  let dependencies: BreakerDependencies;
  const texts = new Map<string, string>();
  const flags: FlagStore = {
    read: async (names) =>
      new Map(
        names.map((name) => {
          const text = texts.get(name);
          return [name, text === undefined ? { kind: 'missing' } : { kind: 'text', text }];
        }),
      ),
    write: async (name, text) => void texts.set(name, text),
  };
  beforeEach(() => {
    risk = createMemoryRiskStore();
    nowMs = START_MS;
    told = [];
    notifierFails = false;
    texts.clear();
    dependencies = {
      risk,
      flags,
      signals: createMemorySignalStore(),
      notifier: {
        notify: async ({ text }) => {
          if (notifierFails) throw new Error('nobody listens');
          told.push(text);
        },
      },
      clock: { nowMs: () => nowMs },
      codeVersion: 'v1',
      shards: 1,
      limits: BREAKER_LIMITS,
    };
  });
  const healthy = () => beHealthy(dependencies, { scope: 'paper', nowMs });
  const tick = async () => {
    const { transition, failures } = await tickBreaker(dependencies, 'paper');
    return { current: transition!.current, failures };
  };
  const later = async (ms = MINUTE_MS) => {
    nowMs += ms;
    await healthy();
  };

  it('tells people on the next tick when it could not at first, and then no more', async () => {
    await healthy();
    notifierFails = true;
    const trip = await tripBreaker(dependencies, {
      scope: 'paper',
      operator: unproven('ada'),
      reason: 'a test',
    });
    expect(trip.failures).toEqual(['nobody listens']);
    await later();
    expect((await tick()).failures).toEqual(['nobody listens']);
    notifierFails = false;
    await later();
    expect((await tick()).failures).toEqual([]);
    await later();
    await tick();
    expect(told).toEqual([expect.stringContaining('ada (not proven): a test')]);
  });

  it('tells people once when a tick falls into the moments of an operator notifying them', async () => {
    await healthy();
    const { notify } = dependencies.notifier;
    let beside: Promise<unknown> | undefined;
    const notifier: BreakerDependencies['notifier'] = {
      async notify(message) {
        nowMs += 1_000;
        beside ??= tick();
        await beside;
        await notify(message);
      },
    };
    const request = { scope: 'paper' as const, operator: unproven('ada'), reason: 'a test' };
    await tripBreaker({ ...dependencies, notifier }, request);
    expect(beside).toBeDefined();
    await later();
    await tick();
    expect(told).toEqual([expect.stringContaining('ada (not proven): a test')]);
  });

  it('is reset by two operators, after the cooldown, with the cause gone; flags stay closed', async () => {
    await healthy();
    await tick();
    await tripBreaker(dependencies, { scope: 'paper', operator: unproven('ada'), reason: 'a test' });
    const request = (operator: string, reason = 'all is well') =>
      requestBreakerReset(dependencies, { scope: 'paper', operator: unproven(operator), reason });
    const approve = async (operator: string) => {
      const { transition } = await approveBreakerReset(dependencies, {
        scope: 'paper',
        operator: unproven(operator),
      });
      return transition?.refusal?.code ?? transition?.current.latch;
    };
    expect(await approve('grace')).toBe('no_request');
    await request('ada');
    expect(await approve('Ada ')).toBe('same_operator');
    expect(await approve('grace')).toBe('cooling_down');
    nowMs += BREAKER_LIMITS.cooldownMs;
    expect(await approve('grace')).toBe('cause_not_cleared');
    await healthy();
    expect((await request('ada', ' ')).transition?.refusal?.code).toBe('reason_missing');
    expect(await approve('grace')).toBe('ARMED');
    expect(await approve('grace')).toBe('not_tripped');
    expect((await risk.readGate('paper'))?.epoch).toBe(3);
    expect(texts.get('QT_ENABLE_AI_TRADING')).toBe('false');
    expect(told.at(-1)).toContain('ada (not proven) and grace (not proven)');
    await later();
    expect((await tick()).current.latch).toBe('ARMED');
  });

  it('loses no trip to a tick that writes first', async () => {
    await healthy();
    await tick();
    let isFirst = true;
    const overtaken: RiskStore = {
      ...risk,
      commit: async (scope, plan) => {
        if (isFirst) {
          isFirst = false;
          await tick();
        }
        return risk.commit(scope, plan);
      },
    };
    const request = { scope: 'paper', operator: unproven('ada'), reason: 'a test' } as const;
    const outcome = await tripBreaker({ ...dependencies, risk: overtaken }, request);
    expect(outcome).toMatchObject({ latched: true, failures: [] });
    expect(await risk.readGate('paper')).toMatchObject({ latch: 'TRIPPED', epoch: 2 });
  });

  it('does not open again a latch that somebody closes while a tick decides', async () => {
    await healthy();
    await tick();
    await later();
    let isFirst = true;
    const closedMeanwhile: RiskStore = {
      ...risk,
      commit: async (scope, plan) => {
        if (isFirst) {
          isFirst = false;
          expect(await risk.closeLatch(scope)).toBe('closed');
        }
        return risk.commit(scope, plan);
      },
    };
    const outcome = await tickBreaker({ ...dependencies, risk: closedMeanwhile }, 'paper');
    expect(outcome).toMatchObject({ latched: true, failures: [] });
    expect(outcome.transition?.current).toMatchObject({ latch: 'TRIPPED', causes: [{ code: 'operator' }] });
    expect(await risk.readGate('paper')).toMatchObject({ latch: 'TRIPPED', epoch: 2 });
  });

  it('gives up on a gate that moves all the time, and says so', async () => {
    await healthy();
    const restless: RiskStore = {
      ...risk,
      commit: async (scope, plan) => {
        await tick();
        return risk.commit(scope, plan);
      },
    };
    const outcome = await tickBreaker({ ...dependencies, risk: restless }, 'paper');
    expect(outcome).toMatchObject({ latched: false, failures: [expect.stringContaining('moves too often')] });
  });

  it('takes a latch that was closed by hand for a trip', async () => {
    await healthy();
    await tick();
    await risk.commit('paper', { conditions: [], changes: [{ path: ['latch'], set: 'TRIPPED' }] });
    await later();
    expect((await tick()).current).toMatchObject({ latch: 'TRIPPED', epoch: 2 });
  });

  const put = (key: string, value: unknown) => writeRecord(risk, 'paper', key, value);
  const trades = (reason: string, ageMs: number) =>
    Array.from({ length: 5 }, (_, index) => ({
      symbol: `S${index}`,
      side: 'BUY' as const,
      quantity: 1,
      entryPrice: 1,
      exitPrice: 1,
      reason,
      feesMicroUsdt: 0,
      profitMicroUsdt: 0,
      openedAtMs: nowMs - ageMs,
      closedAtMs: nowMs - ageMs,
      entryClientOrderId: 'qt',
      ensembleId: null,
    }));
  const managePositions = (more: object) => ({
    completedAtMs: nowMs,
    differences: [],
    unprotectedSinceMs: null,
    fundingBookedUntilMs: 0,
    ...more,
  });
  const run = (more: Parameters<typeof runOf>[1]) => {
    const bar = Math.floor(nowMs / 300_000) * 300_000 - 300_000;
    return dependencies.signals.putRun(runOf(bar, { startedAtMs: nowMs, ...more }));
  };
  const mismatch = {
    model: 'xgboost',
    version: 'v20240728_000000',
    reason: 'feature_set_mismatch' as const,
    message: '',
  };
  const conditions: [string, (is: 'over' | 'under') => Promise<unknown>][] = [
    [
      'order_rejections',
      async (is) => {
        const atMs = nowMs - (is === 'over' ? 17 : 18) * MINUTE_MS;
        for (const clientOrderId of ['qt-0', 'qt-1', 'qt-2'])
          await riskRecords(risk).rejections.add('paper', { atMs, clientOrderId });
      },
    ],
    [
      'stop_hits',
      async (is) => {
        for (const trade of trades('stop', is === 'over' ? 47 * MINUTE_MS : 48 * MINUTE_MS))
          await riskRecords(risk).trades.add('paper', trade);
      },
    ],
    [
      'reconciliation',
      (is) =>
        put(keyOf(POSITION_MANAGER), managePositions({ differences: is === 'over' ? ['BTCUSDT'] : [] })),
    ],
    [
      'unprotected_position',
      (is) =>
        put(
          keyOf(POSITION_MANAGER),
          managePositions({ unprotectedSinceMs: nowMs - (is === 'over' ? 60_001 : 60_000) }),
        ),
    ],
    [
      'position_manager_silent',
      (is) =>
        put(
          keyOf(POSITION_MANAGER),
          managePositions({ completedAtMs: nowMs - (is === 'over' ? 150_001 : 1) }),
        ),
    ],
    ['too_few_models', (is) => run({ servedModels: is === 'over' ? 1 : 2 })],
    [
      'feature_mismatch',
      (is) => run({ quarantined: [is === 'over' ? mismatch : { ...mismatch, reason: 'model_missing' }] }),
    ],
    [
      'daily_loss',
      (is) =>
        put(`day#${new Date(nowMs).toISOString().slice(0, 10)}`, {
          startMicroUsdt: is === 'over' ? 10_870_000_000 : 10_860_000_000,
        }),
    ],
    [
      'low_consensus',
      async (is) => {
        for (let bar = 0; bar < (is === 'over' ? 24 : 23); bar++)
          await dependencies.signals.putRun(
            runOf(Math.floor(nowMs / 300_000) * 300_000 - (bar + 1) * 300_000, {
              startedAtMs: nowMs,
              meanConsensus: 0.49,
            }),
          );
      },
    ],
    [
      'evidence_unreadable',
      (is) => put(keyOf(POSITION_MANAGER), is === 'over' ? { completedAtMs: 'now' } : managePositions({})),
    ],
  ];
  it.each(conditions)('trips on %s as its record says, and not just below', async (code, make) => {
    await healthy();
    await tick();
    await later(10 * MINUTE_MS);
    await make('under');
    expect((await tick()).current).toMatchObject({ latch: 'ARMED' });
    await make('over');
    expect((await tick()).current).toMatchObject({ latch: 'TRIPPED', causes: [{ code }] });
  });

  it('trips when infer has decided nothing for two bars, though it runs', async () => {
    await healthy();
    await tick();
    for (let minute = 0; minute < 16; minute++) {
      nowMs += MINUTE_MS;
      await beHealthy(dependencies, { scope: 'paper', nowMs, written: 0 });
      if ((await tick()).current.latch === 'TRIPPED') break;
    }
    expect((await tick()).current).toMatchObject({ causes: [{ code: 'signals_stale' }] });
  });

  it('lets midnight pass, though the guard has not opened the day yet, and judges the loss from there', async () => {
    nowMs = Date.UTC(2024, 7, 5, 23, 59, 30);
    await healthy();
    await tick();
    nowMs += MINUTE_MS;
    await beHealthy(dependencies, { scope: 'paper', nowMs, openDay: false });
    expect((await tick()).current.latch).toBe('ARMED');
    nowMs += 2 * MINUTE_MS + 1;
    await beHealthy(dependencies, { scope: 'paper', nowMs, openDay: false });
    expect((await tick()).current).toMatchObject({
      latch: 'TRIPPED',
      causes: [{ code: 'evidence_unreadable', message: expect.stringContaining('start of day') }],
    });
  });

  it('judges the slowest shard', async () => {
    dependencies = { ...dependencies, shards: 2 };
    await healthy();
    expect((await tick()).current.latch).toBe('ARMED');
    const bar = Math.floor(nowMs / 300_000) * 300_000 - 300_000;
    for (const shard of [0, 1])
      await dependencies.signals.putRun(
        runOf(bar, { shard, shardCount: 2, servedModels: shard === 0 ? 4 : 1 }),
      );
    expect((await tick()).current).toMatchObject({ causes: [{ code: 'too_few_models' }] });
  });
});
