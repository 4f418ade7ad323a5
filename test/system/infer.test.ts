// The infer function on real parts: ccxt against the simulated exchange, models in the embedded S3, signals in DynamoDB.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createInferHandler } from '../../functions/infer/handler.ts';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3/s3-object-store.ts';
import { BETA_SYMBOL, betaToBitcoin } from '../../lib/market/beta.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { REQUEST_BARS } from '../../lib/market/grid.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import { modelKey } from '../../lib/models/ensemble.ts';
import { composeInfer, type InferComposition } from '../../lib/runtime/compose/infer.ts';
import { type OperatorSystem, openLocalStage } from '../../lib/runtime/compose/operator.ts';
import { localTradingSettings } from '../../lib/runtime/config/local-settings.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { buildModelFolder } from '../support/models/build-model-folder.ts';

const market = generateMarket({ seed: 3, symbols: 4, fromMs: Date.UTC(2024, 0, 1), bars: REQUEST_BARS + 10 });
const first = market.symbols[0]!;

let target: EmbeddedTarget;
let exchange: SimulatedExchange;
let system: OperatorSystem;
let composition: InferComposition;
let infer: ReturnType<typeof createInferHandler>;
let log: string[];
let nowMs: number;

beforeEach(async () => {
  nowMs = market.firstOpenTimeMs + REQUEST_BARS * BAR_MS + 3_000;
  target = await openEmbedded();
  const { signalsTable, riskTable } = resourcesOfStage(LOCAL_STAGE);
  await ensureLocalResources(target.clients, {
    bucket: LOCAL_BUCKET,
    signalsTable,
    riskTable,
    stage: LOCAL_STAGE,
  });
  const objects = createS3ObjectStore({ client: target.clients.s3, bucket: LOCAL_BUCKET });
  await buildModelFolder({ store: objects, ensemble: { edgeThresholdBps: -1_000 } });
  await writeUniverse(objects, { schemaVersion: 1, asOf: '2024-01-01', symbols: [...market.symbols] });
  exchange = await startSimulatedExchange({ market, clock: { nowMs: () => nowMs } });
  system = openLocalStage(target.aws.endpoints, target.stateDir);
  log = [];
  const logOutput = new PassThrough();
  logOutput.on('data', (chunk) => log.push(...String(chunk).trim().split('\n')));
  composition = composeInfer(localTradingSettings({ exchange: 'binanceusdm', exchangeUrl: exchange.url }), {
    endpoints: target.aws.endpoints,
    clock: { nowMs: () => nowMs },
    logOutput,
  });
  infer = createInferHandler(composition);
});

afterEach(async () => {
  await composition.close();
  await system.close();
  await exchange.close();
  await target.close();
});

const newestRun = async () => (await system.signals.lastRuns({ shard: 0, shardCount: 1, count: 1 }))[0]!;
const modelFile = (name: string) =>
  `${target.stateDir}/s3/${LOCAL_BUCKET}/${modelKey({ name, version: 'v20240728_000000' })}`;

describe('the infer function', () => {
  it('decides one signal per symbol from all four models, for the bar that has just closed', async () => {
    const result = await infer({});
    const closedBar = market.firstOpenTimeMs + (REQUEST_BARS - 1) * BAR_MS;
    expect(result).toMatchObject({
      barOpenTimeMs: closedBar,
      shard: 0,
      shardCount: 1,
      written: 4,
      alreadyDecided: 0,
    });
    const signals = await system.signals.ofBar(closedBar);
    expect(signals.map(({ symbol }) => symbol)).toEqual([...market.symbols].sort());
    for (const signal of signals) {
      expect(signal).toMatchObject({ activeModels: 4, ensembleId: result.ensembleId });
      const series = market.candles(signal.symbol);
      expect(signal.close).toBe(series.close[REQUEST_BARS - 1]);
    }
    expect(signals.some(({ action }) => action !== 'HOLD')).toBe(true);
  });

  it('decides a bar once: a repeated event changes nothing', async () => {
    await infer({});
    const before = await system.signals.lastOfSymbol(first, 5);
    const [again, twice] = await Promise.all([infer({}), infer(null)]);
    expect([again.alreadyDecided, twice.alreadyDecided]).toEqual([4, 4]);
    expect(await system.signals.lastOfSymbol(first, 5)).toEqual(before);
  });

  it('shares the universe out between shards', async () => {
    const results = [await infer({ shard: 0, shardCount: 2 }), await infer({ shard: 1, shardCount: 2 })];
    expect(results[0]!.written + results[1]!.written).toBe(4);
    expect(await system.signals.ofBar(results[0]!.barOpenTimeMs)).toHaveLength(4);
    await expect(infer({ shard: 2, shardCount: 2 })).rejects.toThrow(/shard must be less than shardCount/);
  });

  it('measures each acting symbol against Bitcoin, also where Bitcoin is not decided', async () => {
    const objects = createS3ObjectStore({ client: target.clients.s3, bucket: LOCAL_BUCKET });
    const others = market.symbols.filter((symbol) => symbol !== BETA_SYMBOL);
    await writeUniverse(objects, { schemaVersion: 1, asOf: '2024-01-01', symbols: others });
    const { barOpenTimeMs } = await infer({});
    const signals = await system.signals.ofBar(barOpenTimeMs);
    expect(signals.map(({ symbol }) => symbol)).toEqual(others.toSorted());
    const acting = signals.filter(({ action }) => action !== 'HOLD');
    expect(acting.length).toBeGreaterThan(0);
    for (const { symbol, betaToBitcoin: beta } of acting) {
      expect(beta).not.toBeNull();
      const bitcoin = market.candles(BETA_SYMBOL);
      expect(beta).toBe(betaToBitcoin(market.candles(symbol), bitcoin, barOpenTimeMs));
    }
    expect(
      signals.filter(({ action }) => action === 'HOLD').every((held) => held.betaToBitcoin === null),
    ).toBe(true);
  });

  it("decides without Bitcoin's candles, and says of no symbol what its beta is", async () => {
    exchange.faults.inject({ kind: 'nulls', path: '/fapi/v1/klines', symbol: BETA_SYMBOL });
    const { barOpenTimeMs, written } = await infer({});
    expect(written).toBe(3);
    const acting = (await system.signals.ofBar(barOpenTimeMs)).filter(({ action }) => action !== 'HOLD');
    expect(acting.length).toBeGreaterThan(0);
    expect(acting.every((signal) => signal.betaToBitcoin === null)).toBe(true);
  });

  it.each([
    ['html', 'invalid_candle'],
    ['nulls', 'invalid_candle'],
    ['empty', 'insufficient_history'],
  ] as const)('a symbol answered with %s abstains as %s, the others are decided', async (kind, reason) => {
    exchange.faults.inject({ kind, path: '/fapi/v1/klines', symbol: first });
    expect(await infer({})).toMatchObject({ written: 3 });
    const run = await newestRun();
    expect(run.abstentions).toMatchObject([{ symbol: first, abstained: reason }]);
  });

  it('a symbol that the exchange does not list abstains as not_listed: waiting would not help', async () => {
    const fault = { kind: 'reject', code: -1121, msg: 'Invalid symbol.' } as const;
    exchange.faults.inject({ ...fault, path: '/fapi/v1/klines', symbol: first });
    expect(await infer({})).toMatchObject({ written: 3 });
    expect((await newestRun()).abstentions).toMatchObject([{ symbol: first, abstained: 'not_listed' }]);
  });

  it('counts newest candles that were others when they were read again', async () => {
    const revisedCandles = async () => {
      await infer({});
      return (await newestRun()).candleWindows.revised.length;
    };
    expect(await revisedCandles()).toBe(0);
    nowMs += BAR_MS;
    expect(await revisedCandles()).toBe(0);
    // Another market at the same address: every candle of it is another one.
    const port = Number(new URL(exchange.url).port);
    await exchange.close();
    const other = generateMarket({
      seed: 4,
      symbols: 4,
      fromMs: Date.UTC(2024, 0, 1),
      bars: REQUEST_BARS + 10,
    });
    exchange = await startSimulatedExchange({ market: other, clock: { nowMs: () => nowMs }, port });
    nowMs += BAR_MS;
    expect(await revisedCandles()).toBe(4);
  });

  it('an exchange that is gone gives abstentions and no signal', async () => {
    await exchange.close();
    expect(await infer({})).toMatchObject({ written: 0 });
    const { abstentions } = await newestRun();
    expect(abstentions).toHaveLength(4);
    expect(new Set(abstentions.map(({ abstained }) => abstained))).toEqual(new Set(['exchange_unavailable']));
  });

  it('goes on without a model that is deleted or corrupted on disk, and takes it back when it is whole again', async () => {
    await infer({});
    nowMs += BAR_MS;
    const whole = await readFile(modelFile('nhits'));
    await rm(modelFile('xgboost'));
    await writeFile(modelFile('nhits'), 'this is not a model');
    await infer({});
    const run = await newestRun();
    expect(run.quarantined.map(({ model, reason }) => [model, reason]).sort()).toEqual([
      ['nhits', 'sha256_mismatch'],
      ['xgboost', 'model_missing'],
    ]);
    const signals = await system.signals.ofBar(run.barOpenTimeMs);
    expect(signals).toHaveLength(4);
    for (const signal of signals) expect(signal.activeModels).toBe(2);

    nowMs += BAR_MS;
    await rm(modelFile('lightgbm'));
    await infer({});
    for (const signal of await system.signals.ofBar((await newestRun()).barOpenTimeMs))
      expect(signal).toMatchObject({
        action: 'HOLD',
        reasons: ['insufficient_models'],
        activeModels: 1,
        confidence: 0,
      });

    nowMs += BAR_MS;
    await writeFile(modelFile('nhits'), whole);
    await infer({});
    expect((await newestRun()).quarantined.map(({ model }) => model).sort()).toEqual(['lightgbm', 'xgboost']);
  });

  it('without a readable ensemble every symbol abstains', async () => {
    await writeFile(`${target.stateDir}/s3/${LOCAL_BUCKET}/ensembles/current.json`, '{"ensembleId":');
    expect(await infer({})).toMatchObject({ written: 0, ensembleId: null });
    expect((await newestRun()).abstentions.map(({ abstained }) => abstained)).toEqual(
      Array(4).fill('no_ensemble'),
    );
  });

  it('fails when signals cannot be stored, and its retry completes them', async () => {
    target.aws.faults.dynamodb.inject({ kind: 'error', times: 16, operation: 'PutItem' });
    await expect(infer({})).rejects.toThrow(/4 signals could not be stored/);
    const retried = await infer({});
    expect(retried.written + retried.alreadyDecided).toBe(4);
    expect(await system.signals.ofBar(retried.barOpenTimeMs)).toHaveLength(4);
  });

  it('tells its run as one structured line and as metrics', async () => {
    exchange.faults.inject({ kind: 'nulls', path: '/fapi/v1/klines', symbol: first });
    await rm(modelFile('xgboost'));
    await infer({});
    const lines = log.map((line) => JSON.parse(line));
    expect(lines.find(({ message }) => message === 'infer run')).toMatchObject({
      level: 'WARN',
      service: 'infer',
      run: { written: 3, abstentions: [{ symbol: first }] },
    });
    const metrics = lines.filter((line) => '_aws' in line);
    expect(metrics[0]).toMatchObject({
      stage: 'local',
      SignalsWritten: 3,
      Abstentions: 1,
      ModelLoadFailures: 1,
      FeatureMismatches: 0,
    });
    expect(metrics[0].ResidentMemory).toBeGreaterThan(10);
    expect(metrics).toContainEqual(
      expect.objectContaining({ reason: 'invalid_candle', AbstentionsByReason: 1 }),
    );
    expect(metrics).toContainEqual(
      expect.objectContaining({ reason: 'model_missing', ModelLoadFailuresByReason: 1 }),
    );
  });
});
