// What every receiver has been told: kept, so that a restart repeats nothing, and an outage of a receiver loses nothing silently.
import * as z from 'zod';
import type { RecordKind } from '../risk/record-kind.ts';
import type { Alert } from './alert.ts';
import { type ReceiverSettings, wants } from './receiver-settings.ts';

const receiverStateSchema = z.object({
  /** Of the alerts that are still collected, by id. */
  told: z.array(z.string()),
  /** Likewise: found, and not told yet. */
  pending: z.array(z.string()),
  /** The receiver asks to be left alone until then, real time. */
  pausedUntilMs: z.int(),
  /** Real time. */
  triedAtMs: z.int(),
});
export type ReceiverState = z.infer<typeof receiverStateSchema>;

const notificationStateSchema = z.object({
  receivers: z.record(z.string(), receiverStateSchema),
});
type NotificationState = z.infer<typeof notificationStateSchema>;

/** Of the scope `paper`: there is one. */
export const NOTIFICATION_STATE: RecordKind<NotificationState> = {
  name: 'notification',
  schema: notificationStateSchema,
};

/** Messages to one receiver are at least so far apart, in real time: what happens meanwhile goes into the next one. */
const MESSAGE_INTERVAL_MS = 20_000;

export interface Turn {
  /** To be told now; empty when there is nothing, or the receiver is to be left alone. */
  readonly due: readonly Alert[];
  /** How many were never told, and are too old now. */
  readonly lost: number;
  /** If the receiver takes all that is due, or is not asked. */
  readonly state: ReceiverState;
}

/**
 * What a receiver is due.
 * @param before undefined for a new receiver: what happened before it was set is no news to it
 * @param isComplete false when something could not be read, and what is missing is not known to be old
 */
export function planTurn(
  settings: ReceiverSettings,
  before: ReceiverState | undefined,
  found: { readonly alerts: readonly Alert[]; readonly isComplete: boolean; readonly nowMs: number },
): Turn {
  const { nowMs, isComplete } = found;
  const ids = found.alerts.map(({ id }) => id);
  if (before === undefined)
    return { due: [], lost: 0, state: { told: ids, pending: [], pausedUntilMs: 0, triedAtMs: 0 } };
  const present = new Set(ids);
  const told = new Set(before.told);
  const wanted = found.alerts.filter(({ id, kind }) => !told.has(id) && wants(settings, kind));
  const gone = before.pending.filter((id) => !present.has(id));
  const kept = isComplete ? before.told.filter((id) => present.has(id)) : before.told;
  const isPaused = nowMs < before.pausedUntilMs || nowMs - before.triedAtMs < MESSAGE_INTERVAL_MS;
  const due = isPaused ? [] : wanted;
  const waiting = (isPaused ? wanted : []).map(({ id }) => id);
  return {
    due,
    lost: isComplete ? gone.length : 0,
    state: {
      ...before,
      told: [...kept, ...due.map(({ id }) => id)],
      pending: isComplete ? waiting : [...new Set([...gone, ...waiting])],
    },
  };
}

/** After an attempt at a message of what was due. */
export const afterAttempt = (
  { due, state }: Turn,
  attempt: { readonly nowMs: number; readonly failed?: { readonly pauseMs: number } },
): ReceiverState => {
  const tried = { ...state, triedAtMs: attempt.nowMs };
  if (attempt.failed === undefined) return { ...tried, pausedUntilMs: 0 };
  const untold = new Set(due.map(({ id }) => id));
  return {
    ...tried,
    told: state.told.filter((id) => !untold.has(id)),
    pending: [...new Set([...state.pending, ...untold])],
    pausedUntilMs: attempt.nowMs + attempt.failed.pauseMs,
  };
};
