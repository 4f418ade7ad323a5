// The rollout at its bounds: how old a GO or a signature may be, who may sign beside whom, and what a step leaves behind.
import { describe, expect, it } from 'vitest';
import { type Actor, unproven } from '../../lib/core/actor.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import { initialRollout, type RolloutState } from '../../lib/risk/level.ts';
import { type RolloutEvent, transitionRollout } from '../../lib/rollout/transition-rollout.ts';

const START_MS = Date.UTC(2024, 7, 1);
const NOW_MS = START_MS + 48 * HOUR_MS;
const proven = (name: string): Actor => ({ name, proven: true });

interface Signed {
  readonly lead?: Actor;
  readonly manager?: Actor;
  readonly leadAtMs?: number;
  readonly managerAtMs?: number;
}

const paper = ({ lead, manager, leadAtMs = NOW_MS, managerAtMs = NOW_MS }: Signed = {}): RolloutState => ({
  ...initialRollout(START_MS),
  signOffs: {
    technical_lead: lead === undefined ? null : { operator: lead, atMs: leadAtMs },
    risk_manager: manager === undefined ? null : { operator: manager, atMs: managerAtMs },
  },
});
const BOTH = { lead: unproven('ada'), manager: unproven('bob') };
const advance = (state: RolloutState, decidedAtMs = NOW_MS) =>
  transitionRollout(state, { kind: 'advance', atMs: NOW_MS, decision: { verdict: 'GO', decidedAtMs } });
const sign = (state: RolloutState, operator: Actor, atMs = NOW_MS, role = 'technical_lead' as const) =>
  transitionRollout(state, { kind: 'sign_off', role, operator, atMs });

describe('a step up', () => {
  it('takes a GO of two hours ago and signatures of a day ago, to the millisecond', () => {
    const day = NOW_MS - 24 * HOUR_MS;
    const state = paper({ ...BOTH, leadAtMs: day, managerAtMs: day });
    expect(advance(state, NOW_MS - 2 * HOUR_MS)).toEqual({
      ...{ previous: state, outcome: 'advanced', denials: [] },
      current: { ...initialRollout(NOW_MS), level: 'HOUR_1_6' },
    });
  });

  it.each<[string, Signed, string]>([
    [
      'an old signature of the lead',
      { ...BOTH, leadAtMs: NOW_MS - 24 * HOUR_MS - 1 },
      'technical_lead_missing',
    ],
    [
      'an old one of the manager',
      { ...BOTH, managerAtMs: NOW_MS - 24 * HOUR_MS - 1 },
      'risk_manager_missing',
    ],
    ['a signature of tomorrow', { ...BOTH, leadAtMs: NOW_MS + 1 }, 'technical_lead_missing'],
    ['no signature of the lead', { manager: BOTH.manager }, 'technical_lead_missing'],
    ['no signature of the manager', { lead: BOTH.lead }, 'risk_manager_missing'],
    ['one person twice', { lead: unproven('ada'), manager: unproven('Ada ') }, 'same_identity'],
    [
      'a proven name beside a typed one',
      { lead: proven('ada'), manager: unproven('bob') },
      'operator_unproven',
    ],
    [
      'a typed name beside a proven one',
      { lead: unproven('ada'), manager: proven('bob') },
      'operator_unproven',
    ],
  ])('is denied for %s, and for nothing else', (_, signed, denial) => {
    const state = paper(signed);
    expect(advance(state)).toEqual({
      ...{ previous: state, current: state, outcome: 'denied', denials: [denial] },
    });
  });

  it('is possible for two proven people', () => {
    expect(advance(paper({ lead: proven('ada'), manager: proven('bob') })).outcome).toBe('advanced');
  });

  it('takes what was decided and signed in the moment in which the level began, not before', () => {
    const begun = { ...paper(BOTH), level: 'HOUR_1_6' as const, enteredAtMs: NOW_MS };
    const denials = (state: RolloutState, decidedAtMs = NOW_MS) => advance(state, decidedAtMs).denials;
    expect(denials(begun)).toEqual(['time_not_reached']);
    expect(denials(begun, NOW_MS - 1)).toEqual(['time_not_reached', 'no_fresh_go']);
    expect(denials({ ...begun, ...signedBefore() })).toEqual([
      ...['time_not_reached', 'technical_lead_missing', 'risk_manager_missing'],
    ]);
  });
});

const signedBefore = () => ({
  signOffs: paper({ ...BOTH, leadAtMs: NOW_MS - 1, managerAtMs: NOW_MS - 1 }).signOffs,
});

describe('a signature', () => {
  it('stands beside the other one, and takes the place of its own', () => {
    const state = paper({ lead: unproven('eve'), manager: BOTH.manager });
    expect(sign(state, BOTH.lead)).toEqual({
      ...{ previous: state, current: paper(BOTH), outcome: 'signed_off', denials: [] },
    });
    expect(sign(paper(), BOTH.lead, START_MS).outcome).toBe('signed_off');
  });

  it.each<[string, RolloutState, Actor, number, string]>([
    ['nobody', paper(), unproven('  '), NOW_MS, 'operator_missing'],
    ['a time before the level', paper(), BOTH.lead, START_MS - 1, 'clock_invalid'],
    ['half a millisecond', paper(), BOTH.lead, NOW_MS + 0.5, 'clock_invalid'],
    ['the highest level', { ...paper(), level: 'FULL' }, BOTH.lead, NOW_MS, 'highest_level'],
    ['the other person', paper({ manager: BOTH.manager }), unproven('BOB'), NOW_MS, 'same_identity'],
    ['one proven name of two', paper({ manager: BOTH.manager }), proven('ada'), NOW_MS, 'operator_unproven'],
  ])('of %s is denied, and changes nothing', (_, state, operator, atMs, denial) => {
    expect(sign(state, operator, atMs)).toEqual({
      ...{ previous: state, current: state, outcome: 'denied', denials: [denial] },
    });
  });

  it('of the manager is compared with that of the lead', () => {
    const event: RolloutEvent = {
      ...{ kind: 'sign_off', role: 'risk_manager', operator: unproven('ada'), atMs: NOW_MS },
    };
    expect(transitionRollout(paper({ lead: BOTH.lead }), event).denials).toEqual(['same_identity']);
  });
});

describe('a step down', () => {
  it.each(['breach', 'step_down'] as const)('by a %s is one level, at once, and unsigned', (kind) => {
    const down = (level: RolloutState['level'], atMs = NOW_MS) =>
      transitionRollout({ ...paper(BOTH), level }, { kind, atMs });
    for (const [level, below] of [
      ['FULL', 'HOUR_6_24'],
      ['HOUR_6_24', 'HOUR_1_6'],
      ['HOUR_1_6', 'PAPER'],
    ] as const)
      expect(down(level)).toEqual({
        ...{ previous: { ...paper(BOTH), level }, outcome: 'stepped_down', denials: [] },
        current: { ...initialRollout(NOW_MS), level: below },
      });
    expect(down('PAPER')).toEqual({
      ...{ previous: paper(BOTH), current: initialRollout(NOW_MS), outcome: 'restarted', denials: [] },
    });
    // By whatever clock.
    for (const atMs of [Number.NaN, START_MS - 1])
      expect(down('FULL', atMs).current).toEqual({ ...initialRollout(START_MS), level: 'HOUR_6_24' });
  });
});
