import { describe, expect, it } from 'vitest';
import { unproven } from '../../lib/core/actor.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/core/units.ts';
import { initialRollout, type RolloutState, rolloutStateSchema } from '../../lib/risk/level.ts';
import { type RolloutEvent, transitionRollout } from '../../lib/rollout/transition-rollout.ts';

const START = Date.UTC(2024, 7, 1);

const applyAll = (state: RolloutState, ...events: RolloutEvent[]) =>
  events.reduce((current, event) => transitionRollout(current, event).current, state);
const signOff = (role: 'technical_lead' | 'risk_manager', operator: string, atMs: number): RolloutEvent => ({
  kind: 'sign_off',
  role,
  operator: unproven(operator),
  atMs,
});
const advance = (atMs: number, goAtMs = atMs): RolloutEvent => ({
  kind: 'advance',
  atMs,
  decision: { verdict: 'GO', decidedAtMs: goAtMs },
});
const signedAt = (atMs: number) => [
  signOff('technical_lead', 'ada', atMs),
  signOff('risk_manager', 'bob', atMs),
];

/** A rollout on paper for a day, signed by both. */
const ready = (): RolloutState => applyAll(initialRollout(START), ...signedAt(START + 23 * HOUR_MS));
const DAY_LATER = START + 24 * HOUR_MS;

describe('rollout', () => {
  it('climbs PAPER → HOUR_1_6 → HOUR_6_24 → FULL, each with its time and two new signatures', () => {
    const first = transitionRollout(ready(), advance(DAY_LATER));
    expect(first).toMatchObject({ outcome: 'advanced', denials: [], current: { level: 'HOUR_1_6' } });
    // Signatures are for one step.
    expect(first.current.signOffs).toEqual({ technical_lead: null, risk_manager: null });

    const sixth = DAY_LATER + 6 * HOUR_MS;
    const second = applyAll(first.current, ...signedAt(sixth), advance(sixth));
    expect(second.level).toBe('HOUR_6_24');
    const last = sixth + 18 * HOUR_MS;
    const third = applyAll(second, ...signedAt(last), advance(last));
    expect(third.level).toBe('FULL');
    expect(transitionRollout(third, advance(last + HOUR_MS)).denials).toEqual(['highest_level']);
  });

  it('names everything that is missing at once', () => {
    const denied = transitionRollout(initialRollout(START), {
      kind: 'advance',
      atMs: START,
      decision: undefined,
    });
    expect(denied.denials).toEqual([
      'time_not_reached',
      'no_fresh_go',
      'technical_lead_missing',
      'risk_manager_missing',
    ]);
    expect(denied.current).toBe(denied.previous);
  });

  it.each<[string, RolloutEvent, string]>([
    ['a minute early', advance(DAY_LATER - MINUTE_MS), 'time_not_reached'],
    [
      'on a NO_GO',
      { kind: 'advance', atMs: DAY_LATER, decision: { verdict: 'NO_GO', decidedAtMs: DAY_LATER } },
      'no_fresh_go',
    ],
    ['without a decision', { kind: 'advance', atMs: DAY_LATER, decision: undefined }, 'no_fresh_go'],
    ['on a GO of 2 hours ago and more', advance(DAY_LATER, DAY_LATER - 2 * HOUR_MS - 1), 'no_fresh_go'],
    ['on a GO from the future', advance(DAY_LATER, DAY_LATER + 1), 'no_fresh_go'],
    ['on a GO of no time', advance(DAY_LATER, Number.NaN), 'no_fresh_go'],
    ['at no time', advance(Number.NaN, DAY_LATER), 'clock_invalid'],
    ['before the stage began', advance(START - 1), 'clock_invalid'],
  ])('does not advance %s', (_, event, denial) => {
    expect(transitionRollout(ready(), event)).toMatchObject({ outcome: 'denied', denials: [denial] });
  });

  it('does not take a GO from before the stage', () => {
    const state = applyAll(ready(), advance(DAY_LATER));
    const soon = DAY_LATER + 6 * HOUR_MS;
    const signed = applyAll(state, ...signedAt(soon));
    const early = { ...signed, enteredAtMs: soon - 6 * HOUR_MS };
    expect(transitionRollout(early, advance(soon, soon - 6 * HOUR_MS - 1)).denials).toEqual(['no_fresh_go']);
  });

  it('lets signatures lapse after a day', () => {
    const late = START + 23 * HOUR_MS + 24 * HOUR_MS;
    expect(transitionRollout(ready(), advance(late)).outcome).toBe('advanced');
    expect(transitionRollout(ready(), advance(late + 1)).denials).toEqual([
      'technical_lead_missing',
      'risk_manager_missing',
    ]);
  });

  it('wants two people, however their names are typed', () => {
    const once = applyAll(initialRollout(START), signOff('technical_lead', 'Ada', START));
    for (const name of ['Ada', ' ada ', 'ADA', 'Ａｄａ']) {
      const twice = transitionRollout(once, signOff('risk_manager', name, START));
      expect(twice).toMatchObject({ outcome: 'denied', denials: ['same_identity'] });
    }
    // Nor through a stored state that says so.
    const forged = ready();
    const same = {
      ...forged,
      signOffs: { ...forged.signOffs, risk_manager: forged.signOffs.technical_lead },
    };
    expect(transitionRollout(same, advance(DAY_LATER)).denials).toEqual(['same_identity']);
  });

  it('takes no signature without a name, of no time, or for no step', () => {
    const state = initialRollout(START);
    expect(transitionRollout(state, signOff('risk_manager', '  ', START)).denials).toEqual([
      'operator_missing',
    ]);
    expect(transitionRollout(state, signOff('risk_manager', 'bob', START - 1)).denials).toEqual([
      'clock_invalid',
    ]);
    const full = { ...state, level: 'FULL' as const };
    expect(transitionRollout(full, signOff('risk_manager', 'bob', START)).denials).toEqual(['highest_level']);
  });

  it.each(['breach', 'step_down'] as const)(
    'goes down one stage at once on a %s, signatures gone',
    (kind) => {
      const live = { ...ready(), level: 'HOUR_6_24' as const };
      const down = transitionRollout(live, { kind, atMs: DAY_LATER });
      expect(down).toMatchObject({
        outcome: 'stepped_down',
        current: { ...initialRollout(DAY_LATER), level: 'HOUR_1_6' },
      });
      // Even by a clock that went mad.
      const mad = transitionRollout(live, { kind, atMs: Number.NaN });
      expect(mad.current).toMatchObject({ level: 'HOUR_1_6', enteredAtMs: START });
    },
  );

  it('begins the day on paper again when a breach happens there', () => {
    const again = transitionRollout(ready(), { kind: 'breach', atMs: DAY_LATER });
    expect(again).toMatchObject({ outcome: 'restarted', denials: [], current: initialRollout(DAY_LATER) });
  });

  it('is stored and read back as it was, and nothing else is', () => {
    expect(rolloutStateSchema.parse(JSON.parse(JSON.stringify(ready())))).toEqual(ready());
    expect(rolloutStateSchema.safeParse({ ...ready(), level: 'full' }).success).toBe(false);
    expect(rolloutStateSchema.safeParse({ ...ready(), enteredAtMs: null }).success).toBe(false);
  });
});
