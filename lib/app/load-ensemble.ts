// Keeps the ensemble in force loaded, verified and fresh in a warm function. Every call reads the pointer and asks for the
// identity of every model's objects again: a rollback takes effect within one bar, a model that vanished or changed stops
// serving, and one that is right again serves again.
import { invariant } from '../invariant.ts';
import { valuesPerRow } from '../models/check-manifest.ts';
import type { Ensemble, EnsembleMember } from '../models/ensemble.ts';
import type { ModelInput } from '../models/manifest.ts';
import { readProbabilities } from '../models/model-output.ts';
import { type Result, success } from '../result.ts';
import type { ModelAbstentionReason, Vote } from '../signals/signal.ts';
import { abstain, castVote } from '../signals/vote.ts';
import { fingerprintModel, loadModel, type ModelLoad, type ModelSource, oneLine } from './load-model.ts';
import type { ModelSession } from './ports.ts';
import { type CurrentEnsemble, type EnsembleFailure, readCurrentEnsemble } from './read-ensemble.ts';

/** A model of the ensemble that gives no votes, and why. */
export interface QuarantinedModel {
  readonly model: string;
  readonly version: string;
  readonly reason: ModelAbstentionReason;
  /** One line for the operator. */
  readonly detail: string;
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
  /** @param input float32, row-major: [rows, 49] or [rows, 96, 8] as `input.kind` says. Never throws for what the model does. */
  predict(input: Float32Array, rows: number): Promise<Prediction>;
}

/** One consistent ensemble, held for one bar. */
export interface LoadedEnsemble {
  readonly ensemble: Ensemble;
  readonly serving: readonly LoadedMember[];
  /** With `serving`, every member of the ensemble exactly once. */
  readonly quarantined: readonly QuarantinedModel[];
  /** To be called once when the bar is done: sessions that were replaced meanwhile are freed by their last holder. */
  release(): Promise<void>;
}

export interface EnsembleProvider {
  /** The ensemble in force now. Concurrent calls share one refresh. */
  current(): Promise<Result<LoadedEnsemble, EnsembleFailure>>;
  /** Frees all sessions, those of bars in flight when these are done. */
  close(): Promise<void>;
}

/** A session and how many hold it: the provider itself, and every bar in flight. The last one to let go releases it. */
interface SharedSession {
  readonly session: ModelSession;
  holders: number;
}

interface MemberState {
  readonly member: EnsembleMember;
  /** Of the objects behind `outcome`; undefined when they must be looked at again. */
  readonly fingerprint: string | undefined;
  readonly outcome: { readonly input: ModelInput; readonly shared: SharedSession } | QuarantinedModel;
}

interface EnsembleState extends CurrentEnsemble {
  readonly members: readonly MemberState[];
}

export function createEnsembleProvider(source: ModelSource): EnsembleProvider {
  let state: EnsembleState | undefined;
  let refreshing: Promise<Result<EnsembleState, EnsembleFailure>> | undefined;
  let closed = false;

  const refresh = async (): Promise<Result<EnsembleState, EnsembleFailure>> => {
    const current = await readCurrentEnsemble(source.store);
    if (!current.ok) {
      const silenced = state !== undefined && current.error.code === 'store_unavailable';
      return silenced ? success(silence(state!, current.error.detail)) : current;
    }
    const previous = state?.sha256 === current.value.sha256 ? state : undefined;
    const members = await Promise.all(
      current.value.ensemble.members.map((member, index) =>
        refreshMember(source, {
          member,
          ensemble: current.value.ensemble,
          previous: previous?.members[index],
        }),
      ),
    );
    const replaced = state;
    state = { ...current.value, members };
    await letGo((replaced?.members ?? []).filter((member) => !members.includes(member)));
    return success(state);
  };

  return {
    async current() {
      invariant(!closed, 'the ensemble provider is closed');
      refreshing ??= refresh().finally(() => {
        refreshing = undefined;
      });
      const refreshed = await refreshing;
      return refreshed.ok ? success(hold(refreshed.value)) : refreshed;
    },
    async close() {
      closed = true;
      await refreshing;
      const last = state;
      state = undefined;
      await letGo(last?.members ?? []);
    },
  };
}

/** The member as it was when its objects are the same, else loaded and verified again. */
async function refreshMember(
  source: ModelSource,
  context: { member: EnsembleMember; ensemble: Ensemble; previous: MemberState | undefined },
): Promise<MemberState> {
  const { member, ensemble, previous } = context;
  if (previous?.fingerprint !== undefined) {
    const now = await fingerprintModel(source.store, member);
    if ('unavailable' in now) return silenceMember(member, now.unavailable);
    if (now.fingerprint === previous.fingerprint) return previous;
  }
  const load = await loadModel(source, member, { member, ensemble });
  return { member, fingerprint: load.fingerprint, outcome: outcomeOf(member, load) };
}

function outcomeOf(member: EnsembleMember, { result }: ModelLoad): MemberState['outcome'] {
  if (!result.ok) return { model: member.name, version: member.version, ...result.error };
  return { input: result.value.manifest.input, shared: { session: result.value.session, holders: 1 } };
}

/** The store does not answer: what is in memory may no longer be what is in force, so nobody votes. */
function silence(state: EnsembleState, detail: string): EnsembleState {
  return { ...state, members: state.members.map(({ member }) => silenceMember(member, detail)) };
}

function silenceMember(member: EnsembleMember, detail: string): MemberState {
  const { name, version } = member;
  return {
    member,
    fingerprint: undefined,
    outcome: { model: name, version, reason: 'store_unavailable', detail },
  };
}

function hold({ ensemble, members }: EnsembleState): LoadedEnsemble {
  const serving: LoadedMember[] = [];
  const quarantined: QuarantinedModel[] = [];
  for (const { member, outcome } of members) {
    if ('reason' in outcome) quarantined.push(outcome);
    else {
      invariant(outcome.shared.holders > 0, `the session of ${member.name} is already released`);
      outcome.shared.holders++;
      serving.push(toLoadedMember(member, outcome));
    }
  }
  let released = false;
  return {
    ensemble,
    serving,
    quarantined,
    async release() {
      if (released) return;
      released = true;
      await letGo(members);
    },
  };
}

async function letGo(members: readonly MemberState[]): Promise<void> {
  const unheld: ModelSession[] = [];
  for (const { outcome } of members) {
    if ('reason' in outcome) continue;
    outcome.shared.holders--;
    if (outcome.shared.holders === 0) unheld.push(outcome.shared.session);
  }
  await Promise.all(unheld.map((session) => session.release()));
}

function toLoadedMember(
  member: EnsembleMember,
  { input, shared }: { input: ModelInput; shared: SharedSession },
): LoadedMember {
  const { name, version, weight } = member;
  const fail = (reason: ModelAbstentionReason, detail: string) => ({ model: name, version, reason, detail });
  return {
    name,
    version,
    weight,
    input,
    async predict(values, rows) {
      invariant(
        values.length === rows * valuesPerRow(input),
        `${values.length} input values for ${rows} rows`,
      );
      let output: Float32Array;
      try {
        output = await shared.session.probabilities(values, rows);
      } catch (error) {
        const votes = Array.from({ length: rows }, () => abstain(member, 'inference_failed'));
        return { votes, failed: fail('inference_failed', oneLine(error)) };
      }
      const answers = readProbabilities(output, rows);
      const unanswered = rows > 0 && answers.every((answer) => answer === undefined);
      return {
        votes: answers.map((answer) =>
          answer ? castVote(member, answer) : abstain(member, 'invalid_output'),
        ),
        failed: unanswered
          ? fail('invalid_output', `none of ${rows} rows is a probability vector`)
          : undefined,
      };
    },
  };
}
