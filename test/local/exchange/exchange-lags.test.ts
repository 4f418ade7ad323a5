// What the simulated exchange does not know yet: lookups behind the acknowledgement, lists behind both, income behind the wallet;
// and the two faults that every route can have: the answer of some seconds ago, and one odd row.
import { afterEach, describe, expect, it } from 'vitest';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { ODDITIES } from '../../../local/exchange/faults.ts';
import { UNKIND } from '../../../local/exchange/unkindness.ts';
import { ExchangeAccount, type Row } from '../../support/trading/exchange-account.ts';

let account: ExchangeAccount;
afterEach(() => account.close());
const open = async (options?: Parameters<typeof ExchangeAccount.open>[0]): Promise<void> => {
  account = await ExchangeAccount.open(options);
};

describe('lags', () => {
  it('an acknowledged order cannot be looked up, listed, or seen in trades and positions, each for its time', async () => {
    await open({ unkind: { ...UNKIND, bnbFees: undefined, depth: undefined } });
    const startedMs = account.nowMs;
    const { orderId } = (await account.order()).body;
    const { algoId } = (await account.stop()).body;
    const symbol = 'BTCUSDT';
    const seen = async () => ({
      order: (await account.get('order', { symbol, orderId })).body.code ?? 'found',
      stop: (await account.get('algoOrder', { algoId })).body.code ?? 'found',
      listed: (await account.rows('openAlgoOrders')).length,
      held: await account.held(),
      trades: (await account.rows('userTrades', { symbol })).length,
      income: (await account.rows('income')).length,
    });
    const nothing = { order: -2013, stop: -2013, listed: 0, held: 0, trades: 0, income: 0 };
    expect(await seen()).toEqual(nothing);
    account.nowMs = startedMs + UNKIND.lookupLagMs;
    const looked = { ...nothing, order: 'found', stop: 'found' };
    expect(await seen()).toEqual(looked);
    account.nowMs = startedMs + UNKIND.positionLagMs;
    expect(await seen()).toEqual({ ...looked, held: 0.01 });
    account.nowMs = startedMs + UNKIND.listLagMs;
    expect(await seen()).toEqual({ ...looked, held: 0.01, listed: 1 });
    account.nowMs = startedMs + UNKIND.tradeLagMs;
    expect(await seen()).toEqual({ ...looked, held: 0.01, listed: 1, trades: 1 });
    account.nowMs = startedMs + UNKIND.incomeLagMs;
    expect(await seen()).toEqual({ ...looked, held: 0.01, listed: 1, trades: 1, income: 1 });
  });

  it('a cancelled stop stays listed, and NEW to whoever looks it up, for its time', async () => {
    await open({ unkind: { lookupLagMs: 1_500, listLagMs: 3_000 } });
    await account.order();
    const { algoId } = (await account.stop()).body;
    account.nowMs += 10_000;
    expect((await account.delete('algoOrder', { algoId })).status).toBe(200);
    expect((await account.delete('algoOrder', { algoId })).body.code).toBe(-2011);
    const status = async () => (await account.get('algoOrder', { algoId })).body.algoStatus;
    expect(await status()).toBe('NEW');
    account.nowMs += 1_500;
    expect(await status()).toBe('CANCELED');
    expect(await account.rows('openAlgoOrders')).toHaveLength(1);
    account.nowMs += 1_500;
    expect(await account.rows('openAlgoOrders')).toEqual([]);
  });

  it('the wallet moves at once, and its rows of income come later, funding too', async () => {
    await open({ unkind: { incomeLagMs: 20_000 } });
    const before = await account.wallet();
    await account.order();
    expect(await account.wallet()).toBeCloseTo(before - 0.2, 6);
    account.nowMs = Date.UTC(2024, 5, 3, 16) + 5_000;
    expect(await account.wallet()).toBeCloseTo(before - 0.2 - 0.05, 6);
    const types = async () => (await account.rows('income')).map(({ incomeType }) => incomeType);
    expect(await types()).toEqual(['COMMISSION']);
    account.nowMs += 15_000;
    expect(await types()).toEqual(['COMMISSION', 'FUNDING_FEE']);
  });

  it('a position of amount 0 is listed where an order is open', async () => {
    await open({ unkind: { listsFlatPositions: true } });
    account.exchange.external.limitOrder({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1, price: 2_000 });
    expect(await account.rows('/fapi/v3/positionRisk')).toMatchObject([
      { symbol: 'ETHUSDT', positionAmt: '0' },
    ]);
  });
});

describe('a candle that has just closed', () => {
  const closeMs = Date.UTC(2024, 5, 3, 12, 5);
  const newest = async (symbol: string): Promise<Row> => {
    const parameters = { symbol, interval: '5m', limit: 2 };
    return (await account.rows('klines', parameters))[0]!;
  };

  it('may still change for some seconds, and then stays as it is', async () => {
    await open({ dips: { 0: 0.99 }, unkind: { revision: { forMs: 4_000, share: 1 } } });
    account.nowMs = closeMs + 1_000;
    const early = await newest('BTCUSDT');
    account.nowMs = closeMs + 4_000;
    const settled = await newest('BTCUSDT');
    expect(early[0]).toBe(settled[0]);
    expect(Number(early[5])).toBeLessThan(Number(settled[5]));
    account.nowMs = closeMs + BAR_MS - 1;
    expect(await newest('BTCUSDT')).toEqual(settled);
    account.nowMs = closeMs + 1_000;
    expect(await newest('BTCUSDT')).toEqual(early);
  });

  it('does so in the share of bars that was chosen, by the seed', async () => {
    await open({ unkind: { revision: { forMs: 4_000, share: 0.5 } } });
    let changed = 0;
    for (let bar = 0; bar < 40; bar++) {
      account.nowMs = closeMs + bar * BAR_MS + 1_000;
      const early = await newest('BTCUSDT');
      account.nowMs += 10_000;
      if (JSON.stringify(early) !== JSON.stringify(await newest('BTCUSDT'))) changed++;
    }
    expect(changed).toBeGreaterThan(10);
    expect(changed).toBeLessThan(30);
  });
});

/** Every route that reads, and how it is asked. */
const READS: readonly (readonly [string, Record<string, string>])[] = [
  ['/fapi/v1/time', {}],
  ['/fapi/v1/exchangeInfo', {}],
  ['/fapi/v1/klines', { symbol: 'BTCUSDT', interval: '5m', limit: '5' }],
  ['/fapi/v1/ticker/24hr', {}],
  ['/fapi/v1/ticker/price', {}],
  ['/fapi/v2/ticker/price', { symbol: 'BTCUSDT' }],
  ['/fapi/v1/premiumIndex', {}],
  ['/fapi/v1/order', { symbol: 'BTCUSDT', origClientOrderId: 'mine' }],
  ['/fapi/v1/openOrders', {}],
  ['/fapi/v1/allOrders', { symbol: 'BTCUSDT' }],
  ['/fapi/v1/forceOrders', {}],
  ['/fapi/v1/userTrades', { symbol: 'BTCUSDT' }],
  ['/fapi/v1/algoOrder', { clientAlgoId: 'mine' }],
  ['/fapi/v1/openAlgoOrders', {}],
  ['/fapi/v1/allAlgoOrders', { symbol: 'BTCUSDT' }],
  ['/fapi/v3/positionRisk', {}],
  ['/fapi/v3/balance', {}],
  ['/fapi/v3/account', {}],
  ['/fapi/v1/income', {}],
];

async function fillAccount(): Promise<void> {
  const { external } = account.exchange;
  external.limitOrder({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01, price: 40_000 });
  external.marketOrder({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1 });
  external.deleverage({ symbol: 'ETHUSDT', share: 0.5 });
  await account.order({ newClientOrderId: 'mine' });
  await account.stop({ clientAlgoId: 'mine' });
}

describe('a late answer', () => {
  it.each(READS)('%s answers as it did then', async (path, parameters) => {
    await open();
    const then = (await account.get(path, parameters)).body;
    account.nowMs += BAR_MS;
    await fillAccount();
    account.nowMs += 5_000;
    const now = (await account.get(path, parameters)).body;
    account.exchange.faults.inject({ kind: 'late', seconds: BAR_MS / 1_000 + 5, path, count: 1 });
    const late = (await account.get(path, parameters)).body;
    const timeless = (body: unknown) => JSON.stringify(body).replaceAll(/"updateTime":\d+/g, '');
    // What is available is of now: only what it is made of is kept.
    if (!path.endsWith('balance') && !path.endsWith('account')) expect(timeless(late)).toBe(timeless(then));
    else expect(JSON.stringify(late)).toContain('"balance":"10000.00000000"');
    expect(timeless(now)).not.toBe(timeless(then));
  });

  it('an order is carried out, and only acknowledged', async () => {
    await open();
    account.exchange.faults.inject({ kind: 'late', seconds: 5, method: 'POST' });
    const { body } = await account.order({ newOrderRespType: 'RESULT' });
    expect(body).toMatchObject({ status: 'NEW', executedQty: '0' });
    expect(await account.held()).toBe(0.01);
  });
});

describe('one odd row', () => {
  const rowsOf = (body: unknown): unknown[] => {
    if (Array.isArray(body)) return body;
    const { symbols, positions } = (body ?? {}) as Record<string, unknown[]>;
    return symbols ?? positions ?? [body];
  };

  it.each(READS.filter(([path]) => !path.endsWith('/time')))(
    '%s: one row is odd, all others are as they were',
    async (path, parameters) => {
      await open();
      await fillAccount();
      const right = rowsOf((await account.get(path, parameters)).body);
      for (const how of ODDITIES) {
        account.exchange.faults.inject({ kind: 'odd_row', how, path, count: 1 });
        const odd = rowsOf((await account.get(path, parameters)).body);
        const changed = odd.filter((row, index) => JSON.stringify(row) !== JSON.stringify(right[index]));
        expect(odd).toHaveLength(right.length);
        expect(changed, how).toHaveLength(1);
      }
    },
  );

  it('is what was asked for: in the row of a symbol, or one more, also in an empty list', async () => {
    await open();
    const ask = async (path: string, fault: object): Promise<Row[]> => {
      account.exchange.faults.inject({ kind: 'odd_row', path: `/fapi/v1/${path}`, count: 1, ...fault });
      return account.rows(path);
    };
    const tickers = await ask('ticker/price', { how: 'tiny_price', rowSymbol: 'SOLUSDT' });
    expect(tickers.map(({ price }) => price)).toEqual(['50000', '2500', '1E-7']);
    const more = await ask('ticker/price', { how: 'null_price', place: 'insert' });
    expect(more.map(({ price }) => price)).toEqual(['50000', null, '2500', '140']);
    expect(await ask('openAlgoOrders', { how: 'close_position' })).toMatchObject([
      { closePosition: true, quantity: null, clientAlgoId: 'ios_9007199' },
    ]);
    expect(await ask('openOrders', { how: 'unknown_status' })).toMatchObject([{ status: 'NEW_ADL' }]);
    expect(await ask('income', {})).toHaveLength(1);
    expect(await account.rows('openOrders')).toEqual([]);
  });

  it('is another one from request to request, and the same ones for a seed', async () => {
    const texts = async () => {
      await open({ faultSeed: 7 });
      await fillAccount();
      account.exchange.faults.inject({ kind: 'odd_row', path: '/fapi/v1/openOrders' });
      const seen: string[] = [];
      for (let ask = 0; ask < 12; ask++) seen.push(JSON.stringify(await account.rows('openOrders')));
      return seen;
    };
    const first = await texts();
    await account.close();
    expect(await texts()).toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(3);
  });
});
