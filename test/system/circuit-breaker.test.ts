// The circuit-breaker function on the embedded services: what dies, is down, is flipped back or comes twice never opens the gate.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCircuitBreakerHandler } from '../../functions/circuit-breaker/handler.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { unproven } from '../../lib/core/actor.ts';
import { DAY_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { CLOSED_FLAGS } from '../../lib/risk/breaker/transition-types.ts';
import { effectiveMode } from '../../lib/risk/effective-mode.ts';
import { FLAG_NAMES, parseFlags } from '../../lib/risk/flags.ts';
import { authorise, type GateItem, type Scope } from '../../lib/risk/gate.ts';
import type { FlagStore, RiskStore } from '../../lib/risk/ports.ts';
import { keyOf, sortable } from '../../lib/risk/record-kind.ts';
import { EQUITY, POSITION_MANAGER } from '../../lib/risk/records.ts';
import {
  approveBreakerReset,
  type BreakerDependencies,
  requestBreakerReset,
  tickBreaker,
  tripBreaker,
  watchedScopes,
} from '../../lib/risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { allRecords, allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { composeCircuitBreaker } from '../../lib/runtime/compose/circuit-breaker.ts';
import { prepareLocalStage } from '../../lib/runtime/compose/local-stage.ts';
import { type OperatorSystem, openLocalStage } from '../../lib/runtime/compose/operator.ts';
import { localCircuitBreakerSettings } from '../../lib/runtime/config/local-settings.ts';
import { localNotificationsFile } from '../../lib/runtime/config/stage.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
import { runOf } from '../support/inference/sample-signals.ts';
import { beHealthy, START_MS, writeRecord } from '../support/trading/healthy-scope.ts';

describe('circuit breaker on the embedded services', () => {
  let stateDir: string;
  let aws: EmbeddedAws;
  let system: OperatorSystem;
  let nowMs: number;
  let tick: ReturnType<typeof createCircuitBreakerHandler>;
  let closeBreaker: () => Promise<void>;
  const clock = { nowMs: () => nowMs };

  async function startAll() {
    aws = await startEmbeddedAws({ stateDir });
    system = openLocalStage(aws.endpoints, stateDir);
    const composition = composeCircuitBreaker(localCircuitBreakerSettings(stateDir), {
      endpoints: aws.endpoints,
      clock,
    });
    closeBreaker = composition.close;
    tick = createCircuitBreakerHandler({ ...composition, record: () => {} });
  }
  async function stopAll() {
    await closeBreaker();
    await system.close();
    await aws.close();
  }
  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'qt-breaker-'));
    nowMs = START_MS;
    await startAll();
    await prepareLocalStage(aws.endpoints, system.objects);
  });
  afterEach(async () => {
    await stopAll();
    await rm(stateDir, { recursive: true });
  });

  const healthy = () => beHealthy(system, { scope: 'paper', nowMs });
  const gateOf = async (scope: Scope = 'paper'): Promise<GateItem> => (await system.risk.readGate(scope))!;
  const flagsNow = async () => parseFlags(await system.flags.read(FLAG_NAMES));
  const fall = async () => {
    for (const agoMs of [0, MINUTE_MS]) {
      const atMs = nowMs - agoMs;
      await writeRecord(system.risk, 'paper', keyOf(EQUITY, sortable(atMs)), {
        atMs,
        equityMicroUsdt: 8_700_000_000,
        walletMicroUsdt: 8_700_000_000,
        exposureMicroUsdt: 0,
        positions: 0,
      });
    }
  };
  const trip = async () => {
    await healthy();
    await tick();
    nowMs += MINUTE_MS;
    await healthy();
    await fall();
    return tick();
  };
  const modeNow = async () => {
    const gate = await gateOf();
    return effectiveMode({
      flags: await flagsNow(),
      latch: { state: 'value', value: gate.latch },
      lease: { state: 'value', value: gate.leaseUntilMs },
      level: { state: 'value', value: { level: 'PAPER', approved: true } },
      nowMs,
    });
  };
  let orders = 0;
  const order = async (at = nowMs) =>
    authorise(
      {
        scope: 'paper',
        clientOrderId: `qt-${orders++}`,
        symbol: `S${orders}USDT`,
        side: 'BUY',
        notionalMicroUsdt: 1_000_000,
        betaMicroUsdt: 1_000_000,
      },
      {
        mode: 'PAPER',
        flagsReadAtMs: at,
        epoch: (await gateOf()).epoch,
        codeVersion: system.codeVersion,
        limits: {
          exposureMicroUsdt: 1_000_000_000,
          sideMicroUsdt: 1_000_000_000,
          netBetaMicroUsdt: 1_000_000_000,
          positions: 50,
        },
        forget: [],
        nowMs: at,
      },
      system.risk.commit,
    );
  const notifications = async () =>
    (await readFile(localNotificationsFile(stateDir), 'utf8').catch(() => ''))
      .split('\n')
      .filter((line) => line !== '');

  it('opens the gate with its first sign of life, and a dead one closes it after 150 s', async () => {
    await healthy();
    expect(await tick()).toEqual({ scopes: [{ scope: 'paper', latch: 'ARMED', epoch: 1, causes: [] }] });
    expect((await order()).ok).toBe(true);
    expect((await order(nowMs + 149_999)).ok).toBe(true);
    expect(await order(nowMs + 150_000)).toEqual({ ok: false, error: 'lease_not_active' });
    nowMs += MINUTE_MS;
    await healthy();
    await tick();
    expect((await order(nowMs + 149_999)).ok).toBe(true);
  });

  it('trips within one tick of a confirmed fall of 12 %, closes the flags and says so', async () => {
    expect(await trip()).toMatchObject({ scopes: [{ latch: 'TRIPPED', epoch: 2 }] });
    const gate = await gateOf();
    expect(gate.latch).toBe('TRIPPED');
    expect(gate.breaker).toMatchObject({ latch: 'TRIPPED', notified: true });
    expect(await order()).toEqual({ ok: false, error: 'latch_tripped' });
    for (const [name, text] of Object.entries(CLOSED_FLAGS))
      expect((await system.flags.read([name])).get(name)).toEqual({ kind: 'text', text });
    expect(await notifications()).toHaveLength(1);
    expect((await notifications())[0]).toContain('drawdown');
    const audit = allRecords(await riskRecords(system.risk).audit.all('paper'));
    expect(audit.map(({ id }) => id)).toEqual(['breaker#1#armed', 'breaker#2#tripped']);
  });

  it('keeps one bad mark from tripping', async () => {
    await healthy();
    await tick();
    nowMs += MINUTE_MS;
    await healthy();
    const snapshot = { equityMicroUsdt: 1_000_000, walletMicroUsdt: 0, exposureMicroUsdt: 0, positions: 0 };
    await writeRecord(system.risk, 'paper', keyOf(EQUITY, sortable(nowMs)), { atMs: nowMs, ...snapshot });
    expect(await tick()).toMatchObject({ scopes: [{ latch: 'ARMED' }] });
  });

  it('closes flags again that were flipped back, which open nothing meanwhile', async () => {
    await trip();
    await system.flags.write('QT_ENABLE_AI_TRADING', 'true');
    await system.flags.write('CIRCUIT_BREAKER_TRIGGERED', 'false');
    expect((await modeNow()).mode).toBe('OFF');
    expect((await modeNow()).reasons).toEqual([
      { code: 'latch_tripped', message: 'the circuit breaker has tripped' },
    ]);
    expect(await order()).toEqual({ ok: false, error: 'latch_tripped' });
    nowMs += MINUTE_MS;
    await healthy();
    await tick();
    const flags = await flagsNow();
    expect(flags.QT_ENABLE_AI_TRADING).toEqual({ state: 'value', value: false });
    expect(flags.CIRCUIT_BREAKER_TRIGGERED).toEqual({ state: 'value', value: true });
  });

  it('is still tripped after a restart of everything, and past midnight', async () => {
    await trip();
    await stopAll();
    await startAll();
    for (const laterMs of [0, DAY_MS]) {
      nowMs += laterMs;
      await healthy();
      expect(await tick()).toMatchObject({ scopes: [{ latch: 'TRIPPED', epoch: 2 }] });
      expect(await order()).toEqual({ ok: false, error: 'latch_tripped' });
    }
    expect(await notifications()).toHaveLength(1);
  });

  it('latches although Parameter Store is down, reports it, and closes the flags once it is back', async () => {
    await healthy();
    await tick();
    nowMs += MINUTE_MS;
    await healthy();
    await fall();
    aws.faults.ssm.inject({ kind: 'error', times: 1_000 });
    await expect(tick()).rejects.toThrow(/writing flag/);
    expect((await gateOf()).latch).toBe('TRIPPED');
    expect(await order()).toEqual({ ok: false, error: 'latch_tripped' });
    expect(await notifications()).toHaveLength(1);
    aws.faults.ssm.clear();
    expect((await flagsNow()).QT_ENABLE_AI_TRADING).toEqual({ state: 'value', value: true });
    nowMs += MINUTE_MS;
    await healthy();
    await tick();
    expect((await flagsNow()).QT_ENABLE_AI_TRADING).toEqual({ state: 'value', value: false });
    expect(await notifications()).toHaveLength(1);
  });

  it('authorises nothing while DynamoDB is down, and says so', async () => {
    await healthy();
    await tick();
    const { epoch } = await gateOf();
    aws.faults.dynamodb.inject({ kind: 'error', times: 1_000 });
    await expect(tick()).rejects.toThrow(/paper\/gate/);
    const refused = authorise(
      {
        scope: 'paper',
        clientOrderId: 'qt-x',
        symbol: 'XUSDT',
        side: 'BUY',
        notionalMicroUsdt: 1,
        betaMicroUsdt: 1,
      },
      {
        mode: 'PAPER',
        flagsReadAtMs: nowMs,
        epoch,
        codeVersion: system.codeVersion,
        limits: { exposureMicroUsdt: 1_000, sideMicroUsdt: 1_000, netBetaMicroUsdt: 1_000, positions: 1 },
        forget: [],
        nowMs,
      },
      system.risk.commit,
    );
    await expect(refused).rejects.toMatchObject({ name: 'StoreError' });
    aws.faults.dynamodb.clear();
    expect((await gateOf()).positionCount).toBe(0);
  });

  it('closes the flags although the latch cannot be written, and latches on the next tick', async () => {
    await healthy();
    await tick();
    nowMs += MINUTE_MS;
    await healthy();
    await fall();
    aws.faults.dynamodb.inject({ kind: 'error', times: 1_000, operation: 'UpdateItem' });
    await expect(tick()).rejects.toThrow(/writing paper\/gate/);
    expect((await flagsNow()).QT_ENABLE_AI_TRADING).toEqual({ state: 'value', value: false });
    aws.faults.dynamodb.clear();
    expect(await tick()).toMatchObject({ scopes: [{ latch: 'TRIPPED', epoch: 2 }] });
  });

  it('does the same once for a tick that comes twice, or two at once', async () => {
    await trip();
    const before = await gateOf();
    await tick();
    await Promise.all([tick(), tick()]);
    const after = await gateOf();
    expect(after).toEqual({
      ...before,
      breaker: { ...before.breaker, revision: after.breaker.revision },
    });
    expect(await notifications()).toHaveLength(1);
    expect(allValues(await riskRecords(system.risk).audit.all('paper'))).toHaveLength(2);
  });

  it('trips once when two ticks see the same fall at once', async () => {
    await healthy();
    await tick();
    nowMs += MINUTE_MS;
    await healthy();
    await fall();
    await Promise.all([tick(), tick()]);
    expect(await gateOf()).toMatchObject({ latch: 'TRIPPED', epoch: 2 });
    const audit = allValues(await riskRecords(system.risk).audit.all('paper', 'breaker#2'));
    expect(audit).toHaveLength(1);
  });

  it('comes back tripped when its gate is gone', async () => {
    await healthy();
    await tick();
    const memory = createMemoryRiskStore();
    const records = allRecords(await riskRecords(system.risk).audit.all('paper'));
    for (const { id, value } of records) await riskRecords(memory).audit.add('paper', id, value);
    const outcome = await tickBreaker(
      {
        ...system,
        risk: memory,
        clock,
        notifier: { notify: async () => {} },
        shards: 1,
        limits: BREAKER_LIMITS,
      },
      'paper',
    );
    expect(outcome.transition?.current).toMatchObject({ latch: 'TRIPPED', epoch: nowMs });
    expect((await flagsNow()).QT_ENABLE_AI_TRADING).toEqual({ state: 'value', value: false });
  });

  it('ticks the live scope from the moment on when paper trading is switched off, and ever after', async () => {
    await healthy();
    expect((await tick()).scopes.map(({ scope }) => scope)).toEqual(['paper']);
    await system.flags.write('QT_PAPER_TRADING', 'false');
    await beHealthy(system, { scope: 'live', nowMs });
    expect((await tick()).scopes.map(({ scope }) => scope)).toEqual(['paper', 'live']);
    await system.flags.write('QT_PAPER_TRADING', 'true');
    expect(await watchedScopes(system)).toEqual(['paper', 'live']);
  });
});

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
