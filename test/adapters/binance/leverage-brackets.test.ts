// Leverage brackets as the simulated exchange lists them, in the forms that Binance's answers take: every symbol's table stands for
// itself, and one that is not to be trusted is left out.
import { afterEach, expect, test } from 'vitest';
import { readBrackets } from '../../../lib/adapters/binance/account/leverage-brackets.ts';
import { createLiveBroker } from '../../../lib/adapters/binance/account/live-broker.ts';
import { createCcxtMarketData } from '../../../lib/adapters/binance/market/ccxt-market-data.ts';
import { notionalCapUsdt } from '../../../lib/execution/leverage-brackets.ts';
import type { ContractChanges } from '../../../local/exchange/contracts.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { BROKER_START_MS, brokerMarket, expectValue } from '../../support/execution/broker-market.ts';

const SYMBOLS = ['BTCUSDT', 'ETHUSDT'];
const credentials = { apiKey: 'bracket-key', secret: 'bracket-secret' };
let exchange: SimulatedExchange | undefined;
afterEach(() => exchange?.close());

async function openBroker(eth: ContractChanges = {}) {
  let nowMs = BROKER_START_MS;
  exchange = await startSimulatedExchange({
    market: brokerMarket,
    clock: { nowMs: () => nowMs },
    account: {
      ...credentials,
      depositUsdt: 10_000,
      costs: { impactBps: 0, takerFeeBps: 5, fundingRatePer8h: 0 },
    },
    contracts: { ETHUSDT: { maxNotional: 50_000, ...eth } },
  });
  const sleep = async (durationMs: number) => {
    nowMs += Math.ceil(durationMs);
  };
  const client = { baseUrl: exchange.url, weightPerMinute: 1e9, nowMs: () => nowMs, sleep };
  return createLiveBroker({
    ...client,
    credentials,
    market: createCcxtMarketData({ ...client, exchange: 'binanceusdm' }),
  });
}

test('says what may be held at each leverage, as the exchange enforces it', async () => {
  const brackets = expectValue(await (await openBroker()).leverageBrackets(SYMBOLS));
  const cap = (symbol: string, leverage: number) => notionalCapUsdt(brackets.get(symbol)!, leverage);
  expect([1, 20, 125, 126].map((leverage) => cap('BTCUSDT', leverage))).toEqual([20e6, 1e6, 160_000, 0]);
  expect(cap('ETHUSDT', 20)).toBe(50_000);
});

test.each(['absent', 'empty', 'overlapping', 'without_cap'] as const)(
  'leaves out a symbol whose table is %s, and no other',
  async (bracketTable) => {
    const broker = await openBroker({ bracketTable });
    expect([...expectValue(await broker.leverageBrackets(SYMBOLS)).keys()]).toEqual(['BTCUSDT']);
  },
);

test.each([
  ['malformed', { kind: 'html' }],
  ['unavailable', { kind: 'server_error' }],
] as const)('answers no table at all where the answer is %s', async (_, fault) => {
  const broker = await openBroker();
  exchange!.faults.inject({ ...fault, path: '/fapi/v1/leverageBracket' });
  expect((await broker.leverageBrackets(SYMBOLS)).ok).toBe(false);
});

test('reads the other rows of an answer with an odd one, and a list that is empty', async () => {
  const broker = await openBroker();
  exchange!.faults.inject({
    kind: 'odd_row',
    path: '/fapi/v1/leverageBracket',
    how: 'null_row',
    place: 'insert',
  });
  expect(expectValue(await broker.leverageBrackets(['ETHUSDT'])).has('ETHUSDT')).toBe(true);
  expect(readBrackets([], SYMBOLS).size).toBe(0);
});

const row = (change: object = {}) => ({
  symbol: 'BTCUSDT',
  brackets: [
    {
      bracket: 1,
      initialLeverage: 75,
      notionalFloor: 0,
      notionalCap: 10_000,
      maintMarginRatio: 0.004,
      cum: 0,
    },
    {
      bracket: 2,
      initialLeverage: 1,
      notionalFloor: 10_000,
      notionalCap: 90_000,
      maintMarginRatio: 0.5,
      cum: 0,
    },
  ],
  ...change,
});
const capOf = (rows: readonly unknown[]) => {
  const brackets = readBrackets(rows, ['BTCUSDT']).get('BTCUSDT');
  return brackets && notionalCapUsdt(brackets, 1);
};

test('believes a multiplier that makes the brackets smaller, and none that makes them larger', () => {
  expect(capOf([row()])).toBe(90_000);
  expect(capOf([row({ notionalCoef: 0.5 })])).toBe(45_000);
  expect(capOf([row({ notionalCoef: 4 })])).toBe(90_000);
});

const changed = (change: object) => row({ brackets: [{ ...row().brackets[0], ...change }] });
test.each([
  ['named twice', [row(), row({ brackets: row().brackets.slice(0, 1) })]],
  ['named a second time in a row that cannot be read', [row(), row({ brackets: null })]],
  ['of text', [changed({ notionalCap: '10000' })]],
  ['without leverage', [changed({ initialLeverage: 0 })]],
  ['of a leverage that is no whole number', [changed({ initialLeverage: 1.5 })]],
  ['of a cap that is infinite', [changed({ notionalCap: Number.POSITIVE_INFINITY })]],
  ['that begins above nothing', [changed({ notionalFloor: 5 })]],
  ['of a multiplier that is nothing', [row({ notionalCoef: 0 })]],
  [
    'in which leverage grows',
    [
      row({
        brackets: [
          { ...row().brackets[0], initialLeverage: 1 },
          { ...row().brackets[1], initialLeverage: 5 },
        ],
      }),
    ],
  ],
])('leaves out a table %s', (_, rows) => {
  expect(capOf(rows)).toBeUndefined();
});
