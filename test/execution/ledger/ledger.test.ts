import { describe, expect, it } from 'vitest';
import { microUsdt } from '../../../lib/core/money.ts';
import {
  bookFill,
  bookFunding,
  type Fill,
  ledgerSchema,
  markLedger,
  newLedger,
} from '../../../lib/execution/ledger/ledger.ts';

const fill = (side: 'BUY' | 'SELL', quantity: number, price: number, over: Partial<Fill> = {}): Fill => ({
  symbol: 'ETHUSDT',
  side,
  quantity,
  price,
  feeMicroUsdt: 0,
  ...over,
});
const usdt = (micro: number) => micro / 1_000_000;
const book = (...fills: Fill[]) => fills.reduce(bookFill, newLedger(microUsdt(1_000)));

describe('the ledger', () => {
  it('takes the average cost, and realises what is closed', () => {
    const ledger = book(
      fill('BUY', 1, 100),
      fill('BUY', 1, 110),
      fill('SELL', 0.5, 120, { feeMicroUsdt: 24_000 }),
    );
    expect(usdt(ledger.realisedMicroUsdt)).toBe(7.5);
    expect(ledger.positions.ETHUSDT).toEqual({ quantity: 1.5, costMicroUsdt: 157_500_000 });
    expect(usdt(ledger.cashMicroUsdt)).toBe(1_000 - 210 + 60 - 0.024);
    const snapshot = markLedger(ledger, new Map([['ETHUSDT', 90]]));
    expect(snapshot).toEqual({
      ok: true,
      value: {
        equityMicroUsdt: 984_976_000,
        unrealisedMicroUsdt: -22_500_000,
        exposureMicroUsdt: 135_000_000,
      },
    });
  });
  it('turns a long into a short with one fill', () => {
    const ledger = book(fill('BUY', 1, 100), fill('SELL', 3, 110));
    expect(usdt(ledger.realisedMicroUsdt)).toBe(10);
    expect(ledger.positions.ETHUSDT).toEqual({ quantity: -2, costMicroUsdt: -220_000_000 });
  });
  it.each(['BUY', 'SELL'] as const)('realises all of what a %s opened once it is closed', (side) => {
    const ledger = book(fill(side, 1, 100), fill(side === 'BUY' ? 'SELL' : 'BUY', 1, 110));
    const gained = side === 'BUY' ? 10_000_000 : -10_000_000;
    expect(ledger.realisedMicroUsdt).toBe(gained);
    expect(ledger.cashMicroUsdt).toBe(1_000_000_000 + gained);
    expect(Object.keys(ledger.positions)).toEqual([]);
  });
  it('knows one zero: a short of next to nothing has cost nothing', () => {
    const { positions } = book(fill('SELL', 1e-8, 1));
    expect(Object.is(positions.ETHUSDT!.costMicroUsdt, 0)).toBe(true);
  });
  it('has no position left where binary fractions would leave dust', () => {
    expect(book(fill('BUY', 0.1, 100), fill('BUY', 0.2, 100), fill('SELL', 0.3, 100)).positions).toEqual({});
  });
  it('lets longs pay shorts when the funding rate is above zero', () => {
    const payment = { symbol: 'ETHUSDT', markPrice: 100, rate: 0.0001 };
    expect(bookFunding(book(fill('BUY', 2, 100)), payment).fundingMicroUsdt).toBe(-20_000);
    const short = book(fill('SELL', 2, 100));
    const received = bookFunding(short, payment);
    expect(received.fundingMicroUsdt).toBe(20_000);
    expect(received.cashMicroUsdt).toBe(short.cashMicroUsdt + 20_000);
    expect(bookFunding(book(), payment)).toEqual(book());
  });
  it.each([
    new Map(),
    new Map([['ETHUSDT', Number.NaN]]),
    new Map([['ETHUSDT', 0]]),
    new Map([['ETHUSDT', Infinity]]),
  ])('has no value without a price for every position', (prices) => {
    expect(markLedger(book(fill('BUY', 1, 100)), prices)).toEqual({ ok: false, error: ['ETHUSDT'] });
  });
  it('survives storage', () => {
    const ledger = book(fill('BUY', 0.123, 3_141.59), fill('SELL', 0.1, 2_718.28, { feeMicroUsdt: 3 }));
    expect(ledgerSchema.parse(JSON.parse(JSON.stringify(ledger)))).toEqual(ledger);
  });
  it.each([
    ['no quantity', fill('BUY', 0, 100), 'not a fill: 0 at 100'],
    ['no price', fill('BUY', 1, 0), 'not a fill: 1 at 0'],
    ['a negative price', fill('BUY', 1, -1), 'not a fill: 1 at -1'],
    ['no number', fill('BUY', Number.NaN, 100), 'not a fill: NaN at 100'],
    ['an infinite price', fill('BUY', 1, Number.POSITIVE_INFINITY), 'value Infinity is not a whole number'],
    ['less than any exchange fills', fill('BUY', 1e-9, 100), 'a fill of 1e-9 is finer than 8 decimals'],
    ['a fee of a fraction', fill('BUY', 1, 100, { feeMicroUsdt: 0.5 }), 'fee 0.5 is not a whole number'],
    ['more than can be counted', fill('BUY', 1e12, 1e6), 'value 1e+24 is not a whole number'],
  ])('refuses a fill of %s', (_name, broken, message) => {
    expect(() => book(broken)).toThrow(message);
  });
});
