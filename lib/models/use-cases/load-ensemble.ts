// Keeps the active ensemble loaded, verified and fresh in a warm function. Every call reads the pointer and the identity of
// every model's objects again: a rollback takes effect within one bar, a model that vanished or changed stops serving, and one
// that is intact again serves again.

import { invariant } from '../../core/invariant.ts';
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { ModelSource } from './load-model.ts';
import {
  acquire,
  type EnsembleState,
  type LoadedEnsemble,
  refreshEnsemble,
  releaseSessions,
  withoutVotes,
} from './loaded-ensemble.ts';
import {
  type CurrentEnsemble,
  type EnsembleFailure,
  readCurrentEnsemble,
  readEnsemble,
  readShadowId,
} from './read-ensemble.ts';

/** The ensemble that runs in shadow of the active one, or why it does not. */
export interface LoadedShadow {
  readonly ensembleId: string;
  readonly loaded: Result<LoadedEnsemble, EnsembleFailure>;
}

/** What one bar works with; `release` frees both. */
interface ServedEnsemble extends LoadedEnsemble {
  readonly shadow: LoadedShadow | undefined;
}

export interface EnsembleProvider {
  /** The active ensemble and its shadow. Concurrent calls share one refresh. A shadow's failure stays its own. */
  current(): Promise<Result<ServedEnsemble, EnsembleFailure>>;
  /** Frees all sessions, those of bars in flight when these are done. */
  close(): Promise<void>;
}

interface ShadowState {
  readonly ensembleId: string;
  readonly loaded: Result<EnsembleState, EnsembleFailure>;
}

interface ServedState {
  readonly champion: EnsembleState;
  readonly shadow: ShadowState | undefined;
}

export function createEnsembleProvider(source: ModelSource): EnsembleProvider {
  let state: ServedState | undefined;
  let refreshing: Promise<Result<ServedState, EnsembleFailure>> | undefined;
  let closed = false;

  const refresh = async (): Promise<Result<ServedState, EnsembleFailure>> => {
    const current = await readCurrentEnsemble(source.store);
    if (!current.ok) {
      const votesStop = state !== undefined && current.error.code === 'store_unavailable';
      if (!votesStop) return current;
      return success({ champion: withoutVotes(state!.champion, current.error.message), shadow: undefined });
    }
    const known = ensemblesOf(state);
    // Read while the champion is proven. Never rejects.
    const named = readShadowId(source.store).catch(shadowFailure);
    const champion = await refreshEnsemble(source, current.value, known);
    const shadow = await refreshShadow(source, { champion: current.value, named: await named }, known);
    const replaced = state;
    state = { champion, shadow };
    const kept = new Set(ensemblesOf(state).flatMap(({ members }) => members));
    const dropped = ensemblesOf(replaced).flatMap(({ members }) => members);
    await releaseSessions(dropped.filter((member) => !kept.has(member)));
    return success(state);
  };

  return {
    async current() {
      invariant(!closed, 'the ensemble provider is closed');
      refreshing ??= refresh().finally(() => {
        refreshing = undefined;
      });
      const refreshed = await refreshing;
      return refreshed.ok ? success(acquireServed(refreshed.value)) : refreshed;
    },
    async close() {
      closed = true;
      await refreshing;
      const last = ensemblesOf(state);
      state = undefined;
      await releaseSessions(last.flatMap(({ members }) => members));
    },
  };
}

/** Loads one ensemble by its id, active or not, for one piece of work. Fails when the store lacks a part of it. */
export async function openEnsemble(
  source: ModelSource,
  id: string,
): Promise<Result<LoadedEnsemble, EnsembleFailure>> {
  const stored = await readEnsemble(source.store, id);
  if (!stored.ok) return stored;
  const state = await refreshEnsemble(source, stored.value, []);
  const acquired = acquire(state);
  await releaseSessions(state.members);
  return success(acquired);
}

function ensemblesOf(state: ServedState | undefined): EnsembleState[] {
  if (state === undefined) return [];
  const { champion, shadow } = state;
  return shadow?.loaded.ok ? [champion, shadow.loaded.value] : [champion];
}

/** Whatever goes wrong here is the shadow's failure: the active ensemble does not notice. */
async function refreshShadow(
  source: ModelSource,
  { champion, named }: { champion: CurrentEnsemble; named: Awaited<ReturnType<typeof readShadowId>> },
  known: readonly EnsembleState[],
): Promise<ShadowState | undefined> {
  let ensembleId = 'unknown';
  try {
    if (!named.ok) return { ensembleId, loaded: named };
    if (named.value === undefined || named.value === champion.ensemble.id) return undefined;
    ensembleId = named.value;
    const stored = await readEnsemble(source.store, ensembleId);
    if (!stored.ok) return { ensembleId, loaded: stored };
    return { ensembleId, loaded: success(await refreshEnsemble(source, stored.value, known)) };
  } catch (error) {
    return { ensembleId, loaded: shadowFailure(error) };
  }
}

const shadowFailure = (error: unknown) =>
  failure<EnsembleFailure>({ code: 'ensemble_invalid', message: messageOf(error) });

function acquireServed({ champion, shadow }: ServedState): ServedEnsemble {
  const acquired = acquire(champion);
  if (shadow === undefined) return { ...acquired, shadow };
  const { ensembleId, loaded } = shadow;
  if (!loaded.ok) return { ...acquired, shadow: { ensembleId, loaded } };
  const beside = acquire(loaded.value);
  return {
    ...acquired,
    shadow: { ensembleId, loaded: success(beside) },
    async release() {
      await Promise.all([acquired.release(), beside.release()]);
    },
  };
}
