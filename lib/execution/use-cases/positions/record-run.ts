// The position manager's record of its runs, by which the circuit breaker judges. Every run leaves one, also one that could not
// do everything: since when a position is unprotected must not start again with each run.
import type { Versioned } from '../../../risk/ports.ts';
import type { IncidentRecord, PositionManagerRecord } from '../../../risk/records.ts';
import { executionRecords } from '../execution-records.ts';
import type { ExecutionContext } from '../send-order.ts';

/** undefined when there is no record; one that cannot be read has no value, and is written anew. */
export type RunsBefore = Versioned<PositionManagerRecord | undefined> | undefined;

export const readRuns = ({ risk, broker }: ExecutionContext): Promise<RunsBefore> =>
  executionRecords(risk).positionManager.find(broker.scope);

/** Since when each held symbol has had no stop; held without a record of ours, since it was first seen. */
export async function unprotectedSince(
  { risk, broker, clock }: ExecutionContext,
  { held, before }: { held: ReadonlyMap<string, unknown>; before: RunsBefore },
): Promise<Record<string, number>> {
  if (held.size === 0) return {};
  const { records } = await executionRecords(risk).positions.all(broker.scope);
  const positions = new Map(records.map(({ value }) => [value.symbol, value]));
  const since: Record<string, number> = {};
  for (const symbol of held.keys()) {
    const position = positions.get(symbol);
    if (position?.unprotectedSinceMs === null) continue;
    const sightedMs = before?.value?.unprotectedSince[symbol] ?? Number.POSITIVE_INFINITY;
    since[symbol] = Math.min(sightedMs, position?.unprotectedSinceMs ?? clock.nowMs());
  }
  return since;
}

/** The earliest of them; null when every position is protected. */
export const earliest = (since: Record<string, number>): number | null => {
  const times = Object.values(since);
  return times.length === 0 ? null : Math.min(...times);
};

export interface Run {
  readonly isComplete: boolean;
  /** One line each; undefined when nothing could be compared: what was known stays. */
  readonly differences: readonly string[] | undefined;
  /** By symbol; undefined when what is held is not known: what was known stays. */
  readonly unprotectedSince: Record<string, number> | undefined;
  /** undefined when it is not known: what was known stays. */
  readonly walletDifferentSinceMs: number | null | undefined;
  /** undefined when nothing was booked. */
  readonly fundingBookedUntilMs: number | undefined;
}

const CARRIED = 'settled: ';

/**
 * Writes the record of a run, unless another run has written since this one began.
 * @returns the differences as told: each in two runs, so that the breaker, which ticks as often, cannot miss it; undefined when overtaken
 */
export async function recordRun(
  { risk, broker, clock }: ExecutionContext,
  before: RunsBefore,
  run: Run,
): Promise<readonly string[] | undefined> {
  const records = executionRecords(risk);
  const known = before?.value;
  const nowMs = clock.nowMs();
  const unprotected = run.unprotectedSince ?? known?.unprotectedSince ?? {};
  const ended = Object.entries(known?.unprotectedSince ?? {}).filter(([symbol]) => !(symbol in unprotected));
  const incident: IncidentRecord = {
    atMs: nowMs,
    differences: [...(run.differences ?? [])],
    unprotectedMs: ended.length === 0 ? null : nowMs - Math.min(...ended.map(([, sinceMs]) => sinceMs)),
  };
  if (incident.differences.length > 0 || incident.unprotectedMs !== null)
    await records.incidents.add(broker.scope, incident);
  const record: PositionManagerRecord = {
    completedAtMs: run.isComplete ? nowMs : (known?.completedAtMs ?? null),
    attemptedAtMs: nowMs,
    differences:
      run.differences === undefined ? (known?.differences ?? []) : toldTwice(run.differences, known),
    unprotectedSinceMs: earliest(unprotected),
    unprotectedSince: unprotected,
    walletDifferentSinceMs:
      run.walletDifferentSinceMs === undefined
        ? (known?.walletDifferentSinceMs ?? null)
        : run.walletDifferentSinceMs,
    fundingBookedUntilMs: run.fundingBookedUntilMs ?? known?.fundingBookedUntilMs ?? null,
  };
  const condition = before === undefined ? { ifAbsent: true as const } : { ifRevision: before.revision };
  const written = await records.positionManager.put(broker.scope, record, condition);
  return written === 'written' ? record.differences : undefined;
}

const toldTwice = (differences: readonly string[], known: PositionManagerRecord | undefined): string[] => [
  ...differences,
  ...(known?.differences ?? [])
    .filter((line) => !line.startsWith(CARRIED) && !differences.includes(line))
    .map((line) => CARRIED + line),
];
