// Whatever happens in whatever order, the rollout climbs only with everything in hand, and any breach lowers it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HOUR_MS } from '../../lib/core/units.ts';
import {
  initialRollout,
  LEVELS,
  type RolloutState,
  rolloutStateSchema,
  SIGN_OFF_ROLES,
} from '../../lib/risk/level.ts';
import { type RolloutEvent, transitionRollout } from '../../lib/rollout/transition-rollout.ts';

const HOURS_BEFORE_NEXT = { PAPER: 24, HOUR_1_6: 6, HOUR_6_24: 18, FULL: Number.POSITIVE_INFINITY };
const height = (state: RolloutState) => LEVELS.indexOf(state.level);

/** Mostly sane times, so that climbs happen; the rest is garbage. */
const time = fc.oneof(
  { weight: 30, arbitrary: fc.constant('now' as const) },
  { weight: 4, arbitrary: fc.integer({ min: -50 * HOUR_MS, max: 50 * HOUR_MS }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0.5) },
);
const operator = fc.record({
  name: fc.constantFrom('ada', ' Ada', 'bob', 'bob', 'eve', ''),
  proven: fc.integer({ min: 0, max: 29 }).map((roll) => roll > 0),
});
const verdict = fc.constantFrom('GO' as const, 'GO' as const, 'GO' as const, 'NO_GO' as const);
const happening = fc.record({
  waitMs: fc.constantFrom(0, HOUR_MS, 18 * HOUR_MS, 25 * HOUR_MS),
  kind: fc.constantFrom('climb', 'climb', 'climb', 'climb', 'sign_off', 'advance', 'breach', 'step_down'),
  role: fc.constantFrom(...SIGN_OFF_ROLES),
  operators: fc.tuple(operator, operator),
  at: time,
  decidedAt: time,
  verdict,
  hasDecision: fc.integer({ min: 0, max: 5 }).map((roll) => roll > 0),
});
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

function eventsOf(seen: Happening, nowMs: number): RolloutEvent[] {
  const resolve = (at: 'now' | number) => (at === 'now' ? nowMs : nowMs + at);
  const atMs = resolve(seen.at);
  const advance: RolloutEvent = {
    kind: 'advance',
    atMs,
    decision: seen.hasDecision ? { verdict: seen.verdict, decidedAtMs: resolve(seen.decidedAt) } : undefined,
  };
  const [first, second] = seen.operators;
  if (seen.kind === 'advance') return [advance];
  if (seen.kind === 'breach' || seen.kind === 'step_down') return [{ kind: seen.kind, atMs }];
  if (seen.kind === 'sign_off') return [{ kind: 'sign_off', role: seen.role, operator: first, atMs }];
  return [
    { kind: 'sign_off', role: 'technical_lead', operator: first, atMs },
    { kind: 'sign_off', role: 'risk_manager', operator: second, atMs },
    advance,
  ];
}

function checkClimb(state: RolloutState, event: RolloutEvent): void {
  if (event.kind !== 'advance') throw new Error(`climbed by ${event.kind}`);
  expect(event.atMs - state.enteredAtMs).toBeGreaterThanOrEqual(HOURS_BEFORE_NEXT[state.level] * HOUR_MS);
  expect(event.decision?.verdict).toBe('GO');
  expect(event.decision!.decidedAtMs).toBeGreaterThanOrEqual(state.enteredAtMs);
  expect(event.decision!.decidedAtMs).toBeLessThanOrEqual(event.atMs);
  const { technical_lead, risk_manager } = state.signOffs;
  const personOf = ({ operator }: NonNullable<typeof technical_lead>) => operator.name.trim().toLowerCase();
  expect(personOf(technical_lead!)).not.toBe(personOf(risk_manager!));
  expect(technical_lead!.operator.proven).toBe(risk_manager!.operator.proven);
  for (const made of [technical_lead!, risk_manager!]) {
    expect(made.operator.name.trim()).not.toBe('');
    expect(made.atMs).toBeGreaterThanOrEqual(state.enteredAtMs);
    expect(made.atMs).toBeLessThanOrEqual(event.atMs);
  }
}

describe('rollout', () => {
  it('climbs by one with time, a fresh GO and two people, or not at all; every breach lowers; always storable', () => {
    let climbs = 0;
    let falls = 0;
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 40 }), (happenings) => {
        let nowMs = Date.UTC(2024, 7, 1);
        let state = initialRollout(nowMs);
        for (const seen of happenings) {
          nowMs += seen.waitMs;
          for (const event of eventsOf(seen, nowMs)) {
            const { previous, current, outcome, denials } = transitionRollout(state, event);
            expect(previous).toBe(state);
            expect(rolloutStateSchema.safeParse(current).success).toBe(true);
            expect(denials.length > 0).toBe(outcome === 'denied');
            if (outcome === 'denied') expect(current).toBe(state);
            const step = height(current) - height(state);
            expect(step).toBeLessThanOrEqual(1);
            if (step > 0) {
              checkClimb(state, event);
              climbs++;
            }
            if (event.kind === 'breach' || event.kind === 'step_down') {
              expect(height(current)).toBe(Math.max(0, height(state) - 1));
              expect(current.signOffs).toEqual({ technical_lead: null, risk_manager: null });
              falls += step < 0 ? 1 : 0;
            } else expect(step).toBeGreaterThanOrEqual(0);
            state = current;
          }
        }
      }),
      { numRuns: 1000, seed: 20240801 },
    );
    // The law was tried, not only vacuously true.
    expect(climbs).toBeGreaterThan(50);
    expect(falls).toBeGreaterThan(50);
  });
});
