// The circuit-breaker function on the embedded services: what dies, is down, is flipped back or comes twice never opens the gate.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCircuitBreakerHandler } from '../../functions/circuit-breaker/handler.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { DAY_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { CLOSED_FLAGS } from '../../lib/risk/breaker/transition-types.ts';
import { effectiveMode } from '../../lib/risk/effective-mode.ts';
import { FLAG_NAMES, parseFlags } from '../../lib/risk/flags.ts';
import { authorise, type GateItem, type Scope } from '../../lib/risk/gate.ts';
import { keyOf, sortable } from '../../lib/risk/record-kind.ts';
import { EQUITY } from '../../lib/risk/records.ts';
import { tickBreaker, watchedScopes } from '../../lib/risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { allRecords, allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { composeCircuitBreaker } from '../../lib/runtime/compose/circuit-breaker.ts';
import { prepareLocalStage } from '../../lib/runtime/compose/local-stage.ts';
import { type OperatorSystem, openLocalStage } from '../../lib/runtime/compose/operator.ts';
import { localCircuitBreakerSettings } from '../../lib/runtime/config/local-settings.ts';
import { localNotificationsFile } from '../../lib/runtime/config/stage.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
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
