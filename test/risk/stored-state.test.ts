// What is read back of the gate, the breaker and the rollout is one of them whole, or nothing: a figure that cannot be is never decided on.
import { describe, expect, it } from 'vitest';
import { unproven } from '../../lib/core/actor.ts';
import {
  type BreakerState,
  breakerStateSchema,
  firstArmed,
  lostState,
} from '../../lib/risk/breaker/state.ts';
import { type GateItem, gateItemSchema, newGate } from '../../lib/risk/gate.ts';
import { initialRollout, LEVEL_LIMITS, rolloutStateSchema } from '../../lib/risk/level.ts';
import { isStorable, isStorableName } from '../../lib/risk/storable.ts';

const NOW_MS = 1_722_816_000_000;
const PERSON = unproven('ada');

/** The document with one place of it, `a.b.c`, set to a value; undefined takes it away. */
function withPlace(document: object, place: string, value: unknown): unknown {
  const [key, ...rest] = place.split('.') as [string, ...string[]];
  const members = document as Record<string, unknown>;
  const next = rest.length === 0 ? value : withPlace((members[key] ?? {}) as object, rest.join('.'), value);
  const { [key]: _before, ...others } = members;
  return next === undefined ? others : { ...others, [key]: next };
}

const GATE: GateItem = {
  ...newGate(firstArmed(NOW_MS)),
  leaseUntilMs: NOW_MS,
  leaseCodeVersion: 'v1',
  authorised: { 'qt-1': { atMs: NOW_MS } },
  reserved: {
    BTCUSDT: { clientOrderId: 'qt-1', side: 'SELL', notionalMicroUsdt: 1, betaMicroUsdt: -1 },
  },
};
const WHOLE = 0.5;
const LONG = 'x'.repeat(256);

describe('a gate item', () => {
  it('is read as it was written, before the first lease too', () => {
    expect(gateItemSchema.parse(GATE)).toEqual(GATE);
    const { leaseCodeVersion: _none, ...unleased } = GATE;
    expect(gateItemSchema.parse(unleased)).toEqual(unleased);
    const empty = { ...GATE, epoch: 0, exposureMicroUsdt: 0, positionCount: 0, netBetaMicroUsdt: -5 };
    expect(gateItemSchema.parse(empty)).toEqual(empty);
    expect(gateItemSchema.parse({ ...GATE, sideMicroUsdt: { BUY: 0, SELL: 0 } })).toBeDefined();
    expect(
      gateItemSchema.safeParse({ ...GATE, authorised: { ['x'.repeat(255)]: { atMs: 1 } } }).success,
    ).toBe(true);
  });

  it.each<[place: string, ...values: unknown[]]>([
    ['latch', undefined, 'OPEN', true],
    ['epoch', undefined, -1, WHOLE, '1'],
    ['leaseUntilMs', undefined, WHOLE, '1'],
    ['leaseCodeVersion', 1, null],
    ['exposureMicroUsdt', undefined, -1, WHOLE],
    ['sideMicroUsdt', undefined, 1],
    ['sideMicroUsdt.BUY', undefined, -1, WHOLE],
    ['sideMicroUsdt.SELL', undefined, -1, WHOLE],
    ['sideMicroUsdt.HOLD', 1],
    ['netBetaMicroUsdt', undefined, WHOLE],
    ['positionCount', undefined, -1, WHOLE],
    ['authorised', undefined, { '': { atMs: 1 } }, { [LONG]: { atMs: 1 } }],
    ['authorised.qt-1', 1, {}],
    ['authorised.qt-1.atMs', WHOLE],
    ['authorised.qt-1.by', 'ada'],
    ['reserved', undefined, { '': GATE.reserved.BTCUSDT }],
    ['reserved.BTCUSDT', 1],
    ['reserved.BTCUSDT.clientOrderId', undefined, 1],
    ['reserved.BTCUSDT.side', undefined, 'HOLD'],
    ['reserved.BTCUSDT.notionalMicroUsdt', undefined, 0, -1, WHOLE],
    ['reserved.BTCUSDT.betaMicroUsdt', undefined, WHOLE],
    ['reserved.BTCUSDT.price', 1],
    ['breaker', undefined, {}],
  ])('is none with %s as one of %j', (place, ...values) => {
    for (const value of values)
      expect(gateItemSchema.safeParse(withPlace(GATE, place, value)).success, String(value)).toBe(false);
  });

  it('of a scope that has never traded holds nothing, and is closed until the breaker lives', () => {
    const breaker = lostState(NOW_MS);
    expect(newGate(breaker)).toEqual({
      ...{ latch: 'TRIPPED', epoch: NOW_MS, leaseUntilMs: 0, breaker },
      ...{ exposureMicroUsdt: 0, sideMicroUsdt: { BUY: 0, SELL: 0 }, netBetaMicroUsdt: 0, positionCount: 0 },
      ...{ authorised: {}, reserved: {} },
    });
  });
});

describe('the state of the circuit breaker', () => {
  const armed: BreakerState = { ...firstArmed(NOW_MS), highWaterMicroUsdt: 1 };
  const tripped = {
    ...lostState(NOW_MS),
    resetRequest: { operator: PERSON, reason: 'the cause is known', atMs: NOW_MS },
  };

  it('is read as it was written', () => {
    for (const state of [armed, firstArmed(NOW_MS), tripped, lostState(NOW_MS)])
      expect(breakerStateSchema.parse(state)).toEqual(state);
  });

  it('of one that was never armed is the first epoch; of one that is lost it is tripped, by an epoch above all', () => {
    expect(firstArmed(NOW_MS)).toEqual({
      ...{ latch: 'ARMED', revision: 0, epoch: 1, armedAtMs: NOW_MS, highWaterMicroUsdt: null },
    });
    expect(lostState(NOW_MS)).toMatchObject({
      ...{ latch: 'TRIPPED', epoch: NOW_MS, trippedAtMs: NOW_MS, notified: false, resetRequest: null },
      causes: [{ code: 'state_lost' }],
    });
  });

  it.each<[place: string, ...values: unknown[]]>([
    ['latch', undefined, 'OPEN'],
    ['revision', undefined, -1, WHOLE],
    ['epoch', undefined, -1, WHOLE],
    ['armedAtMs', undefined, WHOLE],
    ['highWaterMicroUsdt', undefined, 0, -1, WHOLE],
    ['more', 1],
  ])('is none with %s as one of %j, armed or tripped', (place, ...values) => {
    for (const state of [armed, tripped])
      for (const value of values)
        expect(breakerStateSchema.safeParse(withPlace(state, place, value)).success, String(value)).toBe(
          false,
        );
  });

  it.each<[place: string, ...values: unknown[]]>([
    ['trippedAtMs', undefined, WHOLE],
    ['causes', undefined, {}, [{}], [{ code: 'mood', message: '' }], [{ code: 'operator' }]],
    ['causes', [{ code: 'operator', message: '', by: 'ada' }]],
    ['notified', undefined, 1],
    ['resetRequest', undefined, {}],
    ['resetRequest.operator', undefined, 'ada', {}],
    ['resetRequest.reason', undefined, 1],
    ['resetRequest.atMs', undefined, WHOLE],
    ['resetRequest.approved', true],
  ])('is none, tripped, with %s as one of %j', (place, ...values) => {
    for (const value of values)
      expect(breakerStateSchema.safeParse(withPlace(tripped, place, value)).success, String(value)).toBe(
        false,
      );
  });
});

describe('the levels of the rollout', () => {
  it('risk what has been signed off, and no more', () => {
    expect(LEVEL_LIMITS).toEqual({
      PAPER: { capitalFraction: 1, positions: 100 },
      HOUR_1_6: { capitalFraction: 0.1, positions: 5 },
      HOUR_6_24: { capitalFraction: 0.25, positions: 10 },
      FULL: { capitalFraction: 1, positions: 100 },
    });
  });
});

describe('the state of the rollout', () => {
  const signed = {
    ...{ level: 'FULL', enteredAtMs: NOW_MS },
    signOffs: { technical_lead: { operator: PERSON, atMs: NOW_MS }, risk_manager: null },
  };

  it('is read as it was written, and begins on paper, signed by nobody', () => {
    expect(rolloutStateSchema.parse(signed)).toEqual(signed);
    const first = initialRollout(NOW_MS);
    expect(rolloutStateSchema.parse(first)).toEqual(first);
    expect(first).toEqual({
      ...{ level: 'PAPER', enteredAtMs: NOW_MS },
      signOffs: { technical_lead: null, risk_manager: null },
    });
  });

  it.each<[place: string, ...values: unknown[]]>([
    ['level', undefined, 'HOUR_24', 3],
    ['enteredAtMs', undefined, WHOLE],
    ['signOffs', undefined, null],
    ['signOffs.technical_lead', undefined, {}, true],
    ['signOffs.technical_lead.atMs', undefined, WHOLE],
    ['signOffs.technical_lead.operator', undefined, 'ada'],
    ['signOffs.technical_lead.role', 'lead'],
    ['signOffs.risk_manager', undefined, true],
    ['signOffs.owner', null],
    ['limits', {}],
  ])('is none with %s as one of %j', (place, ...values) => {
    for (const value of values)
      expect(rolloutStateSchema.safeParse(withPlace(signed, place, value)).success, String(value)).toBe(
        false,
      );
  });
});

describe('what a table can hold', () => {
  it('has names of 1 to 255 characters, however deep', () => {
    expect(isStorableName('')).toBe(false);
    expect(isStorableName('a')).toBe(true);
    expect(isStorableName('x'.repeat(255))).toBe(true);
    expect(isStorableName(LONG)).toBe(false);
    for (const value of [null, 1, 'text', [], {}, { a: [{ b: null }] }]) expect(isStorable(value)).toBe(true);
    for (const value of [{ '': 1 }, { a: { '': 1 } }, [{ '': 1 }], { a: 1, b: [1, { [LONG]: 1 }] }])
      expect(isStorable(value)).toBe(false);
  });
});
