// The system at a glance: what it may do and why, what it holds, and, of each part that cannot be read, that it cannot.
import { describe, expect, it } from 'vitest';
import { bookLimits, TRADING_LIMITS } from '../../../lib/execution/limits.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { readSystemStatus } from '../../../lib/execution/use-cases/system-status.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { FLAG_NAMES } from '../../../lib/risk/flags.ts';
import { newGate } from '../../../lib/risk/gate.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { runOf } from '../../support/inference/sample-signals.ts';
import { openTrade } from '../../support/trading/open-trade.ts';
import { BAR, TradingWorld } from '../../support/trading/trading-world.ts';

type Sources = Parameters<typeof readSystemStatus>[0];
const broken = () => Promise.reject(new Error('no\nanswer'));

const sourcesOf = (world: TradingWorld, over: Partial<Sources> = {}): Sources => ({
  ...{ risk: world.risk, flags: world.flags, signals: world.signals, clock: world.clock },
  readShards: async () => 1,
  ...over,
});
const statusOf = (world: TradingWorld, over: Partial<Sources> = {}) =>
  readSystemStatus(sourcesOf(world, over));

/** A run of the bar that has closed last. */
const ran = (world: TradingWorld, over: Parameters<typeof runOf>[1] = {}, bar = BAR) =>
  world.signals.putRun(runOf(bar, { codeVersion: 'v1', ...over }));

describe('the status', () => {
  it('tells the mode, the gate, the account and the last bar', async () => {
    const { world, current } = await openTrade();
    await ran(world, { actions: { SELL: 1, HOLD: 2, BUY: 3 } });
    const gate = await world.gate();
    const status = await statusOf(world);
    const run = runOf(BAR);
    expect(status).toEqual({
      ...{ atMs: world.nowMs, mode: 'PAPER', scope: 'paper', level: 'PAPER', epoch: gate.epoch },
      reasons: [{ code: 'paper_trading', message: 'QT_PAPER_TRADING is true' }],
      flags: expect.objectContaining({ EMERGENCY_MODE: false, QT_PAPER_TRADING: true }),
      ...{ breaker: gate.breaker, leaseUntilMs: gate.leaseUntilMs },
      exposureMicroUsdt: gate.exposureMicroUsdt,
      book: {
        ...{ longMicroUsdt: gate.sideMicroUsdt.BUY, shortMicroUsdt: 0 },
        netBetaMicroUsdt: gate.netBetaMicroUsdt,
      },
      lastBar: {
        ...{ barOpenTimeMs: BAR, ensembleId: run.ensembleId, written: 1, abstentions: run.abstentions },
        ...{ actions: { SELL: 1, HOLD: 2, BUY: 3 }, meanConsensus: 0.75 },
        ...{ residentBytes: 300_000_000, timingsMs: run.timingsMs },
      },
      missedBars: [],
      equity: expect.objectContaining({ equityMicroUsdt: 10_000_000_000, codeVersion: 'v1' }),
      allowance: expect.objectContaining({ capitalMicroUsdt: expect.any(Number) }),
      ...{ positions: [(await current()).value], unread: [] },
    });
    expect(Object.keys(status.flags)).toEqual([...FLAG_NAMES]);
    expect(gate.sideMicroUsdt.BUY).toBeGreaterThan(0);
  });

  it('has nothing of a gate that is not there', async () => {
    const world = await TradingWorld.open();
    world.risk.readGate = async () => undefined;
    expect(await statusOf(world)).toMatchObject({
      ...{ mode: 'OFF', breaker: null, epoch: null, leaseUntilMs: null, exposureMicroUsdt: null, book: null },
    });
  });

  it('tells both sides of the book', async () => {
    const world = await TradingWorld.open();
    const gate = await world.gate();
    const sideMicroUsdt = { BUY: 7, SELL: 5 };
    world.risk.readGate = async () => ({ ...gate, sideMicroUsdt, netBetaMicroUsdt: -3 });
    expect((await statusOf(world)).book).toEqual({
      longMicroUsdt: 7,
      shortMicroUsdt: 5,
      netBetaMicroUsdt: -3,
    });
  });

  it('has nothing of a bar, an equity and positions that are not there', async () => {
    const world = new TradingWorld();
    const { breaker } = await (await TradingWorld.open()).gate();
    await world.risk.createGate('paper', newGate(breaker));
    expect(await statusOf(world)).toMatchObject({
      ...{ lastBar: null, equity: null, allowance: null, positions: [], missedBars: [], unread: [] },
    });
    expect(await statusOf(world, { readShards: async () => 0 })).toMatchObject({ lastBar: null, unread: [] });
  });

  it('says what is wrong with each flag', async () => {
    const world = await TradingWorld.open();
    world.setFlag('QT_MAX_POSITIONS', 'many');
    world.setFlag('EMERGENCY_MODE', undefined);
    const { flags, mode } = await statusOf(world);
    expect(flags.QT_MAX_POSITIONS).toMatch(/^malformed: QT_MAX_POSITIONS must be/);
    expect(flags.EMERGENCY_MODE).toMatch(/^missing: /);
    expect(mode).toBe('OFF');
  });
});

describe('a part that cannot be read', () => {
  it('is named, and the others are shown', async () => {
    const { world, current } = await openTrade();
    await ran(world);
    const { list } = world.risk;
    const without = (prefix: string): typeof list =>
      ((...given: Parameters<typeof list>) =>
        given[0].prefix.startsWith(prefix) ? broken() : list(...given)) as typeof list;
    world.risk.list = without('equity');
    expect(await statusOf(world)).toMatchObject({
      ...{ equity: null, allowance: null, unread: ['no answer'], positions: [(await current()).value] },
    });
    world.risk.list = without('position#');
    const positions = await statusOf(world);
    expect(positions).toMatchObject({ positions: [], unread: ['no answer'] });
    expect(positions.equity).not.toBeNull();
    world.risk.list = list;
    const shards = await statusOf(world, { readShards: broken });
    expect(shards).toMatchObject({ lastBar: null, missedBars: [], unread: ['no answer'], mode: 'PAPER' });
    const signals = { ...world.signals, lastRuns: broken };
    expect(await statusOf(world, { signals })).toMatchObject({ lastBar: null, unread: ['no answer'] });
  });

  it('is named too where it is one record of several', async () => {
    const { world } = await openTrade();
    await world.risk.put('paper', 'position#ETHUSDT', { symbol: 'ETHUSDT' }, { ifAbsent: true });
    const { positions, unread } = await statusOf(world);
    expect(positions).toEqual([]);
    expect(unread).toEqual([expect.stringMatching(/position#ETHUSDT/)]);
  });

  it('is named where it is which bars were missed', async () => {
    const world = await TradingWorld.open();
    await ran(world, {}, BAR - 3 * BAR_MS);
    const signals = { ...world.signals, runsOfBar: broken };
    expect(await statusOf(world, { signals })).toMatchObject({ missedBars: [], unread: ['no answer'] });
  });
});

describe('bars that nobody has decided', () => {
  it('are told, by their shard', async () => {
    const world = await TradingWorld.open();
    for (const shard of [0, 1]) await ran(world, { shard, shardCount: 2 }, BAR - 3 * BAR_MS);
    await ran(world, { shard: 0, shardCount: 2 }, BAR - 2 * BAR_MS);
    await ran(world, { shard: 0, shardCount: 2 }, BAR - BAR_MS);
    const status = await statusOf(world, { readShards: async () => 2 });
    const at = (bars: number) => new Date(BAR - bars * BAR_MS).toISOString();
    expect(status.missedBars).toEqual([`${at(2)}, shard 1`, `${at(1)}, shard 1`]);
    expect(status.lastBar?.barOpenTimeMs).toBe(BAR - BAR_MS);
  });
});

describe('functions of another version', () => {
  const lines = async (world: TradingWorld, over: Partial<Sources> = {}) => {
    const { mode, reasons } = await statusOf(world, over);
    return {
      mode,
      differing: reasons.filter(({ code }) => code === 'versions_differ').map(({ message }) => message),
    };
  };

  it('turn the mode off, and are told before all other reasons', async () => {
    const world = await TradingWorld.open();
    world.versions.breaker = 'v2';
    await world.renewLease();
    await ran(world);
    const { mode, reasons } = await statusOf(world);
    expect(mode).toBe('OFF');
    expect(reasons).toEqual([
      { code: 'versions_differ', message: 'manage-positions runs v1, not v2' },
      { code: 'versions_differ', message: 'infer (shard 0) runs v1, not v2' },
      { code: 'paper_trading', message: 'QT_PAPER_TRADING is true' },
    ]);
  });

  it('are none of a run that is older than the last bar but one, or not there', async () => {
    const world = await TradingWorld.open();
    await ran(world, { codeVersion: 'v0' }, BAR - 2 * BAR_MS);
    expect(await lines(world)).toEqual({ mode: 'PAPER', differing: [] });
    await ran(world, { codeVersion: 'v0' }, BAR - BAR_MS);
    expect(await lines(world)).toEqual({ mode: 'OFF', differing: ['infer (shard 0) runs v0, not v1'] });
    await ran(world);
    expect(await lines(world)).toEqual({ mode: 'PAPER', differing: [] });
    expect(await lines(world, { readShards: async () => 2 })).toMatchObject({ differing: [] });
    expect(await lines(world, { readShards: broken })).toMatchObject({ differing: [] });
  });

  it('are none of an equity that is not there, and none without a gate', async () => {
    const world = await TradingWorld.open();
    world.versions.breaker = 'v2';
    await world.renewLease();
    const { list, readGate } = world.risk;
    world.risk.list = ((...given: Parameters<typeof list>) =>
      given[0].prefix.startsWith('equity')
        ? Promise.resolve({ records: [], problems: [] })
        : list(...given)) as typeof list;
    expect(await lines(world)).toEqual({ mode: 'PAPER', differing: [] });
    world.risk.list = list;
    expect((await lines(world)).differing).toHaveLength(1);
    world.risk.readGate = async () => undefined;
    expect(await lines(world)).toEqual({ mode: 'OFF', differing: [] });
    world.risk.readGate = readGate;
  });
});

describe('the most that may be traded with', () => {
  it('is what flags and level let, of the equity', async () => {
    const world = await TradingWorld.open();
    const equityMicroUsdt = 10_000_000_000;
    world.setFlag('QT_MAX_CAPITAL_ALLOCATION', '0.5');
    world.setFlag('QT_MAX_POSITIONS', '3');
    const { allowance } = await statusOf(world);
    const { sideMicroUsdt, netBetaMicroUsdt } = bookLimits(
      { equityMicroUsdt, allocatedMicroUsdt: 5_000_000_000, positions: 3 },
      TRADING_LIMITS,
    );
    expect(allowance).toEqual({
      ...{ capitalMicroUsdt: 5_000_000_000, positions: 3, sideMicroUsdt, netBetaMicroUsdt },
    });
  });

  it.each(['QT_MAX_CAPITAL_ALLOCATION', 'QT_MAX_POSITIONS'] as const)(
    'is not known while %s cannot be read',
    async (name) => {
      const world = await TradingWorld.open();
      world.setFlag(name, undefined);
      expect((await statusOf(world)).allowance).toBeNull();
    },
  );

  it('is not known while the level of live trading is not, and has no equity of paper in it', async () => {
    const world = await TradingWorld.open();
    world.setFlag('QT_PAPER_TRADING', 'false');
    expect(await statusOf(world)).toMatchObject({
      scope: 'live',
      level: 'PAPER',
      equity: null,
      allowance: null,
    });
    const { equity } = executionRecords(world.risk);
    const [marked] = allValues(await equity.since('paper', 0));
    await equity.add('live', marked!);
    expect((await statusOf(world)).allowance).not.toBeNull();
    const { get } = world.risk;
    world.risk.get = ((...given: Parameters<typeof get>) =>
      given[1] === 'rollout' ? broken() : get(...given)) as typeof get;
    expect(await statusOf(world)).toMatchObject({ level: null, equity: marked, allowance: null });
  });
});
