// One run of notifying: finds what is new, groups it into one message a receiver, sends, and keeps what was told. A receiver that
// fails is asked again in the next run, for hours; then what it has missed is counted as lost. No receiver waits for another.
import { messageOf } from '../../core/message-of.ts';
import type { Clock } from '../../core/ports.ts';
import { SingleRecord } from '../../risk/use-cases/typed-records.ts';
import { groupAlerts } from '../alert.ts';
import { DeliveryError } from '../delivery-error.ts';
import { afterAttempt, NOTIFICATION_STATE, planTurn, type ReceiverState } from '../notification-state.ts';
import type { OpenReceiver, ReceiverStore } from '../ports.ts';
import {
  DEFAULT_EMAIL,
  parseStoredReceiver,
  RECEIVER_KINDS,
  type ReceiverKind,
  type ReceiverSettings,
} from '../receiver-settings.ts';
import { type AlertSources, collectAlerts } from './collect-alerts.ts';

export interface NotifyDependencies extends AlertSources {
  readonly stage: string;
  readonly receivers: ReceiverStore;
  readonly open: OpenReceiver;
  /** Rejects when it is not known. */
  readonly readDashboard: () => Promise<string>;
  /** Real time, by which receivers are left alone: a replay's own clock runs faster. */
  readonly wallClock: Clock;
}

export interface ReceiverReport {
  readonly receiver: ReceiverKind;
  /** Alerts of the message that it took. */
  readonly told: number;
  /** Alerts that it could not be told, for ever. */
  readonly lost: number;
  /** Why a message was not taken, in one line. */
  readonly failed?: string;
}

export interface NotifyReport {
  readonly receivers: readonly ReceiverReport[];
  /** One line each: settings that cannot be used, records that could not be read. */
  readonly problems: readonly string[];
}

const SCOPE = 'paper';

/** Throws StoreError when settings or state cannot be read: then nobody is told, and the next run tries again. */
export async function notifyReceivers(dependencies: NotifyDependencies): Promise<NotifyReport> {
  const { risk } = dependencies;
  const records = new SingleRecord(risk, NOTIFICATION_STATE);
  const { settings, problems } = await readReceivers(dependencies.receivers);
  const stored = await records.find(SCOPE);
  const { alerts, unread } = await collectAlerts(dependencies);
  const dashboard = await dependencies.readDashboard().catch(() => undefined);
  const before: Readonly<Record<string, ReceiverState>> = stored?.value?.receivers ?? {};
  const turns = await Promise.all(
    settings.map((receiver) =>
      tellReceiver(dependencies, {
        settings: receiver,
        before: before[receiver.kind],
        found: { alerts, isComplete: unread.length === 0, nowMs: dependencies.wallClock.nowMs() },
        dashboard,
      }),
    ),
  );
  const receivers = Object.fromEntries(turns.map(({ report, state }) => [report.receiver, state]));
  const condition = stored === undefined ? ({ ifAbsent: true } as const) : { ifRevision: stored.revision };
  // Where another run beside this one has written, it has told the same.
  if (turns.some(({ report, state }) => !isSame(state, before[report.receiver])))
    await records.put(SCOPE, { receivers }, condition);
  return { receivers: turns.map(({ report }) => report), problems: [...problems, ...unread] };
}

/** Both have their fields in the order of the schema. */
const isSame = (state: ReceiverState, before: ReceiverState | undefined): boolean =>
  JSON.stringify(state) === JSON.stringify(before);

async function tellReceiver(
  { stage, open, wallClock }: NotifyDependencies,
  turn: {
    readonly settings: ReceiverSettings;
    readonly before: ReceiverState | undefined;
    readonly found: Parameters<typeof planTurn>[2];
    readonly dashboard: string | undefined;
  },
): Promise<{ report: ReceiverReport; state: ReceiverState }> {
  const { settings, before, found, dashboard } = turn;
  const plan = planTurn(settings, before, found);
  const { due, lost } = plan;
  const receiver = settings.kind;
  if (due.length === 0) return { report: { receiver, told: 0, lost }, state: plan.state };
  try {
    await open(settings).notify(groupAlerts(due, { stage, dashboard }));
    const state = afterAttempt(plan, { nowMs: wallClock.nowMs() });
    return { report: { receiver, told: due.length, lost }, state };
  } catch (error) {
    const pauseMs = error instanceof DeliveryError ? error.pauseMs : 0;
    const state = afterAttempt(plan, { nowMs: wallClock.nowMs(), failed: { pauseMs } });
    return { report: { receiver, told: 0, lost, failed: messageOf(error) }, state };
  }
}

/** The receivers that are set, and mail. One whose setting cannot be used is named. Throws StoreError. */
export async function readReceivers(
  store: ReceiverStore,
): Promise<{ settings: readonly ReceiverSettings[]; problems: readonly string[] }> {
  const texts = await store.read();
  const settings: ReceiverSettings[] = [];
  const problems: string[] = [];
  for (const kind of RECEIVER_KINDS) {
    const text = texts.get(kind);
    const parsed = text === undefined ? undefined : parseStoredReceiver(kind, text);
    if (parsed?.ok) settings.push(parsed.value);
    else if (parsed !== undefined) problems.push(`receiver ${kind} cannot be used: ${parsed.error}`);
    if (kind === 'email' && !parsed?.ok) settings.push(DEFAULT_EMAIL);
  }
  return { settings, problems };
}
