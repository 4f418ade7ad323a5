// The models of one ensemble, loaded and verified. A session is shared by every bar in flight and freed by the last of them.

import { invariant } from '../../core/invariant.ts';
import type { Ensemble, EnsembleMember } from '../ensemble.ts';
import type { ModelSession } from '../ports.ts';
import { fingerprintModel, loadModel, type ModelLoad, type ModelSource } from './load-model.ts';
import {
  type LoadedMember,
  type LoadedModel,
  type QuarantinedModel,
  toLoadedMember,
} from './loaded-member.ts';
import type { StoredEnsemble } from './read-ensemble.ts';

/** One consistent ensemble, acquired for one bar. */
export interface LoadedEnsemble {
  readonly ensemble: Ensemble;
  readonly serving: readonly LoadedMember[];
  /** With `serving`, every member of the ensemble exactly once. */
  readonly quarantined: readonly QuarantinedModel[];
  /** To be called once when the bar is done: sessions that were replaced meanwhile are freed by their last user. */
  release(): Promise<void>;
}

interface MemberState {
  readonly member: EnsembleMember;
  /** Of the objects behind `outcome`; undefined when they must be read again. */
  readonly fingerprint: string | undefined;
  readonly outcome: LoadedModel | QuarantinedModel;
}

export interface EnsembleState extends StoredEnsemble {
  readonly members: readonly MemberState[];
}

/** @param known loaded before: a shadow that was promoted keeps its sessions */
export async function refreshEnsemble(
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

/** The member as it was when its objects are the same, else loaded and verified again. */
async function refreshMember(
  source: ModelSource,
  context: { member: EnsembleMember; ensemble: Ensemble; previous: MemberState | undefined },
): Promise<MemberState> {
  const { member, ensemble, previous } = context;
  if (previous?.fingerprint !== undefined) {
    const now = await fingerprintModel(source.store, member);
    if (!now.ok) return unavailableMember(member, now.error);
    if (now.value === previous.fingerprint) return previous;
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
    shared: { session, users: 1 },
  };
}

/** The store does not answer: what is in memory may no longer be the active ensemble, so no model votes. */
export function withoutVotes(state: EnsembleState, message: string): EnsembleState {
  return { ...state, members: state.members.map(({ member }) => unavailableMember(member, message)) };
}

function unavailableMember(member: EnsembleMember, message: string): MemberState {
  const { name, version } = member;
  return {
    member,
    fingerprint: undefined,
    outcome: { model: name, version, reason: 'store_unavailable', message },
  };
}

/** Every session stays open until the ensemble returned is released. */
export function acquire({ ensemble, members }: EnsembleState): LoadedEnsemble {
  const serving: LoadedMember[] = [];
  const quarantined: QuarantinedModel[] = [];
  for (const { member, outcome } of members) {
    if ('reason' in outcome) quarantined.push(outcome);
    else {
      invariant(outcome.shared.users > 0, `the session of ${member.name} is already released`);
      outcome.shared.users++;
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
      await releaseSessions(members);
    },
  };
}

/** Ends one use of each session; the last use frees it. */
export async function releaseSessions(members: readonly MemberState[]): Promise<void> {
  const unused: ModelSession[] = [];
  for (const { outcome } of members) {
    if ('reason' in outcome) continue;
    outcome.shared.users--;
    if (outcome.shared.users === 0) unused.push(outcome.shared.session);
  }
  await Promise.all(unused.map((session) => session.release()));
}
