import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryRiskStore } from '../../../lib/adapters/memory/memory-risk-store.ts';
import { createPaperBroker } from '../../../lib/adapters/paper/paper-broker.ts';
import { failure, success } from '../../../lib/core/result.ts';
import { StoreError } from '../../../lib/core/store-error.ts';
import { DAY_MS } from '../../../lib/core/units.ts';
import type { Broker } from '../../../lib/execution/ports.ts';
import { PAPER_ACCOUNT } from '../../../lib/execution/records.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { allocateSeries, countUntil, sliceSeries } from '../../../lib/market/candle-series.ts';
import { deriveFilters } from '../../../lib/market/derive-filters.ts';
import type { MarketData } from '../../../lib/market/ports.ts';
import type { RecordStore, RiskStore } from '../../../lib/risk/ports.ts';
import { keyOf } from '../../../lib/risk/record-kind.ts';
import {
  approveEntry,
  approveReduce,
  BROKER_START_MS,
  BROKER_TERMS,
  brokerMarket,
  expectRows,
  expectValue,
  market as marketOrder,
  stop,
} from '../../support/execution/broker-market.ts';

const unavailable = { code: 'unavailable', message: 'no exchange', retryable: true } as const;
let nowMs: number;
let down: boolean;
let candleRequests: number;
let store: RiskStore;

/** The contract's market in memory, which can fail. */
const market: MarketData = {
  serverTimeMs: async () => success(nowMs),
  closedCandles: async ({ symbol, count, lastOpenTimeMs }) => {
    candleRequests++;
    if (down) return failure(unavailable);
    const series = brokerMarket.candles(symbol);
    const end = countUntil(series, lastOpenTimeMs);
    const from = countUntil(series, lastOpenTimeMs - count * BAR_MS);
    return success(from < end ? sliceSeries(series, from, end) : allocateSeries(0));
  },
  prices: async (symbols = brokerMarket.symbols) =>
    down
      ? failure(unavailable)
      : success(
          new Map(
            symbols.map((symbol) => {
              const series = brokerMarket.candles(symbol);
              return [symbol, series.open[Math.max(0, countUntil(series, nowMs) - 1)]!];
            }),
          ),
        ),
  filters: async () =>
    down
      ? failure(unavailable)
      : success(
          new Map(brokerMarket.symbols.map((name) => [name, deriveFilters(brokerMarket.candles(name))])),
        ),
  pairs: async () => success([]),
};

const open = (records: RecordStore = store): Broker =>
  createPaperBroker({
    records,
    market,
    clock: { nowMs: () => nowMs },
    costs: {
      halfSpreadBps: 0,
      slippageBps: BROKER_TERMS.impactBps,
      takerFeeBps: BROKER_TERMS.takerFeeBps,
      fundingRatePer8h: BROKER_TERMS.fundingRatePer8h,
    },
    depositMicroUsdt: BROKER_TERMS.depositMicroUsdt,
  });

beforeEach(() => {
  nowMs = BROKER_START_MS;
  down = false;
  candleRequests = 0;
  store = createMemoryRiskStore();
});

const stopOrder = () => approveReduce('paper', { clientOrderId: 'qt-stop-1', stopPrice: 49_500 });

describe('the paper account', () => {
  it('is the same after a restart: position, stop, books and ids', async () => {
    const before = open();
    await before.submit(await approveEntry('paper'));
    await before.submit(stopOrder());
    const after = open();
    expect(await after.positions()).toEqual(await before.positions());
    expect(expectRows(await after.openStops())).toHaveLength(1);
    expect(await after.openStops()).toEqual(await before.openStops());
    expect(await after.walletMicroUsdt()).toEqual(await before.walletMicroUsdt());
    await after.submit(await approveEntry('paper'));
    expect(expectRows(await after.positions())[0]!.quantity).toBe(0.01);
  });

  it('remembers an id when its order has long ended', async () => {
    const broker = open();
    await broker.submit(await approveEntry('paper'));
    await broker.submit(approveReduce('paper'));
    for (let trade = 0; trade < 5; trade++) {
      nowMs += DAY_MS;
      const [side, id] = [trade % 2 === 0 ? 'BUY' : 'SELL', `qt-later-${trade}`] as const;
      await broker.submit(await approveEntry('paper', { side, clientOrderId: id }));
    }
    const held = await broker.positions();
    expect(await broker.submit(await approveEntry('paper'))).toMatchObject({ outcome: 'acknowledged' });
    expect(await broker.positions()).toEqual(held);
    expect(expectValue(await broker.find(marketOrder('qt-entry-1')))).toMatchObject({
      status: 'filled',
      updatedAtMs: BROKER_START_MS,
    });
    const record = await executionRecords(store).paperAccount.get('paper');
    // What ended is put away: the account itself stays small.
    expect(Object.keys(record!.value.orders).length).toBeLessThanOrEqual(2);
  });

  it('takes each of many orders once, from two processes at once', async () => {
    const brokers = [open(), open()];
    const orders = await Promise.all(
      Array.from({ length: 6 }, (_, index) => approveEntry('paper', { clientOrderId: `qt-${index}` })),
    );
    const submissions = await Promise.all(
      orders.flatMap((order) => brokers.map((broker) => broker.submit(order))),
    );
    expect(submissions.filter(({ outcome }) => outcome === 'rejected')).toEqual([]);
    // Whoever lost every race does not know; the ledger does.
    expect(expectRows(await open().positions())[0]!.quantity).toBeCloseTo(0.06, 9);
  });

  it('catches up over weeks of absence, more than one request holds', async () => {
    const broker = open();
    await broker.submit(await approveEntry('paper', { symbol: 'ETHUSDT' }));
    nowMs += 3_000 * BAR_MS;
    candleRequests = 0;
    // Funding is due of what the market traded; it ended after a good day.
    const income = expectRows(await broker.incomeSince(0));
    expect(income.filter(({ kind }) => kind === 'funding').length).toBeGreaterThanOrEqual(3);
    expect(candleRequests).toBe(4);
  });

  it('asks for no candles while there is nothing to follow, or no bar has closed', async () => {
    const broker = open();
    await broker.walletMicroUsdt();
    await broker.submit(await approveEntry('paper'));
    await broker.positions();
    expect(candleRequests).toBe(0);
    nowMs += BAR_MS;
    await broker.positions();
    await broker.openOrders();
    expect(candleRequests).toBe(1);
  });
});

describe('when something fails', () => {
  it('without a market there is no fill and no guess', async () => {
    const broker = open();
    await broker.submit(await approveEntry('paper'));
    await broker.submit(stopOrder());
    down = true;
    nowMs += 3 * BAR_MS;
    expect(await broker.submit(approveReduce('paper'))).toMatchObject({
      outcome: 'rejected',
      code: 'unsent',
    });
    expect(await broker.positions()).toMatchObject({ ok: false, error: { code: 'unavailable' } });
    expect(await broker.find(stop('qt-stop-1'))).toMatchObject({ ok: false });
    down = false;
    expect(expectValue(await broker.find(stop('qt-stop-1')))).toMatchObject({ status: 'filled' });
  });

  it.each([true, false])(
    'a write whose answer is lost is unknown, and found out (arrived: %s)',
    async (arrived) => {
      const lossy: RecordStore = {
        ...store,
        put: async (...write) => {
          if (arrived) await store.put(...write);
          throw new StoreError('no answer', { retryable: true });
        },
      };
      const order = await approveEntry('paper');
      expect(await open(lossy).submit(order)).toEqual({ outcome: 'unknown', message: 'no answer' });
      const found = expectValue(await open().find(marketOrder('qt-entry-1')));
      expect(found?.status).toBe(arrived ? 'filled' : undefined);
      await open().submit(order);
      expect(expectRows(await open().positions())[0]!.quantity).toBe(0.01);
    },
  );

  it('a record that is no account is refused, not replaced', async () => {
    await store.put('paper', keyOf(PAPER_ACCOUNT), { ledger: 'gone' }, { ifAbsent: true });
    expect(await open().walletMicroUsdt()).toMatchObject({
      ok: false,
      error: { code: 'unavailable', retryable: false },
    });
    expect(await open().submit(await approveEntry('paper'))).toMatchObject({ outcome: 'unknown' });
  });
});
