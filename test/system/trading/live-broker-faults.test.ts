// The live broker against an exchange that loses answers, fills half, refuses and sets its clock: never two orders, never a guess,
// and never a key where somebody could read it.
import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createLiveBroker,
  type LiveBrokerOptions,
} from '../../../lib/adapters/binance/account/live-broker.ts';
import { createCcxtMarketData } from '../../../lib/adapters/binance/market/ccxt-market-data.ts';
import { RequestBudget } from '../../../lib/adapters/binance/request-budget.ts';
import { HOUR_MS } from '../../../lib/core/units.ts';
import type { Broker, Submission } from '../../../lib/execution/ports.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import type { FaultRequest } from '../../../local/exchange/faults.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
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
} from '../../support/execution/broker-market.ts';

const credentials = { apiKey: 'CANARY-KEY-7f3a91', secret: 'CANARY-SECRET-c04d2e' };
const ORDER = { path: '/fapi/v1/order', method: 'POST' } as const;
const ALGO_ORDER = { path: '/fapi/v1/algoOrder', method: 'POST' } as const;

let simulated: SimulatedExchange;
let nowMs: number;
let machineMs: number;
let address: RequestBudget;
let broker: Broker;

async function start(modes: Record<string, boolean> = {}): Promise<void> {
  const { impactBps, takerFeeBps, fundingRatePer8h, depositMicroUsdt } = BROKER_TERMS;
  simulated = await startSimulatedExchange({
    market: brokerMarket,
    clock: { nowMs: () => nowMs },
    account: {
      ...credentials,
      depositUsdt: depositMicroUsdt / 1e6,
      costs: { impactBps, takerFeeBps, fundingRatePer8h },
      ...modes,
    },
  });
  broker = openBroker();
}

const openBroker = (options: Partial<LiveBrokerOptions> = {}): Broker =>
  createLiveBroker({
    baseUrl: simulated.url,
    credentials,
    market: createCcxtMarketData({ exchange: 'binanceusdm', baseUrl: simulated.url }),
    timeoutMs: 250,
    random: () => 0.5,
    address,
    nowMs: () => machineMs,
    sleep: async (durationMs) => {
      machineMs += durationMs;
    },
    ...options,
  });

beforeEach(async () => {
  nowMs = BROKER_START_MS + 5_000;
  machineMs = nowMs;
  address = new RequestBudget(1e9);
  await start();
});
afterEach(() => simulated.close());

const enter = async (): Promise<Submission> => broker.submit(await approveEntry('live'));
const held = async (): Promise<number> => expectRows(await broker.positions())[0]?.quantity ?? 0;

describe('an order whose answer is lost', () => {
  const lost: readonly (readonly [string, FaultRequest])[] = [
    ['no answer', { kind: 'accept_then', how: 'timeout', ...ORDER, count: 1 }],
    ['a connection torn down', { kind: 'accept_then', how: 'reset', ...ORDER, count: 1 }],
    ['a 503', { kind: 'accept_then', how: 'server_error', ...ORDER, count: 1 }],
    ['a page with 200', { kind: 'html', ...ORDER, count: 1 }],
    ['half a JSON', { kind: 'truncated', ...ORDER, count: 1 }],
  ];
  it.each(lost)('%s: unknown, found by its id, and there once', async (_what, fault) => {
    simulated.faults.inject(fault);
    expect(await enter()).toMatchObject({ outcome: 'unknown' });
    expect(await broker.find(market('qt-entry-1'))).toMatchObject({
      ok: true,
      value: { status: 'filled', filledQuantity: 0.01 },
    });
    expect(await enter()).toMatchObject({ outcome: 'acknowledged' });
    expect(await held()).toBe(0.01);
  });

  const unsent: readonly (readonly [string, FaultRequest])[] = [
    ['no answer', { kind: 'timeout', ...ORDER }],
    ['a connection torn down', { kind: 'reset', ...ORDER }],
    ['500', { kind: 'server_error', status: 500, ...ORDER }],
    ['-1007', { kind: 'reject', code: -1007, msg: 'Timeout; execution status unknown.', ...ORDER }],
  ];
  it.each(unsent)('%s and nothing done: unknown, sent once, and then not found', async (_what, fault) => {
    // The second of two that fit would befall a second request.
    simulated.faults.inject({ ...fault, count: 1 } as FaultRequest);
    expect(await enter()).toMatchObject({ outcome: 'unknown' });
    expect(await broker.find(market('qt-entry-1'))).toEqual({ ok: true, value: undefined });
    expect(await held()).toBe(0);
  });

  it('of a stop: unknown, and the stop rests there once', async () => {
    await enter();
    simulated.faults.inject({ kind: 'accept_then', how: 'timeout', ...ALGO_ORDER, count: 1 });
    const protect = () =>
      broker.submit(approveReduce('live', { clientOrderId: 'qt-stop-1', stopPrice: 49_500 }));
    expect(await protect()).toMatchObject({ outcome: 'unknown' });
    expect(await protect()).toMatchObject({ outcome: 'acknowledged' });
    expect(expectRows(await broker.openStops())).toMatchObject([stop('qt-stop-1')]);
  });

  it.each(['html', 'nulls', 'truncated'] as const)(
    'a lookup answered with %s tells nothing: not sent',
    async (kind) => {
      await enter();
      simulated.faults.inject({ kind, path: '/fapi/v1/order', method: 'GET' });
      expect(await enter()).toMatchObject({
        outcome: 'rejected',
        code: 'unsent',
        message: expect.stringContaining('not sent'),
      });
      expect(await broker.find(market('qt-entry-1'))).toMatchObject({ ok: false });
      expect(await held()).toBe(0.01);
    },
  );

  it.each(['html', 'empty', 'nulls', 'truncated'] as const)(
    'no read or cancellation takes %s for an answer',
    async (kind) => {
      await enter();
      simulated.faults.inject({ kind, path: '/fapi/v' });
      for (const answer of [
        await broker.positions(),
        await broker.walletMicroUsdt(),
        await broker.find(market('qt-entry-1')),
        await broker.cancel(stop('qt-stop-1')),
        await broker.cancelAll('BTCUSDT'),
        await broker.prices(['BTCUSDT']),
        await broker.filters(),
      ]) {
        // An empty list of positions is an answer; everything else is none.
        if (kind !== 'empty')
          expect(answer).toMatchObject({ ok: false, error: { code: 'invalid_response' } });
      }
      if (kind === 'empty') {
        expect(await broker.cancel(stop('qt-stop-1'))).toMatchObject({ ok: false });
        expect(await broker.cancelAll('BTCUSDT')).toMatchObject({ ok: false });
      }
    },
  );

  it('is not sent at all when its id cannot be looked up, unless it reduces', async () => {
    await enter();
    simulated.faults.inject({ kind: 'server_error', path: '/fapi/v1/order', method: 'GET' });
    const second = await broker.submit(await approveEntry('live', { clientOrderId: 'qt-entry-2' }));
    expect(second).toMatchObject({ code: 'unsent', message: expect.stringContaining('not sent') });
    expect(await held()).toBe(0.01);
    expect(await broker.submit(approveReduce('live'))).toMatchObject({ outcome: 'acknowledged' });
    expect(await held()).toBe(0);
  });
});

describe('an order that the exchange refuses', () => {
  it.each([
    [-2010, 'NEW_ORDER_REJECTED'],
    [-2019, 'Margin is insufficient.'],
    [-4164, "Order's notional must be no smaller than 5."],
    [-1111, 'Precision is over the maximum defined for this asset.'],
    [-9999, 'Something new.'],
  ])('%i is a rejection with its reason', async (code, msg) => {
    simulated.faults.inject({ kind: 'reject', code, msg, ...ORDER });
    const message = expect.stringContaining(`${code} ${msg}`);
    expect(await enter()).toMatchObject({ outcome: 'rejected', message });
    expect(await broker.find(market('qt-entry-1'))).toEqual({ ok: true, value: undefined });
  });

  it('-4116 says that the exchange has the order', async () => {
    simulated.faults.inject({ kind: 'reject', code: -4116, msg: 'ClientOrderId is duplicated.', ...ORDER });
    expect(await enter()).toMatchObject({ outcome: 'acknowledged' });
  });

  it('429 is a rejection: nothing was done, and nothing else leaves until the exchange is ready', async () => {
    simulated.faults.inject({ kind: 'rate_limited', retryAfterSeconds: 3_600, ...ORDER, count: 1 });
    expect(await enter()).toMatchObject({ outcome: 'rejected', code: 'rate_limited' });
    expect(await broker.positions()).toMatchObject({ ok: false, error: { code: 'rate_limited' } });
    expect(await broker.submit(approveReduce('live'))).toMatchObject({ outcome: 'rejected', code: 'unsent' });
  });

  it('a rejected stop says so, and leaves the position for others to act on', async () => {
    await enter();
    simulated.faults.inject({
      kind: 'reject',
      code: -2021,
      msg: 'Order would immediately trigger.',
      ...ALGO_ORDER,
    });
    const submission = await broker.submit(
      approveReduce('live', { clientOrderId: 'qt-stop-1', stopPrice: 49_500 }),
    );
    expect(submission).toMatchObject({ outcome: 'rejected', message: expect.stringContaining('-2021') });
    expect(expectRows(await broker.openStops())).toEqual([]);
    expect(await held()).toBe(0.01);
  });

  it('margin that is not there is refused by the exchange itself', async () => {
    const submission = await broker.submit(await approveEntry('live', { quantity: 100 }));
    expect(submission).toMatchObject({ outcome: 'rejected', message: expect.stringContaining('-2019') });
  });
});

describe('an order that is filled in part', () => {
  it('is reported with what was filled, and its fee', async () => {
    simulated.faults.inject({ kind: 'partial_fill', share: 0.4, ...ORDER });
    expect(await enter()).toMatchObject({ outcome: 'acknowledged' });
    const report = expectValue(await broker.find(market('qt-entry-1')));
    expect(report).toMatchObject({ status: 'cancelled', quantity: 0.01, filledQuantity: 0.004 });
    const fees = expectValue(await broker.fills(market('qt-entry-1'))).map(({ fee }) => fee.amount);
    const fee = fees.reduce((sum, amount) => sum + amount, 0);
    expect(fee).toBeCloseTo(0.004 * report!.averagePrice! * 0.0004, 6);
    expect(await held()).toBe(0.004);
  });
});

describe('time', () => {
  it.each([-HOUR_MS, -20_000, 20_000, HOUR_MS])(
    'a machine that is %i ms off asks the exchange for its time',
    async (offMs) => {
      machineMs = nowMs + offMs;
      expect(await enter()).toMatchObject({ outcome: 'acknowledged' });
      expect(await held()).toBe(0.01);
    },
  );

  it('a clock that jumps in between is read again, and the order sent once', async () => {
    await held();
    nowMs += 10 * BAR_MS;
    expect(await enter()).toMatchObject({ outcome: 'acknowledged' });
    nowMs -= 2 * BAR_MS;
    expect(await broker.submit(approveReduce('live', { quantity: 0.004 }))).toMatchObject({
      outcome: 'acknowledged',
    });
    expect(await held()).toBe(0.006);
  });

  it('a clock that cannot be agreed on is a rejection', async () => {
    simulated.faults.inject({ kind: 'reject', code: -1021, msg: 'Timestamp is outside.', ...ORDER });
    expect(await enter()).toMatchObject({ outcome: 'rejected', message: expect.stringContaining('-1021') });
  });
});

describe('preparing a symbol', () => {
  const config = async (): Promise<unknown> => {
    const query = `symbol=BTCUSDT&timestamp=${nowMs}`;
    const signature = createHmac('sha256', credentials.secret).update(query).digest('hex');
    const address = `${simulated.url}/fapi/v1/symbolConfig?${query}&signature=${signature}`;
    return (await fetch(address, { headers: { 'X-MBX-APIKEY': credentials.apiKey } })).json();
  };

  it('sets margin mode and leverage', async () => {
    expect(await config()).toMatchObject([{ leverage: 20, marginType: 'CROSSED' }]);
    expect(await openBroker({ leverage: 3 }).prepare('BTCUSDT')).toEqual({ ok: true, value: undefined });
    expect(await config()).toMatchObject([{ leverage: 3, marginType: 'ISOLATED' }]);
  });

  it('does not believe an exchange that only says it did', async () => {
    const said = { path: '/fapi/v1/leverage', method: 'POST' } as const;
    simulated.faults.inject({ kind: 'empty', ...said });
    // The response is malformed, the setting made: verified, it is good.
    expect(await broker.prepare('BTCUSDT')).toMatchObject({ ok: true });
    simulated.faults.clear();
    simulated.faults.inject({ kind: 'reject', code: -4028, msg: 'Leverage is not valid', ...said });
    expect(await openBroker({ leverage: 7 }).prepare('BTCUSDT')).toMatchObject({
      ok: false,
      error: { code: 'refused' },
    });
  });

  it.each([
    ['dualSidePosition', 'hedge mode'],
    ['multiAssetsMargin', 'multi-assets'],
  ])('refuses an account with %s', async (mode, word) => {
    await simulated.close();
    await start({ [mode]: true });
    expect(await broker.prepare('BTCUSDT')).toMatchObject({
      ok: false,
      error: { code: 'refused', message: expect.stringContaining(word) },
    });
  });

  it('looks at the mode again once an order was refused for it', async () => {
    expect(await broker.prepare('BTCUSDT')).toMatchObject({ ok: true });
    simulated.external.changeModes({ dualSidePosition: true });
    expect(await enter()).toMatchObject({ outcome: 'rejected', code: 'position_mode' });
    expect(await broker.prepare('BTCUSDT')).toMatchObject({
      ok: false,
      error: { code: 'refused', message: expect.stringContaining('hedge mode') },
    });
    simulated.external.changeModes({ dualSidePosition: false });
    expect(await broker.prepare('BTCUSDT')).toMatchObject({ ok: true });
  });

  it('takes an account that pays its fees in BNB: fees are valued in their own asset', async () => {
    await simulated.close();
    await start({ feeBurn: true });
    expect(await broker.prepare('BTCUSDT')).toMatchObject({ ok: true });
  });

  it('refuses a symbol that does not trade', async () => {
    expect(await broker.prepare('NOSUCHUSDT')).toMatchObject({
      ok: false,
      error: { code: 'unknown_symbol' },
    });
  });
});

describe('keys', () => {
  it.each([
    ['another secret', { ...credentials, secret: 'CANARY-OTHER-SECRET' }],
    ['another key', { ...credentials, apiKey: 'CANARY-OTHER-KEY' }],
  ])('%s is unauthorised: no answer, no order', async (_what, wrong) => {
    const impostor = openBroker({ credentials: wrong });
    expect(await impostor.positions()).toMatchObject({
      ok: false,
      error: { code: 'unauthorised', retryable: false },
    });
    expect(await impostor.submit(await approveEntry('live'))).toMatchObject({ outcome: 'rejected' });
    expect(await held()).toBe(0);
  });

  it('are in nothing that the broker gives away, whatever goes wrong', async () => {
    const faults: readonly FaultRequest[] = [
      { kind: 'timeout' },
      { kind: 'reset' },
      { kind: 'server_error' },
      { kind: 'html' },
      { kind: 'truncated' },
      { kind: 'nulls' },
      { kind: 'refused', status: 404 },
      { kind: 'reject', code: -2015, msg: 'Invalid API-key, IP, or permissions for action.' },
      { kind: 'reject', code: -1022, msg: 'Signature for this request is not valid.' },
      { kind: 'accept_then', how: 'reset' },
    ];
    const seen: unknown[] = [broker];
    for (const fault of faults) {
      simulated.faults.clear();
      simulated.faults.inject(fault);
      const fresh = openBroker({ attempts: 2, timeoutMs: 60 });
      seen.push(fresh);
      seen.push(
        await fresh.prepare('BTCUSDT'),
        await fresh.submit(await approveEntry('live')),
        await fresh.submit(approveReduce('live')),
        await fresh.find(market('qt-entry-1')),
        await fresh.openOrders(),
        await fresh.cancel(stop('qt-stop-1')),
        await fresh.cancelAll('BTCUSDT'),
        await fresh.positions(),
        await fresh.walletMicroUsdt(),
        await fresh.openStops(),
        await fresh.fills(market('qt-entry-1')),
        await fresh.incomeSince(0),
      );
    }
    const text = inspect(seen, { depth: 12, showHidden: true }) + JSON.stringify(seen);
    expect(text).toMatch(/unavailable/);
    expect(text).not.toMatch(/CANARY/);
    // A signature would do nearly as well.
    expect(text).not.toMatch(/signature=/);
  });
});

describe('the exchange itself', () => {
  const ask = async (query: string, headers: Record<string, string>): Promise<unknown> => {
    const response = await fetch(`${simulated.url}/fapi/v3/balance?${query}`, { headers });
    const body = (await response.json()) as { code?: number };
    return body.code ?? response.status;
  };
  const sign = (query: string): string =>
    `${query}&signature=${createHmac('sha256', credentials.secret).update(query).digest('hex')}`;
  const key = { 'X-MBX-APIKEY': credentials.apiKey };

  it('answers who signs, and nobody else', async () => {
    const query = `timestamp=${nowMs}&recvWindow=5000`;
    expect(await ask(sign(query), key)).toBe(200);
    expect(await ask(sign(query), {})).toBe(-2014);
    expect(await ask(sign(query), { 'X-MBX-APIKEY': 'other' })).toBe(-2015);
    expect(await ask(query, key)).toBe(-1022);
    expect(
      await ask(
        `${sign(query).slice(0, -1)}0`.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
        key,
      ),
    ).toBe(-1022);
    expect(await ask(`${sign(query).replace('recvWindow=5000', 'recvWindow=5001')}`, key)).toBe(-1022);
    expect(await ask(sign('recvWindow=5000'), key)).toBe(-1102);
    expect(await ask(sign(`timestamp=${nowMs - 5_001}`), key)).toBe(-1021);
    expect(await ask(sign(`timestamp=${nowMs + 1_000}`), key)).toBe(-1021);
    expect(await ask(sign(`timestamp=${nowMs - 5_000}`), key)).toBe(200);
    expect(await ask(sign(`timestamp=${nowMs}&recvWindow=60001`), key)).toBe(-1131);
  });
});
