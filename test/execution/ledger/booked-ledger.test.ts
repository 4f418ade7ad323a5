// Fills, fees and funding enter the ledger once, and what they differ in from the exchange is told and taken over.
import { beforeAll, describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS } from '../../../lib/core/units.ts';
import { bookIncome, incomeSinceMs } from '../../../lib/execution/ledger/book-income.ts';
import {
  atExchangeCosts,
  type BookedLedger,
  bookOrder,
  differencesOf,
  forgetOrders,
  newBookedLedger,
  takeOver,
  withOwnTrades,
} from '../../../lib/execution/ledger/booked-ledger.ts';
import type { Income } from '../../../lib/execution/ports.ts';

const START_MS = 1_722_816_000_000;
const opened = newBookedLedger(1_000_000_000, START_MS);
const order = { clientOrderId: 'qt-1', symbol: 'BTCUSDT', side: 'BUY' } as const;
const half = { ...order, filledQuantity: 0.001, averagePrice: 50_000, feeMicroUsdt: 20_000 };
const whole = { ...order, filledQuantity: 0.002, averagePrice: 50_100, feeMicroUsdt: 40_080 };

describe('bookOrder', () => {
  it('books only what is new of a cumulative report', () => {
    const bookedLedger = bookOrder(bookOrder(bookOrder(opened, half), half), whole);
    expect(bookedLedger.ledger).toMatchObject({
      feesMicroUsdt: 40_080,
      cashMicroUsdt: 1_000_000_000 - 100_200_000 - 40_080,
      positions: { BTCUSDT: { quantity: 0.002, costMicroUsdt: 100_200_000 } },
    });
    expect(bookOrder(bookedLedger, whole)).toBe(bookedLedger);
    expect(bookOrder(bookedLedger, half)).toBe(bookedLedger);
  });

  it('books a fee that is told after its fill', () => {
    const bookedLedger = bookOrder(bookOrder(opened, { ...half, feeMicroUsdt: 0 }), half);
    expect(bookedLedger.ledger.feesMicroUsdt).toBe(20_000);
    expect(bookedLedger.ledger.positions.BTCUSDT!.quantity).toBe(0.001);
  });

  it('forgets ended orders and nothing of what they brought', () => {
    const bookedLedger = bookOrder(opened, half);
    expect(forgetOrders(bookedLedger, new Set(['qt-1']))).toEqual({ ...bookedLedger, orders: {} });
    expect(forgetOrders(bookedLedger, new Set(['qt-2']))).toBe(bookedLedger);
  });
});

describe('bookIncome', () => {
  const payment = (id: string, atMs: number): Income => ({
    ...{ id, atMs, kind: 'funding', type: 'FUNDING_FEE', symbol: 'BTCUSDT', asset: 'USDT' },
    ...{ amount: -0.000007, tradeId: null },
  });
  const about = { inDoubt: new Set<string>(), nowMs: START_MS + DAY_MS };
  const bookPayments = (before: BookedLedger, rows: readonly Income[]) => bookIncome(before, rows, about);

  it('books each payment once, late ones too, and none from before the ledger were opened', () => {
    const first = bookPayments(opened, [payment('a', START_MS), payment('b', START_MS + 1_000)]);
    expect(first.ledger).toMatchObject({ fundingMicroUsdt: -7, cashMicroUsdt: 999_999_993 });
    const later = START_MS + HOUR_MS;
    const second = bookPayments(first, [payment('b', START_MS + 1_000), payment('d', later)]);
    const third = bookPayments(second, [payment('c', later - 1_000), payment('d', later)]);
    expect(third.ledger.fundingMicroUsdt).toBe(-21);
    expect(incomeSinceMs(third)).toBeLessThan(later - 1_000);
    expect(bookPayments(third, [payment('b', START_MS + 1_000), payment('d', later)])).toBe(third);
    expect(third.funding.recent.map(({ id }) => id)).toEqual(['d', 'c']);
  });
});

describe('bookIncome of trades', () => {
  const row = (change: Partial<Income>): Income => ({
    ...{ id: 'r1', kind: 'realised', type: 'REALIZED_PNL', symbol: 'BTCUSDT', asset: 'USDT' },
    ...{ amount: -100, tradeId: '7', atMs: START_MS + 1_000 },
    ...change,
  });
  const calm = { inDoubt: new Set<string>(), nowMs: START_MS + HOUR_MS };
  const trade = { id: '7', symbol: 'BTCUSDT', atMs: START_MS + 1_000 };

  it('leaves those of our own orders to the orders, and books those of others once', () => {
    const own = bookIncome(withOwnTrades(opened, [trade]), [row({})], calm);
    expect(own.ledger).toEqual(opened.ledger);
    const others = bookIncome(opened, [row({}), row({ id: 'r2', kind: 'insurance', tradeId: null })], calm);
    expect(others.ledger.realisedMicroUsdt).toBe(-200_000_000);
    expect(bookIncome(others, [row({})], calm)).toBe(others);
  });

  it('waits while a trade may still turn out to be ours, and asks for its row again however much comes after', () => {
    const later = row({ id: 'f', kind: 'funding', tradeId: null, atMs: START_MS + HOUR_MS });
    const doubted = { ...calm, inDoubt: new Set(['BTCUSDT']) };
    const waiting = bookIncome(opened, [row({}), later], doubted);
    expect(waiting.ledger).toMatchObject({ realisedMicroUsdt: 0, fundingMicroUsdt: -100_000_000 });
    expect(incomeSinceMs(waiting)).toBeLessThanOrEqual(START_MS + 1_000);
    const young = { ...calm, nowMs: START_MS + 31_000 };
    expect(bookIncome(opened, [row({})], young)).toBe(opened);
    expect(bookIncome(waiting, [row({}), later], calm).ledger).toMatchObject({
      ...{ realisedMicroUsdt: -100_000_000, fundingMicroUsdt: -100_000_000 },
    });
  });

  it('begins with other rows than funding when a ledger of older code is first booked', () => {
    const { allKindsFromMs: _, ...older } = opened;
    const booked = bookIncome(older, [row({})], calm);
    expect(booked.ledger).toEqual(opened.ledger);
    const after = row({ id: 'r3', atMs: calm.nowMs + 1 });
    const next = bookIncome(booked, [row({}), after], { ...calm, nowMs: calm.nowMs + HOUR_MS });
    expect(next.ledger.realisedMicroUsdt).toBe(-100_000_000);
  });
});

describe('differences', () => {
  let ledger: BookedLedger['ledger'];
  beforeAll(() => {
    ({ ledger } = bookOrder(opened, half));
  });
  const wallet = 1_000_000_000 - 20_000;
  const position = { symbol: 'BTCUSDT', quantity: 0.001, entryPrice: 50_000 };

  it('are none when both hold the same, to a cent', () => {
    expect(differencesOf(ledger, { walletMicroUsdt: wallet + 10_000, positions: [position] })).toEqual([]);
    expect(differencesOf(ledger, { walletMicroUsdt: wallet + 10_001, positions: [position] })).toHaveLength(
      1,
    );
  });

  it('are gone once the exchange is taken over, and the identity holds', () => {
    const positions = [
      { ...position, quantity: -0.004 },
      { symbol: 'ETHUSDT', quantity: 1, entryPrice: 2_500 },
    ];
    const statement = { walletMicroUsdt: wallet - 5_000_000, positions };
    expect(differencesOf(ledger, statement)).toHaveLength(3);
    const taken = takeOver(ledger, statement);
    expect(differencesOf(taken, statement)).toEqual([]);
    const cost = Object.values(taken.positions).reduce((sum, { costMicroUsdt }) => sum + costMicroUsdt, 0);
    const { depositMicroUsdt, realisedMicroUsdt, feesMicroUsdt, fundingMicroUsdt, cashMicroUsdt } = taken;
    expect(depositMicroUsdt + realisedMicroUsdt - feesMicroUsdt + fundingMicroUsdt).toBe(
      cashMicroUsdt + cost,
    );
  });

  it('in cost alone are what was realised in another order', () => {
    const statement = {
      walletMicroUsdt: wallet - 1_000_000,
      positions: [{ ...position, entryPrice: 49_000 }],
    };
    expect(differencesOf(ledger, statement)).toHaveLength(1);
    const moved = atExchangeCosts(ledger, statement);
    expect(differencesOf(moved, statement)).toEqual([]);
    expect(moved).toMatchObject({ realisedMicroUsdt: -1_000_000, cashMicroUsdt: ledger.cashMicroUsdt });
  });
});
