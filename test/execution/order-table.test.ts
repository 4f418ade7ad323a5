// Every state of an order and every answer about it: what it becomes, and what of it should not have happened. In full.
import { describe, expect, it } from 'vitest';
import {
  advanceOrder,
  isFinal,
  newOrderState,
  type OrderEvent,
  type OrderState,
  orderStateSchema,
} from '../../lib/execution/order-state.ts';

const empty = (status: 'authorised' | 'acknowledged' | 'rejected' | 'cancelled' | 'unknown'): OrderState => ({
  ...{ status, quantity: 10, filledQuantity: 0, averagePrice: null },
});
const part = (
  status: 'partially_filled' | 'filled' | 'cancelled' | 'unknown',
  filledQuantity = 4,
): OrderState => ({ ...{ status, quantity: 10, filledQuantity, averagePrice: 2 } });

const STATES = {
  authorised: empty('authorised'),
  acknowledged: empty('acknowledged'),
  partial: part('partially_filled'),
  filled: part('filled', 10),
  rejected: empty('rejected'),
  cancelled: empty('cancelled'),
  'cancelled in part': part('cancelled'),
  unknown: empty('unknown'),
  'unknown in part': part('unknown'),
} as const;
type Name = keyof typeof STATES;

const EVENTS: readonly OrderEvent[] = [
  { kind: 'acknowledged' },
  { kind: 'rejected' },
  { kind: 'cancelled' },
  { kind: 'outcome_unknown' },
  { kind: 'not_found', sinceSubmitMs: 60_000 },
  { kind: 'not_found', sinceSubmitMs: 60_001 },
];

/** `=` stays; `!` says what should not have happened. */
type Cell = '=' | Name | `${'=' | Name}!${'vanished' | 'end_contradicted'}`;

const TABLE: Readonly<Record<Name, readonly Cell[]>> = {
  authorised: ['acknowledged', 'rejected', 'cancelled', 'unknown', 'unknown', 'rejected'],
  acknowledged: ['=', 'rejected', 'cancelled', '=', '=', 'unknown!vanished'],
  partial: ['=', 'cancelled in part', 'cancelled in part', '=', '=', 'unknown in part!vanished'],
  filled: ['=', '=', '=', '=', '=', '='],
  rejected: ['=!end_contradicted', '=', '=!end_contradicted', '=', '=', '='],
  cancelled: ['=', '=!end_contradicted', '=', '=', '=', '='],
  'cancelled in part': ['=', '=!end_contradicted', '=', '=', '=', '='],
  unknown: ['acknowledged', 'rejected', 'cancelled', '=', '=', 'rejected'],
  'unknown in part': ['partial', 'cancelled in part', 'cancelled in part', '=', '=!vanished', '=!vanished'],
};

const cells = Object.entries(TABLE).flatMap(([name, row]) =>
  row.map((cell, index) => [name as Name, EVENTS[index]!, cell] as const),
);

describe('an order', () => {
  it.each(cells)('that is %s, told %j, is then %s', (name, event, cell) => {
    const [becomes, anomaly] = cell.split('!') as [Name | '=', string | undefined];
    const previous = STATES[name];
    const current = becomes === '=' ? previous : STATES[becomes];
    expect(advanceOrder(previous, event)).toEqual({ previous, current, anomaly });
  });

  it('counts every fill that is more than what it knows, also after its end', () => {
    const filledTo = (state: OrderState, filledQuantity: number) =>
      advanceOrder(state, { kind: 'filled', filledQuantity, averagePrice: 2 });
    for (const state of [STATES.authorised, STATES.acknowledged, STATES.unknown, STATES['unknown in part']]) {
      expect(filledTo(state, 5)).toMatchObject({ current: part('partially_filled', 5), anomaly: undefined });
      expect(filledTo(state, 10)).toMatchObject({ current: part('filled', 10), anomaly: undefined });
    }
    for (const state of [STATES.rejected, STATES.cancelled, STATES['cancelled in part']]) {
      expect(filledTo(state, 5)).toMatchObject({ current: part('cancelled', 5), anomaly: 'fill_after_end' });
      expect(filledTo(state, 10)).toMatchObject({ current: part('filled', 10), anomaly: 'fill_after_end' });
      expect(filledTo(state, 11)).toMatchObject({ current: part('filled', 11), anomaly: 'overfilled' });
    }
    for (const less of [4, 3])
      expect(filledTo(STATES.partial, less)).toMatchObject({ current: STATES.partial, anomaly: undefined });
    // Told again of what it knows.
    for (const state of [STATES.filled, STATES['cancelled in part']])
      expect(filledTo(state, state.filledQuantity)).toEqual({
        ...{ previous: state, current: state, anomaly: undefined },
      });
    expect(filledTo(STATES.filled, 11)).toMatchObject({ current: part('filled', 11), anomaly: 'overfilled' });
  });

  it.each([
    [0, 2],
    [-1, 2],
    [Number.NaN, 2],
    [Number.POSITIVE_INFINITY, 2],
    [5, 0],
    [5, -1],
    [5, Number.NaN],
    [5, Number.POSITIVE_INFINITY],
  ])('takes no fill of %d at %d', (filledQuantity, averagePrice) => {
    const event = { kind: 'filled', filledQuantity, averagePrice } as const;
    expect(advanceOrder(STATES.partial, event)).toEqual({
      ...{ previous: STATES.partial, current: STATES.partial, anomaly: 'fill_invalid' },
    });
  });

  it('has ended when it is filled, rejected or cancelled', () => {
    expect(newOrderState(10)).toEqual(STATES.authorised);
    const statuses = ['authorised', 'acknowledged', 'partially_filled', 'unknown'] as const;
    expect(statuses.map(isFinal)).toEqual([false, false, false, false]);
    expect((['filled', 'rejected', 'cancelled'] as const).map(isFinal)).toEqual([true, true, true]);
  });

  it('is read as it was written, and with a price exactly when something is filled', () => {
    for (const state of Object.values(STATES)) expect(orderStateSchema.parse(state)).toEqual(state);
    const isNone = (over: object, state: OrderState = STATES.partial) =>
      expect(orderStateSchema.safeParse({ ...state, ...over }).success, JSON.stringify(over)).toBe(false);
    for (const quantity of [0, -1, undefined, '10']) {
      isNone({ quantity });
      isNone({ quantity }, STATES.authorised);
    }
    for (const filledQuantity of [0, -1, undefined]) isNone({ filledQuantity });
    for (const averagePrice of [0, -1, null, undefined]) isNone({ averagePrice });
    for (const over of [{ filledQuantity: 1 }, { averagePrice: 2 }, { more: 1 }, { status: 'filled' }])
      isNone(over, STATES.acknowledged);
    for (const status of ['authorised', 'acknowledged', 'rejected', 'open', undefined]) isNone({ status });
    isNone({ more: 1 });
  });
});
