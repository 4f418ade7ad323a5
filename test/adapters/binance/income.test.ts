// Rows of income as the exchange lists them.
import { expect, it } from 'vitest';
import { readIncome } from '../../../lib/adapters/binance/account/binance-balances.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { bookIncome } from '../../../lib/execution/ledger/book-income.ts';
import { newBookedLedger } from '../../../lib/execution/ledger/booked-ledger.ts';

const AT_MS = Date.UTC(2024, 7, 21);
const row = {
  ...{ symbol: 'BBUSDT', asset: 'USDT', incomeType: 'COMMISSION', income: '-1.03285', info: '' },
  ...{ time: AT_MS + MINUTE_MS, tranId: 9_001, tradeId: '77' },
};
const read = (...rows: readonly object[]) => readIncome(rows).rows;

it('a row that is shown again under another symbol is the same row, and is booked once', () => {
  const nowMs = AT_MS + 30 * MINUTE_MS;
  const about = { inDoubt: new Set<string>(), nowMs };
  const opened = { ...newBookedLedger(10_000e6, AT_MS), allKindsFromMs: AT_MS };
  const own = { ...opened, ownTrades: [{ symbol: 'BBUSDT', id: '77', atMs: row.time }] };
  const booked = bookIncome(own, read(row), about);
  expect(booked.ledger).toEqual(opened.ledger);
  expect(bookIncome(booked, read({ ...row, symbol: '测试USDC_261225' }), about).ledger).toEqual(
    opened.ledger,
  );
});
