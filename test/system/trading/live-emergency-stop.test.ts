// The emergency stop as the operator gives it, for the real account: the command, the keys from Parameter Store, the broker over
// ccxt. Orders gone, positions flat at the exchange; with any one service down the rest is done, and the exit code is not 0.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { ensureLocalResources } from '../../../lib/adapters/aws/resources.ts';
import { createLazyModelRuntime } from '../../../lib/adapters/onnx/lazy-model-runtime.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import type { Broker } from '../../../lib/execution/ports.ts';
import { FULL_SIZE } from '../../../lib/execution/use-cases/enter-position.ts';
import { execute } from '../../../lib/execution/use-cases/execute.ts';
import { managePositions } from '../../../lib/execution/use-cases/manage-positions.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../../lib/market/candle.ts';
import { createSizingPolicies } from '../../../lib/models/use-cases/sizing-policies.ts';
import { BREAKER_LIMITS } from '../../../lib/risk/breaker/limits.ts';
import { initialRollout } from '../../../lib/risk/level.ts';
import { tickBreaker } from '../../../lib/risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../../lib/risk/use-cases/risk-records.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { type OperatorSystem, openLocalStage } from '../../../lib/runtime/compose/operator.ts';
import {
  credentialParameters,
  LOCAL_BUCKET,
  LOCAL_STAGE,
  resourcesOfStage,
} from '../../../lib/runtime/config/stage.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { announceRunningSystem, withdrawRunningSystem } from '../../../local/run/running-system.ts';
import { expectRows } from '../../support/execution/broker-market.ts';
import { runOf } from '../../support/inference/sample-signals.ts';
import { qtrader } from '../../support/qtrader.ts';
import { calmMarket, LIVE_DEPOSIT_USDT, LIVE_KEYS } from '../../support/trading/live-world.ts';
import { putEnsemble, requestOf, START_MS, signalOf, VERSION } from '../../support/trading/trading-world.ts';

let stateDir: string;
let aws: EmbeddedAws;
let exchange: SimulatedExchange;
let system: OperatorSystem;
let broker: Broker;
let nowMs: number;
const clock = { nowMs: () => nowMs };

beforeEach(async () => {
  nowMs = START_MS + 3_000;
  stateDir = await mkdtemp(join(tmpdir(), 'qt-live-stop-'));
  aws = await startEmbeddedAws({ stateDir });
  exchange = await startSimulatedExchange({
    market: calmMarket(),
    clock,
    account: {
      ...LIVE_KEYS,
      depositUsdt: LIVE_DEPOSIT_USDT,
      costs: { impactBps: 5, takerFeeBps: 4, fundingRatePer8h: 0 },
    },
  });
  await prepareStage();
  system = openLocalStage(aws.endpoints, stateDir, { name: 'binanceusdm', url: exchange.url });
  await putEnsemble(system.objects);
  const full = { ...initialRollout(START_MS), level: 'FULL' as const };
  await riskRecords(system.risk).rollout.put('live', full, { ifAbsent: true });
  for (const [name, text] of [
    ['QT_PAPER_TRADING', 'false'],
    ['QT_ENABLE_EXECUTION', 'true'],
  ] as const)
    await system.flags.write(name, text);
  broker = await system.openBroker('live');
  await announceRunningSystem(stateDir, { aws, exchange: 'binanceusdm', simulatedExchange: exchange });
  for (const ms of [MINUTE_MS, BAR_MS - MINUTE_MS]) await minute(ms);
  await enter();
});
afterEach(async () => {
  withdrawRunningSystem(stateDir);
  await exchange.close();
  await system.close();
  await aws.close();
  await rm(stateDir, { recursive: true });
});

async function prepareStage(): Promise<void> {
  const clients = createClients(aws.endpoints);
  const { signalsTable, riskTable } = resourcesOfStage(LOCAL_STAGE);
  await ensureLocalResources(clients, { bucket: LOCAL_BUCKET, signalsTable, riskTable, stage: LOCAL_STAGE });
  const names = credentialParameters(LOCAL_STAGE);
  for (const key of ['apiKey', 'secret'] as const)
    await clients.ssm.send(
      new PutParameterCommand({ Name: names[key], Value: LIVE_KEYS[key], Type: 'SecureString' }),
    );
  clients.close();
}

async function minute(ms = MINUTE_MS): Promise<void> {
  nowMs += ms;
  await system.signals.putRun(runOf(lastClosedOpenTimeMs(nowMs)));
  await managePositions({ risk: system.risk, broker, clock, codeVersion: VERSION });
  const dependencies = { ...system, clock, shards: 1, limits: BREAKER_LIMITS, codeVersion: VERSION };
  await tickBreaker(dependencies, 'live');
}

async function enter(): Promise<void> {
  const barOpenTimeMs = lastClosedOpenTimeMs(nowMs);
  for (const [symbol, action] of [
    ['BTCUSDT', 'BUY'],
    ['ETHUSDT', 'SELL'],
  ] as const)
    await system.signals.put(signalOf(symbol, action, { barOpenTimeMs }));
  const report = await execute(
    {
      ...system,
      clock,
      brokerOf: () => broker,
      policy: FULL_SIZE,
      policies: createSizingPolicies({ store: system.objects, runtime: createLazyModelRuntime() }),
      codeVersion: VERSION,
      stopwatchMs: () => 0,
    },
    requestOf({ barOpenTimeMs }),
  );
  expect(report.decisions.map(({ outcomes }) => outcomes)).toEqual([['entered'], ['entered']]);
  expect([await held(), await open()]).toEqual([2, 2]);
}

const stopEverything = (...more: string[]) =>
  qtrader('emergency-stop', '--reason', 'a test', '--by', 'ada', ...more, '--state', stateDir);
const held = async () => expectRows(await broker.positions()).length;
const open = async () => expectRows(await broker.openStops()).length;
const latch = async () => (await system.risk.readGate('live'))?.latch;
const emergency = async () => (await system.flags.read(['EMERGENCY_MODE'])).get('EMERGENCY_MODE');
const raised = { kind: 'text', text: 'true' };

describe('emergency stop of live trading', () => {
  it('latches, closes the flags, and leaves neither position nor order at the exchange; the ledger follow', async () => {
    const stop = await stopEverything();
    expect(stop).toMatchObject({ exitCode: 0, stderr: '' });
    expect(stop.stdout).toMatch(/flatten \(live\): done/);
    expect([await held(), await open(), await latch(), await emergency()]).toEqual([0, 0, 'TRIPPED', raised]);
    await minute();
    await minute();
    const trades = allValues(await riskRecords(system.risk).trades.all('live'));
    expect(trades.map(({ reason }) => reason)).toEqual(['emergency', 'emergency']);
    expect(await system.risk.readGate('live')).toMatchObject({ positionCount: 0, exposureMicroUsdt: 0 });
  });

  it('keeps positions with their stops when asked to', async () => {
    expect((await stopEverything('--keep-positions')).exitCode).toBe(0);
    expect([await held(), await open(), await latch()]).toEqual([2, 2, 'TRIPPED']);
  });

  it('with DynamoDB down: flags closed, positions flat, no order left, exit code 1', async () => {
    aws.faults.dynamodb.inject({ kind: 'error', times: 10_000 });
    const stop = await stopEverything();
    expect(stop.exitCode).toBe(1);
    expect(stop.stderr).toContain('incomplete, do this manually');
    aws.faults.dynamodb.clear();
    expect([await held(), await open(), await emergency()]).toEqual([0, 0, raised]);
    expect((await stopEverything()).exitCode).toBe(0);
    expect(await latch()).toBe('TRIPPED');
  });

  it('with Parameter Store down: latched, exit code 1, and what stays at the exchange keeps its stop', async () => {
    aws.faults.ssm.inject({ kind: 'error', times: 10_000 });
    const stop = await stopEverything();
    expect(stop.exitCode).toBe(1);
    expect(stop.stderr).toContain('EMERGENCY_MODE');
    expect(await latch()).toBe('TRIPPED');
    // The keys of the account lie there too: without them nobody can trade.
    expect(stop.stderr).toMatch(/exchange\/(api-key|secret)/);
    expect([await held(), await open()]).toEqual([2, 2]);
    aws.faults.ssm.clear();
    expect((await stopEverything()).exitCode).toBe(0);
    expect([await held(), await open(), await emergency()]).toEqual([0, 0, raised]);
  });

  it('with the exchange down: latched, flags closed, exit code 1; when it is back, the next one flattens', async () => {
    exchange.faults.inject({ kind: 'server_error' });
    const stop = await stopEverything();
    expect(stop.exitCode).toBe(1);
    expect(stop.stderr).toMatch(/live|unavailable/);
    expect([await latch(), await emergency()]).toEqual(['TRIPPED', raised]);
    exchange.faults.clear();
    expect([await held(), await open()]).toEqual([2, 2]);
    expect((await stopEverything()).exitCode).toBe(0);
    expect([await held(), await open()]).toEqual([0, 0]);
  });
});

describe('the clock of a local run', () => {
  it('is that of its exchange, so that a breaker that died shows; and never behind a sign of life', async () => {
    expect((await system.readClock()).nowMs()).toBe(nowMs);
    const status = async () =>
      JSON.parse((await qtrader('status', '--json', '--state', stateDir)).stdout).reasons.map(
        ({ code }: { code: string }) => code,
      );
    expect(await status()).not.toContain('lease_expired');
    nowMs += 10 * MINUTE_MS;
    expect(await status()).toContain('lease_expired');
    const looking = await system.readClock();
    // A fast replay goes on between two questions.
    await minute(BAR_MS);
    const { leaseUntilMs } = (await system.risk.readGate('live'))!;
    expect(looking.nowMs()).toBe(nowMs);
    expect(leaseUntilMs - looking.nowMs()).toBeLessThanOrEqual(150_000);
  });
});
