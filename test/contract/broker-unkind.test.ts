// The live broker against the simulated exchange at its most unkind: lookups that lag the acceptance and lists that lag both, fees
// in BNB, several trades an order, income half a minute late, rows of others, odd rows.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLiveBroker } from '../../lib/adapters/binance/account/live-broker.ts';
import { createCcxtMarketData } from '../../lib/adapters/binance/market/ccxt-market-data.ts';
import { RequestBudget } from '../../lib/adapters/binance/request-budget.ts';
import type { Broker } from '../../lib/execution/ports.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { UNKIND } from '../../local/exchange/unkindness.ts';
import {
  approveEntry,
  approveReduce,
  BROKER_START_MS,
  BROKER_TERMS,
  brokerMarket,
  expectRows,
  expectValue,
  market,
  stop,
} from '../support/execution/broker-market.ts';

const credentials = { apiKey: 'unkind-key', secret: 'unkind-secret' };
const SETTLED_MS = 60_000;

let nowMs: number;
let exchange: SimulatedExchange;
let broker: Broker;

beforeEach(async () => {
  nowMs = BROKER_START_MS + 5_000;
  const { impactBps, takerFeeBps, fundingRatePer8h, depositMicroUsdt } = BROKER_TERMS;
  exchange = await startSimulatedExchange({
    market: brokerMarket,
    clock: { nowMs: () => nowMs },
    account: {
      ...credentials,
      depositUsdt: depositMicroUsdt / 1e6,
      costs: { impactBps, takerFeeBps, fundingRatePer8h },
    },
    unkind: UNKIND,
    rateLimits: { weightPerMinute: 1e9 },
  });
  const client = {
    baseUrl: exchange.url,
    weightPerMinute: 1e9,
    address: new RequestBudget(1e9),
    nowMs: () => nowMs,
    sleep: async (durationMs: number) => {
      nowMs += Math.ceil(durationMs);
    },
  };
  broker = createLiveBroker({
    ...client,
    credentials,
    market: createCcxtMarketData({ ...client, exchange: 'binanceusdm' }),
  });
});
afterEach(() => exchange.close());

const enter = async () => broker.submit(await approveEntry('live'));
const protect = () =>
  broker.submit(approveReduce('live', { clientOrderId: 'qt-stop-1', quantity: null, stopPrice: 49_500 }));

describe('broker contract: live, on an unkind exchange', () => {
  it('prepares a symbol whose margin type is as wanted, whatever the refusal is called', async () => {
    expect(await broker.prepare('BTCUSDT')).toEqual({ ok: true, value: undefined });
    expect(await broker.prepare('BTCUSDT')).toEqual({ ok: true, value: undefined });
  });

  it('knows with the acceptance what a market order has filled, and finds it while lookups lag', async () => {
    expect(await enter()).toMatchObject({
      outcome: 'acknowledged',
      report: { status: 'filled', filledQuantity: 0.01 },
    });
    const sentAtMs = nowMs;
    expect(await broker.find(market('qt-entry-1'))).toMatchObject({ ok: true, value: { status: 'filled' } });
    expect(nowMs - sentAtMs).toBeLessThanOrEqual(3_000);
  });

  it('lists every trade of an order, each with its fee in its own asset', async () => {
    await enter();
    nowMs += SETTLED_MS;
    const fills = expectValue(await broker.fills(market('qt-entry-1')));
    expect(fills.length).toBeGreaterThan(1);
    expect(new Set(fills.map(({ price }) => price)).size).toBeGreaterThan(1);
    expect(fills.reduce((sum, { quantity }) => sum + quantity, 0)).toBeCloseTo(0.01, 9);
    const assets = new Set(fills.map(({ fee }) => fee.asset));
    expect([...assets].every((asset) => asset === 'BNB' || asset === 'USDT')).toBe(true);
    expect(fills.every(({ fee }) => fee.amount > 0)).toBe(true);
  });

  it('explains the wallet by its income, once that is there', async () => {
    const sinceMs = nowMs;
    await enter();
    nowMs += SETTLED_MS;
    await broker.submit(approveReduce('live'));
    nowMs += SETTLED_MS;
    const income = expectRows(await broker.incomeSince(sinceMs));
    const inUsdt = income
      .filter(({ asset }) => asset === 'USDT')
      .reduce((sum, { amount }) => sum + amount, 0);
    const wallet = expectValue(await broker.walletMicroUsdt());
    expect((wallet - BROKER_TERMS.depositMicroUsdt) / 1e6).toBeCloseTo(inUsdt, 6);
    expect(new Set(income.map(({ id }) => id)).size).toBe(income.length);
  });

  it('does not take a cancelled stop for listed, nor one that is listed for gone', async () => {
    await enter();
    nowMs += SETTLED_MS;
    expect(await protect()).toMatchObject({ outcome: 'acknowledged', report: { quantity: null } });
    expect(await broker.find(stop('qt-stop-1'))).toMatchObject({ ok: true, value: { status: 'open' } });
    nowMs += SETTLED_MS;
    expect(expectRows(await broker.openStops())).toMatchObject([
      { ...stop('qt-stop-1'), closesPosition: true },
    ]);
    expect(await broker.cancel(stop('qt-stop-1'))).toEqual({ ok: true, value: undefined });
    nowMs += SETTLED_MS;
    expect(await broker.cancel(stop('qt-stop-1'))).toEqual({ ok: true, value: undefined });
    expect(expectRows(await broker.openStops())).toEqual([]);
  });

  it('reads what a person has set in the app', async () => {
    await enter();
    nowMs += SETTLED_MS;
    exchange.external.closePositionStop({ symbol: 'BTCUSDT', triggerPrice: 48_500 });
    exchange.external.limitOrder({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01, price: 40_000 });
    nowMs += SETTLED_MS;
    expect(expectRows(await broker.openStops())).toMatchObject([
      { symbol: 'BTCUSDT', side: 'SELL', quantity: null, closesPosition: true, reducesOnly: true },
    ]);
    const [order, ...others] = expectRows(await broker.openOrders());
    expect(others).toEqual([]);
    expect(order).toMatchObject({ symbol: 'BTCUSDT', side: 'BUY', reducesOnly: false });
    expect(await broker.cancel(order!)).toEqual({ ok: true, value: undefined });
  });

  it('goes on with an odd row in every answer: what is ours is read all the same', async () => {
    await enter();
    nowMs += SETTLED_MS;
    await protect();
    nowMs += SETTLED_MS;
    exchange.faults.inject({ kind: 'odd_row', place: 'insert' });
    for (let times = 0; times < 10; times++) {
      expect(expectValue(await broker.positions()).rows).toContainEqual(
        expect.objectContaining({ symbol: 'BTCUSDT', quantity: 0.01 }),
      );
      expect(expectValue(await broker.openStops()).rows).toContainEqual(
        expect.objectContaining(stop('qt-stop-1')),
      );
      expectValue(await broker.openOrders());
      expectValue(await broker.incomeSince(BROKER_START_MS));
      expect(expectValue(await broker.prices(['BTCUSDT'])).get('BTCUSDT')).toBeGreaterThan(0);
      expect(expectValue(await broker.filters()).has('BTCUSDT')).toBe(true);
    }
  });
});
