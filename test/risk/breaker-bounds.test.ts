// The circuit breaker at its bounds, and in words: what it says to people, and what of their words it keeps.
import { describe, expect, it } from 'vitest';
import { systemActor, unproven } from '../../lib/core/actor.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../lib/core/units.ts';
import { tripCauses } from '../../lib/risk/breaker/conditions.ts';
import type { BreakerEvidence } from '../../lib/risk/breaker/evidence.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { type BreakerState, firstArmed, type TrippedState } from '../../lib/risk/breaker/state.ts';
import { transition } from '../../lib/risk/breaker/transition.ts';
import type { BreakerEvent } from '../../lib/risk/breaker/transition-types.ts';
import { EQUITY, healthyEvidence, value } from '../support/risk/healthy-evidence.ts';

const NOW_MS = 1_722_816_000_000;
const missing = { state: 'missing' } as const;
const point = (agoMs: number, equityMicroUsdt = EQUITY) => ({ atMs: NOW_MS - agoMs, equityMicroUsdt });

const healthy = healthyEvidence(NOW_MS);
const armed: BreakerState = { ...firstArmed(NOW_MS - HOUR_MS), highWaterMicroUsdt: EQUITY };
const advance = (event: BreakerEvent, state: BreakerState = armed) =>
  transition(state, event, BREAKER_LIMITS);
const tick = (over: Partial<BreakerEvidence> = {}): BreakerEvent => ({
  ...{ kind: 'tick', nowMs: NOW_MS },
  evidence: { ...healthy, ...over },
});
const causes = (
  over: Partial<BreakerEvidence>,
  { armedAtMs = NOW_MS - HOUR_MS, highWaterMicroUsdt = EQUITY as number | null } = {},
) =>
  tripCauses(
    { ...healthy, ...over },
    { nowMs: NOW_MS, limits: BREAKER_LIMITS, armedAtMs, highWaterMicroUsdt },
  ).map(({ code, message }) => `${code}: ${message}`);

describe('a condition', () => {
  it.each<[string, Partial<BreakerEvidence>]>([
    ['drawdown: equity is 20.00 % below its high-water mark', lost(0.2)],
    ['daily_loss: 9.00 % lost since 00:00 UTC', { ...lost(0.09), dayStartMicroUsdt: value(EQUITY) }],
    ['stop_hits: 6 within 45 min', { stopHitsAtMs: times(6) }],
    ['order_rejections: 3 within 15 min', { rejectionsAtMs: times(3) }],
    ['signals_stale: silent for 1200 s', { newestSignalBarMs: value(NOW_MS - 1_500_000) }],
    ['feature_mismatch: 2 mismatches', { featureMismatches: value(2) }],
    ['too_few_models: 1 loaded', { loadedModels: value(1) }],
    ['low_consensus: 25.00 % over 24 bars', { consensusFractions: value(Array(30).fill(0.25)) }],
    ['reconciliation: 4 differences stand', { reconciliationDifferences: value(4) }],
    [
      'unprotected_position: a position has had no stop for 90 s',
      { unprotectedSinceMs: value(NOW_MS - 90_000) },
    ],
    ['position_manager_silent: silent for 200 s', { positionManagerAtMs: value(NOW_MS - 200_000) }],
    ['position_manager_silent: silent for 3600 s', { positionManagerAtMs: missing }],
    ['signals_stale: silent for 3600 s', { newestSignalBarMs: missing }],
    [
      'evidence_unreadable: equity: a snapshot is not an amount',
      { snapshots: value([point(0, 0.5), point(60_000)]) },
    ],
    [
      'evidence_unreadable: equity: a snapshot is not an amount',
      { snapshots: value([point(0), point(0.5)]) },
    ],
    [
      'evidence_unreadable: equity: fewer than two snapshots since the arming',
      { snapshots: value([point(0)]) },
    ],
    ['evidence_unreadable: equity: fewer than two snapshots since the arming', { snapshots: value([]) }],
    [
      'evidence_unreadable: equity: the snapshots are not in order',
      { snapshots: value([point(9), point(8)]) },
    ],
    [
      'evidence_unreadable: equity: the snapshots are not in order',
      { snapshots: value([point(9), point(9)]) },
    ],
    [
      'evidence_unreadable: equity: the newest snapshot is in the future',
      { snapshots: value([point(-5_001), point(0)]) },
    ],
    [
      'evidence_unreadable: equity: last marked 151 s ago',
      { snapshots: value([point(151_000), point(200_000)]) },
    ],
    ['evidence_unreadable: start of day: not an amount', { dayStartMicroUsdt: value(0.5) }],
    ['evidence_unreadable: start of day: not an amount', { dayStartMicroUsdt: value(-1) }],
    ['evidence_unreadable: start of day: missing', { dayStartMicroUsdt: missing }],
    ['evidence_unreadable: equity: missing', { snapshots: missing }],
    ['evidence_unreadable: stop hits: missing', { stopHitsAtMs: missing }],
    ['evidence_unreadable: rejections: missing', { rejectionsAtMs: missing }],
    ['evidence_unreadable: reconciliation: missing', { reconciliationDifferences: missing }],
    ['evidence_unreadable: unprotected positions: missing', { unprotectedSinceMs: missing }],
    ['evidence_unreadable: feature mismatches: missing', { featureMismatches: missing }],
    ['evidence_unreadable: consensus: missing', { consensusFractions: missing }],
    [
      'evidence_unreadable: position_manager_silent: the last sign of life is in the future',
      { positionManagerAtMs: value(NOW_MS + 5_001) },
    ],
  ])('says what was seen, and trips for nothing else: %s', (line, over) => {
    expect(causes(over)).toEqual([line]);
  });

  it.each<[string, Partial<BreakerEvidence>]>([
    ['a snapshot as far ahead as clocks may be apart', { snapshots: value([point(-5_000), point(0)]) }],
    ['a snapshot of 150 s ago', { snapshots: value([point(150_000), point(151_000)]) }],
    ['a sign of life as far ahead', { positionManagerAtMs: value(NOW_MS + 5_000) }],
    ['a loss by one of two snapshots alone', { snapshots: value([point(0, 1), point(60_000)]) }],
    ['no models loaded yet', { loadedModels: missing }],
    ['consensus of as many bars as are not enough', { consensusFractions: value(Array(23).fill(0)) }],
    [
      'older bars that disagreed',
      { consensusFractions: value([...Array(24).fill(0.5), ...Array(9).fill(0)]) },
    ],
  ])('is fine with %s', (_, over) => {
    expect(causes(over)).toEqual([]);
  });

  it('judges no drawdown without a mark, and no loss of the day by marks that are no good', () => {
    expect(causes(lost(0.5), { highWaterMicroUsdt: null })).toEqual([]);
    const nothingLeft = { snapshots: value([point(1, 0), point(2, 0)]) };
    expect(causes(nothingLeft, { highWaterMicroUsdt: null })).toEqual([
      'daily_loss: 100.00 % lost since 00:00 UTC',
    ]);
    expect(causes({ snapshots: value([point(9, 1), point(8, 1)]) })).toHaveLength(1);
    expect(causes({ snapshots: { state: 'unreadable', message: 'timeout' } })).toEqual([
      'evidence_unreadable: equity: timeout',
    ]);
  });

  it('waits for what has not happened yet until it is overdue since the arming', () => {
    const nothing = {
      ...{ snapshots: value([]), dayStartMicroUsdt: missing, positionManagerAtMs: missing },
      newestSignalBarMs: missing,
    };
    expect(causes(nothing, { armedAtMs: NOW_MS - 150 * SECOND_MS })).toEqual([]);
    expect(causes(nothing, { armedAtMs: NOW_MS - 150 * SECOND_MS - 1 })).toHaveLength(3);
    expect(causes({ ...nothing, snapshots: missing }, { armedAtMs: NOW_MS - 150 * SECOND_MS })).toEqual([]);
  });

  it('counts what lies within one window, up to what may have become known late', () => {
    const minutes = (...ago: number[]) => value(ago.map((each) => NOW_MS - each * MINUTE_MS));
    expect(causes({ rejectionsAtMs: minutes(15, 7, 0) })).toHaveLength(1);
    expect(causes({ rejectionsAtMs: minutes(17.5, 10, 2.5) })).toHaveLength(1);
    expect(causes({ rejectionsAtMs: minutes(17.51, 10, 2.51) })).toEqual([]);
    expect(causes({ rejectionsAtMs: minutes(15.01, 7, 0) })).toEqual([]);
    // A time in the future is taken for now.
    expect(causes({ rejectionsAtMs: minutes(-60, -60, -60) })).toHaveLength(1);
  });
});

/** A share of the equity lost, since before this day. */
function lost(share: number): Partial<BreakerEvidence> {
  const left = EQUITY * (1 - share);
  return { snapshots: value([point(10_000, left), point(70_000, left)]), dayStartMicroUsdt: value(left) };
}

function times(count: number) {
  return value(Array.from({ length: count }, (_, index) => NOW_MS - index * SECOND_MS));
}

describe('a tick', () => {
  it('raises the high-water mark by amounts alone, and from none to the lower of two', () => {
    const raised = (state: BreakerState, ...points: ReturnType<typeof point>[]) =>
      advance(tick({ snapshots: value(points), dayStartMicroUsdt: missing }), state).current
        .highWaterMicroUsdt;
    const fresh = firstArmed(NOW_MS - MINUTE_MS);
    expect(raised(fresh, point(1, 7), point(2, 5))).toBe(5);
    expect(raised(fresh, point(1, 7))).toBeNull();
    expect(raised(fresh, point(1, 0), point(2, 0))).toBeNull();
    expect(raised(fresh, point(1, -1), point(2, 5))).toBeNull();
  });

  it('latches what could not be latched before, with what it sees itself', () => {
    const unlatched = [{ code: 'operator' as const, message: 'ada: drill' }];
    const { current } = advance({ ...tick({ featureMismatches: value(1) }), unlatched } as BreakerEvent);
    expect((current as TrippedState).causes.map(({ code }) => code)).toEqual([
      'operator',
      'feature_mismatch',
    ]);
    expect(current).toMatchObject({ epoch: armed.epoch + 1, trippedAtMs: NOW_MS, notified: false });
  });
});

describe('a trip by hand', () => {
  const trip = (name: string, reason: string, state: BreakerState = armed) =>
    advance({ kind: 'trip', nowMs: NOW_MS, operator: unproven(name), reason }, state);

  it('needs neither name nor reason', () => {
    const { current, effects } = trip('  ', ' \n');
    expect((current as TrippedState).causes).toEqual([
      { code: 'operator', message: 'unnamed (not proven): no reason given' },
    ]);
    expect(effects).toContainEqual({
      ...{ kind: 'audit', key: '2#tripped', what: 'tripped', by: { name: 'unnamed', proven: false } },
      message: 'operator: unnamed (not proven): no reason given',
    });
  });

  it('keeps as much of name, reason and causes as a record holds', () => {
    const { current, effects } = trip(` ${'n'.repeat(200)} `, ` ${'r'.repeat(2_000)} `);
    const { message } = (current as TrippedState).causes[0]!;
    expect(message).toBe(`${'n'.repeat(90)} (not proven): ${'r'.repeat(500)}`);
    const long = (code: 'drawdown' | 'daily_loss') => ({ code, message: 'c'.repeat(900) });
    const state = { ...current, causes: [long('drawdown'), long('daily_loss')] } as TrippedState;
    const again = trip('ada', 'more', state);
    const audit = again.effects.find(({ kind }) => kind === 'audit');
    expect(audit).toMatchObject({ message: expect.stringMatching(/^drawdown: c{900}; daily_loss: c+$/) });
    expect((audit as { message: string }).message).toHaveLength(1_000);
    expect(effects.at(-1)).toMatchObject({
      ...{ kind: 'notify', epoch: 2, text: expect.stringMatching(/^Circuit breaker tripped\. operator: n/) },
    });
  });

  it('of what is tripped already changes neither when nor the epoch', () => {
    const first = trip('ada', 'one').current;
    const later = advance(
      { kind: 'trip', nowMs: NOW_MS + HOUR_MS, operator: unproven('ada'), reason: 'two' },
      first,
    ).current;
    expect(later).toEqual({ ...first, revision: first.revision + 1 });
  });
});

describe('a notification', () => {
  it('of what is armed again, or of another trip, is no matter', () => {
    for (const [state, epoch] of [
      [armed, armed.epoch],
      [advance(tick({ featureMismatches: value(1) })).current, 99],
    ] as const)
      expect(advance({ kind: 'notified', epoch }, state)).toEqual({
        ...{ previous: state, current: state, effects: [], refusal: undefined },
      });
  });

  it('of this trip is written down, without a lease', () => {
    const tripped = advance(tick({ featureMismatches: value(1) })).current;
    const { current, effects } = advance({ kind: 'notified', epoch: tripped.epoch }, tripped);
    expect(current).toEqual({ ...tripped, notified: true, revision: tripped.revision + 1 });
    expect(effects).toEqual([{ kind: 'write_state', leaseUntilMs: undefined }]);
  });
});

describe('a reset', () => {
  const trippedAtMs = NOW_MS - HOUR_MS;
  const tripped: TrippedState = {
    ...{
      latch: 'TRIPPED',
      revision: 7,
      epoch: 4,
      armedAtMs: NOW_MS - 2 * HOUR_MS,
      highWaterMicroUsdt: EQUITY,
    },
    ...{ trippedAtMs, causes: [{ code: 'operator', message: 'drill' }], notified: true, resetRequest: null },
  };
  const requestedAt = (atMs: number): TrippedState => ({
    ...tripped,
    resetRequest: { operator: unproven('ada'), reason: 'the drill is over', atMs },
  });
  const approve = (state: BreakerState, over: { name?: string; evidence?: Partial<BreakerEvidence> } = {}) =>
    advance(
      {
        ...{ kind: 'reset_approved', nowMs: NOW_MS, operator: unproven(over.name ?? 'grace') },
        evidence: { ...healthy, ...over.evidence },
      },
      state,
    );

  it('is asked for in words that are kept, trimmed and cut, and are on record', () => {
    const { current, effects } = advance(
      {
        ...{ kind: 'reset_requested', nowMs: NOW_MS },
        operator: unproven(` ${'n'.repeat(99)} `),
        reason: ` ${'r'.repeat(600)} `,
      },
      tripped,
    );
    const operator = unproven('n'.repeat(90));
    const reason = 'r'.repeat(500);
    expect(current).toEqual({ ...tripped, revision: 8, resetRequest: { operator, reason, atMs: NOW_MS } });
    expect(effects).toEqual([
      { kind: 'write_state', leaseUntilMs: undefined },
      {
        ...{ kind: 'audit', key: `4#reset_requested#${NOW_MS}`, what: 'reset_requested', by: operator },
        message: reason,
      },
    ]);
  });

  it('is good for an hour after it was asked for, to the millisecond, and at once', () => {
    for (const agoMs of [0, HOUR_MS])
      expect(approve(requestedAt(NOW_MS - agoMs)).current.latch).toBe('ARMED');
    for (const agoMs of [-1, HOUR_MS + 1])
      expect(approve(requestedAt(NOW_MS - agoMs)).refusal?.code).toBe('no_request');
  });

  it('tells who has reset it, and begins anew from the equity of now', () => {
    const left = EQUITY / 2;
    const { current, effects } = approve(requestedAt(NOW_MS), { evidence: lost(0.5) });
    expect(current).toEqual({
      ...{ latch: 'ARMED', revision: 8, epoch: 5, armedAtMs: NOW_MS, highWaterMicroUsdt: left },
    });
    expect(effects).toEqual([
      { kind: 'write_state', leaseUntilMs: undefined },
      {
        ...{ kind: 'audit', key: '5#reset', what: 'reset', by: unproven('ada and grace') },
        message: 'the drill is over',
      },
      {
        ...{ kind: 'notify', epoch: 5 },
        text: 'Circuit breaker reset by ada (not proven) and grace (not proven). the drill is over',
      },
    ]);
  });

  it('says which cause still stands', () => {
    expect(approve(requestedAt(NOW_MS), { evidence: { featureMismatches: value(1) } }).refusal).toEqual({
      ...{ code: 'cause_not_cleared', message: 'feature_mismatch: 1 mismatches' },
    });
  });

  it('is audited as the breaker when it trips by itself', () => {
    const { effects } = advance(tick({ featureMismatches: value(1) }));
    expect(effects[0]).toEqual({ kind: 'write_state', leaseUntilMs: NOW_MS + 150_000 });
    expect(effects[2]).toMatchObject({ by: systemActor('circuit-breaker') });
  });
});
