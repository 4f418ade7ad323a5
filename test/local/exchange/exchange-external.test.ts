// What others do on the simulated exchange, in-process and over HTTP: people in the app, and the exchange itself.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { DEPOSIT, ExchangeAccount, type Row } from '../../support/trading/exchange-account.ts';

let account: ExchangeAccount;
beforeEach(async () => {
  account = await ExchangeAccount.open();
});
afterEach(() => account.close());
const reopen = async (options: Parameters<typeof ExchangeAccount.open>[0]): Promise<void> => {
  await account.close();
  account = await ExchangeAccount.open(options);
};
const incomeTypes = async (): Promise<unknown[]> =>
  (await account.rows('income')).map(({ incomeType }) => incomeType);

describe('people in the app', () => {
  it('turn a position round by hand, and the bot’s reduction is refused', async () => {
    await account.order({ quantity: '0.014' });
    const { clientOrderId } = account.exchange.external.marketOrder({
      ...{ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.034 },
    });
    expect(await account.held()).toBe(-0.02);
    const orders = await account.rows('allOrders', { symbol: 'BTCUSDT' });
    expect(orders.at(-1)).toMatchObject({ clientOrderId, side: 'SELL', status: 'FILLED' });
    const reduce = { side: 'SELL', quantity: '0.014', reduceOnly: 'true' };
    expect((await account.order(reduce)).body.code).toBe(-2022);
  });

  it('set a stop for the whole position, without a quantity', async () => {
    const { external } = account.exchange;
    expect(() => external.closePositionStop({ symbol: 'BTCUSDT', triggerPrice: 49_000 })).toThrow(
      /4509|2021/,
    );
    await account.order();
    await account.order({ symbol: 'ETHUSDT', quantity: '1', side: 'SELL' });
    external.closePositionStop({ symbol: 'BTCUSDT', triggerPrice: 49_000 });
    external.closePositionStop({ symbol: 'ETHUSDT', triggerPrice: 2_600 });
    const rows = await account.rows('openAlgoOrders');
    expect(rows).toMatchObject([
      { closePosition: true, side: 'SELL', workingType: 'MARK_PRICE', timeInForce: 'GTE_GTC' },
      { closePosition: true, side: 'BUY' },
    ]);
    for (const { quantity } of rows) expect([null, '0']).toContain(quantity);
    external.cancelOrders({ symbol: 'BTCUSDT' });
    expect(await account.rows('openAlgoOrders', { symbol: 'BTCUSDT' })).toEqual([]);
  });

  it('leave an order that is filled in part, and then by the market', async () => {
    await reopen({ dips: { 1: 0.95 } });
    const { orderId } = account.exchange.external.limitOrder({
      ...{ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01, price: 48_000, filledShare: 0.3 },
    });
    const status = async () => (await account.get('order', { symbol: 'BTCUSDT', orderId })).body;
    expect(await account.rows('openOrders')).toMatchObject([
      { orderId, status: 'PARTIALLY_FILLED', executedQty: '0.003', origQty: '0.01', type: 'LIMIT' },
    ]);
    account.nowMs += 3 * BAR_MS;
    expect(await status()).toMatchObject({ status: 'FILLED', executedQty: '0.01', avgPrice: '48000' });
    expect(await account.rows('openOrders')).toEqual([]);
    const trades = await account.rows('userTrades', { symbol: 'BTCUSDT', orderId });
    expect(trades).toMatchObject([
      { maker: true, qty: '0.003' },
      { maker: true, qty: '0.007' },
    ]);
  });

  it('move money, and change settings', async () => {
    const { external } = account.exchange;
    external.transfer({ amount: -1_000 });
    external.income({ amount: 0.02 });
    expect(await account.wallet()).toBeCloseTo(DEPOSIT - 999.98, 8);
    expect(await incomeTypes()).toEqual(['TRANSFER', 'COMMISSION_REBATE']);
    external.changeSymbol({ symbol: 'BTCUSDT', leverage: 3, marginType: 'ISOLATED' });
    external.changeModes({ feeBurn: true });
    const [config] = await account.rows('symbolConfig', { symbol: 'BTCUSDT' });
    expect(config).toMatchObject({ leverage: 3, marginType: 'ISOLATED' });
    expect((await account.get('feeBurn')).body).toEqual({ feeBurn: true });
    await account.order();
    expect(() => external.changeSymbol({ symbol: 'BTCUSDT', marginType: 'CROSSED' })).toThrow(/-4048/);
  });

  it('rotate the keys: the old ones are unknown from then on', async () => {
    await account.order();
    account.exchange.external.rotateKeys({ apiKey: 'key-2', secret: 'secret-2' });
    const refused = await account.get('openOrders');
    expect([refused.status, refused.body.code]).toEqual([401, -2015]);
    account.keys = { apiKey: 'key-2', secret: 'secret-1' };
    expect((await account.get('openOrders')).body.code).toBe(-1022);
    account.keys = { apiKey: 'key-2', secret: 'secret-2' };
    expect(await account.held()).toBe(0.01);
    expect((await account.get('openOrders', { timestamp: account.nowMs - 6_000 })).body.code).toBe(-1021);
  });
});

describe('the exchange itself', () => {
  it('liquidates: the orders end, the position is gone, and its fee goes to the insurance fund', async () => {
    await account.order({ quantity: '0.02' });
    const { algoId } = (await account.stop()).body;
    account.exchange.external.liquidate({ symbol: 'BTCUSDT', lossBps: 100, restMs: 2_000 });
    expect(await account.rows('openOrders')).toMatchObject([
      { status: 'NEW_INSURANCE', clientOrderId: expect.stringMatching(/^autoclose-\d+$/), side: 'SELL' },
    ]);
    expect((await account.get('algoOrder', { algoId })).body.algoStatus).toBe('EXPIRED');
    expect(await account.held()).toBe(0.02);
    account.nowMs += 2_000;
    expect(await account.held()).toBe(0);
    expect(await account.rows('forceOrders', { autoCloseType: 'LIQUIDATION' })).toMatchObject([
      { status: 'FILLED', executedQty: '0.02', avgPrice: '49500', timeInForce: 'IOC' },
    ]);
    // Loss of 10, fees of 0.4 and 0.396, and 1.25 % of 990 to the fund.
    expect(await account.wallet()).toBeCloseTo(DEPOSIT - 10 - 0.4 - 0.396 - 12.375, 6);
    expect(await incomeTypes()).toEqual(['COMMISSION', 'COMMISSION', 'REALIZED_PNL', 'INSURANCE_CLEAR']);
  });

  it('deleverages a share of a position', async () => {
    await account.order({ quantity: '0.02', side: 'SELL' });
    account.exchange.external.deleverage({ symbol: 'BTCUSDT', share: 0.3, restMs: 1_000 });
    const [resting] = await account.rows('openOrders');
    expect(resting).toMatchObject({ status: 'NEW_ADL', clientOrderId: 'adl_autoclose', side: 'BUY' });
    const cancelled = await account.delete('order', {
      symbol: 'BTCUSDT',
      orderId: resting!.orderId as number,
    });
    expect(cancelled.body.code).toBe(-2011);
    account.nowMs += 1_000;
    expect(await account.held()).toBe(-0.014);
    expect(await account.rows('forceOrders')).toMatchObject([{ status: 'FILLED', executedQty: '0.006' }]);
  });

  it('settles a contract at its delivery date', async () => {
    const deliveryDateMs = account.nowMs + 10 * MINUTE_MS;
    await account.order({ symbol: 'ETHUSDT', quantity: '1' });
    account.exchange.external.changeContract({
      ...{ symbol: 'ETHUSDT', contractType: 'CURRENT_QUARTER', deliveryDateMs },
    });
    account.exchange.external.changeMark({ symbol: 'ETHUSDT', offsetBps: 20 });
    account.nowMs = deliveryDateMs - 1;
    expect(await account.held('ETHUSDT')).toBe(1);
    account.nowMs = deliveryDateMs;
    expect(await account.held('ETHUSDT')).toBe(0);
    expect(await account.contract('ETHUSDT')).toMatchObject({ status: 'SETTLING' });
    const [, settled] = await account.rows('allOrders', { symbol: 'ETHUSDT' });
    expect(settled).toMatchObject({
      clientOrderId: expect.stringMatching(/^settlement_autoclose-\d+$/),
      avgPrice: '2505',
    });
    expect(await account.rows('income', { incomeType: 'DELIVERED_SETTELMENT' })).toMatchObject([
      { income: '5.00000000' },
    ]);
    const premium = await account.get('premiumIndex', { symbol: 'ETHUSDT' });
    expect(premium.body.code).toBe(-4108);
  });

  it('settles a contract that was delisted, with an order that nobody can cancel', async () => {
    await account.order();
    account.exchange.external.settle({ symbol: 'BTCUSDT', restMs: 1_000 });
    const [resting] = await account.rows('openOrders');
    expect(resting).toMatchObject({ status: 'NEW', clientOrderId: expect.stringMatching(/^settlement_/) });
    await account.delete('allOpenOrders', { symbol: 'BTCUSDT' });
    expect((await account.order({ side: 'SELL', reduceOnly: 'true' })).body.code).toBe(-4108);
    account.nowMs += 1_000;
    expect(await account.held()).toBe(0);
    expect(await account.rows('openOrders')).toEqual([]);
  });

  it('a contract that nobody holds settles all the same', async () => {
    const deliveryDateMs = account.nowMs + MINUTE_MS;
    account.exchange.external.changeContract({ symbol: 'SOLUSDT', deliveryDateMs });
    expect(await account.contract('SOLUSDT')).toMatchObject({ status: 'TRADING' });
    account.nowMs = deliveryDateMs;
    expect(await account.contract('SOLUSDT')).toMatchObject({ status: 'SETTLING' });
    expect((await account.order({ symbol: 'SOLUSDT', quantity: '1' })).body.code).toBe(-4108);
  });

  it('redenominates: price, tick, step and position in another scale, from one bar to the next', async () => {
    await account.order({ quantity: '0.01' });
    await account.stop();
    account.nowMs += 2 * BAR_MS;
    account.exchange.external.redenominate({ symbol: 'BTCUSDT', factor: 0.001 });
    expect(await account.filters()).toMatchObject({
      PRICE_FILTER: { tickSize: '0.0001' },
      LOT_SIZE: { stepSize: '1' },
    });
    expect(await account.held()).toBe(10);
    expect(await account.rows('openAlgoOrders')).toEqual([]);
    account.nowMs += 3 * BAR_MS;
    const bars = await account.rows('klines', { symbol: 'BTCUSDT', interval: '5m', limit: 6 });
    expect(bars.map((bar) => Number((bar as unknown as string[])[4]))).toEqual([
      50_000, 50_000, 50, 50, 50, 50,
    ]);
    await account.order({ side: 'SELL', quantity: '10', reduceOnly: 'true' });
    expect(await account.rows('income', { incomeType: 'REALIZED_PNL' })).toEqual([]);
  });
});

describe('over HTTP', () => {
  const act = async (
    name: string,
    args: unknown,
    method = 'POST',
  ): Promise<{ status: number; body: Row }> => {
    const body = method === 'POST' ? JSON.stringify(args) : undefined;
    const response = await fetch(`${account.exchange.url}/__external/${name}`, {
      method,
      ...(body && { body }),
    });
    return { status: response.status, body: (await response.json()) as Row };
  };

  it('does the same, and says what came of it', async () => {
    const placed = await act('marketOrder', { symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01 });
    expect(placed).toMatchObject({ status: 200, body: { result: { status: 'FILLED', symbol: 'BTCUSDT' } } });
    expect(await act('transfer', { amount: 7 })).toEqual({ status: 200, body: { result: null } });
    expect(await account.held()).toBe(0.01);
    expect(await incomeTypes()).toEqual(['COMMISSION', 'TRANSFER']);
  });

  it('refuses what is no act, what has no arguments for it, and what cannot be done', async () => {
    expect((await act('steal', {})).status).toBe(404);
    expect((await act('toString', {})).status).toBe(404);
    expect((await act('transfer', {}, 'GET')).status).toBe(404);
    expect(await act('transfer', { amount: 'much' })).toMatchObject({ status: 400 });
    expect(await act('liquidate', { symbol: 'BTCUSDT' })).toMatchObject({
      ...{ status: 400, body: { error: 'no position in BTCUSDT' } },
    });
    expect(await act('changeFilters', { symbol: 'NOUSDT', stepSize: 1 })).toMatchObject({ status: 400 });
  });
});
