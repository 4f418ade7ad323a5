// Laws of sizing, rounding, order states and books, for any input.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { microUsdt } from '../../lib/core/money.ts';
import {
  bookFill,
  bookFunding,
  type Ledger,
  markLedger,
  newLedger,
} from '../../lib/execution/ledger/ledger.ts';
import {
  advanceOrder,
  isFinal,
  newOrderState,
  type OrderEvent,
  type OrderState,
  orderStateSchema,
} from '../../lib/execution/order-state.ts';
import { roundToStep } from '../../lib/execution/round-to-step.ts';
import { type SizingRequest, sizeEntry } from '../../lib/execution/sizing.ts';
import { stopPrice } from '../../lib/execution/stop-price.ts';

const wild = fc.oneof(
  fc.double(),
  fc.double({ min: 0, max: 2, noNaN: true }),
  fc.integer({ min: 0, max: 1_000_000_000_000 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, -1),
);
const keys = [
  'allocatedMicroUsdt',
  'volatilityPerBar',
  'targetDailyVolatility',
  'policy',
  'positionFractionMax',
  'exposureMicroUsdtMax',
  'exposureMicroUsdt',
] as const satisfies readonly (keyof SizingRequest)[];
const anyRequest: fc.Arbitrary<SizingRequest> = fc.record(
  Object.fromEntries(keys.map((key) => [key, wild])) as Record<(typeof keys)[number], typeof wild>,
);
/** fc.double spreads over all exponents, where hardly a size is left: these spread evenly. */
const thousandths = (min: number, max: number) => fc.integer({ min, max }).map((n) => n / 1_000);
const plausible: fc.Arbitrary<SizingRequest> = fc.record({
  allocatedMicroUsdt: fc.integer({ min: 1, max: 1_000_000_000_000 }),
  volatilityPerBar: thousandths(1, 200),
  targetDailyVolatility: thousandths(0, 50),
  policy: thousandths(-100, 2_000),
  positionFractionMax: thousandths(0, 1_000),
  exposureMicroUsdtMax: fc.integer({ min: 0, max: 1_000_000_000_000 }),
  exposureMicroUsdt: fc.integer({ min: 0, max: 1_000_000_000_000 }),
});

describe('sizing', () => {
  it('is a whole amount within every limit, or refused', () => {
    let sized = 0;
    fc.assert(
      fc.property(fc.oneof(anyRequest, plausible), (request) => {
        const size = sizeEntry(request);
        if (!size.ok) return;
        sized++;
        expect(Number.isSafeInteger(size.value) && size.value > 0).toBe(true);
        expect(size.value).toBeLessThanOrEqual(request.allocatedMicroUsdt * request.positionFractionMax);
        expect(size.value).toBeLessThanOrEqual(request.exposureMicroUsdtMax - request.exposureMicroUsdt);
        expect(size.value).toBeLessThanOrEqual(
          request.allocatedMicroUsdt * request.positionFractionMax * Math.min(1, request.policy),
        );
      }),
      { numRuns: 5_000 },
    );
    expect(sized).toBeGreaterThan(200);
  });
  it('refuses whatever is not a finite number, wherever it stands', () => {
    fc.assert(
      fc.property(
        plausible,
        fc.constantFrom(...keys),
        fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
        (request, key, broken) => {
          expect(sizeEntry({ ...request, [key]: broken })).toEqual({
            ok: false,
            error: 'sizing_input_invalid',
          });
        },
      ),
    );
  });
  it('never grows with volatility', () => {
    fc.assert(
      fc.property(plausible, fc.double({ min: 1, max: 100, noNaN: true }), (request, factor) => {
        const calm = sizeEntry(request);
        const wilder = sizeEntry({ ...request, volatilityPerBar: request.volatilityPerBar * factor });
        expect(wilder.ok ? wilder.value : 0).toBeLessThanOrEqual(calm.ok ? calm.value : 0);
      }),
    );
  });
});

describe('rounding to a step', () => {
  const step = fc
    .tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: -8, max: 3 }))
    .map(([n, e]) => Number(`${n}e${e}`));
  const amount = fc.double({ min: 0, max: 1e6, noNaN: true });
  it('stays within one step on the asked side, and is its own rounding', () => {
    fc.assert(
      fc.property(amount, step, (value, size) => {
        const down = roundToStep(value, size, 'down')!;
        const up = roundToStep(value, size, 'up')!;
        expect(down).toBeLessThanOrEqual(value);
        expect(up).toBeGreaterThanOrEqual(value);
        expect(up - down).toBeLessThanOrEqual(size * (1 + 1e-9) + value * 1e-15);
        expect(roundToStep(down, size, 'up')).toBe(down);
        expect(roundToStep(up, size, 'down')).toBe(up);
      }),
      { numRuns: 2_000 },
    );
  });
  it('is what whole numbers give, to the last digit', () => {
    // As units of 10^-30. No number here is below 1e-6, where JavaScript begins to write exponents.
    const units = (value: number) => {
      const [whole, fraction = ''] = String(value).split('.') as [string, string?];
      return BigInt(whole + fraction.padEnd(30, '0'));
    };
    const plain = fc.double({ min: 1e-6, max: 1e12, noNaN: true });
    const size = fc
      .tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 5 }))
      .map(([n, decimals]) => n / 10 ** decimals);
    const nearby = fc.constantFrom(1, 1 - Number.EPSILON, 1 + Number.EPSILON);
    const close = fc.tuple(size, fc.integer({ min: 1, max: 1_000_000 }), nearby);
    const cases = fc.oneof(
      fc.tuple(plain, size),
      close.map(([step, count, off]): [number, number] => [step * count * off, step]),
    );
    fc.assert(
      fc.property(cases, ([value, step]) => {
        const rest = units(value) % units(step);
        const down = units(value) - rest;
        const up = rest === 0n ? down : down + units(step);
        for (const [direction, exact] of [['down', down] as const, ['up', up] as const]) {
          const rounded = roundToStep(value, step, direction);
          if (rounded !== undefined) expect(rounded === 0 ? 0n : units(rounded)).toBe(exact);
          // So few digits always have a number.
          else expect(exact).toBeGreaterThan(10n ** 39n);
        }
      }),
      { numRuns: 5_000 },
    );
  });
  it('keeps every multiple of the step, however it is written in binary', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.integer({ min: 0, max: 8 }),
        (units, decimals) => {
          const multiple = Number(`${units}e-${decimals}`);
          const size = Number(`1e-${decimals}`);
          expect(roundToStep(multiple, size, 'down')).toBe(multiple);
          expect(roundToStep(multiple, size, 'up')).toBe(multiple);
        },
      ),
    );
  });
  it('answers nothing for what it cannot round', () => {
    fc.assert(
      fc.property(wild, wild, fc.constantFrom('up' as const, 'down' as const), (value, size, direction) => {
        const rounded = roundToStep(value, size, direction);
        const possible = Number.isFinite(value) && value >= 0 && Number.isFinite(size) && size > 0;
        if (!possible) expect(rounded).toBeUndefined();
        else expect(rounded ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('a stop', () => {
  it('protects, lies on a tick, and never risks more than decided; or there is none', () => {
    let stops = 0;
    const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({
          side: fc.constantFrom('BUY' as const, 'SELL' as const),
          entryPrice: fc.oneof(positive, wild),
          atr: fc.oneof(positive, wild),
          atrMultiple: fc.oneof(fc.constant(1.2), wild),
          tickSize: fc.constantFrom(0.01, 0.1, 1e-6, 0, Number.NaN),
        }),
        (request) => {
          const stop = stopPrice(request);
          if (!stop.ok) return;
          stops++;
          const sign = request.side === 'BUY' ? 1 : -1;
          const risk = (request.entryPrice - stop.value) * sign;
          expect(stop.value).toBeGreaterThan(0);
          expect(risk).toBeGreaterThan(0);
          const rounding = (request.entryPrice + stop.value) * 1e-15;
          expect(risk).toBeLessThanOrEqual(request.atr * request.atrMultiple + rounding);
          expect(roundToStep(stop.value, request.tickSize, 'down')).toBe(stop.value);
        },
      ),
      {
        numRuns: 3_000,
        // Where neighbouring numbers are 4 apart, the sum of the two prices is off by as much.
        examples: [
          [{ side: 'SELL', entryPrice: 3.6e16, atr: 3.3e16, atrMultiple: 1.2, tickSize: 0.01 }],
          [
            {
              side: 'SELL',
              entryPrice: 4379417657220154,
              atr: 2.092286653694911e16,
              atrMultiple: 1.2,
              tickSize: 0.01,
            },
          ],
        ],
      },
    );
    expect(stops).toBeGreaterThan(100);
  });
});

describe('an order', () => {
  const event: fc.Arbitrary<OrderEvent> = fc.oneof(
    fc.constantFrom<OrderEvent>(
      { kind: 'acknowledged' },
      { kind: 'rejected' },
      { kind: 'outcome_unknown' },
      { kind: 'cancelled' },
    ),
    fc.record({
      kind: fc.constant('filled' as const),
      filledQuantity: fc.oneof(fc.integer({ min: 0, max: 12 }), wild),
      averagePrice: fc.oneof(fc.constant(100), wild),
    }),
    fc.record({
      kind: fc.constant('not_found' as const),
      sinceSubmitMs: fc.oneof(fc.integer({ min: 0, max: 120_000 }), wild),
    }),
  );
  it('takes any event in any state: what is filled never falls, what has ended stays ended, repeating changes nothing', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(fc.array(event, { maxLength: 15 }), (events) => {
        let state: OrderState = newOrderState(10);
        for (const next of events) {
          const { previous, current } = advanceOrder(state, next);
          expect(previous).toBe(state);
          expect(orderStateSchema.safeParse(current).success).toBe(true);
          expect(current.quantity).toBe(10);
          expect(current.filledQuantity).toBeGreaterThanOrEqual(previous.filledQuantity);
          if (isFinal(previous.status)) expect(isFinal(current.status)).toBe(true);
          if (current.status === 'filled') expect(current.filledQuantity).toBeGreaterThanOrEqual(10);
          if (current.status === 'rejected') expect(current.filledQuantity).toBe(0);
          if (current.status === 'authorised') expect(current).toEqual(newOrderState(10));
          expect((current.averagePrice === null) === (current.filledQuantity === 0)).toBe(true);
          const again = advanceOrder(current, next);
          if (next.kind !== 'not_found') expect(again.current).toEqual(current);
          reached.add(current.status);
          state = current;
        }
      }),
      { numRuns: 3_000 },
    );
    expect([...reached].sort()).toEqual(
      orderStateSchema.options
        .flatMap(({ shape }) => shape.status.options)
        .filter((status, at, all) => all.indexOf(status) === at)
        .sort(),
    );
  });
});

describe('the ledger', () => {
  const symbol = fc.constantFrom('BTCUSDT', 'ETHUSDT', '1000SHIBUSDT');
  const price = fc.double({ min: 1e-4, max: 100_000, noNaN: true });
  const entry = fc.oneof(
    fc.record({
      kind: fc.constant('fill' as const),
      symbol,
      side: fc.constantFrom('BUY' as const, 'SELL' as const),
      quantity: fc.oneof(
        fc.integer({ min: 1, max: 30 }).map((tenths) => tenths / 10),
        fc.integer({ min: 1, max: 1_000_000_000 }).map((units) => units / 1e8),
      ),
      price,
      feeMicroUsdt: fc.integer({ min: -1_000, max: 1_000_000 }),
    }),
    fc.record({
      kind: fc.constant('funding' as const),
      symbol,
      markPrice: price,
      rate: fc.double({ min: -0.01, max: 0.01, noNaN: true }),
    }),
  );
  const DEPOSIT = microUsdt(10_000);

  function identities(ledger: Ledger, prices: ReadonlyMap<string, number>) {
    const snapshot = markLedger(ledger, prices);
    if (!snapshot.ok) throw new Error(snapshot.error.join());
    const { equityMicroUsdt, unrealisedMicroUsdt } = snapshot.value;
    const { depositMicroUsdt, realisedMicroUsdt, feesMicroUsdt, fundingMicroUsdt } = ledger;
    expect(equityMicroUsdt).toBe(
      depositMicroUsdt + realisedMicroUsdt + unrealisedMicroUsdt - feesMicroUsdt + fundingMicroUsdt,
    );
    return snapshot.value;
  }

  it('balance to the last micro-USDT after every entry, at any prices', () => {
    const prices = fc.record({ BTCUSDT: price, ETHUSDT: price, '1000SHIBUSDT': price });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 40, size: 'max' }), prices, (entries, snapshots) => {
        let ledger = newLedger(DEPOSIT);
        let boughtE8 = 0;
        let btcCash = 0;
        for (const next of entries) {
          ledger = next.kind === 'fill' ? bookFill(ledger, next) : bookFunding(ledger, next);
          identities(ledger, new Map(Object.entries(snapshots)));
          if (next.kind === 'fill' && next.symbol === 'BTCUSDT') {
            const sign = next.side === 'BUY' ? 1 : -1;
            boughtE8 += sign * Math.round(next.quantity * 1e8);
            btcCash -= sign * next.quantity * next.price;
          }
        }
        // Independent of the ledger's own arithmetic: quantity in whole 1e-8, profit in plain floats.
        const held = ledger.positions.BTCUSDT;
        expect(Math.round((held?.quantity ?? 0) * 1e8)).toBe(boughtE8);
        if (boughtE8 === 0) expect(held).toBeUndefined();
        const others = entries.some((next) => next.symbol !== 'BTCUSDT');
        if (!others && held === undefined) expect(ledger.realisedMicroUsdt / 1e6).toBeCloseTo(btcCash, 3);
      }),
      { numRuns: 500 },
    );
  });

  it('are flat, and worth what was gained, after any position is closed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 500 }), price), { minLength: 1, maxLength: 10 }),
        price,
        fc.constantFrom('BUY' as const, 'SELL' as const),
        (opens, exitPrice, side) => {
          const fill = (quantity: number, at: number, way: 'BUY' | 'SELL') => ({
            symbol: 'BTCUSDT',
            side: way,
            quantity,
            price: at,
            feeMicroUsdt: 7,
          });
          let ledger = newLedger(DEPOSIT);
          for (const [tenths, at] of opens) ledger = bookFill(ledger, fill(tenths / 10, at, side));
          const quantity = opens.reduce((sum, [tenths]) => sum + tenths, 0) / 10;
          ledger = bookFill(ledger, fill(quantity, exitPrice, side === 'BUY' ? 'SELL' : 'BUY'));
          expect(ledger.positions).toEqual({});
          const gained = opens.reduce(
            (sum, [tenths, at]) => sum + (exitPrice - at) * (tenths / 10) * (side === 'BUY' ? 1 : -1),
            0,
          );
          expect(Math.abs(ledger.realisedMicroUsdt - gained * 1e6)).toBeLessThanOrEqual(opens.length + 2);
          expect(ledger.cashMicroUsdt).toBe(DEPOSIT + ledger.realisedMicroUsdt - 7 * (opens.length + 1));
        },
      ),
    );
  });
});
