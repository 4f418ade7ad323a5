// The gate explored to its end: every order in which two executors, the circuit breaker, the position manager and two operators can
// take their steps, each cut off after any of them. The functions that decide are the product's own (test/support/risk/gate-model.ts).
import { describe, expect, it } from 'vitest';
import { unproven } from '../../lib/core/actor.ts';
import type { GateDenial, GatePlan } from '../../lib/risk/gate.ts';
import { LEASE_MS } from '../../lib/risk/latch.ts';
import { explore } from '../support/risk/explore.ts';
import { firstWorld, type Invariant, PRODUCT, type Product, type World } from '../support/risk/gate-model.ts';

const WORLDS = {
  'breaker and two operators, every read and write a step of its own': firstWorld(undefined),
  'and one decision': firstWorld([]),
  'and one decision delivered twice': firstWorld(['a1']),
  'and two decisions of one symbol': firstWorld(['a2']),
  'and two decisions where the limits allow one': firstWorld(['b1']),
} as const satisfies Record<string, World>;
/** Minutes each: on request. */
const LARGE: ReadonlySet<string> = new Set<keyof typeof WORLDS>([
  'and two decisions of one symbol',
  'and two decisions where the limits allow one',
]);

describe('the gate', () => {
  const explored = Object.entries(WORLDS).filter(
    ([name]) => process.env.QT_GATE_STATES === 'all' || !LARGE.has(name),
  );
  it.each(explored)('keeps its promises in every state: %s', { timeout: 1_800_000 }, (name, first) => {
    const { states, steps, tested, violation } = explore(first, PRODUCT);
    const put = [...tested].map(([invariant, times]) => `  ${times} times: ${invariant}`);
    console.log([`${name}: ${states} states, ${steps} steps`, ...put].join('\n'));
    expect(violation).toBeUndefined();
    // A model in which nothing happens breaks no promise.
    expect(states).toBeGreaterThan(1_000);
    const idle = [...tested].filter(([, times]) => times === 0);
    expect(idle.length).toBe(first.executors[0].at === 'absent' ? 4 : 0);
  });
});

const without = <Denial extends string>(
  plan: GatePlan<Denial>,
  ...denials: readonly Denial[]
): GatePlan<Denial> => ({
  ...plan,
  conditions: plan.conditions.filter(({ denial }) => !denials.includes(denial)),
});

const authorisationWithout =
  (...denials: readonly GateDenial[]): Product['planAuthorisation'] =>
  (order, context) => {
    const plan = PRODUCT.planAuthorisation(order, context);
    return plan.ok ? { ok: true, value: without(plan.value, ...denials) } : plan;
  };

const BROKEN: readonly (readonly [what: string, Invariant, Partial<Product>, World?])[] = [
  [
    // By neither of the two that do: what is planned is written within a second.
    'the lease is not looked at',
    'authorised only while latch, lease, flags and epoch allow it',
    {
      planAuthorisation: authorisationWithout('lease_not_active'),
      effectiveMode: (evidence) =>
        PRODUCT.effectiveMode({ ...evidence, lease: { state: 'value', value: evidence.nowMs + 1 } }),
    },
  ],
  [
    'the latch is not looked at',
    'authorised only while latch, lease, flags and epoch allow it',
    { planAuthorisation: authorisationWithout('latch_tripped') },
  ],
  [
    'the age of the flags is not looked at',
    'authorised only while latch, lease, flags and epoch allow it',
    {
      planAuthorisation: (order, context) =>
        PRODUCT.planAuthorisation(order, { ...context, flagsReadAtMs: context.nowMs }),
    },
  ],
  [
    'the flags are not looked at',
    'authorised only while latch, lease, flags and epoch allow it',
    { effectiveMode: () => ({ mode: 'PAPER', reasons: [] }) },
  ],
  [
    'ids are not remembered',
    'a decision is authorised once, and sent once',
    { planAuthorisation: authorisationWithout('duplicate') },
    WORLDS['and one decision delivered twice'],
  ],
  [
    'positions are not counted',
    'the limits hold, and what the gate counts is what it has reserved',
    {
      planAuthorisation: authorisationWithout('position_limit', 'exposure_limit', 'side_limit', 'beta_limit'),
    },
    WORLDS['and two decisions where the limits allow one'],
  ],
  [
    'one may give back what another holds',
    'the limits hold, and what the gate counts is what it has reserved',
    { planRelease: (order) => without(PRODUCT.planRelease(order), 'not_reserved') },
    WORLDS['and one decision delivered twice'],
  ],
  [
    'an entry is given up before it can have been sent',
    'nothing is released that the exchange holds, or that may still be sent',
    { isGivenUp: () => true },
  ],
  [
    'an order that is not found yet is taken for lost',
    'nothing is released that the exchange holds, or that may still be sent',
    {
      advanceOrder: (state, event) =>
        PRODUCT.advanceOrder(
          state,
          event.kind === 'not_found' ? { ...event, sinceSubmitMs: Number.MAX_SAFE_INTEGER } : event,
        ),
    },
  ],
  [
    'a tick writes over a latch that was closed by hand',
    'a tripped latch is armed by the approval of a second operator alone, with no cause left',
    {
      planBreakerWrite: (change) => {
        const plan = PRODUCT.planBreakerWrite(change);
        return { ...plan, conditions: plan.conditions.filter(({ path }) => path[0] !== 'latch') };
      },
    },
  ],
  [
    'a late writer overwrites what was written since',
    'a tripped latch is armed by the approval of a second operator alone, with no cause left',
    { planBreakerWrite: (change) => without(PRODUCT.planBreakerWrite(change), 'breaker_moved') },
  ],
  [
    'a reset hands out a lease',
    'only a tick gives a lease, and none that is longer than 150 s',
    {
      transition: (state, event, limits) => {
        const moved = PRODUCT.transition(state, event, limits);
        if (event.kind !== 'reset_approved') return moved;
        const effects = moved.effects.map((effect) =>
          effect.kind === 'write_state' ? { ...effect, leaseUntilMs: event.nowMs + LEASE_MS } : effect,
        );
        return { ...moved, effects };
      },
    },
  ],
  [
    'one operator resets alone',
    'a tripped latch is armed by the approval of a second operator alone, with no cause left',
    {
      transition: (state, event, limits) =>
        PRODUCT.transition(
          state,
          event.kind === 'reset_approved' ? { ...event, operator: unproven('anybody') } : event,
          limits,
        ),
    },
  ],
  [
    'a reset does not wait',
    'a tripped latch is armed by the approval of a second operator alone, with no cause left',
    { transition: (state, event, limits) => PRODUCT.transition(state, event, { ...limits, cooldownMs: 0 }) },
  ],
  [
    'a reset does not ask whether the cause is gone',
    'a tripped latch is armed by the approval of a second operator alone, with no cause left',
    {
      transition: (state, event, limits) =>
        PRODUCT.transition(
          state,
          event.kind === 'reset_approved'
            ? { ...event, evidence: { ...event.evidence, featureMismatches: { state: 'value', value: 0 } } }
            : event,
          limits,
        ),
    },
  ],
  [
    'a tick arms again what has tripped',
    'a tripped latch is armed by the approval of a second operator alone, with no cause left',
    {
      transition: (state, event, limits) => {
        const moved = PRODUCT.transition(state, event, limits);
        if (event.kind !== 'tick' || state.latch === 'ARMED') return moved;
        const { revision, epoch, armedAtMs, highWaterMicroUsdt } = moved.current;
        return {
          ...moved,
          current: { latch: 'ARMED', revision, epoch: epoch + 1, armedAtMs, highWaterMicroUsdt },
        };
      },
    },
  ],
  [
    'a trip keeps the epoch',
    'the epoch never falls, and grows with every change of the breaker’s latch',
    {
      transition: (state, event, limits) => {
        const moved = PRODUCT.transition(state, event, limits);
        return { ...moved, current: { ...moved.current, epoch: state.epoch } };
      },
    },
  ],
];

describe('a gate that is broken', () => {
  it.each(BROKEN.map(([what, invariant, broken, world]) => ({ what, invariant, broken, world })))(
    'is found out: $what',
    { timeout: 900_000 },
    ({ invariant, broken, world }) => {
      const tried = world === undefined ? [firstWorld(undefined), firstWorld([])] : [world];
      const violations = tried.map((first) => explore(first, { ...PRODUCT, ...broken }).violation);
      expect(violations.map((violation) => violation?.invariant)).toContain(invariant);
      for (const violation of violations) if (violation) expect(violation.trace.length).toBeGreaterThan(0);
    },
  );
});
