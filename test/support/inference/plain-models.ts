// An ensemble whose models are plain functions: each leans to the side of the mean of its input.
import type { ModelInput } from '../../../lib/models/manifest.ts';
import type { LoadedEnsemble } from '../../../lib/models/use-cases/loaded-ensemble.ts';
import type { LoadedMember, QuarantinedModel } from '../../../lib/models/use-cases/loaded-member.ts';
import { abstain, castVote } from '../../../lib/models/vote.ts';
import { answerOf } from '../models/answer.ts';
import { ensembleOf, memberOf } from '../models/sample-ensemble.ts';

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
  const ensemble = ensembleOf(members.map((member) => ({ ...memberOf(nameOf(member)), version: VERSION })));
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
