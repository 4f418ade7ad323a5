// A deploy replaces functions one after the other, and a rollback does the same the other way round. While two versions of the
// code are at work nothing is entered; what is open is ended and stays behind its stop.
import { describe, expect, it } from 'vitest';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { readSystemStatus } from '../../lib/execution/use-cases/system-status.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { symbolsOfShard } from '../../lib/market/universe.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { tickBreaker } from '../../lib/risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { runOf } from '../support/inference/sample-signals.ts';
import { BAR, requestOf, signalOf, TradingWorld } from '../support/trading/trading-world.ts';

const { outcomes } = TradingWorld;
type Part = keyof TradingWorld['versions'];
const PARTS: readonly Part[] = ['infer', 'execute', 'managePositions', 'breaker'];

/** The bar that is being formed closes: breaker and guard have their turn, infer decides BTC, execute follows. */
async function nextBar(world: TradingWorld, action: 'BUY' | 'SELL' = 'BUY') {
  const barOpenTimeMs = Math.floor(world.nowMs / BAR_MS) * BAR_MS;
  world.nowMs = barOpenTimeMs + BAR_MS + 2_000;
  await world.renewLease();
  await world.managePositions();
  await world.signals.put(world.signalOf('BTCUSDT', action, { barOpenTimeMs }));
  const { ensembleId, featureSetHash, codeVersion } = world.signalOf('BTCUSDT', action);
  await world.signals.putRun(runOf(barOpenTimeMs, { ensembleId, featureSetHash, codeVersion }));
  return world.execute(requestOf({ barOpenTimeMs }));
}
const statusOf = (world: TradingWorld) => readSystemStatus({ ...world, readShards: async () => 1 });

const tick = (world: TradingWorld, codeVersion: string) => {
  const notifier = { notify: async () => undefined };
  return tickBreaker({ ...world, notifier, codeVersion, shards: 1, limits: BREAKER_LIMITS }, 'paper');
};

describe('two versions of the code at once', () => {
  it.each(PARTS.flatMap((part) => [[part, 'v2'] as const, [part, 'v0'] as const]))(
    'a deploy that has only reached %s, now %s, enters nothing until the others follow',
    async (part, version) => {
      const world = await TradingWorld.open();
      world.versions[part] = version;
      const report = await nextBar(world);
      expect(report.mode).toBe('PAPER');
      expect(outcomes(report, 'BTCUSDT')).toEqual(['version_mismatch']);
      expect(report.versionDifferences).not.toEqual([]);
      expect(world.exchange.sent).toEqual([]);
      for (const other of PARTS) world.versions[other] = version;
      const healed = await nextBar(world);
      expect(outcomes(healed, 'BTCUSDT')).toEqual(['entered']);
      expect(healed.versionDifferences).toEqual([]);
    },
  );

  it('a rollback enters again as soon as the old version is back everywhere', async () => {
    const world = await TradingWorld.open();
    for (const part of ['execute', 'managePositions', 'breaker'] as const) world.versions[part] = 'v2';
    expect(outcomes(await nextBar(world), 'BTCUSDT')).toEqual(['version_mismatch']);
    for (const part of PARTS) world.versions[part] = 'v1';
    expect(outcomes(await nextBar(world), 'BTCUSDT')).toEqual(['entered']);
  });

  it('a breaker that is replaced between the decision and the gate’s write wins', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    const { commit } = world.risk;
    world.risk.commit = async (scope, plan) => {
      world.risk.commit = commit;
      world.versions.breaker = 'v2';
      await world.renewLease();
      return commit(scope, plan);
    };
    const report = await world.execute();
    expect(outcomes(report, 'BTCUSDT')).toEqual(['version_mismatch']);
    expect(world.exchange.sent).toEqual([]);
  });

  it('holds back the shard that is still decided by the old version, and lets the other enter', async () => {
    const world = await TradingWorld.open(
      signalOf('BTCUSDT', 'BUY'),
      signalOf('ETHUSDT', 'BUY', { codeVersion: 'v0' }),
    );
    const shardCount = 2;
    const shardOf = (symbol: string) =>
      [0, 1].find((shard) => symbolsOfShard([symbol], { shard, shardCount }).length)!;
    const btc = await world.execute(requestOf({ shard: shardOf('BTCUSDT'), shardCount }));
    const eth = await world.execute(requestOf({ shard: shardOf('ETHUSDT'), shardCount }));
    expect(outcomes(btc, 'BTCUSDT')).toEqual(['entered']);
    expect(outcomes(eth, 'ETHUSDT')).toEqual(['version_mismatch']);
  });

  it('holds back what the old version had decided when the new one completes the run', async () => {
    const world = await TradingWorld.open(
      signalOf('BTCUSDT', 'BUY'),
      signalOf('ETHUSDT', 'BUY', { codeVersion: 'v0' }),
    );
    const report = await world.execute();
    expect(outcomes(report, 'BTCUSDT')).toEqual(['entered']);
    expect(outcomes(report, 'ETHUSDT')).toEqual(['version_mismatch']);
    expect(report.versionDifferences).toEqual(['infer runs v0, not v1']);
  });

  it('enters nothing on records of a time before versions were recorded', async () => {
    const { codeVersion: _, ...old } = signalOf('BTCUSDT', 'BUY');
    const world = await TradingWorld.open(old);
    expect(outcomes(await world.execute(), 'BTCUSDT')).toEqual(['version_mismatch']);
  });

  it('keeps exits possible: by the signal, by the stop, by the horizon', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'), signalOf('ETHUSDT', 'BUY'));
    await world.execute();
    expect(world.exchange.held.size).toBe(2);
    await world.minute();
    world.versions.infer = 'v2';
    world.versions.managePositions = 'v3';
    expect(outcomes(await nextBar(world, 'SELL'), 'BTCUSDT')).toEqual(['exited']);
    await world.minute();
    expect([...world.exchange.held.keys()]).toEqual(['ETHUSDT']);
    expect(world.exchange.openStops('ETHUSDT')).toHaveLength(1);
    await world.minutes(20);
    expect(world.exchange.held.size).toBe(0);
  });

  it('is told by the status, with the mode that follows from it, until it has healed', async () => {
    const world = await TradingWorld.open();
    await nextBar(world);
    expect(await statusOf(world)).toMatchObject({ mode: 'PAPER', missedBars: [] });
    world.versions.managePositions = 'v2';
    await world.minute();
    expect(await statusOf(world)).toMatchObject({
      mode: 'OFF',
      reasons: [
        { code: 'versions_differ', message: 'manage-positions runs v2, not v1' },
        { code: 'paper_trading' },
      ],
    });
    for (const part of PARTS) world.versions[part] = 'v2';
    await nextBar(world);
    expect((await statusOf(world)).mode).toBe('PAPER');
  });
});

describe('the breaker', () => {
  it('leaves its version with its lease, and does not trip over another one', async () => {
    const world = await TradingWorld.open();
    await nextBar(world);
    await world.minute();
    const outcome = await tick(world, 'v9');
    expect(outcome).toMatchObject({ latched: true, transition: { current: { latch: 'ARMED' } } });
    expect((await world.gate()).leaseCodeVersion).toBe('v9');
  });

  it('counts the bars that a shard has no run of, and so does the status', async () => {
    const world = await TradingWorld.open();
    await nextBar(world);
    world.nowMs += BAR_MS;
    await nextBar(world);
    await nextBar(world);
    await world.minute();
    const outcome = await tick(world, 'v1');
    const missing = outcome.missedBars!.map(({ barOpenTimeMs }) => new Date(barOpenTimeMs).toISOString());
    expect(missing).toHaveLength(1);
    expect((await statusOf(world)).missedBars).toEqual([`${missing[0]}, shard 0`]);
    expect(outcome.missedBars![0]!.barOpenTimeMs).toBeGreaterThan(BAR);
  });
});

it('what a newer version has added to a record does not stop an older one', async () => {
  const risk = createMemoryRiskStore();
  const signals = createMemorySignalStore();
  const snapshot = { atMs: 1, equityMicroUsdt: 1, walletMicroUsdt: 1, exposureMicroUsdt: 0, positions: 0 };
  const { equity } = riskRecords(risk);
  await equity.add('paper', { ...snapshot, ...{ newer: true } });
  expect(await equity.latest('paper')).toEqual(snapshot);
  await signals.putRun({ ...runOf(BAR), ...{ newer: true } });
  expect(await signals.lastRuns({ shard: 0, shardCount: 1, count: 1 })).toHaveLength(1);
});
