// What the circuit breaker judges, gathered from the risk records and the infer runs. Whatever cannot be read says so, and so
// trips: nothing here stands in for what is not known.

import { messageOf } from '../../core/message-of.ts';
import { DAY_MS } from '../../core/units.ts';
import type { InferRun } from '../../inference/infer-run.ts';
import {
  isBarDecided,
  isShardDecided,
  MISSED_BARS_RUNS,
  type MissedBar,
  signalsOf,
} from '../../inference/missed-bars.ts';
import type { SignalStore } from '../../inference/ports.ts';
import { missedBars } from '../../inference/use-cases/find-missed-bars.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../market/candle.ts';
import type { BreakerEvidence } from '../breaker/evidence.ts';
import { type BreakerLimits, SEEN_LATE_MS } from '../breaker/limits.ts';
import type { BreakerState } from '../breaker/state.ts';
import type { Reading } from '../effective-mode.ts';
import type { Scope } from '../gate.ts';
import type { RiskStore } from '../ports.ts';
import { dayId, type IncidentRecord } from '../records.ts';
import { riskRecords } from './risk-records.ts';
import { allValues } from './typed-records.ts';

export interface EvidenceSources {
  readonly risk: RiskStore;
  readonly signals: SignalStore;
  /** Of the infer function. */
  readonly shards: number;
  readonly limits: BreakerLimits;
}

interface Asked {
  readonly scope: Scope;
  readonly state: BreakerState;
  readonly nowMs: number;
}

export interface CollectedBreakerEvidence extends BreakerEvidence {
  /** Told, and no cause to trip by itself: `signals_stale` is. */
  readonly missedBars: Reading<readonly MissedBar[]>;
}

/** Everything that a tick or a reset is judged by. Never throws. */
export async function collectBreakerEvidence(
  sources: EvidenceSources,
  asked: Asked,
): Promise<CollectedBreakerEvidence> {
  const records = riskRecords(sources.risk);
  const [snapshots, stopHitsAtMs, rejectionsAtMs, managePositions, incidents, runs, dayStart] =
    await Promise.all([
      read(() => newestMarks(sources, asked)),
      read(() => stopHits(sources, asked)),
      read(() => rejections(sources, asked)),
      read(() => records.positionManager.get(asked.scope)),
      read(() => incidentsSinceArmed(sources, asked)),
      read(() => newestRuns(sources)),
      read(() => records.days.get(asked.scope, dayId(asked.nowMs))),
    ]);
  const newestSignalBarMs =
    runs.state === 'value' ? await read(() => newestDecidedBarMs(sources, runs.value, asked.nowMs)) : runs;
  const recent = derive(runs, (shards) => recentRuns(shards, sources, asked.nowMs));
  return {
    snapshots,
    dayStartMicroUsdt: dayStartOf(dayStart, snapshots, { ...asked, limits: sources.limits }),
    stopHitsAtMs,
    rejectionsAtMs,
    newestSignalBarMs,
    featureMismatches: derive(recent, (shards) => featureMismatches(shards, asked.state)),
    loadedModels: derive(recent, (shards) => loadedModels(shards, newestSignalBarMs)),
    consensusFractions: derive(recent, consensusFractions),
    missedBars:
      runs.state === 'value' ? await read(() => missedBars(sources.signals, runs.value, asked.nowMs)) : runs,
    // Before the position manager's first run there is nothing to differ; that it does run has a cause of its own.
    reconciliationDifferences: both(
      managePositions.state === 'missing'
        ? known(0)
        : derive(managePositions, ({ value }) => value.differences.length),
      derive(incidents, (since) => since.reduce((sum, { differences }) => sum + differences.length, 0)),
      Math.max,
    ),
    unprotectedSinceMs: both(
      managePositions.state === 'missing'
        ? known(null)
        : derive(managePositions, ({ value }) => value.unprotectedSinceMs),
      derive(incidents, (since) => longestUnprotectedSince(since, asked.nowMs)),
      (now, healed) => (now === null ? healed : healed === null ? now : Math.min(now, healed)),
    ),
    positionManagerAtMs: derive(managePositions, ({ value }) => value.completedAtMs ?? undefined),
  };
}

const known = <T>(value: T): Reading<T> => ({ state: 'value', value });

async function read<T>(work: () => Promise<T | undefined>): Promise<Reading<T>> {
  try {
    const value = await work();
    return value === undefined ? { state: 'missing' } : known(value);
  } catch (error) {
    return { state: 'unreadable', message: messageOf(error) };
  }
}

function derive<T, U>(reading: Reading<T>, what: (value: T) => U | undefined): Reading<U> {
  if (reading.state !== 'value') return reading;
  const value = what(reading.value);
  return value === undefined ? { state: 'missing' } : known(value);
}

/** What two readings say together; what cannot be read of either cannot be read. */
function both<T>(a: Reading<T>, b: Reading<T>, together: (a: T, b: T) => T): Reading<T> {
  if (a.state !== 'value') return a;
  return b.state === 'value' ? known(together(a.value, b.value)) : b;
}

/** Everything since the breaker was armed, whatever has healed since; nothing of it holds up a reset. */
async function incidentsSinceArmed(
  { risk }: EvidenceSources,
  { scope, state }: Asked,
): Promise<IncidentRecord[]> {
  if (state.latch === 'TRIPPED') return [];
  return allValues(await riskRecords(risk).incidents.since(scope, state.armedAtMs));
}

/** As if the longest time without a stop had lasted until now. */
function longestUnprotectedSince(incidents: readonly IncidentRecord[], nowMs: number): number | null {
  const times = incidents.flatMap(({ unprotectedMs }) => (unprotectedMs === null ? [] : [unprotectedMs]));
  return times.length === 0 ? null : nowMs - Math.max(...times);
}

type Snapshots = { readonly atMs: number; readonly equityMicroUsdt: number }[];

async function newestMarks({ risk }: EvidenceSources, { scope }: Asked): Promise<Snapshots> {
  return allValues(await riskRecords(risk).equity.newest(scope, 2));
}

/** The position manager opens the day with its first snapshot of it. Until that is due, the day starts with the last snapshot of the one before. */
function dayStartOf(
  record: Reading<{ readonly value: { readonly startMicroUsdt: number } }>,
  snapshots: Reading<Snapshots>,
  { nowMs, limits }: Asked & { readonly limits: BreakerLimits },
): Reading<number> {
  const sinceMidnightMs = nowMs % DAY_MS;
  if (record.state !== 'missing' || sinceMidnightMs > limits.positionManagerSilentMs)
    return derive(record, ({ value }) => value.startMicroUsdt);
  return derive(snapshots, (newest) => {
    const before = newest.find(({ atMs }) => atMs < nowMs - sinceMidnightMs) ?? newest.at(-1);
    return before?.equityMicroUsdt;
  });
}

async function stopHits({ risk, limits }: EvidenceSources, { scope, nowMs }: Asked): Promise<number[]> {
  const fromMs = nowMs - limits.stopHitsWindowMs - SEEN_LATE_MS;
  const trades = allValues(await riskRecords(risk).trades.since(scope, fromMs));
  return trades.flatMap(({ reason, closedAtMs }) => (reason === 'stop' ? [closedAtMs] : []));
}

async function rejections({ risk, limits }: EvidenceSources, { scope, nowMs }: Asked): Promise<number[]> {
  const fromMs = nowMs - limits.rejectionsWindowMs - SEEN_LATE_MS;
  const records = allValues(await riskRecords(risk).rejections.since(scope, fromMs));
  // An order has two when whoever learnt of its rejection died before he wrote that down.
  const ofOrders = new Map(records.map((record) => [record.clientOrderId, record.atMs]));
  return [...ofOrders.values()];
}

/** By shard, newest first. */
type Runs = readonly (readonly InferRun[])[];

const runsOfShard = ({ consensusBars }: BreakerLimits): number => Math.max(consensusBars, MISSED_BARS_RUNS);

function newestRuns({ signals, shards, limits }: EvidenceSources): Promise<Runs> {
  const count = runsOfShard(limits);
  return Promise.all(
    Array.from({ length: shards }, (_, shard) => signals.lastRuns({ shard, shardCount: shards, count })),
  );
}

/** Without those of a time when there were as many shards before. */
function recentRuns(runs: Runs, { limits }: EvidenceSources, nowMs: number): Runs {
  const oldestMs = lastClosedOpenTimeMs(nowMs) - runsOfShard(limits) * BAR_MS;
  return runs.map((shard) => shard.filter(({ barOpenTimeMs }) => barOpenTimeMs >= oldestMs));
}

/** The smallest of what the shards give; undefined when one of them gives nothing. */
function leastOfShards(
  runs: Runs,
  ofShard: (shard: readonly InferRun[]) => number | undefined,
): number | undefined {
  const values = runs.map(ofShard);
  return values.includes(undefined) ? undefined : Math.min(...(values as number[]));
}

/**
 * The newest bar that every shard has decided. When the number of shards was just changed, the runs on record are those of the
 * former number: a bar that was decided counts, by whatever number it was divided.
 */
async function newestDecidedBarMs(
  { signals, limits }: EvidenceSources,
  runs: Runs,
  nowMs: number,
): Promise<number | undefined> {
  const ofThisNumber = leastOfShards(runs, (shard) => shard.find(isShardDecided)?.barOpenTimeMs);
  const closedMs = lastClosedOpenTimeMs(nowMs);
  const oldestMs = closedMs - (limits.signalsAgeBars + 1) * BAR_MS;
  if (ofThisNumber !== undefined && ofThisNumber >= closedMs - BAR_MS) return ofThisNumber;
  for (let barOpenTimeMs = closedMs; barOpenTimeMs >= oldestMs; barOpenTimeMs -= BAR_MS)
    if (isBarDecided(await signals.runsOfBar(barOpenTimeMs)))
      return Math.max(barOpenTimeMs, ofThisNumber ?? barOpenTimeMs);
  return ofThisNumber;
}

/** Of each shard's newest run; one from before the newest bar that was decided says nothing of the models of now. */
function loadedModels(runs: Runs, newestSignalBarMs: Reading<number>): number | undefined {
  const sinceMs = newestSignalBarMs.state === 'value' ? newestSignalBarMs.value : Number.NEGATIVE_INFINITY;
  return leastOfShards(runs, ([newest]) =>
    newest !== undefined && newest.barOpenTimeMs >= sinceMs ? newest.servedModels : undefined,
  );
}

function featureMismatches(runs: Runs, state: BreakerState): number {
  const judged = runs.flatMap((shard) =>
    state.latch === 'TRIPPED'
      ? shard.slice(0, 1)
      : shard.filter(({ startedAtMs }) => startedAtMs >= state.armedAtMs),
  );
  const mismatches = judged.flatMap(({ quarantined }) =>
    quarantined.filter(({ reason }) => reason === 'feature_set_mismatch'),
  );
  return mismatches.length;
}

/** Mean over the signals of each bar, newest bar first; a bar without signals has none. */
function consensusFractions(runs: Runs): number[] {
  const bars = new Map<number, { sum: number; signals: number }>();
  for (const run of runs.flat()) {
    const signals = signalsOf(run);
    if (run.meanConsensus === null || signals === 0) continue;
    const bar = bars.get(run.barOpenTimeMs) ?? { sum: 0, signals: 0 };
    bars.set(run.barOpenTimeMs, {
      sum: bar.sum + run.meanConsensus * signals,
      signals: bar.signals + signals,
    });
  }
  return [...bars].sort(([a], [b]) => b - a).map(([, { sum, signals }]) => sum / signals);
}
