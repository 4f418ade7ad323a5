// An ensemble whose models are plain functions: each leans to the side of the mean of its input.
import { FEATURE_SET_HASH } from '../../../lib/features/feature-set.ts';
import type { Ensemble } from '../../../lib/models/ensemble.ts';
import type { ModelInput } from '../../../lib/models/manifest.ts';
import type { LoadedEnsemble } from '../../../lib/models/use-cases/loaded-ensemble.ts';
import type { LoadedMember, QuarantinedModel } from '../../../lib/models/use-cases/loaded-member.ts';
import { abstain, castVote } from '../../../lib/models/vote.ts';
import { answerOf } from '../models/answer.ts';

const VERSION = 'v1';
export const TABULAR = { kind: 'tabular' } as ModelInput;
export const SEQUENCE = { kind: 'sequence' } as ModelInput;

const failureOf = (model: string): QuarantinedModel => ({
  model,
  version: VERSION,
  reason: 'inference_failed',
  message: 'no memory',
});

/** A model that serves. @param asked.note what it is asked */
export function servedBy(
  name: string,
  asked: {
    readonly input?: ModelInput;
    readonly fails?: boolean;
    readonly note?: (input: Float32Array, rows: number) => void;
  } = {},
): LoadedMember {
  const { input = TABULAR, fails = false, note } = asked;
  const member = { name, version: VERSION, weight: 1, input, trainedToMs: 0 };
  return {
    ...member,
    async predict(values, rows) {
      note?.(values, rows);
      const width = values.length / rows;
      const votes = Array.from({ length: rows }, (_, row) => {
        if (fails) return abstain(member, 'inference_failed');
        const sum = values.slice(row * width, (row + 1) * width).reduce((total, value) => total + value, 0);
        const [buy, sell] = sum >= 0 ? [0.9, 0.05] : [0.05, 0.9];
        return castVote(member, answerOf({ sell, hold: 0.05, buy }));
      });
      return { votes, failed: fails ? failureOf(name) : undefined };
    },
  };
}

/** The ensemble of these models, and how often it was released. */
export function served(...members: readonly (LoadedMember | QuarantinedModel)[]) {
  const nameOf = (member: LoadedMember | QuarantinedModel) =>
    'reason' in member ? member.model : member.name;
  const ensemble: Ensemble = {
    schemaVersion: 1,
    id: 'e20240728_000000',
    featureSetHash: FEATURE_SET_HASH,
    label: { kind: 'triple_barrier', horizonBars: 12, atrMultiple: 2, minBarrierBps: 30 },
    members: members.map((member) => ({
      name: nameOf(member),
      version: VERSION,
      sha256: 'a'.repeat(64),
      manifestSha256: 'b'.repeat(64),
      versionId: null,
      weight: 1,
    })),
    costs: { feeBps: 5, slippageBps: 2 },
    edgeThresholdBps: 10,
    confidence: { scores: [-1, 1], probabilities: [0.3, 0.7], rows: 1_000, days: 30 },
    stopAtrMultiple: 1.5,
    stopAtrTimeframe: '5m',
    sizingPolicy: null,
    holdBars: 12,
  };
  const uses = { released: 0 };
  const loaded: LoadedEnsemble = {
    ensemble,
    serving: members.filter((member): member is LoadedMember => !('reason' in member)),
    quarantined: members.filter((member): member is QuarantinedModel => 'reason' in member),
    async release() {
      uses.released++;
    },
  };
  return { loaded, uses, failure: failureOf };
}
