// GO or NO_GO, and what follows from it. The hourly evaluation proves parity, judges the last day, keeps the decision with its
// evidence, and steps the rollout down at once when a bound is broken.

import { systemActor } from '../../core/actor.ts';
import type { Clock, ObjectStore } from '../../core/ports.ts';
import type { ParityProof } from '../../features/parity-proof.ts';
import { proveParity } from '../../features/use-cases/prove-parity.ts';
import type { MarketData } from '../../market/ports.ts';
import { readUniverse } from '../../market/use-cases/active-universe.ts';
import type { Scope } from '../../risk/gate.ts';
import type { Level } from '../../risk/level.ts';
import type { RiskStore } from '../../risk/ports.ts';
import { readLevel } from '../../risk/use-cases/read-level.ts';
import { decideGoNoGo, type GoNoGo } from '../go-no-go.ts';
import type { RolloutTransition } from '../transition-rollout.ts';
import { type CollectedEvidence, collectEvidence, type GoNoGoSources } from './collect-evidence.ts';
import { type EvidenceReference, packEvidence, storeEvidence } from './evidence-bundle.ts';
import { keepDecision, readRollout, stepDownRollout } from './move-rollout.ts';
import { rolloutRecords } from './rollout-records.ts';

export interface GoNoGoDependencies extends GoNoGoSources {
  readonly risk: RiskStore;
  readonly objects: ObjectStore;
}

export interface GoNoGoReport {
  readonly decision: GoNoGo;
  readonly decidedAtMs: number;
  /** undefined when it could not be read. */
  readonly level: Level | undefined;
  readonly collected: CollectedEvidence;
  /** Where the evidence is stored. */
  readonly stored: EvidenceReference;
}

interface Asked {
  readonly hours: number;
  readonly nowMs: number;
}

/** Judges the last `hours` and stores the evidence; the rollout stays as it is. Throws StoreError. */
export async function reportGoNoGo(dependencies: GoNoGoDependencies, asked: Asked): Promise<GoNoGoReport> {
  const { report, packed } = await assess(dependencies, asked);
  await storeEvidence(dependencies.objects, packed);
  return report;
}

/** Never rejects. */
async function assess(dependencies: GoNoGoDependencies, { hours, nowMs }: Asked) {
  const level = await readLevel(dependencies.risk);
  // Above paper both may have traded within the window; a level that cannot be read may be such a one.
  const scopes: readonly Scope[] = level === 'PAPER' ? ['paper'] : ['paper', 'live'];
  const collected = await collectEvidence(dependencies, { hours, nowMs, scopes });
  const decision = decideGoNoGo(collected.evidence);
  const packed = packEvidence({ collected, decision, level, atMs: nowMs });
  const report: GoNoGoReport = { decision, decidedAtMs: nowMs, level, collected, stored: packed.reference };
  return { report, packed };
}

export interface RolloutAssessment extends GoNoGoReport {
  readonly parity: ParityProof;
  /** undefined when no bound is broken. */
  readonly steppedDown: RolloutTransition | undefined;
}

export interface AssessDependencies extends GoNoGoDependencies {
  readonly market: MarketData;
  readonly clock: Clock;
}

/** What the design asks for at least. */
const HOURS = 24;

/** One hourly evaluation. Throws StoreError, but a bound that is broken has stepped the rollout down before. */
export async function assessRollout(dependencies: AssessDependencies): Promise<RolloutAssessment> {
  const { risk, objects, market, clock } = dependencies;
  const nowMs = clock.nowMs();
  const rollout = await readRollout(risk, nowMs);
  const universe = await readUniverse(objects).then(
    ({ symbols }) => symbols,
    () => [],
  );
  const parity = await proveParity(market, { universe, nowMs });
  // A proof that cannot be kept holds up no step down.
  const [kept] = await Promise.allSettled([rolloutRecords(risk).parity.add('paper', parity)]);

  const { report, packed } = await assess(dependencies, { hours: HOURS, nowMs });
  const { decision, stored } = report;
  const { criteria, breaches } = decision.verdict === 'GO' ? NOTHING_UNMET : decision;
  const why = rollout.ok ? breaches.join(', ') : rollout.error.message;
  // First: less risk waits for nothing.
  const steppedDown =
    why === ''
      ? undefined
      : await stepDownRollout(risk, {
          kind: 'breach',
          by: systemActor('evaluate-rollout'),
          reason: `${why} (${stored.key})`,
          nowMs,
        });
  if (kept.status === 'rejected') throw kept.reason;
  await storeEvidence(objects, packed);
  await keepDecision(risk, {
    verdict: decision.verdict,
    decidedAtMs: nowMs,
    criteria: [...criteria],
    evidenceKey: stored.key,
    evidenceSha256: stored.sha256,
  });
  return { ...report, parity, steppedDown };
}

const NOTHING_UNMET = { criteria: [], breaches: [] } as const;
