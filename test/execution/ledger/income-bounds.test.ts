// What moved the wallet besides our orders: each row goes into its own column, once, and a transfer is explained by one declaration.
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../lib/core/units.ts';
import {
  bookIncome,
  declarationsSinceMs,
  explainTransfers,
  incomeSinceMs,
} from '../../../lib/execution/ledger/book-income.ts';
import {
  type BookedLedger,
  newBookedLedger,
  withOwnTrades,
} from '../../../lib/execution/ledger/booked-ledger.ts';
import type { Income } from '../../../lib/execution/ledger/income.ts';

const START_MS = 1_722_816_000_000;
const LATER_MS = START_MS + HOUR_MS;
const opened = newBookedLedger(1_000_000_000, START_MS);
const calm = { inDoubt: new Set<string>(), nowMs: START_MS + DAY_MS };

const row = (change: Partial<Income>): Income => ({
  ...{ id: 'r1', kind: 'funding', type: 'FUNDING_FEE', symbol: 'BTCUSDT', asset: 'USDT' },
  ...{ amount: 2, tradeId: null, atMs: LATER_MS },
  ...change,
});
const ofTrade = (change: Partial<Income>) => row({ kind: 'realised', tradeId: '7', ...change });

describe('a row of income', () => {
  it.each<[Income['kind'], object]>([
    ['funding', { fundingMicroUsdt: 2_000_000 }],
    ['commission', { feesMicroUsdt: -2_000_000 }],
    ['rebate', { feesMicroUsdt: -2_000_000 }],
    ['realised', { realisedMicroUsdt: 2_000_000 }],
    ['insurance', { realisedMicroUsdt: 2_000_000 }],
    ['settlement', { realisedMicroUsdt: 2_000_000 }],
    ['transfer', { depositMicroUsdt: 1_002_000_000 }],
    ['conversion', { depositMicroUsdt: 1_002_000_000 }],
  ])('of %s moves the cash and its own column', (kind, column) => {
    const booked = bookIncome(opened, [row({ kind, type: 'T' })], calm);
    expect(booked.ledger).toEqual({ ...opened.ledger, cashMicroUsdt: 1_002_000_000, ...column });
    expect(booked.incomeMicroUsdt).toEqual({ T: 2_000_000 });
    const isTransfer = kind === 'transfer' || kind === 'conversion';
    const transfer = { id: 'r1', atMs: LATER_MS, amountMicroUsdt: 2_000_000 };
    expect(booked.undeclared).toEqual(isTransfer ? [transfer] : []);
  });

  it.each([{ kind: 'other' }, { asset: 'BNB' }] as const)(
    'with %j explains nothing, and is known',
    (change) => {
      const booked = bookIncome(opened, [row(change)], calm);
      const recent = [{ id: 'r1', atMs: LATER_MS }];
      expect(booked).toEqual({ ...opened, funding: { ...opened.funding, untilMs: LATER_MS, recent } });
    },
  );

  it('adds to what its type has brought before', () => {
    const rows = [row({}), row({ id: 'r2', amount: -0.5 }), row({ id: 'r3', type: 'OTHER', amount: 1 })];
    const { incomeMicroUsdt } = bookIncome(opened, rows, calm);
    expect(incomeMicroUsdt).toEqual({ FUNDING_FEE: 1_500_000, OTHER: 1_000_000 });
  });

  it('that is no amount of money is refused', () => {
    expect(() => bookIncome(opened, [row({ amount: 1e12 })], calm)).toThrow('not an amount');
  });
});

describe('the time that is asked for', () => {
  it('begins after the deposit, then ten minutes before the newest row', () => {
    expect(incomeSinceMs(opened)).toBe(START_MS + 1);
    expect(incomeSinceMs(bookIncome(opened, [row({})], calm))).toBe(LATER_MS - 10 * MINUTE_MS);
  });

  it('decides whether a row is booked: its first moment is, the one before is not', () => {
    const booked = bookIncome(opened, [row({})], calm);
    const sinceMs = incomeSinceMs(booked);
    expect(bookIncome(booked, [row({ id: 'early', atMs: sinceMs - 1 })], calm)).toBe(booked);
    const first = bookIncome(booked, [row({ id: 'first', atMs: sinceMs })], calm);
    expect(first.ledger.fundingMicroUsdt).toBe(4_000_000);
    expect(first.funding).toEqual({
      ...booked.funding,
      recent: [...booked.funding.recent, { id: 'first', atMs: sinceMs }],
    });
  });

  it('goes on to the newest of the rows that are listed together', () => {
    const rows = [row({}), row({ id: 'r2', atMs: LATER_MS + 1 }), row({ id: 'r3', atMs: LATER_MS - 1 })];
    expect(bookIncome(opened, rows, calm).funding.untilMs).toBe(LATER_MS + 1);
  });

  it('never goes back, and forgets the rows and trades before it', () => {
    const trades = [0, 1].map((id) => ({
      id: `${id}`,
      symbol: 'BTCUSDT',
      atMs: LATER_MS - 10 * MINUTE_MS - 1 + id,
    }));
    const before = withOwnTrades(bookIncome(opened, [row({ id: 'old', atMs: START_MS + 1 })], calm), trades);
    const booked = bookIncome(before, [row({})], calm);
    expect(booked.funding.recent.map(({ id }) => id)).toEqual(['r1']);
    expect(booked.ownTrades.map(({ id }) => id)).toEqual(['1']);
    const late = bookIncome(booked, [row({ id: 'late', atMs: LATER_MS - MINUTE_MS })], calm);
    expect(late.funding.untilMs).toBe(LATER_MS);
  });

  it('reaches back to a row that waits, and no further on than the newest that is booked', () => {
    const doubted = { ...calm, inDoubt: new Set(['BTCUSDT']) };
    const waits = (atMs: number) => bookIncome(opened, [row({}), ofTrade({ id: 'w', atMs })], doubted);
    expect(waits(LATER_MS - HOUR_MS / 2).funding.untilMs).toBe(LATER_MS - HOUR_MS / 2);
    expect(waits(LATER_MS + HOUR_MS).funding.untilMs).toBe(LATER_MS);
  });

  it('begins for other kinds than funding when a ledger of older code is first booked', () => {
    const { allKindsFromMs: _, ...older } = opened;
    const about = { ...calm, nowMs: LATER_MS };
    const rows = [-1, 0].map((afterMs) =>
      row({ id: `${afterMs}`, kind: 'transfer', atMs: LATER_MS + afterMs }),
    );
    const booked = bookIncome(older, [...rows, row({ atMs: LATER_MS - 1 })], about);
    expect(booked.undeclared.map(({ id }) => id)).toEqual(['0']);
    expect(booked.ledger.fundingMicroUsdt).toBe(2_000_000);
    expect(booked.allKindsFromMs).toBe(LATER_MS);
  });
});

describe('a row of a trade', () => {
  const trade = { id: '7', symbol: 'BTCUSDT', atMs: LATER_MS };
  const cash = (rows: readonly Income[], about = calm, ledger = opened) =>
    bookIncome(ledger, rows, about).ledger.cashMicroUsdt - opened.ledger.cashMicroUsdt;

  it('of ours is left to the order, whether gain or fee; one of another symbol or of insurance is not', () => {
    const own = withOwnTrades(opened, [trade]);
    expect(cash([ofTrade({}), ofTrade({ id: 'r2', kind: 'commission' })], calm, own)).toBe(0);
    expect(cash([ofTrade({ symbol: 'ETHUSDT' })], calm, own)).toBe(2_000_000);
    expect(cash([ofTrade({ kind: 'insurance' })], calm, own)).toBe(2_000_000);
  });

  it('of ours is known at once, however young', () => {
    const young = { ...calm, nowMs: LATER_MS };
    const own = withOwnTrades(opened, [trade]);
    expect(bookIncome(own, [ofTrade({})], young).funding.recent).toEqual([{ id: 'r1', atMs: LATER_MS }]);
  });

  it("is somebody else's after a minute", () => {
    expect(cash([ofTrade({})], { ...calm, nowMs: LATER_MS + MINUTE_MS - 1 })).toBe(0);
    expect(cash([ofTrade({})], { ...calm, nowMs: LATER_MS + MINUTE_MS })).toBe(2_000_000);
  });

  it('waits by its own symbol only, and not where no trade is named', () => {
    const doubted = { ...calm, inDoubt: new Set(['BTCUSDT']) };
    expect(cash([ofTrade({})], doubted)).toBe(0);
    expect(cash([ofTrade({ symbol: 'ETHUSDT' })], doubted)).toBe(2_000_000);
    expect(cash([ofTrade({ symbol: null })], doubted)).toBe(2_000_000);
    expect(cash([ofTrade({ tradeId: null })], doubted)).toBe(2_000_000);
  });
});

describe('a transfer', () => {
  const transferred = (...ids: string[]): BookedLedger => ({
    ...opened,
    undeclared: ids.map((id, index) => ({ id, atMs: LATER_MS + index, amountMicroUsdt: 5_000_000 })),
  });
  const declared = (afterMs: number, amountMicroUsdt = 5_000_000) => ({
    atMs: LATER_MS + afterMs,
    amountMicroUsdt,
  });
  const nowMs = LATER_MS + 10 * MINUTE_MS;

  it('asks for declarations from a day before the oldest that is not declared', () => {
    expect(declarationsSinceMs(opened)).toBeUndefined();
    expect(declarationsSinceMs(transferred('a', 'b'))).toBe(LATER_MS - DAY_MS);
  });

  it('goes undeclared for ten minutes before it is told', () => {
    const given = transferred('a');
    expect(explainTransfers(given, { declarations: [], nowMs })).toEqual({
      bookedLedger: given,
      unexplained: [],
    });
    expect(explainTransfers(given, { declarations: [], nowMs: nowMs + 1 })).toEqual({
      bookedLedger: given,
      unexplained: ['an unexplained transfer of 5000000 micro-USDT at 2024-08-05T01:00:00.000Z'],
    });
  });

  it.each([
    ['a day before', declared(-DAY_MS), true],
    ['earlier than a day before', declared(-DAY_MS - 1), false],
    ['after it was told', declared(HOUR_MS), true],
    ['of another amount', declared(0, 5_000_001), false],
  ])('is explained by a declaration %s: %j %s', (_, declaration, isExplained) => {
    const explained = explainTransfers(transferred('a'), {
      declarations: [declaration],
      nowMs: LATER_MS + HOUR_MS,
    });
    expect(explained.bookedLedger.undeclared).toHaveLength(isExplained ? 0 : 1);
    expect(explained.unexplained).toHaveLength(isExplained ? 0 : 1);
    expect(explained.bookedLedger.usedDeclarations).toEqual(isExplained ? [declaration.atMs] : []);
  });

  it('uses a declaration up: two transfers need two', () => {
    const declarations = [declared(-1)];
    const first = explainTransfers(transferred('a', 'b'), { declarations, nowMs });
    expect(first.bookedLedger.undeclared.map(({ id }) => id)).toEqual(['b']);
    const again = explainTransfers(first.bookedLedger, { declarations, nowMs });
    expect(again.bookedLedger).toBe(first.bookedLedger);
    const both = explainTransfers(again.bookedLedger, {
      declarations: [...declarations, declared(5)],
      nowMs,
    });
    expect(both.bookedLedger).toEqual({
      ...opened,
      usedDeclarations: [declared(-1).atMs, declared(5).atMs],
    });
  });

  it('remembers a used declaration for 90 days', () => {
    const usedDeclarations = [nowMs - 90 * DAY_MS - 1, nowMs - 90 * DAY_MS];
    const { bookedLedger } = explainTransfers(
      { ...transferred('a'), usedDeclarations },
      { declarations: [declared(0)], nowMs },
    );
    expect(bookedLedger.usedDeclarations).toEqual([usedDeclarations[1], LATER_MS]);
  });
});
