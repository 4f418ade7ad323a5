// Orders, trades and fees of the simulated exchange, and the conditions in which it refuses, as Binance does.
import { afterEach, describe, expect, it } from 'vitest';
import { DAY_MS } from '../../../lib/core/units.ts';
import { COSTS, DEPOSIT, ExchangeAccount, type Row } from '../../support/trading/exchange-account.ts';

let account: ExchangeAccount;
afterEach(() => account.close());
const open = async (options?: Parameters<typeof ExchangeAccount.open>[0]): Promise<void> => {
  account = await ExchangeAccount.open(options);
};
const sum = (rows: readonly Row[], name: string): number =>
  rows.reduce((total, row) => total + Number(row[name]), 0);

describe('what an order becomes', () => {
  it('is acknowledged with nothing filled, or answered with its result, as was asked', async () => {
    await open();
    expect((await account.order()).body).toMatchObject({ status: 'NEW', executedQty: '0', avgPrice: '0.00' });
    expect((await account.order({ newOrderRespType: 'RESULT' })).body).toMatchObject({
      status: 'FILLED',
      executedQty: '0.01',
      avgPrice: '50000',
    });
    expect((await account.order({ newOrderRespType: 'ALL' })).body).toMatchObject({ code: -1136 });
    expect(await account.held()).toBe(0.02);
  });

  it('trades at several prices, each worse than the one before, and says a rounded average', async () => {
    await open({ unkind: { depth: { levels: 3, ticks: 1 }, roundsAveragePrice: true } });
    const { body } = await account.order({ quantity: '0.007', newOrderRespType: 'RESULT' });
    const trades = await account.rows('userTrades', { symbol: 'BTCUSDT', orderId: body.orderId });
    expect(trades.map(({ price, qty }) => [price, qty])).toEqual([
      ['50000', '0.002'],
      ['50000.1', '0.002'],
      ['50000.2', '0.003'],
    ]);
    const average = sum(trades, 'quoteQty') / 0.007;
    expect(body.avgPrice).toBe(average.toFixed(5));
    expect(Number(body.avgPrice)).not.toBe(average);
    const one = { side: 'SELL', quantity: '0.001', reduceOnly: 'true' };
    const sold = await account.order({ ...one, newOrderRespType: 'RESULT' });
    expect(sold.body.avgPrice).toBe('50000.00000');
  });

  it('takes fees of some trades in BNB, from a wallet of its own, until it is empty', async () => {
    await open({ unkind: { bnbFees: { share: 0.5, balanceBnb: 0.0005, priceUsdt: 500 } } });
    const assets: string[] = [];
    for (let order = 0; order < 8; order++) await account.order();
    const trades = await account.rows('userTrades', { symbol: 'BTCUSDT' });
    for (const { commissionAsset } of trades) assets.push(commissionAsset as string);
    const inBnb = trades.filter(({ commissionAsset }) => commissionAsset === 'BNB');
    // 0.01 × 50,000 × 4 bps = 0.2 USDT; a tenth less in BNB.
    const fee = (0.2 * 0.9) / 500;
    expect(sum(inBnb, 'commission')).toBeCloseTo(fee, 8);
    expect(await account.wallet('BNB')).toBeCloseTo(0.0005 - fee, 8);
    expect(await account.wallet()).toBeCloseTo(DEPOSIT - 7 * 0.2, 6);
    const commissions = await account.rows('income', { incomeType: 'COMMISSION' });
    expect(new Set(commissions.map(({ asset }) => asset))).toEqual(new Set(['USDT', 'BNB']));
  });

  it('leaves open, expires or loses in match what nobody takes', async () => {
    await open();
    const path = '/fapi/v1/order';
    account.exchange.faults.inject({ kind: 'partial_fill', share: 0.4, path, method: 'POST', count: 1 });
    const expired = await account.order({ newOrderRespType: 'RESULT' });
    expect(expired.body).toMatchObject({ status: 'EXPIRED', executedQty: '0.004' });
    const how = { kind: 'partial_fill', share: 0, restBecomes: 'EXPIRED_IN_MATCH' } as const;
    account.exchange.faults.inject({ ...how, path, method: 'POST', count: 1 });
    const matched = await account.order({ newOrderRespType: 'RESULT' });
    expect(matched.body).toMatchObject({ status: 'EXPIRED_IN_MATCH', executedQty: '0' });
  });

  it('an order that ended without a trade is forgotten after three days', async () => {
    await open();
    const { orderId } = account.exchange.external.limitOrder({
      ...{ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01, price: 40_000 },
    });
    expect((await account.delete('order', { symbol: 'BTCUSDT', orderId })).body.status).toBe('CANCELED');
    account.nowMs += 2 * DAY_MS;
    expect((await account.get('order', { symbol: 'BTCUSDT', orderId })).status).toBe(200);
    account.nowMs += 2 * DAY_MS;
    expect((await account.get('order', { symbol: 'BTCUSDT', orderId })).body.code).toBe(-2013);
  });
});

describe('the list of trades', () => {
  it('holds 500 rows unless more are asked for, 1000 at most, and is paged by id', async () => {
    await open({ orderLimits: { perTenSeconds: 1e6, perMinute: 1e6 }, rateLimits: { weightPerMinute: 1e6 } });
    const { external } = account.exchange;
    for (let order = 0; order < 600; order++)
      external.marketOrder({ symbol: 'BTCUSDT', side: order % 2 === 0 ? 'BUY' : 'SELL', quantity: 0.002 });
    const symbol = 'BTCUSDT';
    const all: number[] = [];
    for (let fromId = 0; ; fromId = all.at(-1)! + 1) {
      const rows = await account.rows('userTrades', { symbol, fromId, limit: 5_000 });
      all.push(...rows.map(({ id }) => id as number));
      if (rows.length < 1_000) break;
    }
    expect(all).toHaveLength(1_200);
    expect(new Set(all).size).toBe(1_200);
    const newest = await account.rows('userTrades', { symbol });
    expect(newest.map(({ id }) => id)).toEqual(all.slice(-500));
    const oldest = await account.rows('userTrades', { symbol, startTime: account.nowMs - 1_000, limit: 10 });
    expect(oldest.map(({ id }) => id)).toEqual(all.slice(0, 10));
  });

  it('is of seven days: the last ones unless others are asked for, and never more', async () => {
    await open();
    const firstMs = account.nowMs;
    await account.order();
    account.nowMs += 9 * DAY_MS;
    await account.order();
    const symbol = 'BTCUSDT';
    const timesOf = async (window: Record<string, number>) =>
      new Set((await account.rows('userTrades', { symbol, ...window })).map(({ time }) => time));
    expect(await timesOf({})).toEqual(new Set([account.nowMs]));
    expect(await timesOf({ startTime: firstMs })).toEqual(new Set([firstMs]));
    expect(await timesOf({ startTime: firstMs + 3 * DAY_MS, endTime: account.nowMs })).toEqual(
      new Set([account.nowMs]),
    );
    const code = async (window: Record<string, number>) =>
      (await account.get('userTrades', { symbol, ...window })).body.code;
    expect(await code({ startTime: firstMs, endTime: account.nowMs })).toBe(-4165);
    expect(await code({ startTime: account.nowMs, endTime: firstMs })).toBe(-1023);
    expect(await code({ startTime: firstMs, fromId: 1 })).toBe(-1128);
  });
});

describe('what is refused', () => {
  const codeOf = async (parameters: Record<string, string>): Promise<number> =>
    (await account.order(parameters)).body.code;

  it.each([
    [-4003, { quantity: '0' }],
    [-1111, { quantity: '0.0101' }],
    [-4004, { quantity: '0.002' }],
    [-4005, { quantity: '12' }],
    [-4023, { quantity: '0.011' }],
    [-4164, { quantity: '0.004' }],
    [-2019, { quantity: '8', symbol: 'BTCUSDT' }],
    [-2022, { side: 'SELL', reduceOnly: 'true' }],
    [-1117, { side: 'LONG' }],
    [-1121, { symbol: 'NOUSDT' }],
    [-4015, { newClientOrderId: 'a b' }],
    [-4120, { type: 'STOP_MARKET' }],
    [-4136, { closePosition: 'true' }],
  ])('%i for %o', async (code, parameters) => {
    await open({
      contracts: {
        BTCUSDT: { stepSize: 0.002, minQty: 0.004, maxQty: 20, marketMaxQty: 10, minNotional: 300 },
      },
    });
    expect(await codeOf(parameters as Record<string, string>)).toBe(code);
    expect(await account.held()).toBe(0);
  });

  it('more than the leverage allows (-2027), but for what reduces', async () => {
    await open({ contracts: { BTCUSDT: { maxNotional: 1_000 } } });
    expect(await codeOf({ quantity: '0.03' })).toBe(-2027);
    await account.order({ quantity: '0.02' });
    account.exchange.external.changeContract({ symbol: 'BTCUSDT', maxNotional: 500 });
    expect(await codeOf({ quantity: '0.01' })).toBe(-2027);
    expect((await account.order({ side: 'SELL', quantity: '0.01' })).status).toBe(200);
  });

  it('a price far from the mark price (-4131), also for what reduces', async () => {
    await open();
    await account.order();
    account.exchange.external.changeMark({ symbol: 'BTCUSDT', offsetBps: 600 });
    expect(await codeOf({ side: 'SELL', reduceOnly: 'true' })).toBe(-4131);
    expect((await account.order({ side: 'BUY' })).status).toBe(200);
    account.exchange.external.changeMark({ symbol: 'BTCUSDT', offsetBps: null });
    expect((await account.order({ side: 'SELL', reduceOnly: 'true' })).status).toBe(200);
  });

  it('an id that an open order has (-4116), and not that of a filled one', async () => {
    await open();
    const { clientOrderId: newClientOrderId } = account.exchange.external.limitOrder({
      ...{ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01, price: 40_000 },
    });
    expect(await codeOf({ newClientOrderId })).toBe(-4116);
    await account.delete('allOpenOrders', { symbol: 'BTCUSDT' });
    expect((await account.order({ newClientOrderId })).status).toBe(200);
    expect((await account.order({ newClientOrderId })).status).toBe(200);
    expect(await account.held()).toBe(0.02);
  });

  it('in hedge mode, an order without its side (-4061)', async () => {
    await open({
      account: {
        ...{ apiKey: 'key-1', secret: 'secret-1' },
        depositUsdt: 1,
        costs: COSTS,
        dualSidePosition: true,
      },
    });
    expect(await codeOf({})).toBe(-4061);
  });

  it('in one-way mode, an order with a side (-4061)', async () => {
    await open();
    expect(await codeOf({ positionSide: 'LONG' })).toBe(-4061);
  });
});

describe('hedge mode', () => {
  const listed = async () => {
    const rows = await account.rows('/fapi/v3/positionRisk', { symbol: 'BTCUSDT' });
    return Object.fromEntries(rows.map((row) => [row.positionSide, Number(row.positionAmt)]));
  };
  const order = (side: string, positionSide: string, quantity: string) =>
    account.order({ side, positionSide, quantity, newOrderRespType: 'RESULT' });

  it('has two positions a symbol, each reduced by orders of its own side alone', async () => {
    const modes = { dualSidePosition: true, depositUsdt: DEPOSIT, costs: COSTS };
    await open({ account: { apiKey: 'key-1', secret: 'secret-1', ...modes } });
    expect((await order('BUY', 'LONG', '0.02')).body.positionSide).toBe('LONG');
    await order('SELL', 'SHORT', '0.01');
    expect(await listed()).toEqual({ LONG: 0.02, SHORT: -0.01 });
    expect((await account.order({ side: 'SELL', positionSide: 'LONG', reduceOnly: 'true' })).body.code).toBe(
      -1106,
    );
    await order('SELL', 'LONG', '0.005');
    expect(await listed()).toEqual({ LONG: 0.015, SHORT: -0.01 });
    // No more than there is, and then nothing.
    expect((await order('BUY', 'SHORT', '0.02')).body.executedQty).toBe('0.01');
    expect((await order('BUY', 'SHORT', '0.01')).body.code).toBe(-2022);
    expect(await listed()).toEqual({ LONG: 0.015 });
  });

  it('has stops of one of the two', async () => {
    const modes = { dualSidePosition: true, depositUsdt: DEPOSIT, costs: COSTS };
    await open({ account: { apiKey: 'key-1', secret: 'secret-1', ...modes }, dips: { 1: 0.97 } });
    await order('BUY', 'LONG', '0.02');
    await order('SELL', 'SHORT', '0.01');
    const { body } = await account.stop({ positionSide: 'LONG', closePosition: 'true' });
    expect(body).toMatchObject({ positionSide: 'LONG', algoStatus: 'NEW' });
    account.nowMs += 15 * 60_000;
    expect(await listed()).toEqual({ SHORT: -0.01 });
  });
});

describe('filters and contracts that change while the exchange runs', () => {
  it('an order that was right is refused until it is cut to the new filters', async () => {
    await open();
    await account.order({ quantity: '0.015' });
    account.exchange.external.changeFilters({ symbol: 'BTCUSDT', stepSize: 0.01, marketMaxQty: 0.01 });
    const filters = await account.filters();
    expect(filters.LOT_SIZE).toMatchObject({ stepSize: '0.01' });
    expect(filters.MARKET_LOT_SIZE).toMatchObject({ maxQty: '0.01' });
    const reduce = { side: 'SELL', reduceOnly: 'true' };
    expect((await account.order({ ...reduce, quantity: '0.015' })).body.code).toBe(-1111);
    expect((await account.order({ ...reduce, quantity: '0.02' })).body.code).toBe(-4005);
    expect((await account.order({ ...reduce, quantity: '0.01' })).status).toBe(200);
    account.exchange.external.changeFilters({ symbol: 'BTCUSDT', tickSize: 0.5 });
    expect((await account.stop({ triggerPrice: '49000.3' })).body.code).toBe(-4014);
    expect((await account.stop({ triggerPrice: '49000.55' })).body.code).toBe(-1111);
  });

  it.each([
    ['PRE_SETTLE', -4140, undefined],
    ['PENDING_TRADING', -4108, -4108],
    ['SETTLING', -4108, -4108],
    ['DELIVERING', -4108, -4108],
    ['BREAK', -4108, -4108],
    ['CLOSE', -4141, -4141],
  ] as const)('%s: an entry is refused with %s, a reduction with %s', async (status, entry, reduction) => {
    await open();
    await account.order();
    account.exchange.external.changeContract({ symbol: 'BTCUSDT', status });
    expect(await account.contract()).toMatchObject({ status });
    expect((await account.order()).body.code).toBe(entry);
    expect((await account.order({ side: 'SELL', reduceOnly: 'true' })).body.code).toBe(reduction);
    expect((await account.order({ symbol: 'ETHUSDT', quantity: '0.1' })).status).toBe(200);
  });

  it('says the terms of a contract: type, underlying and delivery', async () => {
    const deliveryDateMs = Date.UTC(2024, 5, 10);
    await open({
      contracts: {
        ETHUSDT: { contractType: 'CURRENT_QUARTER', deliveryDateMs },
        SOLUSDT: { underlyingType: 'PREMARKET' },
      },
    });
    expect(await account.contract('ETHUSDT')).toMatchObject({
      contractType: 'CURRENT_QUARTER',
      deliveryDate: deliveryDateMs,
    });
    expect(await account.contract('SOLUSDT')).toMatchObject({ underlyingType: 'PREMARKET' });
  });
});

describe('settings', () => {
  const marginType = (wanted: string) =>
    account.post('marginType', { symbol: 'BTCUSDT', marginType: wanted }).then(({ body }) => body.code);

  it('a margin type is changed once, and only without orders and positions', async () => {
    await open();
    expect(await marginType('SOMETHING')).toBe(-1130);
    expect(await marginType('CROSSED')).toBe(-4046);
    expect(await marginType('ISOLATED')).toBe(200);
    await account.order();
    expect(await marginType('ISOLATED')).toBe(-4046);
    expect(await marginType('CROSSED')).toBe(-4048);
    await account.stop();
    expect(await marginType('CROSSED')).toBe(-4047);
    const lower = await account.post('leverage', { symbol: 'BTCUSDT', leverage: 5 });
    expect(lower.body.code).toBe(-4161);
  });

  it('one that is as wanted can be refused with a number that means something else', async () => {
    await open({ unkind: { misnamesMarginType: true } });
    expect(await marginType('ISOLATED')).toBe(200);
    expect(await marginType('ISOLATED')).toBe(-4067);
    const [config] = await account.rows('symbolConfig', { symbol: 'BTCUSDT' });
    expect(config).toMatchObject({ marginType: 'ISOLATED' });
    await account.order();
    expect(await marginType('ISOLATED')).toBe(-4046);
  });

  it('the position mode waits for orders and positions to be gone', async () => {
    await open();
    const hedge = async (dualSidePosition: boolean) =>
      (await account.post('positionSide/dual', { dualSidePosition })).body.code;
    expect(await hedge(false)).toBe(-4059);
    await account.order();
    expect(await hedge(true)).toBe(-4068);
    await account.stop();
    expect(await hedge(true)).toBe(-4067);
    account.exchange.external.cancelOrders({ symbol: 'BTCUSDT' });
    await account.order({ side: 'SELL' });
    expect(await hedge(true)).toBe(200);
    expect((await account.get('positionSide/dual')).body).toEqual({ dualSidePosition: true });
  });

  it('isolated margin is not to be had in multi-assets mode', async () => {
    await open();
    account.exchange.external.changeModes({ multiAssetsMargin: true });
    expect(await marginType('ISOLATED')).toBe(-4168);
  });
});
