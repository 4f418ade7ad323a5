// What the circuit breaker judges, gathered from the records: which of them count, how old they may be, and what is said of what
// cannot be read.
import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import type { InferRun } from '../../lib/inference/infer-run.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { BREAKER_LIMITS, SEEN_LATE_MS } from '../../lib/risk/breaker/limits.ts';
import { type BreakerState, firstArmed, lostState } from '../../lib/risk/breaker/state.ts';
import type { RiskStore } from '../../lib/risk/ports.ts';
import { dayId, type IncidentRecord, type TradeRecord } from '../../lib/risk/records.ts';
import { collectBreakerEvidence, type EvidenceSources } from '../../lib/risk/use-cases/breaker-evidence.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { runOf } from '../support/inference/sample-signals.ts';
import { beHealthy, START_MS } from '../support/trading/healthy-scope.ts';

const scope = 'paper';
/** The bar that closed last at START_MS, 12:00:10. */
const BAR = Date.UTC(2024, 7, 5, 11, 55);
const MIDNIGHT = Date.UTC(2024, 7, 6);
const EQUITY_MICRO_USDT = 10_000_000_000;

const armed = firstArmed(START_MS - 60 * MINUTE_MS);
const tripped = lostState(START_MS - 60 * MINUTE_MS);
const value = <T>(of: T) => ({ state: 'value' as const, value: of });
const missing = { state: 'missing' as const };
const unavailable = () => Promise.reject(new StoreError('no\nanswer', { retryable: true }));
const unreadable = { state: 'unreadable' as const, message: 'no answer' };

let sources: EvidenceSources;
let records: ReturnType<typeof riskRecords>;
beforeEach(() => {
  const risk = createMemoryRiskStore();
  sources = { risk, signals: createMemorySignalStore(), shards: 1, limits: BREAKER_LIMITS };
  records = riskRecords(risk);
});

const collect = (asked: { state?: BreakerState; nowMs?: number } = {}, over: Partial<EvidenceSources> = {}) =>
  collectBreakerEvidence({ ...sources, ...over }, { scope, state: armed, nowMs: START_MS, ...asked });
const putRun = (barOpenTimeMs: number, more: Partial<InferRun> = {}) =>
  sources.signals.putRun(runOf(barOpenTimeMs, more));
const mark = (atMs: number, equityMicroUsdt: number) =>
  records.equity.add(scope, {
    atMs,
    equityMicroUsdt,
    walletMicroUsdt: 0,
    exposureMicroUsdt: 0,
    positions: 0,
  });
const managed = (more: object = {}) =>
  records.positionManager.put(
    scope,
    {
      ...{ completedAtMs: START_MS, attemptedAtMs: null, differences: [], unprotectedSinceMs: null },
      ...{ unprotectedSince: {}, walletDifferentSinceMs: null, fundingBookedUntilMs: null, ...more },
    },
    { ifAbsent: true },
  );

describe('evidence', () => {
  it('of a healthy scope is all there', async () => {
    await beHealthy(sources, { scope, nowMs: START_MS });
    expect(await collect()).toEqual({
      snapshots: value([
        expect.objectContaining({ atMs: START_MS, equityMicroUsdt: EQUITY_MICRO_USDT }),
        expect.objectContaining({ atMs: START_MS - MINUTE_MS, equityMicroUsdt: EQUITY_MICRO_USDT }),
      ]),
      dayStartMicroUsdt: value(EQUITY_MICRO_USDT),
      ...{ stopHitsAtMs: value([]), rejectionsAtMs: value([]) },
      newestSignalBarMs: value(BAR),
      ...{ featureMismatches: value(0), loadedModels: value(4), consensusFractions: value([0.75]) },
      missedBars: value([]),
      ...{ reconciliationDifferences: value(0), unprotectedSinceMs: value(null) },
      positionManagerAtMs: value(START_MS),
    });
  });

  it('of a scope in which nothing has happened yet is missing, or none', async () => {
    expect(await collect()).toEqual({
      ...{ snapshots: value([]), dayStartMicroUsdt: missing },
      ...{ stopHitsAtMs: value([]), rejectionsAtMs: value([]) },
      newestSignalBarMs: missing,
      ...{ featureMismatches: value(0), loadedModels: missing, consensusFractions: value([]) },
      missedBars: value([]),
      ...{ reconciliationDifferences: value(0), unprotectedSinceMs: value(null) },
      positionManagerAtMs: missing,
    });
  });

  it('that cannot be read says so of each, in one line', async () => {
    const risk: RiskStore = { ...sources.risk, get: unavailable, list: unavailable };
    const signals = { ...sources.signals, lastRuns: unavailable };
    const evidence = await collect({}, { risk, signals });
    for (const [name, reading] of Object.entries(evidence)) expect(reading, name).toEqual(unreadable);
  });

  it('of the bars that cannot be read says so, and takes nothing else with it', async () => {
    await putRun(BAR - 3 * BAR_MS);
    const evidence = await collect({}, { signals: { ...sources.signals, runsOfBar: unavailable } });
    expect(evidence).toMatchObject({ newestSignalBarMs: unreadable, missedBars: unreadable });
    expect(evidence).toMatchObject({ loadedModels: value(4), consensusFractions: value([0.75]) });
  });

  it('is of the two newest marks alone', async () => {
    for (const agoMs of [3, 2, 1]) await mark(START_MS - agoMs, agoMs);
    const { snapshots } = await collect();
    expect(snapshots).toMatchObject(value([{ atMs: START_MS - 1 }, { atMs: START_MS - 2 }]));
  });
});

describe('what happened within a window', () => {
  const trade = (symbol: string, reason: string, closedAtMs: number): TradeRecord => ({
    ...{ symbol, side: 'BUY', quantity: 1, entryPrice: 1, exitPrice: 1, reason, feesMicroUsdt: 0 },
    ...{ profitMicroUsdt: 0, openedAtMs: 0, closedAtMs, entryClientOrderId: 'qt', ensembleId: null },
  });

  it('counts stops alone, as far back as one may have become known late', async () => {
    const oldestMs = START_MS - BREAKER_LIMITS.stopHitsWindowMs - SEEN_LATE_MS;
    for (const closedAtMs of [oldestMs - 1, oldestMs, START_MS])
      await records.trades.add(scope, trade('A', 'stop', closedAtMs));
    await records.trades.add(scope, trade('B', 'against', START_MS));
    expect((await collect()).stopHitsAtMs).toEqual(value([oldestMs, START_MS]));
  });

  it('counts a rejected order once, however often that was learnt', async () => {
    const oldestMs = START_MS - BREAKER_LIMITS.rejectionsWindowMs - SEEN_LATE_MS;
    for (const [clientOrderId, atMs] of [
      ...[['a', oldestMs - 1] as const, ['b', oldestMs] as const],
      ...[['c', START_MS - 1] as const, ['c', START_MS] as const],
    ])
      await records.rejections.add(scope, { clientOrderId, atMs });
    expect((await collect()).rejectionsAtMs).toEqual(value([oldestMs, START_MS]));
  });
});

describe('the start of the day', () => {
  const silentMs = BREAKER_LIMITS.positionManagerSilentMs;
  const startOf = async (nowMs: number) => (await collect({ nowMs })).dayStartMicroUsdt;

  it('is the last mark of the day before while the day is not due to be opened', async () => {
    await mark(MIDNIGHT - 1, 7);
    await mark(MIDNIGHT, 9);
    expect(await startOf(MIDNIGHT + 1_000)).toEqual(value(7));
    expect(await startOf(MIDNIGHT + silentMs)).toEqual(value(7));
    expect(await startOf(MIDNIGHT + silentMs + 1)).toEqual(missing);
  });

  it('is the older of two marks where both are of this day', async () => {
    await mark(MIDNIGHT, 7);
    expect(await startOf(MIDNIGHT + 1_000)).toEqual(value(7));
    await mark(MIDNIGHT + 1, 9);
    expect(await startOf(MIDNIGHT + 1_000)).toEqual(value(7));
  });

  it('is the newer of two marks of the day before', async () => {
    await mark(MIDNIGHT - 2, 7);
    await mark(MIDNIGHT - 1, 9);
    expect(await startOf(MIDNIGHT + 1_000)).toEqual(value(9));
  });

  it('is missing without a mark, and what was written where the day is opened', async () => {
    expect(await startOf(MIDNIGHT + 1_000)).toEqual(missing);
    await mark(MIDNIGHT - 1, 7);
    await records.days.add(scope, dayId(MIDNIGHT), { startMicroUsdt: 5 });
    expect(await startOf(MIDNIGHT + 1_000)).toEqual(value(5));
  });
});

describe('what the position manager has found', () => {
  const incident = (atMs: number, more: Partial<IncidentRecord> = {}) =>
    records.incidents.add(scope, { atMs, differences: [], unprotectedMs: null, ...more });
  const found = async (asked: { state?: BreakerState } = {}) => {
    const { reconciliationDifferences, unprotectedSinceMs } = await collect(asked);
    return [reconciliationDifferences, unprotectedSinceMs];
  };

  it('stands beside all that has healed since the arming, of which the worse counts', async () => {
    await incident(armed.armedAtMs - 1, { differences: ['a', 'b', 'c', 'd'], unprotectedMs: 99_000 });
    await incident(armed.armedAtMs, { differences: ['a'], unprotectedMs: 3_000 });
    await incident(armed.armedAtMs + 1, { differences: ['b', 'c'], unprotectedMs: 7_000 });
    await incident(armed.armedAtMs + 2);
    expect(await found()).toEqual([value(3), value(START_MS - 7_000)]);
    await managed({ differences: ['w', 'x', 'y', 'z'], unprotectedSinceMs: START_MS - 8_000 });
    expect(await found()).toEqual([value(4), value(START_MS - 8_000)]);
  });

  it('is outdone by a longer time without a stop that has ended', async () => {
    await managed({ differences: ['a'], unprotectedSinceMs: START_MS - 1_000 });
    await incident(START_MS, { differences: ['b', 'c'], unprotectedMs: 2_000 });
    expect(await found()).toEqual([value(2), value(START_MS - 2_000)]);
  });

  it('is all that counts where nothing has healed, and once it has tripped', async () => {
    await managed({ differences: ['a'], unprotectedSinceMs: START_MS - 1_000 });
    expect(await found()).toEqual([value(1), value(START_MS - 1_000)]);
    await incident(START_MS, { differences: ['b', 'c'], unprotectedMs: 2_000 });
    expect(await found({ state: tripped })).toEqual([value(1), value(START_MS - 1_000)]);
  });

  it('is told of incidents alone where its run has found nothing', async () => {
    await managed();
    expect(await found()).toEqual([value(0), value(null)]);
    await incident(START_MS - 1, { differences: ['a'] });
    expect(await found()).toEqual([value(1), value(null)]);
    await incident(START_MS, { unprotectedMs: 2_000 });
    expect(await found()).toEqual([value(1), value(START_MS - 2_000)]);
  });

  it('cannot be read where either cannot', async () => {
    await managed({ differences: ['a'] });
    const list: RiskStore['list'] = (query, schema) =>
      query.prefix.startsWith('incident') ? unavailable() : sources.risk.list(query, schema);
    const evidence = await collect({}, { risk: { ...sources.risk, list } });
    expect(evidence).toMatchObject({ reconciliationDifferences: unreadable, unprotectedSinceMs: unreadable });
    expect(evidence).toMatchObject({ positionManagerAtMs: value(START_MS), snapshots: value([]) });
  });

  it('has no time before its first completed run', async () => {
    await managed({ completedAtMs: null });
    expect((await collect()).positionManagerAtMs).toEqual(missing);
  });
});

describe('the newest bar that is decided', () => {
  const newest = async (over: Partial<EvidenceSources> = {}) => (await collect({}, over)).newestSignalBarMs;

  it('is that of the slowest shard, taken without a look at the bars where it is new enough', async () => {
    await putRun(BAR, { shard: 0, shardCount: 2 });
    await putRun(BAR - BAR_MS, { shard: 1, shardCount: 2 });
    const signals = { ...sources.signals, runsOfBar: unavailable };
    const { newestSignalBarMs } = await collect({}, { shards: 2, signals });
    expect(newestSignalBarMs).toEqual(value(BAR - BAR_MS));
  });

  it('passes over runs that have decided nothing', async () => {
    await putRun(BAR - BAR_MS);
    await putRun(BAR, { written: 0 });
    expect(await newest()).toEqual(value(BAR - BAR_MS));
  });

  it('counts whatever the number of shards was, as far back as signals may be old', async () => {
    await putRun(BAR - BREAKER_LIMITS.signalsAgeBars * BAR_MS);
    expect(await newest({ shards: 2 })).toEqual(value(BAR - 2 * BAR_MS));
    await putRun(BAR);
    expect(await newest({ shards: 2 })).toEqual(value(BAR));
  });

  it('is looked for one bar beyond that age, and no further', async () => {
    const beyond = BAR - (BREAKER_LIMITS.signalsAgeBars + 1) * BAR_MS;
    await putRun(beyond - BAR_MS);
    expect(await newest({ shards: 2 })).toEqual(missing);
    await putRun(beyond);
    expect(await newest({ shards: 2 })).toEqual(value(beyond));
  });

  it('is the later of the two, and what there is of this number where no bar is found', async () => {
    for (const shard of [0, 1]) await putRun(BAR - 9 * BAR_MS, { shard, shardCount: 2 });
    expect(await newest({ shards: 2 })).toEqual(value(BAR - 9 * BAR_MS));
    await putRun(BAR - 3 * BAR_MS);
    expect(await newest({ shards: 2 })).toEqual(value(BAR - 3 * BAR_MS));
  });

  it('is not moved back by a bar that is seen late', async () => {
    await putRun(BAR - 2 * BAR_MS, { written: 0, symbols: 0 });
    await putRun(BAR - 3 * BAR_MS, { shardCount: 3 });
    const signals = {
      ...sources.signals,
      runsOfBar: async (bar: number) => (bar === BAR - 3 * BAR_MS ? [runOf(bar)] : []),
    };
    expect(await newest({ signals })).toEqual(value(BAR - 2 * BAR_MS));
  });
});

describe('what the models have done', () => {
  const mismatch = {
    ...{ model: 'xgboost', version: 'v20240728_000000' },
    ...{ reason: 'feature_set_mismatch' as const, message: '' },
  };
  const other = { ...mismatch, reason: 'model_missing' as const };

  it('counts mismatches of runs since the arming, and of the newest alone once it has tripped', async () => {
    const at = (startedAtMs: number) => ({ startedAtMs, quarantined: [mismatch, other] });
    await putRun(BAR - 2 * BAR_MS, at(armed.armedAtMs - 1));
    await putRun(BAR - BAR_MS, at(armed.armedAtMs));
    await putRun(BAR, { ...at(START_MS), quarantined: [mismatch, mismatch, mismatch] });
    expect((await collect()).featureMismatches).toEqual(value(4));
    expect((await collect({ state: tripped })).featureMismatches).toEqual(value(3));
  });

  it('judges no run that is older than those it asks for', async () => {
    const bars = Math.max(BREAKER_LIMITS.consensusBars, 14);
    await putRun(BAR - (bars + 1) * BAR_MS, { meanConsensus: 0.1, startedAtMs: START_MS });
    expect((await collect()).consensusFractions).toEqual(value([]));
    await putRun(BAR - bars * BAR_MS, { meanConsensus: 0.2, startedAtMs: START_MS });
    expect((await collect()).consensusFractions).toEqual(value([0.2]));
  });

  it('takes the fewest models of any shard, of a run that is as new as the newest bar decided', async () => {
    const loaded = async () => (await collect({}, { shards: 2 })).loadedModels;
    await putRun(BAR, { shard: 0, shardCount: 2, servedModels: 4 });
    expect(await loaded()).toEqual(missing);
    await putRun(BAR, { shard: 1, shardCount: 2, servedModels: 3 });
    expect(await loaded()).toEqual(value(3));
    await putRun(BAR + BAR_MS, { shard: 1, shardCount: 2, servedModels: 2, written: 0 });
    expect(await loaded()).toEqual(value(2));
  });

  it('knows no number of models where a shard has had no run since a bar that others decided', async () => {
    await putRun(BAR - BAR_MS * 3, { shard: 0, shardCount: 2 });
    await putRun(BAR - BAR_MS * 3, { shard: 1, shardCount: 2 });
    await putRun(BAR);
    expect((await collect({}, { shards: 2 })).loadedModels).toEqual(missing);
  });

  it('weighs the consensus of a bar by its signals, newest bar first', async () => {
    const run = (bar: number, shard: number, more: Partial<InferRun>) =>
      putRun(bar, { shard, shardCount: 2, ...more });
    await run(BAR - BAR_MS, 0, { meanConsensus: 0.5, written: 1, alreadyDecided: 2 });
    await run(BAR - BAR_MS, 1, { meanConsensus: 1, written: 1 });
    await run(BAR, 0, { meanConsensus: null, written: 2 });
    await run(BAR, 1, { meanConsensus: 0.25, written: 2 });
    await run(BAR - 2 * BAR_MS, 0, { meanConsensus: 0.9, written: 0 });
    const { consensusFractions } = await collect({}, { shards: 2 });
    expect(consensusFractions).toEqual(value([0.25, 0.625]));
  });
});
