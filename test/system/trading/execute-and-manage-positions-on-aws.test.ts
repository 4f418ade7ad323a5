// The execute and guard functions as they are deployed, on the embedded services and the simulated exchange: infer's event in,
// a protected paper position out, and its end.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createExecuteHandler } from '../../../functions/execute/handler.ts';
import { createManagePositionsHandler } from '../../../functions/manage-positions/handler.ts';
import { type AwsClients, createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import type { Broker } from '../../../lib/execution/ports.ts';
import { FEATURE_SET_HASH } from '../../../lib/features/feature-set.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../../lib/market/candle.ts';
import type { Ensemble } from '../../../lib/models/ensemble.ts';
import { readCurrentEnsemble } from '../../../lib/models/use-cases/read-ensemble.ts';
import { BREAKER_LIMITS } from '../../../lib/risk/breaker/limits.ts';
import { tickBreaker } from '../../../lib/risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../../lib/risk/use-cases/risk-records.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { openBroker } from '../../../lib/runtime/compose/exchange/brokers.ts';
import { composeExecute, type ExecuteComposition } from '../../../lib/runtime/compose/execute.ts';
import { prepareLocalStage } from '../../../lib/runtime/compose/local-stage.ts';
import {
  composeManagePositions,
  type ManagePositionsComposition,
} from '../../../lib/runtime/compose/manage-positions.ts';
import { type OperatorSystem, openLocalStage } from '../../../lib/runtime/compose/operator.ts';
import { localTradingSettings } from '../../../lib/runtime/config/local-settings.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import {
  BROKER_START_MS,
  brokerMarket,
  expectRows,
  expectValue,
} from '../../support/execution/broker-market.ts';
import { runOf } from '../../support/inference/sample-signals.ts';
import { signalOf } from '../../support/trading/trading-world.ts';

let stateDir: string;
let aws: EmbeddedAws;
let exchange: SimulatedExchange;
let system: OperatorSystem;
let clients: AwsClients;
let broker: Broker;
let ensemble: Ensemble;
let compositions: { execute: ExecuteComposition; managePositions: ManagePositionsComposition };
let execute: ReturnType<typeof createExecuteHandler>;
let managePositions: ReturnType<typeof createManagePositionsHandler>;
let nowMs: number;
const clock = { nowMs: () => nowMs };

beforeEach(async () => {
  nowMs = BROKER_START_MS + 3_000;
  stateDir = await mkdtemp(join(tmpdir(), 'qt-execute-'));
  aws = await startEmbeddedAws({ stateDir });
  exchange = await startSimulatedExchange({ market: brokerMarket, clock });
  system = openLocalStage(aws.endpoints, stateDir, { name: 'binanceusdm', url: exchange.url });
  await prepareLocalStage(aws.endpoints, system.objects);
  const current = await readCurrentEnsemble(system.objects);
  if (!current.ok) throw new Error(current.error.message);
  ensemble = current.value.ensemble;
  const overrides = { endpoints: aws.endpoints, clock, isReplay: true };
  const configuration = localTradingSettings({ exchange: 'binanceusdm', exchangeUrl: exchange.url });
  compositions = {
    execute: composeExecute(configuration, overrides),
    managePositions: composeManagePositions(configuration, overrides),
  };
  execute = createExecuteHandler({ ...compositions.execute, record: () => undefined });
  managePositions = createManagePositionsHandler({
    ...compositions.managePositions,
    record: () => undefined,
  });
  clients = createClients(aws.endpoints);
  const { risk } = system;
  const account = { ...configuration, clients, risk, clock, isReplay: true };
  broker = await openBroker(account, 'paper');
  await minute(0);
});
afterEach(async () => {
  await compositions.execute.close();
  await compositions.managePositions.close();
  clients.close();
  await exchange.close();
  await system.close();
  await aws.close();
  await rm(stateDir, { recursive: true });
});

/** A minute of the running system; infer's run of the bar is on record. */
async function minute(ms = MINUTE_MS): Promise<void> {
  nowMs += ms;
  await system.signals.putRun(runOf(lastClosedOpenTimeMs(nowMs)));
  await managePositions();
  await tickBreaker({ ...system, clock, shards: 1, limits: BREAKER_LIMITS }, 'paper');
}

async function decided(symbol: 'BTCUSDT' | 'ETHUSDT', close: number) {
  const barOpenTimeMs = lastClosedOpenTimeMs(nowMs);
  const { codeVersion } = system;
  const about = {
    barOpenTimeMs,
    close,
    atr: close * 0.004,
    stopAtr: close * 0.004,
    ensembleId: ensemble.id,
    codeVersion,
  };
  await system.signals.put(signalOf(symbol, 'BUY', about));
  const result = {
    barOpenTimeMs,
    shard: 0,
    shardCount: 1,
    ensembleId: ensemble.id,
    featureSetHash: FEATURE_SET_HASH,
  };
  return { ...result, written: 1, alreadyDecided: 0, symbols: [symbol] };
}

const held = async () => expectRows(await broker.positions()).map(({ symbol }) => symbol);

describe('the execute and guard functions', () => {
  it('turn an event delivered five times into one position, its stop, and its end at the horizon', async () => {
    const event = await decided('BTCUSDT', 50_000);
    // As Lambda's destination wraps it, as it is, and several at once.
    const wrapped = { version: '1.0', requestContext: { condition: 'Success' }, responsePayload: event };
    const first = await execute(wrapped);
    expect(first).toMatchObject({ mode: 'PAPER', scope: 'paper', decisions: 1, entered: 1 });
    const repeated = await Promise.all([execute(event), execute(event), execute(wrapped), execute(event)]);
    expect(repeated.map(({ entered }) => entered)).toEqual([0, 0, 0, 0]);
    await minute();
    expect(await held()).toEqual(['BTCUSDT']);
    expect(expectRows(await broker.openStops()).map(({ kind }) => kind)).toEqual(['stop']);

    const dueMs = event.barOpenTimeMs + (1 + ensemble.label.horizonBars) * BAR_MS;
    // Past a bar that reaches down to 49000: the stop is hit before the horizon where that is the later one.
    while (nowMs < dueMs + 3 * MINUTE_MS && (await held()).length > 0) await minute();
    expect(await held()).toEqual([]);
    await minute();
    expect(expectRows(await broker.openStops())).toEqual([]);
    expect(await system.risk.readGate('paper')).toMatchObject({
      latch: 'ARMED',
      reserved: {},
      exposureMicroUsdt: 0,
    });
    const trades = allValues(await riskRecords(system.risk).trades.all('paper'));
    expect(trades.map(({ reason }) => reason)).toEqual(['stop']);
    expect(expectValue(await broker.walletMicroUsdt())).toBe(10_000_000_000 + trades[0]!.profitMicroUsdt);
  });

  it('act on a signal that the index by bar does not show yet', async () => {
    aws.faults.dynamodb.inject({ kind: 'lag', view: 'index', lagMs: MINUTE_MS });
    const event = await decided('BTCUSDT', 50_000);
    expect(await system.signals.ofBar(event.barOpenTimeMs)).toEqual([]);
    expect(await execute(event)).toMatchObject({ mode: 'PAPER', decisions: 1, entered: 1 });
  });

  it('enter nothing while a flag is closed, and refuse an event that is none', async () => {
    await system.flags.write('QT_ENABLE_AI_TRADING', 'false');
    const event = await decided('ETHUSDT', 50_000);
    expect(await execute(event)).toMatchObject({ mode: 'OFF', entered: 0 });
    expect(await held()).toEqual([]);
    await expect(execute({ responsePayload: { errorMessage: 'no' } } as never)).rejects.toThrow();
    await expect(execute(undefined as never)).rejects.toThrow();
  });

  it('tell by failing that the exchange is gone while a position is open', async () => {
    expect(await execute(await decided('BTCUSDT', 50_000))).toMatchObject({ entered: 1 });
    await exchange.close();
    await expect(managePositions()).rejects.toThrow('paper: exchange_unavailable');
  });
});
