// The live broker on Binance's test network: what the simulated exchange is believed to do like the real one, seen on one that
// Binance runs. It needs QT_TESTNET_API_KEY and QT_TESTNET_API_SECRET, a network that lets it out, and an account that is flat.
import { afterAll, describe, expect, it } from 'vitest';
import { createLiveBroker } from '../../lib/adapters/binance/account/live-broker.ts';
import { createCcxtMarketData } from '../../lib/adapters/binance/market/ccxt-market-data.ts';
import { roundToStep } from '../../lib/execution/round-to-step.ts';
import {
  approveEntry,
  approveReduce,
  expectRows,
  expectValue,
  market,
  stop,
} from '../support/execution/broker-market.ts';

const BASE_URL = 'https://testnet.binancefuture.com';
const SYMBOL = 'BTCUSDT';
const { QT_TESTNET_API_KEY: apiKey, QT_TESTNET_API_SECRET: secret } = process.env;
const hasKeys = apiKey !== undefined && secret !== undefined;
const name = hasKeys
  ? "broker contract: live, on Binance's test network"
  : "broker contract: live, on Binance's test network (skipped: QT_TESTNET_API_KEY and QT_TESTNET_API_SECRET are not set)";

describe.skipIf(!hasKeys)(name, { timeout: 120_000 }, () => {
  const broker = createLiveBroker({
    baseUrl: BASE_URL,
    credentials: { apiKey: apiKey ?? '', secret: secret ?? '' },
    market: createCcxtMarketData({ exchange: 'binanceusdm', baseUrl: BASE_URL }),
  });
  const run = Date.now().toString(36);
  const [entryId, stopId, exitId] = [`qt-${run}-entry`, `qt-${run}-stop`, `qt-${run}-exit`];
  const startedAtMs = Date.now();

  afterAll(async () => {
    await broker.cancelAll(SYMBOL);
    const held = expectRows(await broker.positions()).find(({ symbol }) => symbol === SYMBOL);
    if (held === undefined) return;
    const side = held.quantity > 0 ? 'SELL' : 'BUY';
    const quantity = Math.abs(held.quantity);
    await broker.submit(approveReduce('live', { clientOrderId: `${exitId}-end`, side, quantity }));
  });

  it('enters, protects, reduces and explains the wallet', async () => {
    expect(expectRows(await broker.positions()).filter(({ symbol }) => symbol === SYMBOL)).toEqual([]);
    expect(await broker.prepare(SYMBOL)).toMatchObject({ ok: true });
    const before = expectValue(await broker.walletMicroUsdt());
    const price = expectValue(await broker.prices([SYMBOL])).get(SYMBOL)!;
    const filters = expectValue(await broker.filters()).get(SYMBOL)!;
    const quantity = roundToStep((filters.minNotionalUsdt * 1.5) / price, filters.stepSize, 'up')!;

    const entered = await broker.submit(
      await approveEntry('live', {
        clientOrderId: entryId,
        quantity,
        referencePrice: price,
        stopPrice: price * 0.9,
      }),
    );
    expect(entered).toMatchObject({ outcome: 'acknowledged' });
    const report = expectValue(await broker.find(market(entryId)));
    expect(report).toMatchObject({ status: 'filled', filledQuantity: quantity });
    expect(expectRows(await broker.positions())).toContainEqual(
      expect.objectContaining({ symbol: SYMBOL, quantity }),
    );
    const fills = expectValue(await broker.fills(market(entryId)));
    expect(fills.reduce((sum, fill) => sum + fill.quantity, 0)).toBeCloseTo(quantity, 8);

    const stopPrice = roundToStep(price * 0.9, filters.tickSize, 'down')!;
    const protective = approveReduce('live', { clientOrderId: stopId, quantity: null, stopPrice });
    expect(await broker.submit(protective)).toMatchObject({ outcome: 'acknowledged' });
    expect(expectRows(await broker.openStops())).toContainEqual(
      expect.objectContaining({ ...stop(stopId), closesPosition: true }),
    );
    const above = roundToStep(price * 1.1, filters.tickSize, 'down')!;
    const past = approveReduce('live', { clientOrderId: `${stopId}-past`, quantity, stopPrice: above });
    expect(await broker.submit(past)).toMatchObject({
      outcome: 'rejected',
      code: 'would_trigger',
    });
    expect(await broker.cancel(stop(stopId))).toEqual({ ok: true, value: undefined });
    expect(await broker.cancel(stop(stopId))).toEqual({ ok: true, value: undefined });

    const exit = approveReduce('live', { clientOrderId: exitId, quantity });
    expect(await broker.submit(exit)).toMatchObject({ outcome: 'acknowledged' });
    expect(expectRows(await broker.positions()).filter(({ symbol }) => symbol === SYMBOL)).toEqual([]);
    const again = approveReduce('live', { clientOrderId: `${exitId}-again`, quantity });
    expect(await broker.submit(again)).toMatchObject({ outcome: 'rejected', code: 'nothing_to_reduce' });

    const inUsdt = expectRows(await broker.incomeSince(startedAtMs - 5_000)).filter(
      ({ asset }) => asset === 'USDT',
    );
    const explained = inUsdt.reduce((sum, { amount }) => sum + amount, 0);
    const changed = (expectValue(await broker.walletMicroUsdt()) - before) / 1e6;
    expect(changed).toBeCloseTo(explained, 4);
  });
});
