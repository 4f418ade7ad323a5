// The books at their edges: fills within the dust of numbers, answers out of order, and how near exchange and ledger have to be.
import { beforeAll, describe, expect, it } from 'vitest';
import { HOUR_MS, MINUTE_MS } from '../../../lib/core/units.ts';
import { exposureMicroUsdt, unrealisedMicroUsdt } from '../../../lib/execution/ledger/account-equity.ts';
import {
  atExchangeCosts,
  type BookedLedger,
  bookedLedgerSchema,
  bookOrder,
  differencesOf,
  forgetOrders,
  mayBeIncome,
  newBookedLedger,
  type OrderFills,
  takeOver,
  withOwnTrades,
} from '../../../lib/execution/ledger/booked-ledger.ts';
import { newLedger } from '../../../lib/execution/ledger/ledger.ts';

const START_MS = 1_722_816_000_000;
const opened = newBookedLedger(1_000_000_000, START_MS);
const fills = (change: Partial<OrderFills>): OrderFills => ({
  ...{ clientOrderId: 'qt-1', symbol: 'BTCUSDT', side: 'BUY' },
  ...{ filledQuantity: 0.001, averagePrice: 50_000, feeMicroUsdt: 20_000 },
  ...change,
});
let booked: BookedLedger;
beforeAll(() => {
  booked = bookOrder(opened, fills({}));
});

it('begin with the moment after their deposit', () => {
  expect(newBookedLedger(5, 10)).toEqual({
    ledger: newLedger(5),
    ...{ orders: {}, funding: { fromMs: 11, untilMs: 10, recent: [] }, allKindsFromMs: 11 },
    ...{ ownTrades: [], incomeMicroUsdt: {}, undeclared: [], usedDeclarations: [] },
  });
});

describe('stored books', () => {
  it('of a code before transfers were told apart lack nothing', () => {
    const { ledger, orders, funding } = opened;
    const { allKindsFromMs: _, ...older } = opened;
    expect(bookedLedgerSchema.parse({ ledger, orders, funding })).toEqual(older);
    const full = {
      ...booked,
      funding: { ...booked.funding, recent: [{ id: 'r1', atMs: 1 }] },
      ownTrades: [{ id: '7', symbol: 'BTCUSDT', atMs: 1 }],
      undeclared: [{ id: 't1', atMs: 1, amountMicroUsdt: 5 }],
    };
    expect(bookedLedgerSchema.parse(JSON.parse(JSON.stringify(full)))).toEqual(full);
  });

  it.each([
    { quantity: -1e-8, averagePrice: 1, feeMicroUsdt: 0 },
    { quantity: 1, averagePrice: 0, feeMicroUsdt: 0 },
    { quantity: 1, averagePrice: 1, feeMicroUsdt: 0.5 },
    { quantity: 1, averagePrice: 1 },
  ])('with an order of %j are none', (order) => {
    expect(bookedLedgerSchema.safeParse({ ...opened, orders: { 'qt-1': order } }).success).toBe(false);
  });
});

describe('an order', () => {
  it('without a fill is known, and moves nothing', () => {
    const known = bookOrder(opened, fills({ filledQuantity: 0, averagePrice: null, feeMicroUsdt: 0 }));
    const order = { quantity: 0, averagePrice: null, feeMicroUsdt: 0 };
    expect(known).toEqual({ ...opened, orders: { 'qt-1': order } });
    const again = fills({ filledQuantity: 0, averagePrice: null, feeMicroUsdt: 0 });
    expect(bookOrder(known, again)).toBe(known);
  });

  it('is booked at the price of what is new', () => {
    const more = bookOrder(
      booked,
      fills({ filledQuantity: 0.003, averagePrice: 52_000, feeMicroUsdt: 60_000 }),
    );
    expect(more.ledger.positions.BTCUSDT).toEqual({ quantity: 0.003, costMicroUsdt: 156_000_000 });
    expect(more.orders['qt-1']).toEqual({ quantity: 0.003, averagePrice: 52_000, feeMicroUsdt: 60_000 });
    expect(more.ledger.feesMicroUsdt).toBe(60_000);
  });

  it.each([
    ['nothing', 0.5, 2, 1],
    ['less than nothing', 0.5, 2, 0.9],
  ])('is booked at its average where what is new seems to have cost %s', (_, quantity, price, average) => {
    const before = bookOrder(opened, fills({ filledQuantity: quantity, averagePrice: price }));
    const after = bookOrder(before, fills({ filledQuantity: 1, averagePrice: average }));
    const costMicroUsdt = 1e6 * (quantity * price + (1 - quantity) * average);
    expect(after.ledger.positions.BTCUSDT).toEqual({ quantity: 1, costMicroUsdt });
  });

  it('has not filled further by less than any step, or without a price', () => {
    expect(bookOrder(booked, fills({ filledQuantity: 0.001 + 4e-9 }))).toBe(booked);
    expect(bookOrder(booked, fills({ filledQuantity: 0.002, averagePrice: null }))).toBe(booked);
    const step = bookOrder(booked, fills({ filledQuantity: 0.001 + 1e-8 }));
    expect(step.ledger.positions.BTCUSDT!.quantity).toBe(0.00100001);
  });

  it('takes a fee from an answer of the same fill, and nothing from an older answer', () => {
    const older = fills({ filledQuantity: 0.0005, feeMicroUsdt: 10_000 });
    expect(bookOrder(booked, older)).toBe(booked);
    const dusty = bookOrder(booked, fills({ filledQuantity: 0.001 - 4e-9, feeMicroUsdt: 25_000 }));
    expect(dusty.ledger).toEqual({
      ...booked.ledger,
      feesMicroUsdt: 25_000,
      cashMicroUsdt: booked.ledger.cashMicroUsdt - 5_000,
    });
    expect(dusty.orders['qt-1']).toEqual({ quantity: 0.001, averagePrice: 50_000, feeMicroUsdt: 25_000 });
  });

  it('that the books forgot goes on from what its record says', () => {
    const forgotten = { ...booked, orders: {} };
    const record = booked.orders['qt-1']!;
    const again = bookOrder(forgotten, fills({ booked: record }));
    expect(again.ledger).toEqual(booked.ledger);
    expect(again.orders).toEqual({ 'qt-1': record });
    // What the books know themselves comes first.
    expect(bookOrder(booked, fills({ booked: { ...record, quantity: 0 } }))).toBe(booked);
  });

  it('that has ended is forgotten alone', () => {
    const two = bookOrder(booked, fills({ clientOrderId: 'qt-2' }));
    expect(Object.keys(forgetOrders(two, new Set(['qt-1'])).orders)).toEqual(['qt-2']);
  });
});

it('a trade is known by its symbol and id', () => {
  const trade = { id: '7', symbol: 'BTCUSDT', atMs: START_MS };
  const other = { ...trade, symbol: 'ETHUSDT' };
  const known = withOwnTrades(opened, [trade]);
  expect(withOwnTrades(known, [trade])).toBe(known);
  expect(withOwnTrades(known, [trade, other]).ownTrades).toEqual([trade, other]);
});

describe('exchange and ledger', () => {
  let ledger: BookedLedger['ledger'];
  beforeAll(() => {
    ({ ledger } = booked);
  });
  const walletMicroUsdt = 1_000_000_000 - 20_000;
  const position = { symbol: 'BTCUSDT', quantity: 0.001, entryPrice: 50_000 };
  const statement = { walletMicroUsdt, positions: [position] };

  it('differ in lines by symbol, the wallet last', () => {
    const ada = { symbol: 'ADAUSDT', quantity: 3, entryPrice: 1 };
    const eth = { symbol: 'ETHUSDT', quantity: -1, entryPrice: 1 };
    expect(differencesOf(ledger, { walletMicroUsdt: 5, positions: [eth, ada] })).toEqual([
      'ADAUSDT: the exchange holds 3, the ledger 0',
      'BTCUSDT: the exchange holds 0, the ledger 0.001',
      'ETHUSDT: the exchange holds -1, the ledger 0',
      'wallet: the exchange holds 5, the ledger 999980000 micro-USDT',
    ]);
  });

  it.each([
    [10_000, 0],
    [10_001, 1],
    [-10_000, 0],
    [-10_001, 1],
  ])('of a wallet apart by %d differ in %d things', (apart, count) => {
    const wallet = { ...statement, walletMicroUsdt: walletMicroUsdt + apart };
    expect(differencesOf(ledger, wallet)).toHaveLength(count);
  });

  it('count deposit, gains, fees and funding for the wallet', () => {
    const moved = {
      depositMicroUsdt: 1e9,
      realisedMicroUsdt: 3e6,
      feesMicroUsdt: 4e5,
      fundingMicroUsdt: -5e4,
    };
    const wallet = { ...statement, walletMicroUsdt: 1_002_550_000 };
    expect(differencesOf({ ...ledger, ...moved }, wallet)).toEqual([]);
  });

  it('hold the same within the dust of numbers', () => {
    const held = (quantity: number) => ({ ...statement, positions: [{ ...position, quantity }] });
    expect(differencesOf(ledger, held(0.001 + 4e-9))).toEqual([]);
    expect(differencesOf(ledger, held(0.001 + 1e-8))).toHaveLength(1);
    const stray = { ...position, symbol: 'ETHUSDT', quantity: 5e-9 };
    expect(differencesOf(ledger, { ...statement, positions: [position, stray] })).toEqual([]);
    expect(takeOver(ledger, held(0.001 + 4e-9)).positions).toEqual(ledger.positions);
    expect(takeOver(ledger, held(0.001 - 4e-9)).positions).toEqual(ledger.positions);
  });

  it('have the costs of the exchange only where both hold the same', () => {
    const costs = (change: object) =>
      atExchangeCosts(ledger, { ...statement, positions: [{ ...position, entryPrice: 49_000, ...change }] });
    expect(costs({}).positions.BTCUSDT!.costMicroUsdt).toBe(49_000_000);
    expect(costs({}).realisedMicroUsdt).toBe(-1_000_000);
    expect(costs({ quantity: 0.001 + 4e-9 }).realisedMicroUsdt).toBe(-1_000_000);
    expect(costs({ quantity: 0.002 })).toEqual(ledger);
    expect(costs({ quantity: -0.001 })).toEqual(ledger);
    expect(costs({ symbol: 'ETHUSDT' })).toEqual(ledger);
  });

  it('are the same after a takeover, which leaves the wallet alone where income may explain it', () => {
    const theirs = {
      walletMicroUsdt: walletMicroUsdt + 500_000,
      positions: [{ ...position, quantity: 0.002 }],
    };
    const positions = { BTCUSDT: { quantity: 0.002, costMicroUsdt: 100_000_000 } };
    expect(takeOver(ledger, theirs)).toEqual({
      ...ledger,
      positions,
      depositMicroUsdt: 1_000_500_000,
      cashMicroUsdt: theirs.walletMicroUsdt - 100_000_000,
    });
    expect(takeOver(ledger, theirs, { keepsWallet: true })).toEqual({
      ...ledger,
      positions,
      cashMicroUsdt: walletMicroUsdt - 100_000_000,
    });
    expect(takeOver(ledger, { ...statement, positions: [] }).positions).toEqual({});
  });
});

it('a wallet may wait five minutes for its income, ten where funding was paid', () => {
  const hour = 480_000 * HOUR_MS;
  const waits = (afterHourMs: number, forMs: number) =>
    mayBeIncome(hour + afterHourMs, hour + afterHourMs + forMs);
  expect(waits(11 * MINUTE_MS, 5 * MINUTE_MS)).toBe(true);
  expect(waits(11 * MINUTE_MS, 5 * MINUTE_MS + 1)).toBe(false);
  for (const afterHourMs of [0, 10 * MINUTE_MS]) {
    expect(waits(afterHourMs, 10 * MINUTE_MS)).toBe(true);
    expect(waits(afterHourMs, 10 * MINUTE_MS + 1)).toBe(false);
  }
  expect(waits(10 * MINUTE_MS + 1, 5 * MINUTE_MS + 1)).toBe(false);
});

it('a holding is worth its quantity by its price, and has gained by its entry', () => {
  const long = { quantity: 2, entryPrice: 100, price: 90 };
  expect(unrealisedMicroUsdt(long)).toBe(-20_000_000);
  expect(unrealisedMicroUsdt({ ...long, quantity: -2 })).toBe(20_000_000);
  expect(exposureMicroUsdt(long)).toBe(180_000_000);
  expect(exposureMicroUsdt({ ...long, quantity: -2 })).toBe(180_000_000);
});
