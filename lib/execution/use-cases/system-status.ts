// The system at a glance: what it may do now and why, and what it holds. A part that cannot be read is named; the others are
// shown all the same, for that is when an operator looks.

import { messageOf } from '../../core/message-of.ts';
import type { InferRun } from '../../inference/infer-run.ts';
import { MISSED_BARS_RUNS } from '../../inference/missed-bars.ts';
import type { SignalStore } from '../../inference/ports.ts';
import { missedBars } from '../../inference/use-cases/find-missed-bars.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../market/candle.ts';
import type { BreakerState } from '../../risk/breaker/state.ts';
import { versionDifferences } from '../../risk/code-version.ts';
import type { Mode, ModeReason } from '../../risk/effective-mode.ts';
import { FLAG_NAMES, type FlagsState } from '../../risk/flags.ts';
import type { GateItem, Scope } from '../../risk/gate.ts';
import type { Level } from '../../risk/level.ts';
import type { EquitySnapshot } from '../../risk/records.ts';
import { type ModeSources, readMode } from '../../risk/use-cases/read-mode.ts';
import { allValues } from '../../risk/use-cases/typed-records.ts';
import { allocation, bookLimits, TRADING_LIMITS } from '../limits.ts';
import type { PositionRecord } from '../records.ts';
import { executionRecords } from './execution-records.ts';

export interface SystemStatus {
  /** When it was read, by the system's clock. */
  readonly atMs: number;
  readonly mode: Mode;
  readonly reasons: readonly ModeReason[];
  readonly scope: Scope;
  readonly level: Level | null;
  /** Each flag's value, or what is wrong with it. */
  readonly flags: Readonly<Record<string, string | number | boolean>>;
  readonly breaker: BreakerState | null;
  readonly epoch: number | null;
  readonly leaseUntilMs: number | null;
  readonly exposureMicroUsdt: number | null;
  readonly lastBar: Pick<
    InferRun,
    | 'barOpenTimeMs'
    | 'ensembleId'
    | 'written'
    | 'actions'
    | 'abstentions'
    | 'meanConsensus'
    | 'residentBytes'
    | 'timingsMs'
  > | null;
  /** One line for each bar of the last hour that a shard has no run of. */
  readonly missedBars: readonly string[];
  readonly equity: EquitySnapshot | null;
  /** What the gate counts of the book; null without a gate. */
  readonly book: {
    readonly longMicroUsdt: number;
    readonly shortMicroUsdt: number;
    /** Side × notional × beta to Bitcoin, summed. */
    readonly netBetaMicroUsdt: number;
  } | null;
  /** The most that flags and level let be traded with, whatever the mode; null while a part of that is not known. */
  readonly allowance: {
    readonly capitalMicroUsdt: number;
    readonly positions: number;
    /** Of either side. */
    readonly sideMicroUsdt: number;
    /** In either direction. */
    readonly netBetaMicroUsdt: number;
  } | null;
  readonly positions: readonly PositionRecord[];
  /** One line each: what could not be read. */
  readonly unread: readonly string[];
}

interface StatusSources extends ModeSources {
  readonly signals: SignalStore;
  readonly readShards: () => Promise<number>;
}

/** Never throws. */
export async function readSystemStatus(sources: StatusSources): Promise<SystemStatus> {
  const { risk, signals } = sources;
  const { mode, reasons, scope, flags, gate, level } = await readMode(sources);
  const records = executionRecords(risk);
  const unread: string[] = [];
  const tried = <T>(work: () => Promise<T>) =>
    work().catch((error: unknown) => {
      unread.push(messageOf(error));
      return undefined;
    });
  const [equity, positions, runs] = await Promise.all([
    tried(() => records.equity.latest(scope)),
    tried(async () => allValues(await records.positions.all(scope))),
    tried(async () => newestRuns(signals, await sources.readShards())),
  ]);
  const nowMs = sources.clock.nowMs();
  const missed = await tried(async () => missedBars(signals, runs ?? [], nowMs));
  const run = runs?.[0]?.[0];
  const differences = gate === undefined ? [] : differencesIn({ gate, snapshot: equity, runs, nowMs });
  return {
    atMs: nowMs,
    // Execute finds out by itself, from the same records.
    mode: differences.length > 0 ? 'OFF' : mode,
    reasons: [...differences.map((message) => ({ code: 'versions_differ' as const, message })), ...reasons],
    scope,
    level: level ?? null,
    flags: describeFlags(flags),
    breaker: gate?.breaker ?? null,
    epoch: gate?.epoch ?? null,
    leaseUntilMs: gate?.leaseUntilMs ?? null,
    exposureMicroUsdt: gate?.exposureMicroUsdt ?? null,
    book: gate === undefined ? null : bookOf(gate),
    lastBar:
      run === undefined
        ? null
        : {
            barOpenTimeMs: run.barOpenTimeMs,
            ensembleId: run.ensembleId,
            written: run.written,
            actions: run.actions,
            abstentions: run.abstentions,
            meanConsensus: run.meanConsensus,
            residentBytes: run.residentBytes,
            timingsMs: run.timingsMs,
          },
    missedBars: (missed ?? []).map(
      ({ barOpenTimeMs, shard }) => `${new Date(barOpenTimeMs).toISOString()}, shard ${shard}`,
    ),
    equity: equity ?? null,
    allowance: allowanceOf(flags, level, equity),
    positions: positions ?? [],
    unread,
  };
}

function allowanceOf(
  { QT_MAX_CAPITAL_ALLOCATION: capital, QT_MAX_POSITIONS: positions }: FlagsState,
  level: Level | undefined,
  equity: EquitySnapshot | undefined,
): SystemStatus['allowance'] {
  if (capital.state !== 'value' || positions.state !== 'value') return null;
  if (level === undefined || equity === undefined) return null;
  const { equityMicroUsdt } = equity;
  const allowed = allocation({
    ...{ equityMicroUsdt, capitalFraction: capital.value, positions: positions.value, level },
  });
  const { sideMicroUsdt, netBetaMicroUsdt } = bookLimits({ equityMicroUsdt, ...allowed }, TRADING_LIMITS);
  return {
    capitalMicroUsdt: allowed.allocatedMicroUsdt,
    positions: allowed.positions,
    sideMicroUsdt,
    netBetaMicroUsdt,
  };
}

const bookOf = ({ sideMicroUsdt, netBetaMicroUsdt }: GateItem): SystemStatus['book'] => ({
  longMicroUsdt: sideMicroUsdt.BUY,
  shortMicroUsdt: sideMicroUsdt.SELL,
  netBetaMicroUsdt,
});

const newestRuns = (signals: SignalStore, shards: number) =>
  Promise.all(
    Array.from({ length: shards }, (_, shard) =>
      signals.lastRuns({ shard, shardCount: shards, count: MISSED_BARS_RUNS }),
    ),
  );

/** Of what is there to compare: a record that is missing has a reason, or a line, of its own. */
const differencesIn = (records: {
  readonly gate: GateItem;
  readonly snapshot: EquitySnapshot | undefined;
  readonly runs: readonly (readonly InferRun[])[] | undefined;
  readonly nowMs: number;
}): string[] =>
  versionDifferences(records.gate.leaseCodeVersion, [
    ...(records.snapshot === undefined ? [] : [['manage-positions', records.snapshot.codeVersion] as const]),
    ...(records.runs ?? []).flatMap(([newest]) =>
      // An older one may be of when there were as many shards before: silence is the breaker's to tell.
      newest === undefined || newest.barOpenTimeMs < lastClosedOpenTimeMs(records.nowMs) - BAR_MS
        ? []
        : [[`infer (shard ${newest.shard})`, newest.codeVersion] as const],
    ),
  ]);

const describeFlags = (flags: FlagsState): SystemStatus['flags'] =>
  Object.fromEntries(
    FLAG_NAMES.map((name) => {
      const flag = flags[name];
      return [name, flag.state === 'value' ? flag.value : `${flag.state}: ${flag.message}`];
    }),
  );
