// Keys are rotated while processes live: against the simulated exchange, which takes one pair of keys and refuses all others.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLiveBroker } from '../../lib/adapters/binance/account/live-broker.ts';
import { createCcxtMarketData } from '../../lib/adapters/binance/market/ccxt-market-data.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import type { Broker } from '../../lib/execution/ports.ts';
import { type ExchangeKeys, openKeyedBroker } from '../../lib/runtime/compose/exchange/keyed-broker.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import {
  approveEntry,
  BROKER_START_MS,
  BROKER_TERMS,
  brokerMarket,
  expectRows,
} from '../support/execution/broker-market.ts';

const OLD: ExchangeKeys = { apiKey: 'old-key', secret: 'old-secret' };
const NEW: ExchangeKeys = { apiKey: 'new-key', secret: 'new-secret' };

let exchange: SimulatedExchange;
let stored: ExchangeKeys | undefined;
let reads: number;
let opened: ExchangeKeys[];
let refusals: string[];
let broker: Broker;

beforeEach(async () => {
  const { impactBps, takerFeeBps, fundingRatePer8h, depositMicroUsdt } = BROKER_TERMS;
  const costs = { impactBps, takerFeeBps, fundingRatePer8h };
  exchange = await startSimulatedExchange({
    market: brokerMarket,
    clock: { nowMs: () => BROKER_START_MS + 5_000 },
    account: { ...NEW, depositUsdt: depositMicroUsdt / 1e6, costs },
  });
  [stored, reads, opened, refusals] = [OLD, 0, [], []];
  broker = await openKeyedBroker({
    readKeys: async () => {
      reads++;
      if (stored === undefined) throw new StoreError('down', { retryable: true });
      return stored;
    },
    openWith: (credentials) => {
      opened.push(credentials);
      const market = createCcxtMarketData({ exchange: 'binanceusdm', baseUrl: exchange.url });
      return createLiveBroker({ market, baseUrl: exchange.url, credentials });
    },
    onRefused: (message) => void refusals.push(message),
  });
});
afterEach(() => exchange.close());

describe('keys that were rotated', () => {
  it('are read again when the old ones are refused, and what was refused is asked again', async () => {
    stored = NEW;
    expect(expectRows(await broker.positions())).toEqual([]);
    expect(await broker.walletMicroUsdt()).toMatchObject({ ok: true });
    expect(opened).toEqual([OLD, NEW]);
    expect([reads, refusals]).toEqual([2, []]);
  });

  it('let an order through, once', async () => {
    stored = NEW;
    expect(await broker.submit(await approveEntry('live'))).toMatchObject({ outcome: 'acknowledged' });
    expect(expectRows(await broker.positions())).toMatchObject([{ quantity: 0.01 }]);
  });

  it('are read once for many that are refused at the same time', async () => {
    stored = NEW;
    const answers = await Promise.all([broker.positions(), broker.walletMicroUsdt(), broker.openStops()]);
    expect(answers.every(({ ok }) => ok)).toBe(true);
    expect(opened).toEqual([OLD, NEW]);
  });
});

describe('keys that are refused for good', () => {
  it('are told by their own code and to people, each time, and taken up when they come', async () => {
    expect(await broker.positions()).toMatchObject({ ok: false, error: { code: 'unauthorised' } });
    const submission = await broker.submit(await approveEntry('live'));
    expect(submission).toMatchObject({ outcome: 'rejected', code: 'unauthorised' });
    expect(refusals).toHaveLength(2);
    expect(opened).toEqual([OLD]);
    stored = NEW;
    expect(await broker.positions()).toMatchObject({ ok: true });
  });

  it('stay refused when they cannot be read again', async () => {
    stored = undefined;
    expect(await broker.positions()).toMatchObject({ ok: false, error: { code: 'unauthorised' } });
    expect(refusals).toHaveLength(1);
  });
});

describe('every question', () => {
  const ORDER = { symbol: 'BTCUSDT', clientOrderId: 'qt-x', kind: 'market' } as const;
  const questions: readonly [string, () => Promise<{ readonly ok: boolean }>][] = [
    ['prepare', () => broker.prepare('BTCUSDT')],
    ['find', () => broker.find(ORDER)],
    ['openOrders', () => broker.openOrders()],
    ['openStops', () => broker.openStops()],
    ['cancelAll', () => broker.cancelAll('BTCUSDT')],
    ['positions', () => broker.positions()],
    ['walletMicroUsdt', () => broker.walletMicroUsdt()],
    ['incomeSince', () => broker.incomeSince(BROKER_START_MS)],
    ['leverageBrackets', () => broker.leverageBrackets(['BTCUSDT'])],
    ['forcedClosing', () => broker.forcedClosing('BTCUSDT', BROKER_START_MS)],
  ];

  it.each(questions)(
    '%s is refused with the old keys, and answered once there are new ones',
    async (_, ask) => {
      expect(await ask()).toMatchObject({ ok: false, error: { code: 'unauthorised' } });
      expect(refusals).toHaveLength(1);
      stored = NEW;
      expect(await ask()).toMatchObject({ ok: true });
      expect(refusals).toHaveLength(1);
      expect(opened).toEqual([OLD, NEW]);
    },
  );

  it.each([
    ['prices', () => broker.prices(['BTCUSDT'])],
    ['filters', () => broker.filters()],
  ] as const)('%s needs no keys', async (_, ask) => {
    expect(await ask()).toMatchObject({ ok: true });
    expect([reads, refusals]).toEqual([1, []]);
  });
});
