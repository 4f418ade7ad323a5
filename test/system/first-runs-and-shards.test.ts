// A stage while it is deployed, and while its number of shards changes: the real functions against the embedded services, in the
// order and with the delays of a deploy. Neither is a reason to trip, and neither opens anything.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCircuitBreakerHandler } from '../../functions/circuit-breaker/handler.ts';
import { createInferHandler } from '../../functions/infer/handler.ts';
import { createManagePositionsHandler } from '../../functions/manage-positions/handler.ts';
import { unproven } from '../../lib/core/actor.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { REQUEST_BARS } from '../../lib/market/grid.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { firstArmed } from '../../lib/risk/breaker/state.ts';
import { collectBreakerEvidence } from '../../lib/risk/use-cases/breaker-evidence.ts';
import { tripBreaker } from '../../lib/risk/use-cases/circuit-breaker.ts';
import { composeCircuitBreaker } from '../../lib/runtime/compose/circuit-breaker.ts';
import { composeInfer } from '../../lib/runtime/compose/infer.ts';
import { prepareLocalStage } from '../../lib/runtime/compose/local-stage.ts';
import { composeManagePositions } from '../../lib/runtime/compose/manage-positions.ts';
import { type OperatorSystem, openLocalStage } from '../../lib/runtime/compose/operator.ts';
import {
  localCircuitBreakerSettings,
  localTradingSettings,
} from '../../lib/runtime/config/local-settings.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../local/market/generated-market.ts';

const market = generateMarket({
  seed: 5,
  symbols: 6,
  fromMs: Date.UTC(2024, 0, 1),
  bars: REQUEST_BARS + 60,
});
const START_MS = market.lastOpenTimeMs - 50 * BAR_MS + 3_000;

let stateDir: string;
let aws: EmbeddedAws;
let exchange: SimulatedExchange;
let system: OperatorSystem;
let nowMs: number;
let closers: (() => Promise<void>)[];
let infer: ReturnType<typeof createInferHandler>;
let managePositions: ReturnType<typeof createManagePositionsHandler>;
let breakerWith: (shards: number) => ReturnType<typeof createCircuitBreakerHandler>;
const clock = { nowMs: () => nowMs };
const silent = { record: () => undefined };

beforeEach(async () => {
  nowMs = START_MS;
  stateDir = await mkdtemp(join(tmpdir(), 'qt-deploy-'));
  aws = await startEmbeddedAws({ stateDir, clock });
  exchange = await startSimulatedExchange({ market, clock });
  system = openLocalStage(aws.endpoints, stateDir, { name: 'binanceusdm', url: exchange.url });
  await prepareLocalStage(aws.endpoints, system.objects);
  await writeUniverse(system.objects, {
    schemaVersion: 1,
    asOf: new Date(nowMs).toISOString().slice(0, 10),
    symbols: [...market.symbols],
  });
  closers = [];
  const overrides = { endpoints: aws.endpoints, clock, isReplay: true };
  const opened = <C extends { close(): Promise<void> }>(composition: C): C => {
    closers.push(composition.close);
    return composition;
  };
  const trading = localTradingSettings({ exchange: 'binanceusdm', exchangeUrl: exchange.url });
  infer = createInferHandler({ ...opened(composeInfer(trading, overrides)), ...silent });
  managePositions = createManagePositionsHandler({
    ...opened(composeManagePositions(trading, overrides)),
    ...silent,
  });
  breakerWith = (shards) =>
    createCircuitBreakerHandler({
      ...opened(composeCircuitBreaker({ ...localCircuitBreakerSettings(stateDir), shards }, overrides)),
      ...silent,
    });
});
afterEach(async () => {
  for (const close of closers) await close();
  await exchange.close();
  await system.close();
  await aws.close();
  await rm(stateDir, { recursive: true });
});

async function inferAll(shardCount: number): Promise<void> {
  for (let shard = 0; shard < shardCount; shard++) await infer({ shard, shardCount });
}
const isBarOpen = () => Math.floor(nowMs / BAR_MS) * BAR_MS + MINUTE_MS > nowMs;

/** Minutes of the running stage, in which infer runs once a bar with so many shards, or not at all. */
async function minutes(
  count: number,
  { inferShards, breaker }: { inferShards: number | undefined; breaker: ReturnType<typeof breakerWith> },
) {
  const latches = new Set<string>();
  for (let minute = 0; minute < count; minute++) {
    nowMs += MINUTE_MS;
    if (inferShards !== undefined && isBarOpen()) await inferAll(inferShards);
    await managePositions();
    for (const { latch, causes } of (await breaker()).scopes) latches.add([latch, ...causes].join(' '));
  }
  return [...latches];
}

describe('a stage whose functions start one after the other', () => {
  it('is NOT_STARTED: closed, and not tripped, however long the first runs take', async () => {
    const breaker = breakerWith(1);
    for (let minute = 0; minute < 30; minute++) {
      nowMs += MINUTE_MS;
      expect(await breaker()).toEqual({
        scopes: [
          {
            scope: 'paper',
            latch: 'NOT_STARTED',
            epoch: 0,
            causes: ['no signals of infer yet', 'no completed run of manage-positions yet'],
          },
        ],
      });
    }
    expect(await system.risk.readGate('paper')).toBeUndefined();
    await inferAll(1);
    nowMs += HOUR_MS;
    await inferAll(1);
    expect((await breaker()).scopes).toMatchObject([
      { latch: 'NOT_STARTED', causes: ['no completed run of manage-positions yet'] },
    ]);
    await managePositions();
    expect((await breaker()).scopes).toMatchObject([{ latch: 'ARMED', epoch: 1 }]);
  }, 60_000);

  it('counts silence from the first arming on', async () => {
    const breaker = breakerWith(1);
    await inferAll(1);
    await managePositions();
    await breaker();
    nowMs += BREAKER_LIMITS.positionManagerSilentMs + 1;
    expect((await breaker()).scopes).toMatchObject([
      { latch: 'TRIPPED', causes: expect.arrayContaining(['position_manager_silent']) },
    ]);
  });

  it('cannot be told apart from one whose records cannot be read, and stays closed', async () => {
    const breaker = breakerWith(1);
    await inferAll(1);
    await managePositions();
    aws.faults.dynamodb.inject({ kind: 'error', operation: 'Query', times: 10_000 });
    await expect(breaker()).rejects.toThrow('not complete');
    aws.faults.dynamodb.clear();
    expect(await system.risk.readGate('paper')).toBeUndefined();
  }, 60_000);

  it('trips at an operator’s word all the same', async () => {
    const notifier = { notify: async () => undefined };
    const dependencies = { ...system, notifier, clock, shards: 1, limits: BREAKER_LIMITS };
    await tripBreaker(dependencies, { scope: 'paper', operator: unproven('ann'), reason: 'a test' });
    expect((await breakerWith(1)()).scopes).toMatchObject([{ latch: 'TRIPPED', causes: ['operator'] }]);
  });
});

describe('a change of the number of shards', () => {
  // Of six symbols none belongs to one of three shards: that one has nothing to decide.
  it.each([
    [1, 3],
    [3, 1],
    [3, 2],
  ])(
    'from %i to %i does not trip: the breaker is deployed first, the schedules last',
    async (from, to) => {
      await inferAll(from);
      await managePositions();
      expect(await minutes(11, { inferShards: from, breaker: breakerWith(from) })).toEqual(['ARMED']);
      const breaker = breakerWith(to);
      expect(await minutes(11, { inferShards: from, breaker })).toEqual(['ARMED']);
      expect(await minutes(11, { inferShards: to, breaker })).toEqual(['ARMED']);
    },
    120_000,
  );

  it('judges nothing by the runs of when there were as many shards before', async () => {
    await inferAll(2);
    const [run] = await system.signals.lastRuns({ shard: 0, shardCount: 2, count: 1 });
    await system.signals.putRun({ ...run!, servedModels: 0 });
    await managePositions();
    expect(await minutes(16, { inferShards: 1, breaker: breakerWith(1) })).toEqual(['ARMED']);
    const breaker = breakerWith(2);
    expect(await minutes(6, { inferShards: 1, breaker })).toEqual(['ARMED']);
    expect(await minutes(6, { inferShards: 2, breaker })).toEqual(['ARMED']);
    const { missedBars } = await collectBreakerEvidence(
      { ...system, shards: 2, limits: BREAKER_LIMITS },
      { scope: 'paper', state: firstArmed(nowMs), nowMs },
    );
    expect(missedBars).toEqual({ state: 'value', value: [] });
  }, 120_000);

  it('does not hide that signals stop', async () => {
    await inferAll(1);
    await managePositions();
    const breaker = breakerWith(2);
    expect(await minutes(6, { inferShards: 1, breaker })).toEqual(['ARMED']);
    expect(await minutes(20, { inferShards: undefined, breaker })).toEqual([
      'ARMED',
      'TRIPPED signals_stale',
    ]);
  }, 120_000);
});
