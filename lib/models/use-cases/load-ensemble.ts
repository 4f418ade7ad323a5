// Keeps the ensemble in force loaded, verified and fresh in a warm function. Every call reads the pointer and asks for the
// identity of every model's objects again: a rollback takes effect within one bar, a model that vanished or changed stops
// serving, and one that is right again serves again.
import { invariant } from '../../core/invariant.ts';
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { valuesPerRow } from '../check-manifest.ts';
import type { Ensemble, EnsembleMember } from '../ensemble.ts';
import type { ModelInput } from '../manifest.ts';
import { readProbabilities } from '../model-output.ts';
import type { ModelSession } from '../ports.ts';
import type { ModelAbstentionReason, Vote } from '../vote.ts';
import { abstain, castVote } from '../vote.ts';
import { fingerprintModel, loadModel, type ModelLoad, type ModelSource } from './load-model.ts';
import {
  type CurrentEnsemble,
  type EnsembleFailure,
  readCurrentEnsemble,
  readEnsemble,
  readShadowId,
  type StoredEnsemble,
} from './read-ensemble.ts';

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

/** The ensemble that runs beside the one in force, or why it does not. */
export interface LoadedShadow {
  readonly ensembleId: string;
  readonly loaded: Result<LoadedEnsemble, EnsembleFailure>;
}

/** What one bar works with; `release` frees both. */
interface LoadedRelease extends LoadedEnsemble {
  readonly shadow: LoadedShadow | undefined;
}

export interface EnsembleProvider {
  /** The ensemble in force now, and its shadow. Concurrent calls share one refresh. A shadow's failure stays its own. */
  current(): Promise<Result<LoadedRelease, EnsembleFailure>>;
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
  readonly outcome: LoadedModel | QuarantinedModel;
}

interface LoadedModel {
  readonly input: ModelInput;
  readonly trainedToMs: number;
  readonly shared: SharedSession;
}

interface EnsembleState extends StoredEnsemble {
  readonly members: readonly MemberState[];
}

interface ShadowState {
  readonly ensembleId: string;
  readonly loaded: Result<EnsembleState, EnsembleFailure>;
}

interface ReleaseState {
  readonly champion: EnsembleState;
  readonly shadow: ShadowState | undefined;
}

export function createEnsembleProvider(source: ModelSource): EnsembleProvider {
  let state: ReleaseState | undefined;
  let refreshing: Promise<Result<ReleaseState, EnsembleFailure>> | undefined;
  let closed = false;

  const refresh = async (): Promise<Result<ReleaseState, EnsembleFailure>> => {
    const current = await readCurrentEnsemble(source.store);
    if (!current.ok) {
      const silenced = state !== undefined && current.error.code === 'store_unavailable';
      if (!silenced) return current;
      return success({ champion: silence(state!.champion, current.error.message), shadow: undefined });
    }
    const known = ensemblesOf(state);
    const champion = await refreshEnsemble(source, current.value, known);
    const shadow = await refreshShadow(source, current.value, known);
    const replaced = state;
    state = { champion, shadow };
    const kept = new Set(ensemblesOf(state).flatMap(({ members }) => members));
    const dropped = ensemblesOf(replaced).flatMap(({ members }) => members);
    await releaseSession(dropped.filter((member) => !kept.has(member)));
    return success(state);
  };

  return {
    async current() {
      invariant(!closed, 'the ensemble provider is closed');
      refreshing ??= refresh().finally(() => {
        refreshing = undefined;
      });
      const refreshed = await refreshing;
      return refreshed.ok ? success(holdRelease(refreshed.value)) : refreshed;
    },
    async close() {
      closed = true;
      await refreshing;
      const last = ensemblesOf(state);
      state = undefined;
      await releaseSession(last.flatMap(({ members }) => members));
    },
  };
}

/** Loads one ensemble by its id, in force or not, for one piece of work. Fails when the store does not hold it whole. */
export async function openEnsemble(
  source: ModelSource,
  id: string,
): Promise<Result<LoadedEnsemble, EnsembleFailure>> {
  const stored = await readEnsemble(source.store, id);
  if (!stored.ok) return stored;
  const state = await refreshEnsemble(source, stored.value, []);
  const held = hold(state);
  await releaseSession(state.members);
  return success(held);
}

function ensemblesOf(state: ReleaseState | undefined): EnsembleState[] {
  if (state === undefined) return [];
  const { champion, shadow } = state;
  return shadow?.loaded.ok ? [champion, shadow.loaded.value] : [champion];
}

/** @param known loaded before: a shadow that was promoted keeps its sessions */
async function refreshEnsemble(
  source: ModelSource,
  { ensemble, sha256 }: StoredEnsemble,
  known: readonly EnsembleState[],
): Promise<EnsembleState> {
  const previous = known.find((state) => state.sha256 === sha256);
  const members = await Promise.all(
    ensemble.members.map((member, index) =>
      refreshMember(source, { member, ensemble, previous: previous?.members[index] }),
    ),
  );
  return { ensemble, sha256, members };
}

/** Whatever goes wrong here is the shadow's failure: the ensemble in force does not notice. */
async function refreshShadow(
  source: ModelSource,
  champion: CurrentEnsemble,
  known: readonly EnsembleState[],
): Promise<ShadowState | undefined> {
  let ensembleId = 'unknown';
  try {
    const named = await readShadowId(source.store);
    if (!named.ok) return { ensembleId, loaded: named };
    if (named.value === undefined || named.value === champion.ensemble.id) return undefined;
    ensembleId = named.value;
    const stored = await readEnsemble(source.store, ensembleId);
    if (!stored.ok) return { ensembleId, loaded: stored };
    return { ensembleId, loaded: success(await refreshEnsemble(source, stored.value, known)) };
  } catch (error) {
    return { ensembleId, loaded: failure({ code: 'ensemble_invalid', message: messageOf(error) }) };
  }
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
  const { manifest, session } = result.value;
  return {
    input: manifest.input,
    trainedToMs: manifest.training.toMs,
    shared: { session, holders: 1 },
  };
}

/** The store does not answer: what is in memory may no longer be what is in force, so nobody votes. */
function silence(state: EnsembleState, message: string): EnsembleState {
  return { ...state, members: state.members.map(({ member }) => silenceMember(member, message)) };
}

function silenceMember(member: EnsembleMember, message: string): MemberState {
  const { name, version } = member;
  return {
    member,
    fingerprint: undefined,
    outcome: { model: name, version, reason: 'store_unavailable', message },
  };
}

function holdRelease({ champion, shadow }: ReleaseState): LoadedRelease {
  const held = hold(champion);
  if (shadow === undefined) return { ...held, shadow };
  const { ensembleId, loaded } = shadow;
  if (!loaded.ok) return { ...held, shadow: { ensembleId, loaded } };
  const beside = hold(loaded.value);
  return {
    ...held,
    shadow: { ensembleId, loaded: success(beside) },
    async release() {
      await Promise.all([held.release(), beside.release()]);
    },
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
      await releaseSession(members);
    },
  };
}

async function releaseSession(members: readonly MemberState[]): Promise<void> {
  const unheld: ModelSession[] = [];
  for (const { outcome } of members) {
    if ('reason' in outcome) continue;
    outcome.shared.holders--;
    if (outcome.shared.holders === 0) unheld.push(outcome.shared.session);
  }
  await Promise.all(unheld.map((session) => session.release()));
}

function toLoadedMember(member: EnsembleMember, { input, trainedToMs, shared }: LoadedModel): LoadedMember {
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
        output = await shared.session.probabilities(values, rows);
      } catch (error) {
        const votes = Array.from({ length: rows }, () => abstain(member, 'inference_failed'));
        return { votes, failed: fail('inference_failed', messageOf(error)) };
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
