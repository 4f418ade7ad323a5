// The live broker against answers as a real account gives them: rows of others, pages, settings that already are as wanted, lists
// that contradict lookups, echoes of what was sent.
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLiveBroker } from '../../../lib/adapters/binance/account/live-broker.ts';
import { createCcxtMarketData } from '../../../lib/adapters/binance/market/ccxt-market-data.ts';
import { RequestBudget } from '../../../lib/adapters/binance/request-budget.ts';
import { DAY_MS } from '../../../lib/core/units.ts';
import type { Broker } from '../../../lib/execution/ports.ts';
import {
  type AnsweringServer,
  answered,
  type ReceivedRequest,
  startAnsweringServer,
} from '../../support/exchange/answering-server.ts';
import {
  approveEntry,
  approveReduce,
  expectRows,
  expectValue,
  market,
  stop,
} from '../../support/execution/broker-market.ts';

const credentials = { apiKey: 'MARKER-KEY/7f3a+91', secret: 'MARKER-SECRET-c04d2e' };
const START_MS = Date.UTC(2024, 7, 5, 12);

let exchange: AnsweringServer;
let machineMs: number;
let broker: Broker;

const clientOptions = () => ({
  baseUrl: exchange.url,
  timeoutMs: 2_000,
  attempts: 2,
  weightPerMinute: 1e9,
  nowMs: () => machineMs,
  sleep: async (durationMs: number) => {
    machineMs += Math.ceil(durationMs);
  },
  address: new RequestBudget(1e9),
});

beforeEach(async () => {
  machineMs = START_MS;
  exchange = await startAnsweringServer(() => machineMs);
  const options = clientOptions();
  const market = createCcxtMarketData({ ...options, exchange: 'binanceusdm' });
  broker = createLiveBroker({ ...options, credentials, market });
});
afterEach(() => exchange.close());

const answer = (route: string, body: unknown) =>
  exchange.answers.set(route, typeof body === 'function' ? (body as () => unknown) : () => body);
const refusal = (code: number, msg = 'refused') => answered({ status: 400, body: { code, msg } });
const sentTo = (route: string): readonly ReceivedRequest[] =>
  exchange.received.filter(({ method, path }) => `${method} ${path}` === route);

const ownOrder = {
  symbol: 'BTCUSDT',
  orderId: 71,
  clientOrderId: 'qt-entry-1',
  status: 'FILLED',
  side: 'BUY',
  origQty: '0.010',
  executedQty: '0.010',
  avgPrice: '50000.10',
  updateTime: START_MS,
  reduceOnly: false,
  closePosition: false,
};
const ownStop = {
  symbol: 'BTCUSDT',
  algoId: 9,
  clientAlgoId: 'qt-stop-1',
  algoStatus: 'NEW',
  side: 'SELL',
  quantity: '0.010',
  triggerPrice: '49000',
  updateTime: START_MS,
  reduceOnly: true,
  closePosition: false,
};

describe('lists, row by row', () => {
  it('reads what others have open: close-position, no quantity, states of a liquidation', async () => {
    answer('GET /fapi/v1/openOrders', [
      { ...ownOrder, status: 'NEW' },
      { symbol: 'ETHUSDT', clientOrderId: 'web_1', side: 'SELL', origQty: null, status: 'NEW_ADL' },
      {
        symbol: 'XRPUSDT',
        clientOrderId: 'autoclose-17',
        side: 'BUY',
        origQty: '1E2',
        status: 'SOMETHING_NEW',
      },
      { symbol: 'LTCUSDT', clientOrderId: null, side: 'BUY' },
    ]);
    const { rows, problems } = expectValue(await broker.openOrders());
    expect(rows).toMatchObject([
      { ...market('qt-entry-1'), side: 'BUY', quantity: 0.01, reducesOnly: false },
      { ...market('web_1', 'ETHUSDT'), side: 'SELL', quantity: null, reducesOnly: false },
      { ...market('autoclose-17', 'XRPUSDT'), quantity: 100, reducesOnly: true },
    ]);
    expect(problems).toMatchObject([{ symbol: 'LTCUSDT', message: expect.stringMatching(/row 3/) }]);
  });

  it('reads stops of others, closing ones without a quantity too', async () => {
    answer('GET /fapi/v1/openAlgoOrders', [
      ownStop,
      { ...ownStop, clientAlgoId: 'app_1', quantity: null, closePosition: true, reduceOnly: false },
      { ...ownStop, clientAlgoId: 'app_2', side: 'SIDEWAYS', triggerPrice: null, algoStatus: 'PAUSED' },
    ]);
    expect(expectRows(await broker.openStops())).toMatchObject([
      { ...stop('qt-stop-1'), quantity: 0.01, stopPrice: 49_000, reducesOnly: true, closesPosition: false },
      { ...stop('app_1'), quantity: null, reducesOnly: true, closesPosition: true },
      { ...stop('app_2'), side: null, stopPrice: null },
    ]);
  });

  it('holds what can be read, names what cannot, and needs no price to know a size', async () => {
    const row = { positionSide: 'BOTH', entryPrice: '50000', markPrice: '50001' };
    answer('GET /fapi/v3/positionRisk', [
      { ...row, symbol: 'BTCUSDT', positionAmt: '0.014' },
      { ...row, symbol: 'ETHUSDT', positionAmt: '-2', entryPrice: null, markPrice: 'n/a' },
      { ...row, symbol: 'XRPUSDT', positionAmt: null },
      { ...row, symbol: 'LTCUSDT', positionAmt: '1', positionSide: 'LONG' },
      { ...row, symbol: 'BNBUSDT', positionAmt: '0.000', positionSide: 'SHORT', entryPrice: null },
    ]);
    const { rows, problems } = expectValue(await broker.positions());
    expect(rows).toEqual([
      { symbol: 'BTCUSDT', quantity: 0.014, entryPrice: 50_000, markPrice: 50_001 },
      { symbol: 'ETHUSDT', quantity: -2, entryPrice: null, markPrice: null },
      { symbol: 'LTCUSDT', quantity: 1, entryPrice: 50_000, markPrice: 50_001, hedgeSide: 'LONG' },
    ]);
    expect(problems.map(({ symbol }) => symbol)).toEqual(['XRPUSDT']);
  });

  it.each([
    ['a page', '<html>sorry</html>'],
    ['an object', { code: 200 }],
    ['rows that say nothing', [null, {}, { symbol: null }]],
  ])('%s is no list', async (_what, body) => {
    for (const [route, ask] of [
      ['GET /fapi/v1/openOrders', () => broker.openOrders()],
      ['GET /fapi/v1/openAlgoOrders', () => broker.openStops()],
      ['GET /fapi/v3/positionRisk', () => broker.positions()],
      ['GET /fapi/v1/income', () => broker.incomeSince(START_MS)],
    ] as const) {
      answer(route, body);
      expect(await ask()).toMatchObject({ ok: false, error: { code: 'invalid_response' } });
    }
  });

  it('reads the wallet beside assets that it cannot read', async () => {
    answer('GET /fapi/v3/balance', [
      { asset: 'BNB', balance: null },
      { asset: 'USDT', balance: '1E2' },
    ]);
    expect(await broker.walletMicroUsdt()).toEqual({ ok: true, value: 100_000_000 });
    answer('GET /fapi/v3/balance', [{ asset: 'USDT', balance: null }]);
    expect(await broker.walletMicroUsdt()).toMatchObject({ ok: false, error: { code: 'invalid_response' } });
  });

  it('leaves a symbol without a price out of the prices, and the others in', async () => {
    answer('GET /fapi/v2/ticker/price', [
      { symbol: 'ODDUSDT', price: null },
      { symbol: 'TINYUSDT', price: '1E-7' },
      { symbol: 'BTCUSDT', price: '50000.1' },
    ]);
    const prices = expectValue(await broker.prices(['ODDUSDT', 'TINYUSDT', 'BTCUSDT']));
    expect([...prices]).toEqual([
      ['TINYUSDT', 1e-7],
      ['BTCUSDT', 50_000.1],
    ]);
  });
});

describe('fills', () => {
  const trade = (id: number, change: Record<string, unknown> = {}) => ({
    id,
    orderId: 71,
    symbol: 'BTCUSDT',
    qty: '0.001',
    price: '50000',
    commission: '0.00002',
    commissionAsset: 'BNB',
    realizedPnl: '-0.5',
    time: START_MS + id,
    ...change,
  });

  it('come with their fee in the asset that paid it', async () => {
    answer('GET /fapi/v1/order', ownOrder);
    answer('GET /fapi/v1/userTrades', [trade(2), trade(1, { commissionAsset: 'USDT', commission: '0.02' })]);
    expect(expectValue(await broker.fills(market('qt-entry-1')))).toEqual([
      {
        tradeId: '1',
        quantity: 0.001,
        price: 50_000,
        fee: { asset: 'USDT', amount: 0.02 },
        realisedMicroUsdt: -500_000,
        atMs: START_MS + 1,
      },
      expect.objectContaining({ tradeId: '2', fee: { asset: 'BNB', amount: 0.00002 } }),
    ]);
  });

  it('are all of them, however many pages they fill', async () => {
    const trades = Array.from({ length: 2_345 }, (_, index) => trade(index + 1));
    answer('GET /fapi/v1/order', ownOrder);
    // As Binance answers: the newest without `fromId`, else from there on; 500 unless more are asked for.
    answer('GET /fapi/v1/userTrades', ({ parameters }: ReceivedRequest) => {
      const limit = Number(parameters.get('limit') ?? 500);
      const from = parameters.get('fromId');
      if (from === null) return trades.slice(-limit);
      return trades.filter(({ id }) => id >= Number(from)).slice(0, limit);
    });
    const fills = expectValue(await broker.fills(market('qt-entry-1')));
    expect(fills.map(({ tradeId }) => tradeId)).toEqual(trades.map(({ id }) => String(id)));
  });

  it('are none while the exchange lists none, or does not know the order', async () => {
    answer('GET /fapi/v1/order', ownOrder);
    answer('GET /fapi/v1/userTrades', []);
    expect(await broker.fills(market('qt-entry-1'))).toEqual({ ok: true, value: [] });
    answer('GET /fapi/v1/order', refusal(-2013));
    expect(await broker.fills(market('qt-entry-1'))).toEqual({ ok: true, value: [] });
  });
});

describe('income', () => {
  const income = (time: number, change: Record<string, unknown> = {}) => ({
    symbol: 'BTCUSDT',
    incomeType: 'FUNDING_FEE',
    income: '-0.5',
    asset: 'USDT',
    time,
    tranId: 5,
    tradeId: '',
    ...change,
  });

  it('is read in all assets and types, a new one too, and an odd row is named', async () => {
    answer('GET /fapi/v1/income', [
      income(START_MS, { asset: 'USDC' }),
      income(START_MS + 1, { incomeType: 'COMMISSION', tradeId: 17 }),
      income(START_MS + 1, { incomeType: 'REALIZED_PNL', tradeId: '17' }),
      income(START_MS + 2, { incomeType: 'TRANSFER', symbol: '' }),
      income(START_MS + 3, { incomeType: 'MOON_BONUS', income: '2E-2' }),
      income(START_MS + 4, { income: null }),
    ]);
    const { rows, problems } = expectValue(await broker.incomeSince(START_MS));
    expect(
      rows.map(({ kind, asset, symbol, tradeId, amount }) => [kind, asset, symbol, tradeId, amount]),
    ).toEqual([
      ['funding', 'USDC', 'BTCUSDT', null, -0.5],
      ['commission', 'USDT', 'BTCUSDT', '17', -0.5],
      ['realised', 'USDT', 'BTCUSDT', '17', -0.5],
      ['transfer', 'USDT', null, null, -0.5],
      ['other', 'USDT', 'BTCUSDT', null, 0.02],
    ]);
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    expect(problems).toMatchObject([{ symbol: 'BTCUSDT' }]);
  });

  it('is all pages of all weeks, each row once', async () => {
    const rows = Array.from({ length: 2_600 }, (_, index) =>
      // 1200 of one moment: more than a page holds.
      income(START_MS - 20 * DAY_MS + (index < 1_200 ? 0 : index * 600_000), { tranId: index }),
    );
    answer('GET /fapi/v1/income', ({ parameters }: ReceivedRequest) => {
      const read = (name: string) => Number(parameters.get(name));
      const [from, to, limit, page] = [read('startTime'), read('endTime'), read('limit'), read('page')];
      expect(to - from).toBeLessThan(7 * DAY_MS);
      const within = rows.filter(({ time }) => time >= from && time <= to);
      return within.slice((page - 1) * limit, page * limit);
    });
    const read = expectRows(await broker.incomeSince(START_MS - 20 * DAY_MS));
    expect(read.map(({ id }) => id.split('-')[0])).toEqual(expect.arrayContaining(['0', '1199', '2599']));
    expect(read).toHaveLength(rows.length);
  });
});

describe('lookups and lists', () => {
  const accept = () => answer('POST /fapi/v1/order', { ...ownOrder, status: 'FILLED' });

  it('asks for the result with the order, and passes it on', async () => {
    answer('GET /fapi/v1/order', refusal(-2013));
    accept();
    expect(await broker.submit(await approveEntry('live'))).toEqual({
      outcome: 'acknowledged',
      report: {
        ...market('qt-entry-1'),
        status: 'filled',
        quantity: 0.01,
        filledQuantity: 0.01,
        averagePrice: 50_000.1,
        filledAtMs: START_MS,
        updatedAtMs: START_MS,
      },
    });
    expect(sentTo('POST /fapi/v1/order')[0]!.parameters.get('newOrderRespType')).toBe('RESULT');
  });

  it('does not take -2013 for the truth within the first seconds', async () => {
    accept();
    let lookups = 0;
    answer('GET /fapi/v1/order', () => (++lookups <= 4 ? refusal(-2013) : ownOrder));
    answer('GET /fapi/v1/openOrders', []);
    await broker.submit(await approveEntry('live'));
    expect(await broker.find(market('qt-entry-1'))).toMatchObject({ ok: true, value: { status: 'filled' } });
    expect(machineMs - START_MS).toBeLessThanOrEqual(3_000);
  });

  it('takes it for the truth later, unless the list of open orders says otherwise', async () => {
    answer('GET /fapi/v1/algoOrder', refusal(-2013));
    answer('GET /fapi/v1/openAlgoOrders', [ownStop]);
    expect(await broker.find(stop('qt-stop-1'))).toMatchObject({
      ok: true,
      value: { ...stop('qt-stop-1'), status: 'open', quantity: 0.01 },
    });
    expect(sentTo('GET /fapi/v1/openAlgoOrders')[0]!.parameters.get('symbol')).toBe('BTCUSDT');
    answer('GET /fapi/v1/openAlgoOrders', []);
    expect(await broker.find(stop('qt-stop-1'))).toEqual({ ok: true, value: undefined });
  });

  it('finds, and cancels, nothing in a contract that the exchange has taken off its list', async () => {
    for (const path of ['order', 'openOrders', 'openAlgoOrders'])
      answer(`GET /fapi/v1/${path}`, refusal(-1121));
    answer('GET /fapi/v1/algoOrder', refusal(-2013));
    answer('DELETE /fapi/v1/algoOrder', refusal(-2011));
    answer('DELETE /fapi/v1/order', refusal(-1121));
    for (const order of [market('qt-entry-1'), stop('qt-stop-1')]) {
      expect(await broker.find(order)).toEqual({ ok: true, value: undefined });
      expect(await broker.cancel(order)).toEqual({ ok: true, value: undefined });
    }
  });

  it.each([-2011, -2013])(
    '%i on a cancellation is "gone" only when the order is not listed',
    async (code) => {
      answer('DELETE /fapi/v1/algoOrder', refusal(code));
      answer('GET /fapi/v1/openAlgoOrders', [ownStop]);
      expect(await broker.cancel(stop('qt-stop-1'))).toMatchObject({
        ok: false,
        error: { code: 'unavailable', retryable: true },
      });
      answer('GET /fapi/v1/openAlgoOrders', []);
      expect(await broker.cancel(stop('qt-stop-1'))).toEqual({ ok: true, value: undefined });
    },
  );

  it('does not call a triggered stop ended while the order that it became is not listed yet', async () => {
    answer('GET /fapi/v1/order', refusal(-2013));
    answer('GET /fapi/v1/algoOrder', { ...ownStop, algoStatus: 'TRIGGERED', actualOrderId: '88' });
    expect(await broker.find(stop('qt-stop-1'))).toMatchObject({ ok: true, value: { status: 'open' } });
    answer('GET /fapi/v1/algoOrder', { ...ownStop, algoStatus: 'FINISHED', actualOrderId: '88' });
    expect(await broker.find(stop('qt-stop-1'))).toMatchObject({ ok: false, error: { code: 'unavailable' } });
  });

  it('asks again for three seconds what a triggered stop became', async () => {
    answer('GET /fapi/v1/algoOrder', { ...ownStop, algoStatus: 'FINISHED', actualOrderId: '88' });
    answer('GET /fapi/v1/order', refusal(-2013));
    await broker.find(stop('qt-stop-1'));
    expect(sentTo('GET /fapi/v1/order')).toHaveLength(7);
  });
});

describe('an order that is about to leave', () => {
  beforeEach(() => answer('GET /fapi/v1/order', refusal(-2013)));

  it('does not leave when it is no longer wanted', async () => {
    answer('POST /fapi/v1/order', ownOrder);
    const submission = await broker.submit(await approveEntry('live'), { stillWanted: () => false });
    expect(submission).toMatchObject({ outcome: 'rejected', code: 'unsent' });
    expect(sentTo('POST /fapi/v1/order')).toEqual([]);
  });

  it('is asked for after everything else: lookup and clock come before', async () => {
    answer('POST /fapi/v1/order', ownOrder);
    const before: string[] = [];
    await broker.submit(await approveEntry('live'), {
      stillWanted: () => {
        before.push(...exchange.received.map(({ method, path }) => `${method} ${path}`));
        return true;
      },
    });
    expect(before).toEqual(['GET /fapi/v1/time', 'GET /fapi/v1/order']);
    expect(sentTo('POST /fapi/v1/order')).toHaveLength(1);
  });

  it('is asked for again before it is sent a second time because of its clock', async () => {
    answer('POST /fapi/v1/order', refusal(-1021));
    let asked = 0;
    const submission = await broker.submit(await approveEntry('live'), { stillWanted: () => ++asked === 1 });
    expect(submission).toMatchObject({ outcome: 'rejected', code: 'unsent' });
    expect(sentTo('POST /fapi/v1/order')).toHaveLength(1);
  });

  it('is refused by the exchange itself when an entry arrives more than 2 s late', async () => {
    answer('POST /fapi/v1/order', ownOrder);
    await broker.submit(await approveEntry('live'));
    expect(sentTo('POST /fapi/v1/order')[0]!.parameters.get('recvWindow')).toBe('2000');
  });

  it.each([
    [-2021, 'would_trigger'],
    [-2022, 'nothing_to_reduce'],
    [-1111, 'filters'],
    [-4005, 'filters'],
    [-2019, 'insufficient_margin'],
    [-2027, 'insufficient_margin'],
    [-4045, 'too_many_stops'],
    [-4130, 'close_stop_exists'],
    [-4108, 'not_trading'],
    [-2015, 'unauthorised'],
    [-9999, 'other'],
  ])('%i is a refusal: %s', async (code, rejection) => {
    answer('POST /fapi/v1/order', refusal(code));
    expect(await broker.submit(approveReduce('live'))).toMatchObject({
      outcome: 'rejected',
      code: rejection,
    });
  });

  it('knows an overload that did not take the order from one that may have', async () => {
    const failed = (code: number) => answered({ status: 503, body: { code, msg: 'overloaded' } });
    answer('POST /fapi/v1/order', failed(-1008));
    expect(await broker.submit(approveReduce('live'))).toMatchObject({
      outcome: 'rejected',
      code: 'overloaded',
    });
    answer('POST /fapi/v1/order', failed(-1007));
    expect(await broker.submit(approveReduce('live'))).toMatchObject({ outcome: 'unknown' });
  });

  it('closes whatever is held when a stop has no quantity', async () => {
    answer('GET /fapi/v1/algoOrder', refusal(-2013));
    answer('POST /fapi/v1/algoOrder', { ...ownStop, quantity: null, closePosition: true });
    const order = approveReduce('live', { clientOrderId: 'qt-stop-1', quantity: null, stopPrice: 49_000 });
    expect(await broker.submit(order)).toMatchObject({
      outcome: 'acknowledged',
      report: { status: 'open', quantity: null },
    });
    const { parameters } = sentTo('POST /fapi/v1/algoOrder')[0]!;
    expect(parameters.get('closePosition')).toBe('true');
    expect(parameters.has('quantity') || parameters.has('reduceOnly')).toBe(false);
  });
});

describe('preparing a symbol', () => {
  const posts = () => exchange.received.filter(({ method }) => method === 'POST').map(({ path }) => path);
  let config: { symbol: string; marginType: string; leverage: number };
  beforeEach(() => {
    config = { symbol: 'BTCUSDT', marginType: 'ISOLATED', leverage: 1 };
    answer('GET /fapi/v1/positionSide/dual', { dualSidePosition: false });
    answer('GET /fapi/v1/multiAssetsMargin', { multiAssetsMargin: false });
    answer('GET /fapi/v1/symbolConfig', () => [config]);
    answer('POST /fapi/v1/marginType', refusal(-4067, 'Side effect with open orders.'));
    answer('POST /fapi/v1/leverage', ({ parameters }: ReceivedRequest) => {
      config.leverage = Number(parameters.get('leverage'));
      return { ...config };
    });
  });

  it('posts nothing when all is as wanted', async () => {
    expect(await broker.prepare('BTCUSDT')).toMatchObject({ ok: true });
    expect(posts()).toEqual([]);
  });

  it('posts only what differs', async () => {
    config.leverage = 20;
    expect(await broker.prepare('BTCUSDT')).toMatchObject({ ok: true });
    expect(posts()).toEqual(['/fapi/v1/leverage']);
  });

  it.each([-4046, -4067, -4047])(
    '%i is success when it is as wanted afterwards, else a refusal that names it',
    async (code) => {
      config.marginType = 'CROSSED';
      answer('POST /fapi/v1/marginType', () => {
        config.marginType = 'ISOLATED';
        return refusal(code);
      });
      expect(await broker.prepare('BTCUSDT')).toMatchObject({ ok: true });
      config.marginType = 'CROSSED';
      answer('POST /fapi/v1/marginType', refusal(code));
      expect(await broker.prepare('BTCUSDT')).toMatchObject({
        ok: false,
        error: { code: 'refused', message: expect.stringContaining(String(code)) },
      });
    },
  );
});

describe('an exchange that echoes what it was sent', () => {
  /** Key, signature and query, in the forms in which a proxy or an error page would quote them. */
  const echo = ({ text, apiKey }: ReceivedRequest): string => {
    const signature = new URLSearchParams(text).get('signature') ?? '';
    return `${apiKey} ${encodeURIComponent(apiKey ?? '')} ${apiKey?.toLowerCase()} ${signature} ${text}`;
  };
  const echoes: readonly (readonly [string, (request: ReceivedRequest) => unknown])[] = [
    ['in a page', (request) => answered({ body: `<html>${echo(request)}</html>` })],
    ['in a refusal', (request) => answered({ status: 400, body: { code: -2019, msg: echo(request) } })],
    [
      'in a refusal of the keys',
      (request) => answered({ status: 401, body: { code: -2015, msg: echo(request) } }),
    ],
    ['in an error page', (request) => answered({ status: 502, body: echo(request) })],
    [
      'in a ban',
      (request) => answered({ status: 418, body: echo(request), headers: { 'retry-after': '0' } }),
    ],
    ['in a refused page', (request) => answered({ status: 404, body: echo(request) })],
    ['in JSON of another shape', (request) => ({ url: echo(request), signature: echo(request) })],
    ['with the key first', (request) => answered({ status: 500, body: `x-mbx-apikey: ${request.apiKey}` })],
  ];

  it.each(echoes)('%s: no key, no signature in anything that is handed out', async (_what, body) => {
    exchange.answers.clear();
    answer('GET /fapi/v1/time', () => ({ serverTime: machineMs }));
    answer('*', body);
    const seen = [
      await broker.prepare('BTCUSDT'),
      await broker.submit(await approveEntry('live')),
      await broker.submit(approveReduce('live')),
      await broker.find(market('qt-entry-1')),
      await broker.find(stop('qt-stop-1')),
      await broker.openOrders(),
      await broker.openStops(),
      await broker.cancel(stop('qt-stop-1')),
      await broker.cancelAll('BTCUSDT'),
      await broker.positions(),
      await broker.walletMicroUsdt(),
      await broker.fills(market('qt-entry-1')),
      await broker.incomeSince(START_MS),
    ];
    const signatures = exchange.received
      .map(({ parameters }) => parameters.get('signature'))
      .filter((signature) => signature !== null);
    expect(signatures.length).toBeGreaterThan(5);
    const text = inspect(seen, { depth: 12, showHidden: true }) + JSON.stringify(seen);
    expect(text).not.toMatch(/marker/i);
    // Not a part of one either: what is cut short is still half a secret.
    for (const signature of signatures) expect(text).not.toContain(signature.slice(0, 12));
  });
});

describe('one address', () => {
  it('a ban that one client gets stops the others of the same host', async () => {
    const { address: _own, ...shared } = clientOptions();
    const open = () => createCcxtMarketData({ ...shared, exchange: 'binanceusdm' });
    const [data, account] = [open(), createLiveBroker({ ...shared, credentials, market: open() })];
    answer(
      'GET /fapi/v2/ticker/price',
      answered({ status: 418, body: {}, headers: { 'retry-after': '300' } }),
    );
    answer('GET /fapi/v3/balance', [{ asset: 'USDT', balance: '100' }]);
    expect(await account.walletMicroUsdt()).toMatchObject({ ok: true });
    expect(await data.prices()).toMatchObject({ ok: false, error: { code: 'banned' } });
    const before = exchange.received.length;
    expect(await account.walletMicroUsdt()).toMatchObject({ ok: false, error: { code: 'rate_limited' } });
    expect(await open().serverTimeMs()).toMatchObject({ ok: false, error: { code: 'banned' } });
    expect(exchange.received).toHaveLength(before);
    machineMs += 301_000;
    expect(await account.walletMicroUsdt()).toMatchObject({ ok: true });
  });
});
