// The circuit breaker at work: gathers evidence, moves the state by `transition`, and carries out the effects in their order:
// latch, flags, audit, notification. What fails is reported and done again by the next tick; nothing waits for anything else.

import { type Actor, systemActor, unproven } from '../../core/actor.ts';
import { invariant } from '../../core/invariant.ts';
import { messageOf } from '../../core/message-of.ts';
import type { Clock } from '../../core/ports.ts';
import { StoreError } from '../../core/store-error.ts';
import type { MissedBar } from '../../inference/missed-bars.ts';
import { type CarriedTrip, carriedCauses, closedText } from '../breaker/carried-trip.ts';
import { type BreakerState, firstArmed, lostState } from '../breaker/state.ts';
import { transition } from '../breaker/transition.ts';
import {
  type BreakerEffect,
  type BreakerEvent,
  type BreakerTransition,
  CLOSED_FLAGS,
} from '../breaker/transition-types.ts';
import type { TripCause } from '../breaker/trip-causes.ts';
import type { Reading } from '../effective-mode.ts';
import { type GateItem, newGate, planBreakerWrite, type Scope } from '../gate.ts';
import type { FlagStore, Notifier, RiskStore } from '../ports.ts';
import {
  type CollectedBreakerEvidence,
  collectBreakerEvidence,
  type EvidenceSources,
} from './breaker-evidence.ts';
import { riskRecords } from './risk-records.ts';
import { CARRYING_FLAG } from './unlatched-trip.ts';

/** A trip that was decided and could not be written, and the epoch of the gate that it was decided on. */
interface UnlatchedTrip {
  readonly epoch: number;
  readonly causes: readonly TripCause[];
}
export type UnlatchedTrips = Map<Scope, UnlatchedTrip>;

export interface BreakerDependencies extends EvidenceSources {
  readonly flags: FlagStore;
  readonly notifier: Notifier;
  readonly clock: Clock;
  /** Of whoever acts; the tick leaves it with the lease. */
  readonly codeVersion: string;
  /** Of a process that ticks again, should the flags that carry them not be written either. @default none are kept */
  readonly unlatched?: UnlatchedTrips;
}

export interface BreakerOutcome {
  readonly scope: Scope;
  /**
   * undefined when the gate could not be read, and so nothing could be decided, and while the scope is not started. Nothing is
   * authorised then either.
   */
  readonly transition: BreakerTransition | undefined;
  /** What the first arming waits for, one line each; empty once the scope is started. Until then there is no gate. */
  readonly notStarted: readonly string[];
  /** undefined when nobody looked, or the runs could not be read. */
  readonly missedBars: readonly MissedBar[] | undefined;
  /** Whether the gate now holds what was decided. */
  readonly latched: boolean;
  /** One line each: what could not be done. */
  readonly failures: readonly string[];
}

/** How often a decision is made again because someone else wrote the gate in between. */
const DECISIONS_MAX = 5;
/** How the ids of the breaker's audit records begin. */
const AUDIT_ID_START = 'breaker#';

/**
 * The scopes that the breaker watches and the position manager therefore covers: paper always, live from the day on when QT_PAPER_TRADING
 * was first false. A live gate that cannot be read counts as one.
 */
export async function watchedScopes({
  risk,
  flags,
}: {
  risk: RiskStore;
  flags: FlagStore;
}): Promise<readonly Scope[]> {
  const paper = (await flags.read(['QT_PAPER_TRADING'])).get('QT_PAPER_TRADING');
  if (paper?.kind === 'text' && paper.text === 'false') return ['paper', 'live'];
  const live = await risk.readGate('live').catch(() => 'unreadable' as const);
  return live === undefined ? ['paper'] : ['paper', 'live'];
}

/**
 * One tick of a scope. The gate is made, and the breaker armed, at the first tick that finds a first run of infer and of the position
 * manager: a deploy that takes its time is not silence. Never throws.
 */
export async function tickBreaker(dependencies: BreakerDependencies, scope: Scope): Promise<BreakerOutcome> {
  const nowMs = dependencies.clock.nowMs();
  let missed: BreakerOutcome['missedBars'];
  let notStarted: BreakerOutcome['notStarted'] = [];
  const outcome = await applyEvent(dependencies, scope, {
    async mayArm() {
      const asked = { scope, state: firstArmed(nowMs), nowMs };
      notStarted = missingFirstRuns(await collectBreakerEvidence(dependencies, asked));
      return notStarted.length === 0;
    },
    async eventOf(gate) {
      // Whoever closed the latch past the breaker meant it.
      if (gate.latch === 'TRIPPED' && gate.breaker.latch === 'ARMED')
        return {
          kind: 'trip',
          nowMs,
          operator: unproven('gate item'),
          reason: 'the latch was closed by hand',
        };
      const asked = { scope, state: gate.breaker, nowMs };
      const [evidence, unlatched] = await Promise.all([
        collectBreakerEvidence(dependencies, asked),
        unlatchedCauses(dependencies, scope, gate.breaker),
      ]);
      if (evidence.missedBars.state === 'value') missed = evidence.missedBars.value;
      return { kind: 'tick', nowMs, evidence, unlatched };
    },
  });
  return { ...outcome, missedBars: missed, notStarted };
}

/** Of a trip that was decided on this very state and could not be written: its latch is owed, whatever has healed since. */
async function unlatchedCauses(
  { flags, unlatched }: BreakerDependencies,
  scope: Scope,
  { latch, epoch }: BreakerState,
): Promise<readonly TripCause[]> {
  if (latch === 'TRIPPED') return [];
  const kept = unlatched?.get(scope);
  if (kept?.epoch === epoch) return kept.causes;
  const reading = (await flags.read([CARRYING_FLAG])).get(CARRYING_FLAG);
  return carriedCauses(reading?.kind === 'text' ? reading.text : undefined, scope, epoch);
}

function missingFirstRuns({ newestSignalBarMs, positionManagerAtMs }: CollectedBreakerEvidence): string[] {
  const waits = (what: string, reading: Reading<unknown>) => {
    if (reading.state === 'value') return [];
    return [reading.state === 'missing' ? `no ${what} yet` : `${what}: ${reading.message}`];
  };
  return [
    ...waits('signals of infer', newestSignalBarMs),
    ...waits('completed run of manage-positions', positionManagerAtMs),
  ];
}

interface OperatorRequest {
  readonly scope: Scope;
  readonly operator: Actor;
  readonly reason: string;
}

/** Trips the breaker of a scope by an operator's word. Never throws. */
export function tripBreaker(
  dependencies: BreakerDependencies,
  { scope, operator, reason }: OperatorRequest,
): Promise<BreakerOutcome> {
  const nowMs = dependencies.clock.nowMs();
  return applyEvent(dependencies, scope, {
    eventOf: async () => ({ kind: 'trip', nowMs, operator, reason }),
  });
}

/** First of the two steps of a reset. The transition's refusal says why not. Never throws. */
export function requestBreakerReset(
  dependencies: BreakerDependencies,
  { scope, operator, reason }: OperatorRequest,
): Promise<BreakerOutcome> {
  const nowMs = dependencies.clock.nowMs();
  return applyEvent(dependencies, scope, {
    eventOf: async () => ({ kind: 'reset_requested', nowMs, operator, reason }),
  });
}

/** Second step, by another operator. The transition's refusal says why not. Flags stay closed. Never throws. */
export function approveBreakerReset(
  dependencies: BreakerDependencies,
  { scope, operator }: Omit<OperatorRequest, 'reason'>,
): Promise<BreakerOutcome> {
  const nowMs = dependencies.clock.nowMs();
  return applyEvent(dependencies, scope, {
    async eventOf({ breaker }) {
      const asked = { scope, state: breaker, nowMs };
      const evidence = await collectBreakerEvidence(dependencies, asked);
      return { kind: 'reset_approved', nowMs, operator, evidence };
    },
  });
}

interface EventSource {
  readonly eventOf: (gate: GateItem) => Promise<BreakerEvent>;
  /** Asked where there never was a gate. @default the first to come makes it */
  readonly mayArm?: (() => Promise<boolean>) | undefined;
}

async function applyEvent(
  dependencies: BreakerDependencies,
  scope: Scope,
  source: EventSource,
): Promise<BreakerOutcome> {
  const failures: string[] = [];
  const attempt = async (work: () => Promise<unknown>) => {
    await work().catch((error: unknown) => failures.push(messageOf(error)));
  };
  let moved: BreakerTransition | undefined;
  await attempt(async () => {
    moved = await moveState(dependencies, scope, source, failures);
  });
  const latched = moved !== undefined && failures.length === 0;
  const carried = moved === undefined || latched ? undefined : tripToCarry(scope, moved);
  const outcome = { scope, transition: moved, missedBars: undefined, notStarted: [], latched, failures };
  if (moved === undefined) return outcome;
  const effects = isBeingNotified(moved.previous, dependencies.clock.nowMs())
    ? moved.effects.filter(({ kind }) => kind !== 'notify')
    : moved.effects;
  for (const effect of effects)
    await attempt(() => carryOut(dependencies, { scope, effect, carried }, failures));
  if (moved.current.latch === 'ARMED' && moved.current.epoch === 1)
    await attempt(() => leaveTrace(dependencies, scope));
  return outcome;
}

function tripToCarry(scope: Scope, { previous, current }: BreakerTransition): CarriedTrip | undefined {
  if (previous.latch === 'TRIPPED' || current.latch === 'ARMED') return undefined;
  return toCarry(scope, { epoch: previous.epoch, causes: current.causes });
}

const toCarry = (scope: Scope, { epoch, causes }: UnlatchedTrip): CarriedTrip => ({
  scope,
  epoch,
  codes: causes.map(({ code }) => code),
});

/**
 * For so long after a trip, the process that made it is taken to be notifying people, so that a tick of the breaker beside an
 * operator's trip does not notify them too. Less than a minute: the next tick but one repeats a notification that failed.
 */
const NOTIFY_MS = 55_000;

const isBeingNotified = (previous: BreakerState, nowMs: number): boolean =>
  previous.latch === 'TRIPPED' && nowMs - previous.trippedAtMs < NOTIFY_MS;

/**
 * Decides on the gate as it is, and writes; decides again when it moved. A write that fails does not take the decision back.
 * undefined where there is no gate, and none may be made yet.
 */
async function moveState(
  { risk, clock, limits, codeVersion, unlatched }: BreakerDependencies,
  scope: Scope,
  { eventOf, mayArm }: EventSource,
  failures: string[],
): Promise<BreakerTransition | undefined> {
  for (let decision = 1; decision <= DECISIONS_MAX; decision++) {
    const gate = await openGate({ risk, clock, mayArm }, scope);
    if (gate === undefined) return undefined;
    const moved = transition(gate.breaker, await eventOf(gate), limits);
    const write = moved.effects.find((effect) => effect.kind === 'write_state');
    if (write === undefined) return moved;
    const { previous, current } = moved;
    // Nobody would write it later: a reset is on record before it takes place. What closes the gate is closed first.
    if (previous.latch === 'TRIPPED' && current.latch === 'ARMED')
      for (const effect of moved.effects)
        if (effect.kind === 'audit') await recordAct({ risk, clock }, scope, effect);
    try {
      const { leaseUntilMs: untilMs } = write;
      const lease = untilMs === undefined ? undefined : { untilMs, codeVersion };
      const plan = planBreakerWrite({ previous, current, lease });
      if (!(await risk.commit(scope, plan)).ok) continue;
      unlatched?.delete(scope);
      return moved;
    } catch (error) {
      failures.push(messageOf(error));
      if (previous.latch === 'ARMED' && current.latch === 'TRIPPED')
        unlatched?.set(scope, { epoch: previous.epoch, causes: current.causes });
      return moved;
    }
  }
  throw new StoreError(`the ${scope} gate moves too often, or its epoch is not the breaker's`, {
    retryable: true,
  });
}

/** The gate, made when the scope has none. One that was there before, as the breaker's own records show, is made tripped. */
async function openGate(
  { risk, clock, mayArm }: Pick<BreakerDependencies, 'risk' | 'clock'> & Pick<EventSource, 'mayArm'>,
  scope: Scope,
): Promise<GateItem | undefined> {
  const gate = await risk.readGate(scope);
  if (gate !== undefined) return gate;
  const hasTraces = await riskRecords(risk).audit.has(scope, AUDIT_ID_START);
  if (!hasTraces && mayArm !== undefined && !(await mayArm())) return undefined;
  const nowMs = clock.nowMs();
  await risk.createGate(scope, newGate(hasTraces ? lostState(nowMs) : firstArmed(nowMs)));
  const created = await risk.readGate(scope);
  invariant(created !== undefined, `the ${scope} gate was deleted while it was made`);
  return created;
}

/** By this record a lost gate is told from one that never was. */
async function leaveTrace({ risk, clock }: BreakerDependencies, scope: Scope): Promise<void> {
  await riskRecords(risk).audit.add(scope, `${AUDIT_ID_START}1#armed`, {
    atMs: clock.nowMs(),
    what: 'armed',
    by: systemActor('circuit-breaker'),
    message: 'the first arming of this scope',
  });
}

async function carryOut(
  dependencies: BreakerDependencies,
  { scope, effect, carried }: { scope: Scope; effect: BreakerEffect; carried: CarriedTrip | undefined },
  failures: string[],
): Promise<void> {
  const { risk, flags, notifier, clock, unlatched } = dependencies;
  switch (effect.kind) {
    case 'write_state':
      return; // Done where it was decided.
    case 'close_flags': {
      const owed = [...(unlatched ?? [])].map(([each, trip]) => toCarry(each, trip));
      failures.push(
        ...(await writeFlags(flags, {
          ...CLOSED_FLAGS,
          [CARRYING_FLAG]: (text) => closedText(text, scope, carried, owed),
        })),
      );
      return;
    }
    case 'audit':
      return recordAct({ risk, clock }, scope, effect);
    case 'notify': {
      const subject = `Quantum Trader (${scope}): ${effect.text.split('.')[0]}`;
      await notifier.notify({ subject, text: effect.text });
      const event: BreakerEvent = { kind: 'notified', epoch: effect.epoch };
      await moveState(dependencies, scope, { eventOf: async () => event }, failures);
    }
  }
}

async function recordAct(
  { risk, clock }: Pick<BreakerDependencies, 'risk' | 'clock'>,
  scope: Scope,
  { key, what, by, message }: Extract<BreakerEffect, { kind: 'audit' }>,
): Promise<void> {
  const record = { atMs: clock.nowMs(), what, by, message };
  await riskRecords(risk).audit.add(scope, AUDIT_ID_START + key, record);
}

/**
 * Brings flags to these texts; one that says so already is not written again, so that its history shows who moved it when.
 * @param texts by name; a function gets what the flag says, undefined where that could not be read
 * @returns one line for each that could not be written
 */
export async function writeFlags(
  flags: FlagStore,
  texts: Readonly<Record<string, string | ((text: string | undefined) => string)>>,
): Promise<readonly string[]> {
  const readings = await flags.read(Object.keys(texts));
  const differing = Object.entries(texts).flatMap(([name, wanted]) => {
    const reading = readings.get(name);
    const before = reading?.kind === 'text' ? reading.text : undefined;
    const text = typeof wanted === 'string' ? wanted : wanted(before);
    return text === before ? [] : [{ name, text }];
  });
  const outcomes = await Promise.allSettled(differing.map(({ name, text }) => flags.write(name, text)));
  return outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [String(outcome.reason?.message ?? outcome.reason)] : [],
  );
}
