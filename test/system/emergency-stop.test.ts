// The emergency stop and its commands on the embedded services and the simulated exchange, with each service down in turn.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unproven } from '../../lib/core/actor.ts';
import { failure } from '../../lib/core/result.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import type { EntryOrder } from '../../lib/execution/order.ts';
import type { Broker } from '../../lib/execution/ports.ts';
import { type EmergencyStep, emergencyStop } from '../../lib/execution/use-cases/emergency-stop.ts';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import { managePositions } from '../../lib/execution/use-cases/manage-positions.ts';
import { openPosition, protect } from '../../lib/execution/use-cases/positions/protect-position.ts';
import { newOrderRecord, sendOrder } from '../../lib/execution/use-cases/send-order.ts';
import { shockPaperAccount } from '../../lib/execution/use-cases/shock-paper-account.ts';
import { readSystemStatus } from '../../lib/execution/use-cases/system-status.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { authorise } from '../../lib/risk/gate.ts';
import { tickBreaker } from '../../lib/risk/use-cases/circuit-breaker.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { prepareLocalStage } from '../../lib/runtime/compose/local-stage.ts';
import { type OperatorSystem, openLocalStage } from '../../lib/runtime/compose/operator.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { announceRunningSystem, withdrawRunningSystem } from '../../local/run/running-system.ts';
import { BROKER_START_MS, brokerMarket, expectRows } from '../support/execution/broker-market.ts';
import { runOf } from '../support/inference/sample-signals.ts';
import { qtrader } from '../support/qtrader.ts';

const BAR_MS = 300_000;

let stateDir: string;
let aws: EmbeddedAws;
let exchange: SimulatedExchange;
let system: OperatorSystem;
let broker: Broker;
let nowMs: number;
const clock = { nowMs: () => nowMs };
const dependencies = () => ({
  ...system,
  clock,
  shards: 1,
  limits: BREAKER_LIMITS,
  openBroker: async () => broker,
  stopwatchMs: () => performance.now(),
  pause: async () => undefined,
  expire: () => new Promise<void>(() => undefined),
});

beforeEach(async () => {
  nowMs = BROKER_START_MS + 5_000;
  stateDir = await mkdtemp(join(tmpdir(), 'qt-emergency-'));
  aws = await startEmbeddedAws({ stateDir });
  exchange = await startSimulatedExchange({ market: brokerMarket, clock });
  system = openLocalStage(aws.endpoints, stateDir, { name: 'binanceusdm', url: exchange.url });
  await prepareLocalStage(aws.endpoints, system.objects);
  broker = await system.openBroker('paper');
  await minute(0);
});
afterEach(async () => {
  await exchange.close();
  await system.close();
  await aws.close();
  await rm(stateDir, { recursive: true });
});

/** What a minute of the running system does, without infer: a run of it is on record. */
async function minute(ms = MINUTE_MS) {
  nowMs += ms;
  await system.signals.putRun(runOf(Math.floor(nowMs / BAR_MS) * BAR_MS - BAR_MS));
  await managePositions({ ...system, broker, clock });
  return tickBreaker(dependencies(), 'paper');
}

async function enter(symbol: string): Promise<void> {
  const execution = { risk: system.risk, broker, clock };
  const order: EntryOrder = {
    kind: 'entry',
    scope: 'paper',
    clientOrderId: `qt-${symbol}`,
    symbol,
    side: 'BUY',
    quantity: 0.01,
    barOpenTimeMs: BROKER_START_MS - BAR_MS,
    ensembleId: 'e1',
    referencePrice: 50_000,
    notionalMicroUsdt: 500_000_000,
    betaMicroUsdt: 500_000_000,
    stopPrice: 49_500,
  };
  const context = {
    mode: 'PAPER' as const,
    flagsReadAtMs: nowMs,
    epoch: (await system.risk.readGate('paper'))!.epoch,
    codeVersion: system.codeVersion,
    limits: { exposureMicroUsdt: 1e10, sideMicroUsdt: 1e10, netBetaMicroUsdt: 1e10, positions: 10 },
    forget: [],
    nowMs,
  };
  const approved = await authorise(order, context, system.risk.commit);
  if (!approved.ok) throw new Error(approved.error);
  const { barOpenTimeMs, ensembleId } = order;
  const about = {
    leg: 'entry' as const,
    barOpenTimeMs,
    ensembleId,
    exitDueMs: nowMs + 12 * BAR_MS,
    authorisedEpoch: null,
    note: '',
    nowMs,
  };
  const sent = await sendOrder(execution, approved.value, newOrderRecord(order, about));
  if (sent.outcome !== 'acknowledged') throw new Error(sent.outcome);
  const position = await openPosition(execution, sent.record);
  await protect(execution, position, { entry: sent.record, quantity: 0.01, replace: false });
}

const stopNow = (more: Partial<Parameters<typeof emergencyStop>[1]> = {}) =>
  emergencyStop(dependencies(), {
    scopes: ['paper'],
    operator: unproven('ada'),
    reason: 'a test',
    keepPositions: false,
    ...more,
  });
const failuresOf = (steps: readonly EmergencyStep[]) =>
  Object.fromEntries(steps.map(({ step, failures }) => [step, failures]));
const held = async () => expectRows(await broker.positions()).map(({ symbol }) => symbol);
const open = async () => expectRows(await broker.openStops()).map(({ kind }) => kind);
const flag = async (name: string) => (await system.flags.read([name])).get(name);

describe('emergency stop', () => {
  it('latches, closes the flags, closes every position and takes its stops away', async () => {
    await enter('BTCUSDT');
    await enter('ETHUSDT');
    const steps = await stopNow();
    expect(failuresOf(steps)).toEqual({ latch: [], flags: [], cancel_orders: [], flatten: [] });
    expect(await held()).toEqual([]);
    expect(await open()).toEqual([]);
    expect((await system.risk.readGate('paper'))?.latch).toBe('TRIPPED');
    expect(await flag('EMERGENCY_MODE')).toEqual({ kind: 'text', text: 'true' });
    expect(await flag('QT_ENABLE_AI_TRADING')).toEqual({ kind: 'text', text: 'false' });
  });

  it('closes what is held although no list of orders can be read, and says what it could not look for', async () => {
    await enter('BTCUSDT');
    const answering = broker;
    const down = async () => failure({ code: 'unavailable', message: '503', retryable: true } as const);
    broker = { ...answering, openOrders: down, openStops: down };
    const { flatten, cancel_orders } = failuresOf(await stopNow());
    expect(await held()).toEqual([]);
    expect(cancel_orders).toEqual(['unavailable: 503']);
    expect(flatten).toEqual(['stops of closed positions were not looked for: 503']);
    broker = answering;
  });

  it('leaves books that guard finds to be right, and trades that say why they ended', async () => {
    await enter('BTCUSDT');
    await stopNow();
    await minute();
    await minute();
    const trades = allValues(await executionRecords(system.risk).trades.all('paper'));
    expect(trades.map(({ reason }) => reason)).toEqual(['emergency']);
    const report = await managePositions({ ...system, broker, clock });
    expect(report).toMatchObject({ outcome: 'completed', differences: [], faults: [] });
    expect((await system.risk.readGate('paper'))?.positionCount).toBe(0);
  });

  it('keeps positions with their stops when asked to', async () => {
    await enter('BTCUSDT');
    const steps = await stopNow({ keepPositions: true });
    expect(failuresOf(steps)).toEqual({ latch: [], flags: [], cancel_orders: [] });
    expect(await held()).toEqual(['BTCUSDT']);
    expect(await open()).toEqual(['stop']);
  });

  it('may be repeated', async () => {
    await enter('BTCUSDT');
    await stopNow();
    const epoch = (await system.risk.readGate('paper'))?.epoch;
    const again = await stopNow();
    expect(again.flatMap(({ failures }) => failures)).toEqual([]);
    expect((await system.risk.readGate('paper'))?.epoch).toBe(epoch);
  });

  it('closes a position that no record knows of', async () => {
    await enter('BTCUSDT');
    const { positions } = executionRecords(system.risk);
    await positions.remove('paper', (await positions.get('paper', 'BTCUSDT'))!);
    const steps = await stopNow();
    expect(steps.flatMap(({ failures }) => failures)).toEqual([]);
    expect(steps.flatMap(({ done }) => done).join()).toContain('not in the records');
    expect(await held()).toEqual([]);
  });

  it('does the rest with Parameter Store down, and says what it could not do', async () => {
    await enter('BTCUSDT');
    aws.faults.ssm.inject({ kind: 'error', times: 10_000 });
    const failures = failuresOf(await stopNow());
    expect(failures.flags?.join()).toContain('EMERGENCY_MODE');
    expect(failures.latch?.join()).toContain('writing flag');
    expect({ ...failures, flags: [], latch: [] }).toEqual({
      latch: [],
      flags: [],
      cancel_orders: [],
      flatten: [],
    });
    expect(await held()).toEqual([]);
    expect((await system.risk.readGate('paper'))?.latch).toBe('TRIPPED');
  });

  it('closes the flags with DynamoDB down, and says what it could not do', async () => {
    await enter('BTCUSDT');
    aws.faults.dynamodb.inject({ kind: 'error', times: 10_000 });
    const failures = failuresOf(await stopNow());
    expect(failures.latch).not.toEqual([]);
    expect(failures.flatten).not.toEqual([]);
    expect(failures.flags).toEqual([]);
    aws.faults.dynamodb.clear();
    expect(await flag('EMERGENCY_MODE')).toEqual({ kind: 'text', text: 'true' });
    expect(failuresOf(await stopNow())).toEqual({ latch: [], flags: [], cancel_orders: [], flatten: [] });
    expect(await held()).toEqual([]);
  });

  it('latches and closes the flags with the exchange out of reach; the stop stays', async () => {
    await enter('BTCUSDT');
    await exchange.close();
    const failures = failuresOf(await stopNow());
    expect(failures).toMatchObject({ latch: [], flags: [] });
    expect(failures.flatten?.join()).toMatch(/unavailable/);
    expect((await system.risk.readGate('paper'))?.latch).toBe('TRIPPED');
  });
});

describe('shock of the paper account', () => {
  it('trips the breaker by the equity that guard marks; the ledger still balance', async () => {
    await minute();
    await minute();
    expect((await system.risk.readGate('paper'))?.latch).toBe('ARMED');
    const shock = await shockPaperAccount({ risk: system.risk, clock }, { fraction: 0.12 });
    expect(shock).toMatchObject({ ok: true, value: { equityMicroUsdt: 8_800_000_000 } });
    expect((await minute()).transition?.current.latch).toBe('ARMED');
    const tripped = (await minute()).transition?.current;
    expect(tripped?.latch === 'TRIPPED' && tripped.causes.map(({ code }) => code)).toEqual([
      'drawdown',
      'daily_loss',
    ]);
    const report = await managePositions({ ...system, broker, clock });
    expect(report).toMatchObject({ differences: [], equity: { equityMicroUsdt: 8_800_000_000 } });
  });

  it('takes nothing from an account whose equity is lower already', async () => {
    await minute();
    await minute();
    await shockPaperAccount({ risk: system.risk, clock }, { fraction: 0.5 });
    await minute();
    const again = await shockPaperAccount({ risk: system.risk, clock }, { fraction: 0.12 });
    expect(again).toEqual({ ok: false, error: 'the equity is lower than that already' });
  });
});

describe('status', () => {
  it('names what cannot be read, and shows the rest', async () => {
    await minute();
    aws.faults.ssm.inject({ kind: 'error', times: 1_000 });
    const status = await readSystemStatus({ ...dependencies() });
    expect(status.mode).toBe('OFF');
    expect(status.reasons.map(({ code }) => code)).toContain('flag_unreadable');
    expect(status.equity?.equityMicroUsdt).toBe(10_000_000_000);
    aws.faults.ssm.clear();
    aws.faults.dynamodb.inject({ kind: 'error', times: 10_000 });
    const blind = await readSystemStatus({ ...dependencies() });
    expect(blind).toMatchObject({ mode: 'OFF', breaker: null, equity: null });
    expect(blind.reasons.map(({ code }) => code)).toEqual(['latch_unreadable', 'lease_unreadable']);
    expect(blind.unread.length).toBeGreaterThan(0);
  });
});

describe('the commands', () => {
  beforeEach(async () => {
    await minute();
    await minute();
    await announceRunningSystem(stateDir, { aws, exchange: 'binanceusdm', simulatedExchange: exchange });
  });
  afterEach(() => withdrawRunningSystem(stateDir));
  const run = (...args: string[]) => qtrader(...args, '--state', stateDir);
  const messageOf = /^error: [^\n]+\n$/;

  it('shows the mode and why, trips, refuses one operator, resets with two', async () => {
    const before = JSON.parse((await run('status', '--json')).stdout);
    expect(before).toMatchObject({ mode: 'PAPER', epoch: 1, equity: { equityMicroUsdt: 10_000_000_000 } });
    expect(before.reasons).toEqual([{ code: 'paper_trading', message: 'QT_PAPER_TRADING is true' }]);

    const trip = await run('breaker', 'trip', '--reason', 'a test', '--by', 'ada');
    expect(trip).toEqual({ exitCode: 0, stdout: 'paper: TRIPPED, epoch 2\n', stderr: '' });
    const status = await run('status');
    expect(status.stdout).toMatch(/mode +OFF/);
    expect(status.stdout).toMatch(/latch_tripped/);
    expect(status.stdout).toMatch(/ada \(not proven\): a test/);

    const alone = await run('breaker', 'reset', '--approve', '--by', 'grace');
    expect(alone.exitCode).toBe(1);
    expect(alone.stderr).toMatch(messageOf);
    expect(alone.stderr).toContain('no_request');
    expect((await run('breaker', 'reset', '--reason', 'fine', '--by', 'ada')).exitCode).toBe(0);
    const same = await run('breaker', 'reset', '--approve', '--by', 'ada');
    expect(same.stderr).toMatch(/^error: same_operator/);
    const early = await run('breaker', 'reset', '--approve', '--by', 'grace');
    expect(early.stderr).toMatch(/^error: cooling_down/);

    nowMs += BREAKER_LIMITS.cooldownMs;
    await minute();
    await minute();
    const reset = await run('breaker', 'reset', '--approve', '--by', 'grace');
    expect(reset).toMatchObject({ exitCode: 0, stderr: '' });
    expect(reset.stdout).toContain('ARMED, epoch 3');
    expect((await run('breaker', 'status')).stdout).toContain('ARMED, epoch 3');
    expect(JSON.parse((await run('flags', 'get', '--json')).stdout)).toContainEqual(
      expect.objectContaining({ name: 'QT_ENABLE_AI_TRADING', value: false }),
    );
  });

  it('stops everything, and rehearses it', async () => {
    await enter('BTCUSDT');
    const drill = await run('emergency-stop', '--drill', '--reason', 'first friday', '--by', 'ada');
    expect(drill.stderr).toBe('');
    expect(drill.exitCode).toBe(0);
    expect(drill.stdout).toMatch(/latch \(paper\): done in \d+ ms/);
    expect(drill.stdout).toMatch(/flatten \(paper\): done in \d+ ms/);
    expect(drill.stdout).toContain('To resume trading');
    expect(await held()).toEqual([]);

    await exchange.close();
    aws.faults.ssm.inject({ kind: 'error', times: 10_000 });
    const partly = await run('emergency-stop', '--reason', 'again', '--by', 'ada');
    expect(partly.exitCode).toBe(1);
    expect(partly.stderr).toMatch(messageOf);
    expect(partly.stderr).toContain('EMERGENCY_MODE');
  });

  it('shocks the paper account, and refuses what is no shock of it', async () => {
    const shock = await run('local', 'shock', '--equity', '-12%');
    expect(shock).toMatchObject({ exitCode: 0, stderr: '' });
    expect(shock.stdout).toContain('charged 1200.00 USDT');
    for (const args of [
      ['local', 'shock', '--equity', '12%'],
      ['local', 'shock', '--equity', '-12%', '--stage', 'prod'],
      ['emergency-stop', '--drill', '--reason', 'x', '--stage', 'prod'],
      ['emergency-stop'],
      ['breaker', 'reset', '--approve', '--reason', 'both'],
      ['breaker', 'trip', '--reason', ' '],
    ]) {
      const refused = await run(...args);
      expect([args.join(' '), refused.exitCode]).toEqual([args.join(' '), 2]);
      expect(refused.stderr).toMatch(/^error: /);
    }
  });
});
