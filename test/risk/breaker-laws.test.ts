// Laws of the breaker: total, latched, monotonic; and closed unless every piece of evidence is proven fine.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unproven } from '../../lib/core/actor.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import type { BreakerEvidence } from '../../lib/risk/breaker/evidence.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import {
  type BreakerState,
  breakerStateSchema,
  firstArmed,
  lostState,
} from '../../lib/risk/breaker/state.ts';
import { transition } from '../../lib/risk/breaker/transition.ts';
import type { BreakerEvent } from '../../lib/risk/breaker/transition-types.ts';
import { healthyEvidence } from '../support/risk/healthy-evidence.ts';

const START_MS = 1_722_816_000_000;
const timeMs = fc.integer({ min: START_MS - 7_200_000, max: START_MS + 7_200_000 });
const wildNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  timeMs,
  fc.constantFrom(Number.NaN, Infinity, -Infinity, 0),
);
const reading = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 8, arbitrary: value.map((read) => ({ state: 'value' as const, value: read })) },
    fc.constant({ state: 'missing' as const }),
    fc.string().map((message) => ({ state: 'unreadable' as const, message })),
  );
const wildEvidence: fc.Arbitrary<BreakerEvidence> = fc.record({
  snapshots: reading(
    fc.array(fc.record({ atMs: wildNumber, equityMicroUsdt: wildNumber }), { maxLength: 3 }),
  ),
  dayStartMicroUsdt: reading(wildNumber),
  stopHitsAtMs: reading(fc.array(wildNumber, { maxLength: 6 })),
  newestSignalBarMs: reading(wildNumber),
  featureMismatches: reading(wildNumber),
  loadedModels: reading(wildNumber),
  consensusFractions: reading(fc.array(wildNumber, { maxLength: 26 })),
  rejectionsAtMs: reading(fc.array(wildNumber, { maxLength: 4 })),
  reconciliationDifferences: reading(wildNumber),
  unprotectedSinceMs: reading(fc.option(wildNumber)),
  positionManagerAtMs: reading(wildNumber),
});
const operator = fc.record({
  name: fc.constantFrom('ada', 'grace', 'ADA', '', ' '),
  proven: fc.constantFrom(true, true, false),
});
const event = fc.oneof(
  fc.record({ kind: fc.constant('tick' as const), nowMs: timeMs, evidence: wildEvidence }),
  timeMs.map((nowMs) => ({ kind: 'tick' as const, nowMs, evidence: healthyEvidence(nowMs) })),
  fc.record({ kind: fc.constant('trip' as const), nowMs: timeMs, operator, reason: fc.string() }),
  fc.record({ kind: fc.constant('notified' as const), epoch: fc.integer({ min: 0, max: 9 }) }),
  fc.record({
    kind: fc.constant('reset_requested' as const),
    nowMs: timeMs,
    operator,
    reason: fc.constantFrom('', 'why'),
  }),
  fc.tuple(timeMs, operator).map(([nowMs, by]) => ({
    kind: 'reset_approved' as const,
    nowMs,
    operator: by,
    evidence: healthyEvidence(nowMs),
  })),
  fc.record({
    kind: fc.constant('reset_approved' as const),
    nowMs: timeMs,
    operator,
    evidence: wildEvidence,
  }),
);
const start = fc.constantFrom<BreakerState>(firstArmed(START_MS), lostState(START_MS - HOUR_MS));

describe('the breaker', () => {
  it('is total, latched and monotonic over any sequence of events', () => {
    let resets = 0;
    fc.assert(
      fc.property(start, fc.array(event, { maxLength: 40, size: 'max' }), (initial, events) => {
        let state = initial;
        for (const next of events as BreakerEvent[]) {
          const { previous, current, effects, refusal } = transition(state, next, BREAKER_LIMITS);
          expect(previous).toBe(state);
          expect(breakerStateSchema.safeParse(current).success).toBe(true);
          expect(current.epoch - previous.epoch).toBe(current.latch === previous.latch ? 0 : 1);
          expect(effects.length === 0 || effects[0]!.kind === 'write_state').toBe(true);
          if (previous.latch === 'TRIPPED' && current.latch === 'ARMED') {
            resets++;
            expect(next.kind).toBe('reset_approved');
            expect(previous.resetRequest?.reason).toBe('why');
            const by = 'operator' in next ? next.operator : unproven('');
            const asked = previous.resetRequest!.operator;
            expect(['ada', 'grace']).toContain(by.name.trim().toLowerCase());
            expect(asked.name.toLowerCase()).not.toBe(by.name.trim().toLowerCase());
            expect(asked.proven).toBe(by.proven);
            expect('nowMs' in next && next.nowMs - previous.trippedAtMs).toBeGreaterThanOrEqual(
              BREAKER_LIMITS.cooldownMs,
            );
          }
          if (current.latch === 'TRIPPED' && (next.kind === 'tick' || next.kind === 'trip')) {
            expect(effects.some((effect) => effect.kind === 'close_flags')).toBe(true);
            expect(current.causes.length).toBeGreaterThan(0);
          }
          if (refusal !== undefined) expect(current).toEqual(previous);
          state = current;
        }
      }),
      { numRuns: 2_000 },
    );
    expect(resets).toBeGreaterThan(0);
  });

  it('does the same again when a tick is repeated on the state that it left', () => {
    fc.assert(
      fc.property(start, timeMs, wildEvidence, (initial, nowMs, evidence) => {
        const tick: BreakerEvent = { kind: 'tick', nowMs, evidence };
        const once = transition(initial, tick, BREAKER_LIMITS);
        const twice = transition(once.current, tick, BREAKER_LIMITS);
        expect({ ...twice.current, revision: 0 }).toEqual({ ...once.current, revision: 0 });
        expect(twice.effects).toEqual(once.effects);
      }),
      { numRuns: 500 },
    );
  });

  it('stays armed on no evidence with an unreadable part', () => {
    const parts = Object.keys(healthyEvidence(START_MS)) as (keyof BreakerEvidence)[];
    fc.assert(
      fc.property(fc.subarray(parts, { minLength: 1 }), (broken) => {
        const evidence = { ...healthyEvidence(START_MS) };
        for (const part of broken) Object.assign(evidence, { [part]: { state: 'unreadable', message: 'x' } });
        const tick: BreakerEvent = { kind: 'tick', nowMs: START_MS, evidence };
        expect(transition(firstArmed(START_MS), tick, BREAKER_LIMITS).current.latch).toBe('TRIPPED');
      }),
    );
  });
});
