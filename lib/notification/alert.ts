// What people may be told of, and how several of them become one message.
import type { Notification } from '../risk/notification.ts';

/** The most pressing first. */
export const ALERT_KINDS = [
  'trip',
  'reset',
  'level',
  'model_failure',
  'stop',
  'exit',
  'entry',
  'daily',
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

export interface Alert {
  /** The same whenever the same thing is found again. */
  readonly id: string;
  readonly kind: AlertKind;
  readonly atMs: number;
  /** One line. */
  readonly text: string;
}

/** How a subject counts them: one, several. */
const NOUNS: Readonly<Record<AlertKind, readonly [one: string, several: string]>> = {
  trip: ['circuit breaker tripped', 'circuit breakers tripped'],
  reset: ['circuit breaker reset', 'circuit breakers reset'],
  level: ['capital level changed', 'capital level changes'],
  model_failure: ['model does not serve', 'models do not serve'],
  stop: ['position stopped out', 'positions stopped out'],
  exit: ['position closed', 'positions closed'],
  entry: ['position entered', 'positions entered'],
  daily: ['daily summary', 'daily summaries'],
};

/**
 * One message of everything: the most pressing first, and of one kind the oldest.
 * @param about.dashboard its address; undefined where it is not known
 */
export function groupAlerts(
  alerts: readonly Alert[],
  about: { readonly stage: string; readonly dashboard: string | undefined },
): Notification {
  const byKind = ALERT_KINDS.map((kind) => ({
    kind,
    of: alerts.filter((alert) => alert.kind === kind).toSorted((a, b) => a.atMs - b.atMs),
  })).filter(({ of }) => of.length > 0);
  const counted = byKind.map(({ kind, of }) => {
    const [one, several] = NOUNS[kind];
    return of.length === 1 ? one : `${of.length} ${several}`;
  });
  const dashboard = about.dashboard === undefined ? [] : [about.dashboard];
  // Before the lines that are left out where there is no room.
  const [first, ...others] = byKind.flatMap(({ of }) => of.map(({ text }) => text));
  return {
    subject: `Quantum Trader ${about.stage}: ${counted.join(', ')}`,
    text: [first, ...dashboard, ...others].join('\n'),
    kinds: byKind.map(({ kind }) => kind),
  };
}
