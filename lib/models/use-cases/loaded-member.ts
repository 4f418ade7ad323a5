// A verified model at work: rows in, one vote a row out. What the model does wrong ends as abstentions with a reason.

import { invariant } from '../../core/invariant.ts';
import { messageOf } from '../../core/message-of.ts';
import { valuesPerRow } from '../check-manifest.ts';
import type { EnsembleMember } from '../ensemble.ts';
import type { ModelInput } from '../manifest.ts';
import { readAnswers } from '../model-output.ts';
import type { ModelSession } from '../ports.ts';
import { abstain, castVote, type ModelAbstentionReason, type Vote } from '../vote.ts';

/** A model of the ensemble that gives no votes, and why. */
export interface QuarantinedModel {
  readonly model: string;
  readonly version: string;
  readonly reason: ModelAbstentionReason;
  /** One line for the operator. */
  readonly message: string;
}

interface Prediction {
  /** One per row, in order; a row whose output is no probability vector abstains alone. */
  readonly votes: readonly Vote[];
  /** Set when no row was answered. */
  readonly failed: QuarantinedModel | undefined;
}

/** A member that passed every check. */
export interface LoadedMember {
  readonly name: string;
  readonly version: string;
  readonly weight: number;
  readonly input: ModelInput;
  /** Open time of the last bar that its training saw, labels included. */
  readonly trainedToMs: number;
  /** @param input float32, row-major: [rows, 49] or [rows, 96, 8] as `input.kind` says. A model's errors are abstentions, never thrown. */
  predict(input: Float32Array, rows: number): Promise<Prediction>;
}

/** A session and how many use it: the provider itself, and every bar in flight. The last one to finish releases it. */
interface SharedSession {
  readonly session: ModelSession;
  users: number;
}

export interface LoadedModel {
  readonly input: ModelInput;
  readonly trainedToMs: number;
  readonly shared: SharedSession;
}

/** @returns the member as voters see it; its session stays open while the ensemble is acquired */
export function toLoadedMember(
  member: EnsembleMember,
  { input, trainedToMs, shared }: LoadedModel,
): LoadedMember {
  const { name, version, weight } = member;
  const fail = (reason: ModelAbstentionReason, message: string) => ({
    model: name,
    version,
    reason,
    message,
  });
  return {
    name,
    version,
    weight,
    input,
    trainedToMs,
    async predict(values, rows) {
      invariant(
        values.length === rows * valuesPerRow(input),
        `${values.length} input values for ${rows} rows`,
      );
      let output: Float32Array;
      try {
        output = await shared.session.answers(values, rows);
      } catch (error) {
        const votes = Array.from({ length: rows }, () => abstain(member, 'inference_failed'));
        return { votes, failed: fail('inference_failed', messageOf(error)) };
      }
      const answers = readAnswers(output, rows);
      const unanswered = rows > 0 && answers.every((answer) => answer === undefined);
      return {
        votes: answers.map((answer) =>
          answer ? castVote(member, answer) : abstain(member, 'invalid_output'),
        ),
        failed: unanswered
          ? fail('invalid_output', `none of ${rows} rows is a probability vector and a move`)
          : undefined,
      };
    },
  };
}
