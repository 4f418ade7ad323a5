// The gate at its bounds: what is just allowed and what is just not, order by order.
import { describe, expect, it } from 'vitest';
import { DAY_MS } from '../../lib/core/units.ts';
import { firstArmed, lostState } from '../../lib/risk/breaker/state.ts';
import {
  type AuthorisationContext,
  commitToItem,
  type ExposureOrder,
  FORGET_MAX,
  type GateItem,
  newGate,
  planAuthorisation,
  planBreakerWrite,
  prunableIds,
} from '../../lib/risk/gate.ts';
import { applyChanges, firstDenial } from '../../lib/risk/item-plan.ts';
import { LEASE_MS } from '../../lib/risk/latch.ts';

const NOW_MS = 1_722_816_000_000;
const LIMITS = { exposureMicroUsdt: 1_000, sideMicroUsdt: 900, netBetaMicroUsdt: 800, positions: 5 };
const WIDE = { exposureMicroUsdt: 9_000, sideMicroUsdt: 9_000, netBetaMicroUsdt: 9_000, positions: 50 };

const gate = (over: Partial<GateItem> = {}): GateItem => ({
  ...newGate(firstArmed(NOW_MS - DAY_MS)),
  ...{ leaseUntilMs: NOW_MS + LEASE_MS, leaseCodeVersion: 'v1' },
  ...over,
});

interface Asked {
  readonly order?: Partial<ExposureOrder>;
  readonly context?: Partial<AuthorisationContext>;
  readonly gate?: Partial<GateItem>;
}

function plan({ order, context }: Asked) {
  return planAuthorisation(
    {
      ...{ scope: 'paper', clientOrderId: 'qt-1', symbol: 'BTCUSDT', side: 'BUY' },
      ...{ notionalMicroUsdt: 100, betaMicroUsdt: 100 },
      ...order,
    },
    {
      ...{ mode: 'PAPER', flagsReadAtMs: NOW_MS, epoch: 1, codeVersion: 'v1', limits: LIMITS },
      ...{ forget: [], nowMs: NOW_MS },
      ...context,
    },
  );
}

function answer(asked: Asked): string {
  const planned = plan(asked);
  if (!planned.ok) return planned.error;
  const written = commitToItem(gate(asked.gate), planned.value);
  return written.ok ? 'approved' : written.error;
}

describe('an order', () => {
  it('is approved on flags of this moment, and of a second ago', () => {
    for (const ageMs of [0, 1_000])
      expect(answer({ context: { flagsReadAtMs: NOW_MS - ageMs } })).toBe('approved');
  });

  it('of the selling side is an order as well', () => {
    expect(answer({ order: { side: 'SELL', betaMicroUsdt: -100 } })).toBe('approved');
  });

  it('may be as large as a limit, and no larger, which needs no look at the gate', () => {
    for (const name of ['exposureMicroUsdt', 'sideMicroUsdt'] as const) {
      const limits = { ...WIDE, [name]: 700 };
      expect(answer({ order: { notionalMicroUsdt: 700 }, context: { limits } })).toBe('approved');
      const denial = name === 'exposureMicroUsdt' ? 'exposure_limit' : 'side_limit';
      expect(plan({ order: { notionalMicroUsdt: 701 }, context: { limits } })).toEqual({
        ok: false,
        error: denial,
      });
    }
  });

  it('may be the only position, and is none where there may be none, which needs no look either', () => {
    expect(answer({ context: { limits: { ...LIMITS, positions: 1 } } })).toBe('approved');
    expect(plan({ context: { limits: { ...LIMITS, positions: 0 } } })).toEqual({
      ok: false,
      error: 'position_limit',
    });
  });

  it('carries 50 ids to forget, and not one more', () => {
    const ids = Array.from({ length: FORGET_MAX + 1 }, (_, index) => `old-${index}`);
    expect(FORGET_MAX).toBe(50);
    expect(answer({ context: { forget: ids.slice(1) } })).toBe('approved');
    expect(answer({ context: { forget: ids } })).toBe('request_invalid');
  });

  it.each<[netBeta: number, beta: number, answer: string]>([
    [700, 100, 'approved'],
    [701, 100, 'beta_limit'],
    [-700, -100, 'approved'],
    [-701, -100, 'beta_limit'],
    // Towards none, from wherever.
    [5_000, -100, 'approved'],
    [-5_000, 100, 'approved'],
    // Neither way.
    [5_000, 0, 'approved'],
    [-5_000, 0, 'approved'],
  ])('on a book with a net beta of %i, with one of %i, is answered with %s', (netBeta, beta, expected) => {
    const asked = { order: { betaMicroUsdt: beta }, gate: { netBetaMicroUsdt: netBeta } };
    expect(answer(asked)).toBe(expected);
  });
});

describe('an id', () => {
  it('need no longer be remembered after a day to the millisecond', () => {
    const authorised = { old: { atMs: NOW_MS - DAY_MS }, young: { atMs: NOW_MS - DAY_MS + 1 } };
    expect(prunableIds(gate({ authorised }), NOW_MS)).toEqual(['old']);
  });
});

describe("the breaker's write", () => {
  const before = gate();
  const previous = before.breaker;
  const renewed = { ...previous, revision: 1 };
  const tripped = { ...lostState(NOW_MS), epoch: 2, revision: 1 };

  it('gives the lease that it is given, with its version, and otherwise leaves it alone', () => {
    const lease = { untilMs: NOW_MS + 7, codeVersion: 'v2' };
    const given = commitToItem(before, planBreakerWrite({ previous, current: renewed, lease }));
    expect(given.ok && given.value).toEqual({
      ...before,
      ...{ breaker: renewed, leaseUntilMs: NOW_MS + 7, leaseCodeVersion: 'v2' },
    });
    const left = commitToItem(before, planBreakerWrite({ previous, current: tripped, lease: undefined }));
    expect(left.ok && left.value).toEqual({ ...before, ...{ latch: 'TRIPPED', epoch: 2, breaker: tripped } });
  });

  it('does not open a latch that somebody has closed alone; a trip goes over it', () => {
    const closed = gate({ latch: 'TRIPPED' });
    const arms = planBreakerWrite({ previous, current: renewed, lease: undefined });
    expect(commitToItem(closed, arms)).toEqual({ ok: false, error: 'breaker_moved' });
    const trips = planBreakerWrite({ previous, current: tripped, lease: undefined });
    const written = commitToItem(closed, trips);
    expect(written.ok && written.value.breaker).toEqual(tripped);
  });
});

describe('a condition of a write', () => {
  const denialOf = (item: object, condition: { between: [number, number] } | { absent: true }) =>
    firstDenial(item, {
      conditions: [{ path: ['map', 'key'], denial: 'denied', ...condition }],
      changes: [],
    });

  it('holds for numbers only, as in the database: what reads like one is none', () => {
    expect(denialOf({ map: { key: 5 } }, { between: [5, 5] })).toBeUndefined();
    for (const key of ['5', true, null, undefined, [5], Number.NaN])
      expect(denialOf({ map: { key } }, { between: [0, 9] })).toBe('denied');
  });

  it('finds nothing within what is no map', () => {
    for (const map of [null, undefined, 1, 'text'])
      expect(denialOf({ map }, { absent: true })).toBeUndefined();
    for (const map of [null, undefined, 1, 'text'])
      expect(denialOf({ map }, { between: [0, 9] })).toBe('denied');
    expect(denialOf({ map: { key: 0 } }, { absent: true })).toBe('denied');
  });

  it('and a change of one attribute leaves the others', () => {
    const item = { map: { key: 1, other: 2 }, rest: 3 };
    const change = (what: object) =>
      applyChanges(item, { conditions: [], changes: [{ path: ['map', 'key'], ...what } as never] });
    expect(change({ add: 4 })).toEqual({ map: { key: 5, other: 2 }, rest: 3 });
    expect(change({ set: 'x' })).toEqual({ map: { key: 'x', other: 2 }, rest: 3 });
    expect(change({ remove: true })).toEqual({ map: { other: 2 }, rest: 3 });
    expect(item).toEqual({ map: { key: 1, other: 2 }, rest: 3 });
  });

  it('and several changes are all there, under any name', () => {
    const item = { map: { key: 1, other: 2 }, sums: { all: 3 }, rest: 4 };
    const changes = [
      { path: ['map', 'key'], add: 4 },
      { path: ['map', '__proto__'], set: 5 },
      { path: ['map', 'other'], remove: true },
      { path: ['rest'], add: 1 },
    ];
    const after = applyChanges<object>(item, { conditions: [], changes: changes as never });
    expect(after).toEqual(JSON.parse('{"map": {"key": 5, "__proto__": 5}, "sums": {"all": 3}, "rest": 5}'));
    expect(Object.keys(after)).toEqual(['map', 'sums', 'rest']);
    expect(item).toEqual({ map: { key: 1, other: 2 }, sums: { all: 3 }, rest: 4 });
  });
});
