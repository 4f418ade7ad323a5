// The evidence by which a rollout is assessed, gathered from what infer, the position manager and the parity proofs have recorded.
// What cannot be read, or is too little to say anything, is undefined, and so NO_GO: nothing here stands in for what is not known.
import { messageOf } from '../../core/message-of.ts';
import { HOUR_MS } from '../../core/units.ts';
import type { ParityProof } from '../../features/parity-proof.ts';
import type { InferRun } from '../../inference/infer-run.ts';
import { signalsOf } from '../../inference/missed-bars.ts';
import type { SignalStore } from '../../inference/ports.ts';
import type { BarTallies } from '../../inference/use-cases/tally-bars.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { DriftRecord } from '../../models/drift-record.ts';
import type { ModelAbstentionReason } from '../../models/vote.ts';
import type { Scope } from '../../risk/gate.ts';
import type { RecordStore } from '../../risk/ports.ts';
import { allValues } from '../../risk/use-cases/typed-records.ts';
import type { GoNoGoEvidence } from '../go-no-go.ts';
import { rolloutRecords } from './rollout-records.ts';
import { collectTrading, NOT_TRADED } from './trading-evidence.ts';

export interface GoNoGoSources {
  readonly signals: Pick<SignalStore, 'lastRuns'>;
  readonly risk: RecordStore;
  readonly tallies: BarTallies;
  /** Of the infer function. */
  readonly shards: number;
}

export interface EvidenceWindow {
  readonly hours: number;
  /** First open time of a bar, and the end of the last one, epoch ms. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface CollectedEvidence {
  readonly evidence: GoNoGoEvidence;
  readonly window: EvidenceWindow;
  /** The newest measurement of the window; undefined without one. It is told, and decides nothing. */
  readonly drift: DriftRecord | undefined;
  /** One line each: what could not be read. */
  readonly unreadable: readonly string[];
}
/** Bars between the newest closed one and now that may have runs too. */
const NEWER_RUNS = 2;
/** Both models have to answer on this share of the signals before their agreement says anything. */
const COMPARED_SHARE_MIN = 0.5;
/** Proofs are made hourly; with fewer than half of them a mismatch may have gone by. */
const PROOFS_PER_HOUR_MIN = 0.5;
/** Not the fault of loading: counted by itself, meant by an operator, or due to too young a symbol. */
const NOT_LOAD_FAILURES: readonly ModelAbstentionReason[] = [
  'feature_set_mismatch',
  'quarantined_by_operator',
  'sequence_incomplete',
];

/** The last whole bars that make up these hours. */
function windowBefore(nowMs: number, hours: number): EvidenceWindow {
  const toMs = Math.floor(nowMs / BAR_MS) * BAR_MS;
  return { hours, fromMs: toMs - hours * HOUR_MS, toMs };
}

/**
 * Evidence of the `hours` (whole) before now. Never rejects.
 * @param asked.scopes the scopes that were traded: their positions and profits are added, the deeper drawdown counts
 */
export async function collectEvidence(
  sources: GoNoGoSources,
  asked: { readonly hours: number; readonly nowMs: number; readonly scopes: readonly Scope[] },
): Promise<CollectedEvidence> {
  const window = windowBefore(asked.nowMs, asked.hours);
  const records = rolloutRecords(sources.risk);
  const unreadable: string[] = [];
  const attempt = <T>(work: Promise<T>): Promise<T | undefined> =>
    work.catch((error: unknown) => {
      unreadable.push(messageOf(error));
      return undefined;
    });
  const [runs, signals, proofs, drift, trading] = await Promise.all([
    attempt(readRuns(sources, window)),
    attempt(tallySignals(sources.tallies, window)),
    attempt(records.parity.since('paper', window.fromMs).then(allValues)),
    attempt(records.drift.latest('paper', window.fromMs)),
    attempt(collectTrading(sources.risk, { ...window, ...asked })),
  ]);
  const evidence = {
    windowHours: asked.hours,
    barsExpected: (window.toMs - window.fromMs) / BAR_MS,
    barsDecided: runs && countDecided(runs, sources.shards),
    ...evaluateModels(runs, proofs),
    agreementXgbLgbm: signals?.agreementXgbLgbm,
    actingSignals: signals?.actingSignals,
    meanConfidence: signals?.meanConfidence,
    memoryBytesMax: largest(runs?.map((run) => run.residentBytes)),
    latencyMsPerSymbol: largest(runs?.filter(({ symbols }) => symbols > 0).map(latencyMsPerSymbol)),
    ...(trading ?? NOT_TRADED),
  };
  return { evidence, window, drift, unreadable };
}

const largest = (values: readonly number[] | undefined): number | undefined =>
  values === undefined || values.length === 0 ? undefined : Math.max(...values);

const latencyMsPerSymbol = ({ timingsMs, symbols }: InferRun): number =>
  (timingsMs.features + timingsMs.inference) / symbols;

/** Of all shards, within the window. */
async function readRuns({ signals, shards }: GoNoGoSources, window: EvidenceWindow): Promise<InferRun[]> {
  const count = (window.toMs - window.fromMs) / BAR_MS + NEWER_RUNS;
  const runs = await Promise.all(
    Array.from({ length: shards }, (_, shard) => signals.lastRuns({ shard, shardCount: shards, count })),
  );
  return runs
    .flat()
    .filter(({ barOpenTimeMs }) => barOpenTimeMs >= window.fromMs && barOpenTimeMs < window.toMs);
}

/** Bars for which every shard stored signals, and all that it decided. */
function countDecided(runs: readonly InferRun[], shards: number): number {
  const complete = new Map<number, number>();
  for (const run of runs)
    if (signalsOf(run) > 0 && run.unwritten.length === 0)
      complete.set(run.barOpenTimeMs, (complete.get(run.barOpenTimeMs) ?? 0) + 1);
  return [...complete.values()].filter((count) => count === shards).length;
}

async function tallySignals(
  tallies: BarTallies,
  window: EvidenceWindow,
): Promise<Pick<GoNoGoEvidence, 'agreementXgbLgbm' | 'actingSignals' | 'meanConfidence'>> {
  const total = await tallies.between(window);
  const isCompared = total.compared > 0 && total.compared >= COMPARED_SHARE_MIN * total.signals;
  return {
    agreementXgbLgbm: isCompared ? total.agreed / total.compared : undefined,
    actingSignals: total.signals > 0 ? total.acted : undefined,
    meanConfidence: total.acted > 0 ? total.confidenceSum / total.acted : undefined,
  };
}

function evaluateModels(
  runs: readonly InferRun[] | undefined,
  proofs: readonly ParityProof[] | undefined,
): Pick<GoNoGoEvidence, 'featureMismatches' | 'modelLoadFailures'> {
  const quarantined = runs?.flatMap((run) => run.quarantined);
  if (runs === undefined || runs.length === 0 || quarantined === undefined)
    return { featureMismatches: undefined, modelLoadFailures: undefined };
  const mismatches = quarantined.filter(({ reason }) => reason === 'feature_set_mismatch').length;
  const failures = quarantined.filter(({ reason }) => !NOT_LOAD_FAILURES.includes(reason)).length;
  const differing =
    (proofs?.reduce((sum, proof) => sum + proof.mismatches, 0) ?? 0) +
    runs.reduce((sum, { candleWindows }) => sum + candleWindows.differing.length, 0);
  return {
    // A mismatch that was seen counts, however little else was.
    featureMismatches:
      mismatches + differing > 0 || isProven(runs, proofs) ? mismatches + differing : undefined,
    modelLoadFailures: failures + runs.filter(({ ensembleId }) => ensembleId === null).length,
  };
}

/** Of features by hourly proofs, and of candles that were kept by whole readings. */
function isProven(runs: readonly InferRun[], proofs: readonly ParityProof[] | undefined): boolean {
  const bars = new Set(runs.map(({ barOpenTimeMs }) => barOpenTimeMs)).size;
  const made = proofs?.filter(({ values }) => values > 0).length ?? 0;
  const seen = (of: 'newest' | 'proven') => runs.some(({ candleWindows }) => candleWindows[of] > 0);
  return (
    made >= Math.max(1, (PROOFS_PER_HOUR_MIN * bars * BAR_MS) / HOUR_MS) &&
    (!seen('newest') || seen('proven'))
  );
}
