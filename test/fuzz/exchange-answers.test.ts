// Every answer that the account and the market data of an exchange are read from, damaged in every way: what is taken is possible, and
// everything else is refused by a fault of its own, soon and in one line.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  fillOfTrade,
  readIncome,
  readPositions,
  readTrades,
  readWallet,
} from '../../lib/adapters/binance/account/binance-balances.ts';
import {
  readAlgoOrder,
  readForced,
  readOpenOrders,
  readOpenStops,
  readOrder,
  readOwn,
  reportOfAcceptance,
  reportOfAlgoOrder,
  reportOfOrder,
} from '../../lib/adapters/binance/account/binance-orders.ts';
import {
  readDone,
  readHedgeMode,
  readMultiAssets,
  readSymbolConfig,
} from '../../lib/adapters/binance/account/binance-settings.ts';
import { ExchangeFault } from '../../lib/adapters/binance/exchange-fault.ts';
import {
  readFilters,
  readListedPairs,
  readPrices,
  readQuoteVolumes,
} from '../../lib/adapters/binance/market/instruments.ts';
import type { Listing, OpenOrder, OrderReport } from '../../lib/execution/ports.ts';
import { expectCheap } from '../support/expect-cheap.ts';
import { damaged } from './damage.ts';

const answers = JSON.parse(readFileSync(join(import.meta.dirname, 'exchange-answers.json'), 'utf8'));

const isAmount = (value: number) => Number.isFinite(value) && value >= 0;
const isSize = (value: number | null) => value === null || (Number.isFinite(value) && value > 0);
const isTime = (value: number | null) => value === null || Number.isSafeInteger(value);
const isText = (value: unknown) => typeof value === 'string';

function expectReport(report: OrderReport | undefined): void {
  if (report === undefined) return;
  const { status, quantity, filledQuantity, averagePrice, filledAtMs, updatedAtMs } = report;
  expect(isText(report.symbol) && isText(report.clientOrderId)).toBe(true);
  expect(isSize(quantity) && isAmount(filledQuantity) && isSize(averagePrice)).toBe(true);
  expect(isTime(filledAtMs) && isTime(updatedAtMs)).toBe(true);
  // A filled order has filled something.
  if (status === 'filled') expect(filledQuantity).toBeGreaterThan(0);
}

function expectListed({ rows, problems }: Listing<OpenOrder>): void {
  for (const { symbol, clientOrderId, side, quantity, stopPrice } of rows) {
    expect(symbol.length > 0 && clientOrderId.length > 0).toBe(true);
    expect([null, 'BUY', 'SELL']).toContain(side);
    expect(isSize(quantity) && isSize(stopPrice)).toBe(true);
  }
  for (const { message } of problems) expect(message).not.toContain('\n');
}

/** What is read from, by what, and what has to be true of anything that was taken. */
const READERS: Readonly<Record<string, readonly [corpus: string, read: (body: unknown) => void]>> = {
  'an order': ['order', (body) => expectReport(reportOfOrder(readOrder(body)))],
  'a conditional order': [
    'algoOrder',
    (body) => expectReport(reportOfAlgoOrder(readAlgoOrder(body), undefined)),
  ],
  'the acceptance of an order': [
    'order',
    (body) =>
      expectReport(
        reportOfAcceptance({ symbol: 'BTCUSDT', clientOrderId: 'qt-entry-1', kind: 'market' }, body),
      ),
  ],
  'the acceptance of a stop': [
    'algoOrder',
    (body) =>
      expectReport(reportOfAcceptance({ symbol: 'BTCUSDT', clientOrderId: 'qt-stop-1', kind: 'stop' }, body)),
  ],
  'an own order': [
    'order',
    (body) => {
      readOwn({ symbol: 'BTCUSDT', clientOrderId: 'qt-entry-1', kind: 'market' }, body);
      expect((body as { clientOrderId: string }).clientOrderId).toBe('qt-entry-1');
    },
  ],
  'open orders': ['openOrders', (body) => expectListed(readOpenOrders(body))],
  'open stops': ['openStops', (body) => expectListed(readOpenStops(body))],
  'orders of the exchange': [
    'allOrders',
    (body) => {
      for (const forced of readForced(body).rows)
        expect(['liquidated', 'auto_deleveraged', 'settled']).toContain(forced);
    },
  ],
  positions: [
    'positions',
    (body) => {
      for (const { symbol, quantity, entryPrice, markPrice } of readPositions(body).rows) {
        expect(symbol.length > 0 && Number.isFinite(quantity) && quantity !== 0).toBe(true);
        expect(isSize(entryPrice) && isSize(markPrice)).toBe(true);
      }
    },
  ],
  'the wallet': ['balances', (body) => expect(Number.isSafeInteger(readWallet(body))).toBe(true)],
  trades: [
    'trades',
    (body) => {
      for (const { tradeId, quantity, price, fee, realisedMicroUsdt, atMs } of readTrades(body).map(
        fillOfTrade,
      )) {
        expect(tradeId.length > 0 && quantity > 0 && price > 0).toBe(true);
        expect(Number.isFinite(quantity * price) && Number.isFinite(fee.amount)).toBe(true);
        expect(Number.isSafeInteger(realisedMicroUsdt) && Number.isSafeInteger(atMs)).toBe(true);
      }
    },
  ],
  income: [
    'income',
    (body) => {
      for (const { id, asset, amount, atMs } of readIncome(body).rows) {
        expect(id.length > 0 && asset.length > 0 && Number.isSafeInteger(atMs)).toBe(true);
        expect(
          asset === 'USDT' ? Number.isSafeInteger(Math.round(amount * 1e6)) : Number.isFinite(amount),
        ).toBe(true);
      }
    },
  ],
  filters: [
    'exchangeInfo',
    (body) => {
      for (const filters of readFilters(body).values()) {
        const { tickSize, stepSize, minQuantity, maxQuantity, minNotionalUsdt } = filters;
        expect(tickSize > 0 && stepSize > 0 && maxQuantity > 0).toBe(true);
        expect(isAmount(minQuantity) && isAmount(minNotionalUsdt)).toBe(true);
        expect([tickSize, stepSize, maxQuantity].every(Number.isFinite)).toBe(true);
      }
    },
  ],
  pairs: [
    'exchangeInfo',
    (body) => {
      for (const { symbol, base, settlesAtMs } of readListedPairs(body, new Map())) {
        expect(symbol).toMatch(/^[A-Z0-9]+USDT$/);
        expect(base.length).toBeGreaterThan(0);
        if (settlesAtMs !== undefined) expect(Number.isSafeInteger(settlesAtMs)).toBe(true);
      }
    },
  ],
  prices: [
    'prices',
    (body) => {
      for (const [symbol, price] of readPrices(body))
        expect(symbol.length > 0 && price > 0 && Number.isFinite(price)).toBe(true);
    },
  ],
  volumes: ['dayTickers', (body) => expect([...readQuoteVolumes(body).values()].every(isAmount)).toBe(true)],
  'the position mode': ['hedgeMode', (body) => expect(typeof readHedgeMode(body)).toBe('boolean')],
  'the asset mode': ['multiAssets', (body) => expect(typeof readMultiAssets(body)).toBe('boolean')],
  "a symbol's settings": [
    'symbolConfig',
    (body) => expect(Number.isSafeInteger(readSymbolConfig(body).leverage)).toBe(true),
  ],
  'word that it is done': ['done', (body) => readDone(body)],
};

/** Reads it, or refuses it as an exchange's fault. */
function isTaken(read: (body: unknown) => void, body: unknown): boolean {
  try {
    read(body);
    return true;
  } catch (error) {
    if (!(error instanceof ExchangeFault)) throw error;
    expect(error.code).toBe('invalid_response');
    expect(error.message).not.toContain('\n');
    return false;
  }
}

describe.each(Object.entries(READERS))('%s', (name, [corpus, read]) => {
  it('as recorded is taken', () => expect(isTaken(read, answers[corpus])).toBe(true));

  it('damaged is refused, or possible', async () => {
    let refused = 0;
    await expectCheap(() =>
      fc.assert(
        fc.property(damaged(answers[corpus]), (body) => {
          if (!isTaken(read, body)) refused++;
        }),
        { numRuns: 2_000 },
      ),
    );
    // An acceptance that cannot be read is one all the same, which says no more.
    expect(name.startsWith('the acceptance') || refused > 0).toBe(true);
  });

  it('that is anything else is refused, or possible', () => {
    fc.assert(
      fc.property(fc.anything(), (body) => void isTaken(read, body)),
      { numRuns: 500 },
    );
  });
});
