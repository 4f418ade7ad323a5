import { describe, expect, it } from 'vitest';
import { systemActor, unproven } from '../../lib/core/actor.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../lib/core/units.ts';
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
import type { TripCauseCode } from '../../lib/risk/breaker/trip-causes.ts';
import { EQUITY, healthyEvidence, value } from '../support/risk/healthy-evidence.ts';

const NOW_MS = 1_722_816_000_000;

const snapshots = (newest: number, before = newest) =>
  value([
    { atMs: NOW_MS - 10_000, equityMicroUsdt: newest },
    { atMs: NOW_MS - 70_000, equityMicroUsdt: before },
  ]);
const healthy: BreakerEvidence = {
  ...healthyEvidence(NOW_MS),
  consensusFractions: value(Array.from({ length: 24 }, () => 0.8)),
};
const armed: BreakerState = { ...firstArmed(NOW_MS - HOUR_MS), highWaterMicroUsdt: EQUITY };

const tick = (over: Partial<BreakerEvidence> = {}, nowMs = NOW_MS): BreakerEvent => ({
  kind: 'tick',
  nowMs,
  evidence: { ...healthy, ...over },
});
const advance = (event: BreakerEvent, state: BreakerState = armed) =>
  transition(state, event, BREAKER_LIMITS);
const causesOf = (state: BreakerState): TripCauseCode[] =>
  state.latch === 'TRIPPED' ? state.causes.map((found) => found.code) : [];

describe('a tick', () => {
  it('stays armed on healthy evidence, and does nothing but write its state and renew the lease', () => {
    const { current, effects } = advance(tick());
    expect(current).toEqual({ ...armed, revision: 1 });
    expect(effects).toEqual([{ kind: 'write_state', leaseUntilMs: NOW_MS + 150_000 }]);
  });

  const ago = (minutes: number) => NOW_MS - minutes * MINUTE_MS;
  const fine: [string, Partial<BreakerEvidence>][] = [
    [
      '11.99 % below the high-water mark',
      { snapshots: snapshots(8_801_000_000), dayStartMicroUsdt: value(8_801_000_000) },
    ],
    ['7.99 % lost today', { snapshots: snapshots(9_201_000_000) }],
    ['4 stops within 45 min, one before', { stopHitsAtMs: value([46, 40, 30, 20, 0.9].map(ago)) }],
    ['signals of the bar before last', { newestSignalBarMs: value(NOW_MS - 15 * MINUTE_MS) }],
    ['two models', { loadedModels: value(2) }],
    ['consensus of 50 %', { consensusFractions: value(Array.from({ length: 24 }, () => 0.5)) }],
    ['low consensus over 23 bars', { consensusFractions: value(Array.from({ length: 23 }, () => 0.1)) }],
    ['2 rejections within 15 min, one before', { rejectionsAtMs: value([16, 10, 0.9].map(ago)) }],
    ['3 rejections within 15 min, long ago', { rejectionsAtMs: value([18, 17.9, 17.6].map(ago)) }],
    ['a position unprotected for 60 s', { unprotectedSinceMs: value(NOW_MS - MINUTE_MS) }],
    ['a guard seen 150 s ago', { positionManagerAtMs: value(NOW_MS - 150_000) }],
    ['one bad mark', { snapshots: snapshots(1, EQUITY) }],
    ['one bad mark, followed by a good one', { snapshots: snapshots(EQUITY, 1) }],
  ];
  it.each(fine)('stays armed at %s', (_name, over) => {
    expect(causesOf(advance(tick(over)).current)).toEqual([]);
  });

  const tripping: [TripCauseCode, string, Partial<BreakerEvidence>][] = [
    [
      'drawdown',
      '12 % below',
      { snapshots: snapshots(8_800_000_000), dayStartMicroUsdt: value(8_800_000_000) },
    ],
    ['daily_loss', '8 % lost', { snapshots: snapshots(9_200_000_000) }],
    ['stop_hits', '5 within 45 min', { stopHitsAtMs: value([45, 40, 30, 20, 1].map(ago)) }],
    ['signals_stale', 'two bars missed', { newestSignalBarMs: value(NOW_MS - 16 * MINUTE_MS - 1) }],
    ['signals_stale', 'none for an hour', { newestSignalBarMs: { state: 'missing' } }],
    ['feature_mismatch', 'one', { featureMismatches: value(1) }],
    ['too_few_models', 'one left', { loadedModels: value(1) }],
    ['low_consensus', '49 %', { consensusFractions: value(Array.from({ length: 24 }, () => 0.49)) }],
    ['order_rejections', '3 within 15 min', { rejectionsAtMs: value([15, 10, 1].map(ago)) }],
    // Between two ticks a third one came and the first grew too old.
    ['stop_hits', '5 within 45 min, a while ago', { stopHitsAtMs: value([46.5, 40, 30, 20, 1.6].map(ago)) }],
    ['order_rejections', '3 within 15 min, a while ago', { rejectionsAtMs: value([16, 10, 1.1].map(ago)) }],
    ['order_rejections', 'one in the future', { rejectionsAtMs: value([14, 10, -99].map(ago)) }],
    ['reconciliation', 'one difference', { reconciliationDifferences: value(1) }],
    ['unprotected_position', 'over 60 s', { unprotectedSinceMs: value(NOW_MS - 60_001) }],
    ['position_manager_silent', 'over 150 s', { positionManagerAtMs: value(NOW_MS - 150_001) }],
    ['position_manager_silent', 'never seen', { positionManagerAtMs: { state: 'missing' } }],
    [
      'stop_hits',
      'times that are no numbers',
      { stopHitsAtMs: value(Array.from({ length: 5 }, () => Number.NaN)) },
    ],
    ['too_few_models', 'no number', { loadedModels: value(Number.NaN) }],
    [
      'low_consensus',
      'a hole in it',
      { consensusFractions: value(Array.from({ length: 24 }, () => Number.NaN)) },
    ],
    ['reconciliation', 'no number', { reconciliationDifferences: value(Number.NaN) }],
    ['unprotected_position', 'no number', { unprotectedSinceMs: value(Number.NaN) }],
    ['evidence_unreadable', 'a mark is no amount', { snapshots: snapshots(Number.NaN, EQUITY) }],
    ['evidence_unreadable', 'marks missing for an hour', { snapshots: { state: 'missing' } }],
    [
      'evidence_unreadable',
      'one mark in an hour',
      { snapshots: value([{ atMs: NOW_MS, equityMicroUsdt: EQUITY }]) },
    ],
    [
      'evidence_unreadable',
      'the same mark twice',
      {
        snapshots: value([
          { atMs: NOW_MS, equityMicroUsdt: 1 },
          { atMs: NOW_MS, equityMicroUsdt: 1 },
        ]),
      },
    ],
    ['evidence_unreadable', 'day start of zero', { dayStartMicroUsdt: value(0) }],
    ['evidence_unreadable', 'a guard from the future', { positionManagerAtMs: value(NOW_MS + MINUTE_MS) }],
    ['evidence_unreadable', 'signals from the future', { newestSignalBarMs: value(NOW_MS + MINUTE_MS) }],
  ];
  it.each(tripping)('trips for %s: %s', (code, _name, over) => {
    const { current } = advance(tick(over));
    expect(causesOf(current)).toEqual([code]);
    expect(current.epoch).toBe(armed.epoch + 1);
  });

  it.each(Object.keys(healthy) as (keyof BreakerEvidence)[])('trips when %s is unreadable', (key) => {
    const { current } = advance(tick({ [key]: { state: 'unreadable', message: 'ThrottlingException' } }));
    expect(causesOf(current)).toEqual(['evidence_unreadable']);
    expect(breakerStateSchema.parse(current)).toEqual(current);
  });

  it('trips on marks as old as a silent guard, though the guard says it is alive', () => {
    const old = [150_001, 210_000].map((ms) => ({ atMs: NOW_MS - ms, equityMicroUsdt: EQUITY }));
    expect(causesOf(advance(tick({ snapshots: value(old) })).current)).toEqual(['evidence_unreadable']);
  });
  it('trips when the clock is not a number', () => {
    expect(advance(tick({}, Number.NaN)).current.latch).toBe('TRIPPED');
  });

  const nothingYet: Partial<BreakerEvidence> = {
    snapshots: { state: 'missing' },
    dayStartMicroUsdt: { state: 'missing' },
    newestSignalBarMs: { state: 'missing' },
    loadedModels: { state: 'missing' },
    consensusFractions: value([]),
    positionManagerAtMs: { state: 'missing' },
  };
  it('gives a system that has just been armed the time to start, and no more', () => {
    const fresh = firstArmed(NOW_MS - 150_000);
    expect(causesOf(advance(tick(nothingYet), fresh).current)).toEqual([]);
    const late = advance(tick(nothingYet, NOW_MS + 1), fresh).current;
    expect(causesOf(late)).toEqual(['evidence_unreadable', 'position_manager_silent']);
    const { newestSignalBarMs, loadedModels } = { ...healthy, ...nothingYet };
    const withoutSignals = tick({ newestSignalBarMs, loadedModels });
    expect(causesOf(advance(withoutSignals, firstArmed(NOW_MS - 11 * MINUTE_MS)).current)).toEqual([]);
    expect(causesOf(advance(withoutSignals, firstArmed(NOW_MS - 11 * MINUTE_MS - 1)).current)).toEqual([
      'signals_stale',
    ]);
  });

  it('raises the high-water mark by the lower of two marks, and never lowers it', () => {
    const highWater = (newest: number, before: number) =>
      advance(tick({ snapshots: snapshots(newest, before) })).current.highWaterMicroUsdt;
    expect(highWater(12_000_000_000, 11_000_000_000)).toBe(11_000_000_000);
    expect(highWater(90_000_000_000, EQUITY)).toBe(EQUITY);
    expect(highWater(9_900_000_000, 9_900_000_000)).toBe(EQUITY);
  });
});

describe('a tripped breaker', () => {
  const { current: tripped } = advance(tick({ reconciliationDifferences: value(2) }));

  it('closes latch, flags, audit and notification, in this order', () => {
    const { effects } = advance(tick({ reconciliationDifferences: value(2) }));
    expect(effects.map((effect) => effect.kind)).toEqual(['write_state', 'close_flags', 'audit', 'notify']);
    expect(effects[2]).toMatchObject({
      key: '2#tripped',
      by: systemActor('circuit-breaker'),
      message: 'reconciliation: 2 differences stand',
    });
  });
  it('asserts all of it again at every tick, and stops notifying once people were told', () => {
    const again = advance(tick(), tripped);
    expect(again.current).toEqual({ ...tripped, revision: tripped.revision + 1 });
    expect(again.effects.map((effect) => effect.kind)).toEqual([
      'write_state',
      'close_flags',
      'audit',
      'notify',
    ]);
    const told = advance({ kind: 'notified', epoch: tripped.epoch }, again.current).current;
    expect(advance(tick(), told).effects.map((effect) => effect.kind)).toEqual([
      'write_state',
      'close_flags',
      'audit',
    ]);
  });
  it('does not take the notification of an earlier trip for its own', () => {
    expect(advance({ kind: 'notified', epoch: tripped.epoch - 1 }, tripped).current).toEqual(tripped);
  });
  it('is still tripped the day after, all being well', () => {
    const dayAfter = NOW_MS + DAY_MS;
    expect(advance(tick({}, dayAfter), tripped).current.latch).toBe('TRIPPED');
  });
  it('collects causes that come up later, one per code', () => {
    const later = advance(
      tick({ featureMismatches: value(1), reconciliationDifferences: value(9) }),
      tripped,
    ).current;
    expect(later.latch === 'TRIPPED' && later.causes).toEqual([
      { code: 'reconciliation', message: '2 differences stand' },
      { code: 'feature_mismatch', message: '1 mismatches' },
    ]);
    expect(later.epoch).toBe(tripped.epoch);
  });
  it('is tripped by an operator, without renewing the lease of a breaker that may be dead', () => {
    const { current, effects } = advance({
      kind: 'trip',
      nowMs: NOW_MS,
      operator: unproven('ada'),
      reason: 'drill',
    });
    expect(current).toMatchObject({
      latch: 'TRIPPED',
      causes: [{ code: 'operator', message: 'ada (not proven): drill' }],
    });
    expect(effects[0]).toEqual({ kind: 'write_state', leaseUntilMs: undefined });
  });
  it('stands in for a lost state with an epoch above any that was counted', () => {
    expect(lostState(NOW_MS)).toMatchObject({ latch: 'TRIPPED', epoch: NOW_MS });
  });
});

describe('a reset', () => {
  const cooled = NOW_MS + BREAKER_LIMITS.cooldownMs;
  const moved = (evidence: Partial<BreakerEvidence> = {}): BreakerEvidence => ({
    ...healthy,
    snapshots: value([
      { atMs: cooled - 10_000, equityMicroUsdt: 8_000_000_000 },
      { atMs: cooled - 70_000, equityMicroUsdt: 8_100_000_000 },
    ]),
    dayStartMicroUsdt: value(8_100_000_000),
    newestSignalBarMs: value(cooled - 600_000),
    positionManagerAtMs: value(cooled - 20_000),
    ...evidence,
  });
  const tripped = advance(
    tick({ snapshots: snapshots(8_000_000_000), dayStartMicroUsdt: value(8_100_000_000) }),
  ).current;
  const request = (over: Partial<Extract<BreakerEvent, { kind: 'reset_requested' }>> = {}): BreakerEvent => ({
    kind: 'reset_requested',
    nowMs: cooled - MINUTE_MS,
    operator: unproven('ada'),
    reason: 'position closed by hand',
    ...over,
  });
  const approval = (over: Partial<Extract<BreakerEvent, { kind: 'reset_approved' }>> = {}): BreakerEvent => ({
    kind: 'reset_approved',
    nowMs: cooled,
    operator: unproven('grace'),
    evidence: moved(),
    ...over,
  });
  const requested = advance(request(), tripped).current;

  it('takes two operators, a reason and the cooldown, and sets a new high-water mark', () => {
    const { current, effects, refusal } = advance(approval(), requested);
    expect(refusal).toBeUndefined();
    expect(current).toEqual({
      latch: 'ARMED',
      revision: requested.revision + 1,
      epoch: tripped.epoch + 1,
      armedAtMs: cooled,
      highWaterMicroUsdt: 8_000_000_000,
    });
    expect(effects.map((effect) => effect.kind)).toEqual(['write_state', 'audit', 'notify']);
    // Whether the circuit breaker is alive only its own tick says.
    expect(effects[0]).toEqual({ kind: 'write_state', leaseUntilMs: undefined });
    expect(effects[1]).toMatchObject({
      what: 'reset',
      by: unproven('ada and grace'),
      message: 'position closed by hand',
    });
    expect(advance(tick(moved(), cooled), current).current.latch).toBe('ARMED');
  });

  const refusals: [string, BreakerState, BreakerEvent][] = [
    ['not_tripped', armed, request()],
    ['not_tripped', armed, approval()],
    ['operator_missing', tripped, request({ operator: unproven('  ') })],
    ['reason_missing', tripped, request({ reason: '\n ' })],
    ['operator_missing', requested, approval({ operator: unproven('') })],
    ['no_request', tripped, approval()],
    ['no_request', requested, approval({ nowMs: cooled - MINUTE_MS + 3_600_001 })],
    ['no_request', requested, approval({ nowMs: cooled - 60_001 })],
    ['no_request', requested, approval({ nowMs: Number.NaN })],
    ['same_operator', requested, approval({ operator: unproven('ada') })],
    ['same_operator', requested, approval({ operator: unproven(' Ada ') })],
    ['same_operator', requested, approval({ operator: { name: 'ADA', proven: true } })],
    ['operator_unproven', requested, approval({ operator: { name: 'grace', proven: true } })],
    ['cooling_down', requested, approval({ nowMs: cooled - 1 })],
    ['cause_not_cleared', requested, approval({ evidence: moved({ reconciliationDifferences: value(1) }) })],
    ['cause_not_cleared', requested, approval({ evidence: moved({ snapshots: { state: 'missing' } }) })],
    ['cause_not_cleared', requested, approval({ evidence: moved({ dayStartMicroUsdt: value(EQUITY) }) })],
    [
      'cause_not_cleared',
      requested,
      approval({ evidence: moved({ positionManagerAtMs: { state: 'unreadable', message: 'x' } }) }),
    ],
  ];
  it.each(refusals)('is refused: %s', (code, state, event) => {
    const { previous, current, effects, refusal } = advance(event, state);
    expect(refusal?.code).toBe(code);
    expect(current).toEqual(previous);
    expect(effects).toEqual([]);
  });

  it('does not carry a request over to the next trip', () => {
    const rearmed = advance(approval(), requested).current;
    const again = advance(
      { kind: 'trip', nowMs: cooled, operator: unproven('x'), reason: 'y' },
      rearmed,
    ).current;
    expect(again).toMatchObject({ latch: 'TRIPPED', resetRequest: null, notified: false });
  });
});
