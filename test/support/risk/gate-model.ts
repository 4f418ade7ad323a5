// A model of everything that can move the gate, small enough to be explored to its end: two executors, the circuit breaker, the
// position manager and two operators, each of which may be cut off after any step. What decides are the product's own functions; what
// this file adds is only who reads what when, as the use cases do, and time in steps of a minute. States that differ in nothing that
// any of those functions can tell apart count as one, so that the number of states is finite although time goes on for ever.
import { unproven } from '../../../lib/core/actor.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { advanceOrder, isFinal, newOrderState } from '../../../lib/execution/order-state.ts';
import { isGivenUp } from '../../../lib/execution/plan-protection.ts';
import { SEND_MS_MAX } from '../../../lib/execution/send-window.ts';
import type { BreakerEvidence } from '../../../lib/risk/breaker/evidence.ts';
import { BREAKER_LIMITS, type BreakerLimits } from '../../../lib/risk/breaker/limits.ts';
import { type BreakerState, firstArmed } from '../../../lib/risk/breaker/state.ts';
import { transition } from '../../../lib/risk/breaker/transition.ts';
import { type BreakerEvent, CLOSED_FLAGS } from '../../../lib/risk/breaker/transition-types.ts';
import { effectiveMode } from '../../../lib/risk/effective-mode.ts';
import { FLAG_NAMES, FLAGS, type FlagName, parseFlags } from '../../../lib/risk/flags.ts';
import {
  commitToItem,
  type GateItem,
  newGate,
  planAuthorisation,
  planBreakerWrite,
  planRelease,
} from '../../../lib/risk/gate.ts';
import { LEASE_MS } from '../../../lib/risk/latch.ts';
import { EQUITY, healthyEvidence, value } from './healthy-evidence.ts';

/** What decides. A broken one in the place of the product's must be found out. */
export const PRODUCT = {
  transition,
  planAuthorisation,
  planRelease,
  planBreakerWrite,
  effectiveMode,
  isGivenUp,
  advanceOrder,
};
export type Product = typeof PRODUCT;

const NOTIONAL = 1_000_000_000;
const VERSION = 'v1';
const EPOCH_OF_TIME_MS = 1_722_816_000_000;
const LIMITS: BreakerLimits = { ...BREAKER_LIMITS, cooldownMs: MINUTE_MS };
/** One position, although the exposure would do for it and a half. */
const GATE_LIMITS = {
  exposureMicroUsdt: 1.5 * NOTIONAL,
  sideMicroUsdt: 1.5 * NOTIONAL,
  netBetaMicroUsdt: 2 * NOTIONAL,
  positions: 1,
};

/** The same decision delivered twice; another one of the same symbol; one of another symbol. */
const DECISIONS = {
  a1: { clientOrderId: 'a1', symbol: 'A' },
  a2: { clientOrderId: 'a2', symbol: 'A' },
  b1: { clientOrderId: 'b1', symbol: 'B' },
} as const;
type DecisionId = keyof typeof DECISIONS;
const orderOf = (id: DecisionId) => ({
  ...DECISIONS[id],
  scope: 'paper' as const,
  side: 'BUY' as const,
  notionalMicroUsdt: NOTIONAL,
  betaMicroUsdt: 1.2 * NOTIONAL,
});

type Executor =
  | { readonly at: 'start'; readonly may: readonly DecisionId[] }
  | { readonly at: 'flags_read'; readonly id: DecisionId; readonly flags: Flags; readonly readAtMs: number }
  | {
      readonly at: 'planned';
      readonly id: DecisionId;
      readonly flags: Flags;
      readonly readAtMs: number;
      readonly epoch: number;
    }
  | { readonly at: 'approved'; readonly id: DecisionId; readonly atMs: number; readonly epoch: number }
  | {
      readonly at: 'flags_read_again';
      readonly id: DecisionId;
      readonly atMs: number;
      readonly epoch: number;
      readonly flags: Flags;
    }
  | { readonly at: 'confirmed' | 'recorded'; readonly id: DecisionId; readonly atMs: number }
  | { readonly at: 'refused'; readonly id: DecisionId }
  | { readonly at: 'over' }
  | { readonly at: 'absent' };

interface Flags {
  readonly aiTrading: boolean;
  readonly emergency: boolean;
  readonly triggered: boolean;
}

/** `read`: before it has decided. `closing`: has written its decision, the flags are still to be closed. */
type Breaker =
  | { readonly at: 'idle' }
  | { readonly at: 'closing' }
  | { readonly at: 'read'; readonly gate: GateItem; readonly isSound: boolean; readonly atMs: number };

type Approval =
  | { readonly at: 'idle' }
  | {
      readonly at: 'read';
      readonly by: string;
      readonly state: BreakerState;
      readonly isSound: boolean;
      readonly atMs: number;
    };

type Manager =
  | { readonly at: 'idle' }
  | {
      readonly at: 'gate_read' | 'may_release';
      readonly id: DecisionId;
      readonly authorisedAtMs: number | undefined;
    };

type Order = 'unknown' | 'recorded' | 'at_exchange' | 'ended';

export interface World {
  readonly nowMs: number;
  readonly gate: GateItem;
  readonly flags: Flags;
  /** Whether a condition that trips holds. */
  readonly isSound: boolean;
  readonly breaker: Breaker;
  readonly approval: Approval;
  readonly manager: Manager;
  readonly executors: readonly [Executor, Executor];
  readonly orders: Readonly<Record<DecisionId, { readonly is: Order; readonly recordedAtMs: number }>>;
  readonly held: readonly DecisionId[];
  /** For the invariants only: no function sees it. */
  readonly seen: { readonly tickMs: number; readonly sent: readonly DecisionId[] };
}

export interface Step {
  readonly what: string;
  readonly next: World;
  /** The world just before, where several steps were one. */
  readonly from?: World;
  /** What is judged about the step itself. */
  readonly facts?: {
    readonly authorised?: {
      readonly id: DecisionId;
      readonly flags: Flags;
      readonly readAtMs: number;
      readonly epoch: number;
    };
    readonly sent?: DecisionId;
    readonly approvedBy?: string;
    readonly released?: DecisionId;
  };
}

/** @param second what the second executor may decide; undefined for a world without executors */
export const firstWorld = (second: readonly DecisionId[] | undefined): World => ({
  nowMs: EPOCH_OF_TIME_MS,
  gate: newGate({ ...firstArmed(EPOCH_OF_TIME_MS - MINUTE_MS), highWaterMicroUsdt: EQUITY }),
  flags: { aiTrading: true, emergency: false, triggered: false },
  isSound: true,
  breaker: { at: 'idle' },
  approval: { at: 'idle' },
  manager: { at: 'idle' },
  executors:
    second === undefined
      ? [{ at: 'absent' }, { at: 'absent' }]
      : [
          { at: 'start', may: ['a1'] },
          { at: 'start', may: second },
        ],
  orders: {
    a1: { is: 'unknown', recordedAtMs: 0 },
    a2: { is: 'unknown', recordedAtMs: 0 },
    b1: { is: 'unknown', recordedAtMs: 0 },
  },
  held: [],
  seen: { tickMs: Number.NEGATIVE_INFINITY, sent: [] },
});

const evidenceOf = (isSound: boolean, nowMs: number): BreakerEvidence => ({
  ...healthyEvidence(nowMs),
  featureMismatches: value(isSound ? 0 : 1),
});

const FLAGS_STATES = new Map(
  [true, false].flatMap((aiTrading) =>
    [true, false].flatMap((emergency) =>
      [true, false].map((triggered) => {
        const texts: Partial<Record<string, string>> = {
          QT_ENABLE_AI_TRADING: String(aiTrading),
          EMERGENCY_MODE: String(emergency),
          CIRCUIT_BREAKER_TRIGGERED: String(triggered),
        };
        const textOf = (name: FlagName) => texts[name] ?? FLAGS[name].local;
        const readings = FLAG_NAMES.map(
          (name) => [name, { kind: 'text' as const, text: textOf(name) }] as const,
        );
        return [`${aiTrading} ${emergency} ${triggered}`, parseFlags(new Map(readings))] as const;
      }),
    ),
  ),
);

const modeOf = (
  product: Product,
  { aiTrading, emergency, triggered }: Flags,
  gate: GateItem,
  nowMs: number,
) =>
  product.effectiveMode({
    flags: FLAGS_STATES.get(`${aiTrading} ${emergency} ${triggered}`)!,
    latch: value(gate.latch),
    lease: value(gate.leaseUntilMs),
    level: value({ level: 'PAPER', approved: true }),
    nowMs,
  }).mode;

/**
 * Everything that can happen next. With executors in it, breaker and operators read and write in one step: what they write is
 * conditional on a revision that no executor moves. Without, each of their reads and writes is a step of its own.
 */
export function stepsFrom(world: World, product: Product): Step[] {
  const isStepwise = world.executors.every(({ at }) => at === 'absent');
  return [
    { what: 'a minute passes', next: { ...world, nowMs: world.nowMs + MINUTE_MS } },
    ...(isStepwise
      ? [
          {
            what: world.isSound ? 'a condition that trips comes up' : 'the condition is gone',
            next: { ...world, isSound: !world.isSound },
          },
        ]
      : []),
    ...(isStepwise ? breakerSteps(world, product) : atOnce(world, (from) => breakerSteps(from, product))),
    ...(isStepwise ? operatorSteps(world, product) : resetAtOnce(world, product)),
    ...managerSteps(world, product),
    ...world.executors.flatMap((executor, index) => executorSteps(world, product, executor, index as 0 | 1)),
    ...world.held.map((id) => ({
      what: `the position of ${id} is closed at the exchange`,
      next: {
        ...world,
        held: world.held.filter((other) => other !== id),
        orders: withOrder(world, id, 'ended'),
      },
    })),
  ];
}

const withOrder = (world: World, id: DecisionId, is: Order): World['orders'] => ({
  ...world.orders,
  [id]: { is, recordedAtMs: is === 'recorded' ? world.nowMs : world.orders[id].recordedAtMs },
});

/** Decides on a state that was read before, and writes on the condition that nobody has written since. */
function moved(
  world: World,
  product: Product,
  read: BreakerState,
  event: BreakerEvent,
): { readonly world: World; readonly closesFlags: boolean } | undefined {
  const { previous, current, effects } = product.transition(read, event, LIMITS);
  const write = effects.find((effect) => effect.kind === 'write_state');
  if (write === undefined) return undefined;
  const { leaseUntilMs: untilMs } = write;
  const lease = untilMs === undefined ? undefined : { untilMs, codeVersion: VERSION };
  const written = commitToItem(world.gate, product.planBreakerWrite({ previous, current, lease }));
  if (!written.ok) return undefined;
  return {
    world: { ...world, gate: written.value },
    closesFlags: effects.some(({ kind }) => kind === 'close_flags'),
  };
}

function breakerSteps(world: World, product: Product): Step[] {
  const { breaker, gate, nowMs, isSound } = world;
  if (breaker.at === 'idle')
    return [
      { what: 'breaker reads', next: { ...world, breaker: { at: 'read', gate, isSound, atMs: nowMs } } },
    ];
  const died = { what: 'breaker dies', next: { ...world, breaker: { at: 'idle' as const } } };
  if (breaker.at === 'closing') {
    const flags = {
      ...world.flags,
      aiTrading: CLOSED_FLAGS.QT_ENABLE_AI_TRADING === 'false' ? false : world.flags.aiTrading,
      triggered: CLOSED_FLAGS.CIRCUIT_BREAKER_TRIGGERED === 'true' ? true : world.flags.triggered,
    };
    return [died, { what: 'breaker closes the flags', next: { ...world, flags, breaker: { at: 'idle' } } }];
  }
  const isClosedByHand = breaker.gate.latch === 'TRIPPED' && breaker.gate.breaker.latch === 'ARMED';
  const event: BreakerEvent = isClosedByHand
    ? { kind: 'trip', nowMs: breaker.atMs, operator: unproven('gate item'), reason: 'closed by hand' }
    : { kind: 'tick', nowMs: breaker.atMs, evidence: evidenceOf(breaker.isSound, breaker.atMs) };
  const done = moved(world, product, breaker.gate.breaker, event);
  if (done === undefined) return [died];
  const seen = event.kind === 'tick' ? { ...world.seen, tickMs: breaker.atMs } : world.seen;
  const next: World = { ...done.world, seen, breaker: { at: done.closesFlags ? 'closing' : 'idle' } };
  return [died, { what: `breaker writes (${event.kind})`, next }];
}

/** What follows a reading in the same moment takes its place. */
const atOnce = (world: World, stepsOf: (world: World) => Step[]): Step[] =>
  stepsOf(world).flatMap((step) => (step.next.breaker.at === 'read' ? stepsOf(step.next) : [step]));

/** The operators of a world with executors: a reset from the request to the approval is one step. */
function resetAtOnce(world: World, product: Product): Step[] {
  return operatorSteps(world, product).flatMap((step) => {
    if (step.next.approval.at === 'read') return [];
    if (!step.what.startsWith('ada asks')) return step.what.startsWith('grace asks') ? [] : [step];
    const { gate, isSound, nowMs } = step.next;
    const approval = { at: 'read', by: 'grace', state: gate.breaker, isSound, atMs: nowMs } as const;
    return approvalSteps({ ...step.next, approval }, product, approval)
      .filter(({ facts }) => facts?.approvedBy !== undefined)
      .map((approved) => ({ ...approved, what: 'ada and grace reset', from: { ...step.next, approval } }));
  });
}

const OPERATORS = ['ada', 'grace'] as const;

function operatorSteps(world: World, product: Product): Step[] {
  const { gate, flags, nowMs, approval, isSound } = world;
  const now = (what: string, event: BreakerEvent): Step[] => {
    const done = moved(world, product, gate.breaker, event);
    return done === undefined ? [] : [{ what, next: done.world }];
  };
  const flip = (what: string, changed: Partial<Flags>) => ({
    what,
    next: { ...world, flags: { ...flags, ...changed } },
  });
  const approvals: Step[] =
    approval.at === 'idle' && gate.breaker.latch === 'ARMED'
      ? []
      : approval.at === 'idle'
        ? OPERATORS.map((by) => ({
            what: `${by} is about to approve`,
            next: { ...world, approval: { at: 'read', by, state: gate.breaker, isSound, atMs: nowMs } },
          }))
        : approvalSteps(world, product, approval);
  return [
    ...now('an operator trips', { kind: 'trip', nowMs, operator: unproven('ada'), reason: 'drill' }),
    ...OPERATORS.flatMap((by) =>
      now(`${by} asks for a reset`, {
        kind: 'reset_requested',
        nowMs,
        operator: unproven(by),
        reason: 'fixed',
      }),
    ),
    ...approvals,
    { what: 'the latch is closed by hand', next: { ...world, gate: { ...gate, latch: 'TRIPPED' } } },
    flip('an operator opens the flags', { aiTrading: true, emergency: false, triggered: false }),
    flip('an operator sets the emergency', { emergency: true }),
  ];
}

function approvalSteps(world: World, product: Product, approval: Approval & { at: 'read' }): Step[] {
  const idle = { at: 'idle' as const };
  const { by, state, isSound, atMs } = approval;
  const event: BreakerEvent = {
    kind: 'reset_approved',
    nowMs: atMs,
    operator: unproven(by),
    evidence: evidenceOf(isSound, atMs),
  };
  const done = moved(world, product, state, event);
  const given = { what: `${by} gives up`, next: { ...world, approval: idle } };
  return done === undefined
    ? [given]
    : [given, { what: `${by} approves`, next: { ...done.world, approval: idle }, facts: { approvedBy: by } }];
}

/** Reads the gate, then the order and the account, then releases; what it knew of the gate is by then old. */
function managerSteps(world: World, product: Product): Step[] {
  const { manager, gate, orders, held, nowMs } = world;
  if (manager.at === 'idle')
    return Object.values(gate.reserved).map(({ clientOrderId }) => ({
      what: `position manager reads the reservation of ${clientOrderId}`,
      next: {
        ...world,
        manager: {
          at: 'gate_read' as const,
          id: clientOrderId as DecisionId,
          authorisedAtMs: gate.authorised[clientOrderId]?.atMs,
        },
      },
    }));
  const { id, authorisedAtMs } = manager;
  const idle = { ...world, manager: { at: 'idle' as const } };
  const died = { what: 'position manager dies', next: idle };
  if (manager.at === 'may_release') {
    const released = commitToItem(gate, product.planRelease(orderOf(id)));
    return [
      died,
      ...(released.ok
        ? [
            {
              what: `position manager releases ${id}`,
              next: { ...idle, gate: released.value },
              facts: { released: id },
            },
          ]
        : []),
    ];
  }
  const mayRelease = (changed: World['orders'] = orders) => [
    died,
    {
      what: `position manager finds ${id} over`,
      next: { ...world, orders: changed, manager: { ...manager, at: 'may_release' as const } },
    },
  ];
  switch (orders[id].is) {
    case 'unknown':
      return product.isGivenUp(authorisedAtMs, nowMs) ? mayRelease() : [died];
    case 'recorded': {
      const sinceSubmitMs = nowMs - orders[id].recordedAtMs;
      const { current } = product.advanceOrder(newOrderState(1), { kind: 'not_found', sinceSubmitMs });
      return isFinal(current.status)
        ? mayRelease({ ...orders, [id]: { ...orders[id], is: 'ended' } })
        : [died];
    }
    case 'at_exchange':
      return held.includes(id) ? [died] : mayRelease();
    case 'ended':
      return held.includes(id) ? [died] : mayRelease();
  }
}

function executorSteps(world: World, product: Product, executor: Executor, index: 0 | 1): Step[] {
  const { gate, flags, nowMs } = world;
  const as = (next: Executor): World => {
    const executors: [Executor, Executor] = [...world.executors];
    executors[index] = next;
    return { ...world, executors };
  };
  const name = `executor ${index + 1}`;
  if (executor.at === 'over' || executor.at === 'absent') return [];
  if (executor.at === 'start')
    return executor.may.map((id) => ({
      what: `${name} reads the flags for ${id}`,
      next: as({ at: 'flags_read', id, flags, readAtMs: nowMs }),
    }));
  const over = as({ at: 'over' });
  const died = { what: `${name} dies`, next: over };
  const { id } = executor;
  switch (executor.at) {
    case 'flags_read': {
      const isOpen = modeOf(product, executor.flags, gate, nowMs) === 'PAPER';
      const planned = as({ ...executor, at: 'planned', epoch: gate.epoch });
      return [died, ...(isOpen ? [{ what: `${name} plans ${id}`, next: planned }] : [])];
    }
    case 'planned': {
      const { readAtMs, epoch } = executor;
      const context = {
        ...{ mode: 'PAPER' as const, flagsReadAtMs: readAtMs, epoch, codeVersion: VERSION },
        ...{ limits: GATE_LIMITS, forget: [], nowMs },
      };
      const plan = product.planAuthorisation(orderOf(id), context);
      const written = plan.ok ? commitToItem(gate, plan.value) : plan;
      if (!written.ok) return [{ what: `${name} is denied (${written.error})`, next: over }];
      const approved = as({ at: 'approved', id, atMs: nowMs, epoch });
      const facts = { authorised: { id, flags: executor.flags, readAtMs, epoch } };
      return [
        died,
        { what: `${name} is authorised for ${id}`, next: { ...approved, gate: written.value }, facts },
      ];
    }
    case 'approved':
      return [
        died,
        { what: `${name} reads the flags again`, next: as({ ...executor, at: 'flags_read_again', flags }) },
      ];
    case 'flags_read_again': {
      const stands =
        modeOf(product, executor.flags, gate, nowMs) === 'PAPER' && gate.epoch === executor.epoch;
      const next = stands ? as({ at: 'confirmed', id, atMs: executor.atMs }) : as({ at: 'refused', id });
      return [died, { what: `${name}: ${id} ${stands ? 'stands' : 'is withdrawn'}`, next }];
    }
    case 'confirmed':
      return world.orders[id].is === 'unknown'
        ? [
            died,
            {
              what: `${name} writes ${id} down`,
              next: {
                ...as({ at: 'recorded', id, atMs: executor.atMs }),
                orders: withOrder(world, id, 'recorded'),
              },
            },
          ]
        : [{ what: `${name} finds ${id} written down`, next: over }];
    case 'recorded': {
      if (nowMs - executor.atMs > SEND_MS_MAX) {
        const late = { ...as({ at: 'refused', id }), orders: withOrder(world, id, 'ended') };
        return [died, { what: `${name} is too late with ${id}`, next: late }];
      }
      const sent: World = {
        ...over,
        orders: { ...world.orders, [id]: { ...world.orders[id], is: 'at_exchange' } },
        held: [...world.held, id].toSorted(),
        seen: { ...world.seen, sent: [...world.seen.sent, id] },
      };
      return [died, { what: `${name} sends ${id}`, next: sent, facts: { sent: id } }];
    }
    case 'refused': {
      const released = commitToItem(gate, product.planRelease(orderOf(id)));
      const next = released.ok ? { ...over, gate: released.value } : over;
      return [
        died,
        { what: `${name} gives ${id} back`, next, ...(released.ok && { facts: { released: id } }) },
      ];
    }
  }
}

/** Everything that the functions above can tell apart, and nothing else: times as ages, epochs and revisions as distances. */
export function keyOf(world: World): string {
  const { nowMs, gate, flags, isSound, breaker, approval, manager, executors, orders, held, seen } = world;
  const age = (atMs: number | undefined, minutesMax = 2) =>
    atMs === undefined ? -1 : Math.min(minutesMax, (nowMs - atMs) / MINUTE_MS);
  const left = (untilMs: number) => Math.max(0, Math.ceil((untilMs - nowMs) / MINUTE_MS));
  const stateKey = (state: BreakerState) => [
    state.latch,
    ...(state.latch === 'TRIPPED' ? [age(state.trippedAtMs, 1), state.resetRequest !== null] : []),
  ];
  // Which of the two operators has asked makes no difference, only whether it was the one who approves.
  const hasAsked = (by: string) =>
    gate.breaker.latch === 'TRIPPED' && gate.breaker.resetRequest?.operator.name === by;
  // Of an order that is written down, only its record matters.
  const mayBeGivenUp = (id: string) => orders[id as DecisionId].is === 'unknown';
  // What is decided on a state that somebody has written since is never written.
  const isOld = (state: BreakerState) => state.revision !== gate.breaker.revision;
  return JSON.stringify([
    [gate.latch, stateKey(gate.breaker), left(seen.tickMs + LEASE_MS)],
    [left(gate.leaseUntilMs), gate.leaseCodeVersion],
    [gate.exposureMicroUsdt, gate.positionCount, gate.epoch - gate.breaker.epoch],
    Object.entries(gate.authorised).map(([id, { atMs }]) => (mayBeGivenUp(id) ? [id, age(atMs)] : id)),
    Object.values(gate.reserved).map(({ clientOrderId }) => clientOrderId),
    [isFlagsOpen(flags), isSound],
    breaker.at === 'read'
      ? isOld(breaker.gate.breaker) || [breaker.gate.latch, breaker.isSound, age(breaker.atMs, 3)]
      : breaker.at,
    approval.at === 'read'
      ? isOld(approval.state) || [hasAsked(approval.by), approval.isSound, age(approval.atMs, 1)]
      : 0,
    manager.at === 'idle'
      ? 0
      : [manager.at, manager.id, mayBeGivenUp(manager.id) && age(manager.authorisedAtMs)],
    executors.map((executor) => [
      executor.at,
      ...('id' in executor ? [executor.id] : []),
      ...('flags' in executor ? [isFlagsOpen(executor.flags)] : []),
      ...('readAtMs' in executor ? [age(executor.readAtMs, 1)] : []),
      ...('atMs' in executor ? [age(executor.atMs, 1)] : []),
      ...('epoch' in executor ? [executor.epoch === gate.epoch] : []),
    ]),
    Object.values(orders).map(({ is, recordedAtMs }) => (is === 'recorded' ? [is, age(recordedAtMs)] : is)),
    [held, seen.sent],
  ]);
}

const isFlagsOpen = ({ aiTrading, emergency, triggered }: Flags) => aiTrading && !emergency && !triggered;

export const INVARIANTS = {
  'authorised only while latch, lease, flags and epoch allow it': (before, { facts }) => {
    if (facts?.authorised === undefined) return undefined;
    const { flags, readAtMs, epoch } = facts.authorised;
    const { gate, nowMs, seen } = before;
    return (
      gate.latch === 'ARMED' &&
      gate.breaker.latch === 'ARMED' &&
      gate.epoch === epoch &&
      nowMs < seen.tickMs + LEASE_MS &&
      isFlagsOpen(flags) &&
      nowMs - readAtMs <= 1_000
    );
  },
  'a decision is authorised once, and sent once': (before, { next, facts }) => {
    if (facts?.authorised !== undefined) return before.gate.authorised[facts.authorised.id] === undefined;
    if (facts?.sent === undefined) return undefined;
    return !before.seen.sent.includes(facts.sent) && next.held.filter((id) => id === facts.sent).length === 1;
  },
  'the limits hold, and what the gate counts is what it has reserved': (_, { next: { gate, held } }) => {
    const reserved = Object.values(gate.reserved);
    const sum = reserved.reduce((total, { notionalMicroUsdt }) => total + notionalMicroUsdt, 0);
    return (
      gate.exposureMicroUsdt === sum &&
      gate.sideMicroUsdt.BUY === sum &&
      gate.netBetaMicroUsdt === 1.2 * sum &&
      gate.positionCount === reserved.length &&
      reserved.length <= GATE_LIMITS.positions &&
      held.length <= GATE_LIMITS.positions
    );
  },
  'a tripped latch is armed by the approval of a second operator alone, with no cause left': (
    before,
    { next, facts },
  ) => {
    const isArmed = ({ gate }: World) => gate.latch === 'ARMED' && gate.breaker.latch === 'ARMED';
    if (isArmed(before) || !isArmed(next)) return undefined;
    const { approval, gate } = before;
    if (facts?.approvedBy === undefined || approval.at !== 'read' || gate.breaker.latch !== 'TRIPPED')
      return false;
    const { resetRequest, trippedAtMs } = gate.breaker;
    return (
      approval.isSound &&
      resetRequest !== null &&
      resetRequest.operator.name !== facts.approvedBy &&
      before.nowMs - trippedAtMs >= LIMITS.cooldownMs
    );
  },
  'the epoch never falls, and grows with every change of the breaker’s latch': ({ gate }, { next }) => {
    const changed = gate.breaker.latch !== next.gate.breaker.latch;
    return changed ? next.gate.epoch > gate.epoch : next.gate.epoch >= gate.epoch;
  },
  'only a tick gives a lease, and none that is longer than 150 s': (_, { next: { gate, seen } }) =>
    gate.leaseUntilMs <= Math.max(0, seen.tickMs + LEASE_MS),
  'nothing is released that the exchange holds, or that may still be sent': (before, { facts }) => {
    if (facts?.released === undefined) return undefined;
    const id = facts.released;
    const mayStillBeSent = before.executors.some(
      (executor) =>
        (executor.at === 'approved' ||
          executor.at === 'flags_read_again' ||
          executor.at === 'confirmed' ||
          executor.at === 'recorded') &&
        executor.id === id &&
        before.nowMs - executor.atMs <= SEND_MS_MAX,
    );
    return !before.held.includes(id) && !mayStillBeSent;
  },
  'what the exchange holds is reserved': (_, { next: { held, gate } }) =>
    held.length === 0
      ? undefined
      : held.every((id) => gate.reserved[DECISIONS[id].symbol]?.clientOrderId === id),
} as const satisfies Record<string, (before: World, step: Step) => boolean | undefined>;
export type Invariant = keyof typeof INVARIANTS;
