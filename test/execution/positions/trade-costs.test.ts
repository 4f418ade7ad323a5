// What a trade has cost beyond the records of its orders: fees in other assets, and what others have closed.
import { describe, expect, it } from 'vitest';
import { failure, success } from '../../../lib/core/result.ts';
import type { Broker, BrokerError, Fill, Income } from '../../../lib/execution/ports.ts';
import type { OrderRecord } from '../../../lib/execution/records.ts';
import { tradeCosts } from '../../../lib/execution/use-cases/positions/trade-costs.ts';
import { hold } from '../../support/trading/held-position.ts';

const OPENED_AT_MS = 500;
const error = (code: BrokerError['code']) => failure({ code, message: `it is ${code}`, retryable: true });
const fillOf = (asset: string, amount: number, tradeId = `${asset}-${amount}`): Fill => ({
  ...{ tradeId, quantity: 1, price: 1, fee: { asset, amount }, realisedMicroUsdt: 0, atMs: 1 },
});
const rowOf = (kind: Income['kind'], amount: number, over: Partial<Income> = {}): Income => ({
  ...{ id: `${kind}${amount}`, kind, type: kind, symbol: 'BTCUSDT', asset: 'USDT', amount },
  ...{ tradeId: null, atMs: 600, ...over },
});

/** A trade of an entry of 1 and the legs given, against a broker that answers so. */
async function cost({
  legs = [1],
  fills = {},
  income = [],
  broker = {},
}: {
  /** What each leg has filled. */
  legs?: readonly number[];
  fills?: Readonly<Record<string, readonly Fill[]>>;
  income?: readonly Income[];
  broker?: Partial<Broker>;
}) {
  const { context, entry, exchange } = await hold();
  const order = (clientOrderId: string, leg: OrderRecord['leg'], filledQuantity: number): OrderRecord => ({
    ...entry,
    ...{ clientOrderId, leg },
    state: { status: 'cancelled', quantity: 1, filledQuantity, averagePrice: 1 } as OrderRecord['state'],
  });
  const asked: { fills: string[]; income: number[]; closing: unknown[] } = {
    ...{ fills: [], income: [], closing: [] },
  };
  exchange.broker.fills = async ({ clientOrderId, kind }) => {
    asked.fills.push(`${clientOrderId} ${kind}`);
    return success(fills[clientOrderId] ?? []);
  };
  exchange.broker.incomeSince = async (sinceMs) => {
    asked.income.push(sinceMs);
    return success({ rows: income, problems: [] });
  };
  exchange.broker.forcedClosing = async (...given) => {
    asked.closing.push(given);
    return success('liquidated');
  };
  Object.assign(exchange.broker, broker);
  const trade = {
    entry: order('entry', 'entry', 1),
    legs: legs.map((filled, index) => order(`leg${index}`, index === 0 ? 'stop' : 'exit', filled)),
    position: { openedAtMs: OPENED_AT_MS },
  };
  return { costs: await tradeCosts(context, trade), asked };
}

describe('the costs of a trade that our orders have closed', () => {
  it('are nothing more where all fees were in USDT, and nobody is asked what others did', async () => {
    const { costs, asked } = await cost({
      fills: { entry: [fillOf('USDT', 2)], leg0: [fillOf('USDT', 3), fillOf('BNB', 0)] },
      broker: { prices: () => Promise.reject(new Error('no need to ask for prices')) },
    });
    expect(costs).toEqual({ otherFeesMicroUsdt: 0, unpricedFees: {}, others: undefined });
    expect(asked).toEqual({ fills: ['entry market', 'leg0 stop'], income: [], closing: [] });
  });

  it('ask for the trades of what has filled alone', async () => {
    expect((await cost({ legs: [0, 1] })).asked.fills).toEqual(['entry market', 'leg1 market']);
  });

  it('are the worth of fees in other assets, each at its price, all orders together', async () => {
    const asked: unknown[] = [];
    const { costs } = await cost({
      fills: {
        entry: [fillOf('BNB', 0.001), fillOf('BNB', 0.002), fillOf('USDT', 9)],
        leg0: [fillOf('BNB', 0.003), fillOf('FDUSD', 0.5), fillOf('NOPE', 0.25)],
      },
      broker: {
        prices: async (symbols) => {
          asked.push(symbols);
          return success(
            new Map([
              ['BNBUSDT', 600],
              ['FDUSDUSDT', 0.98],
            ]),
          );
        },
      },
    });
    expect(asked).toEqual([['BNBUSDT', 'FDUSDUSDT', 'NOPEUSDT']]);
    expect(costs).toEqual({
      otherFeesMicroUsdt: 3_600_000 + 490_000,
      unpricedFees: { NOPE: 0.25 },
      others: undefined,
    });
  });

  it('stay in their assets where no price can be read', async () => {
    const { costs } = await cost({
      fills: { entry: [fillOf('BNB', 0.001)], leg0: [fillOf('BNB', 0.002)] },
      broker: { prices: async () => error('unavailable') },
    });
    expect(costs).toMatchObject({ otherFeesMicroUsdt: 0, unpricedFees: { BNB: 0.003 } });
  });

  it('are not told while the trades cannot be read, and without them of a contract that is gone for good', async () => {
    await expect(cost({ broker: { fills: async () => error('unavailable') } })).rejects.toThrow(
      'it is unavailable',
    );
    const { costs } = await cost({ broker: { fills: async () => error('unknown_symbol') } });
    expect(costs).toEqual({ otherFeesMicroUsdt: 0, unpricedFees: {}, others: undefined });
  });
});

describe('the costs of a trade that others have closed', () => {
  it('are what the exchange says of it since it was opened', async () => {
    const { costs, asked } = await cost({
      legs: [0.5],
      income: [
        rowOf('realised', -7, { atMs: 610 }),
        rowOf('insurance', -1),
        rowOf('settlement', 0.25, { atMs: 620 }),
        rowOf('commission', -0.5, { atMs: 630 }),
        rowOf('commission', -0.25, { atMs: 640 }),
        rowOf('funding', -99, { atMs: 650 }),
      ],
    });
    expect(costs.others).toEqual({
      ...{ realisedMicroUsdt: -7_750_000, feesMicroUsdt: 750_000, closing: 'liquidated', untilMs: 620 },
    });
    expect(asked.income).toEqual([OPENED_AT_MS]);
    expect(asked.closing).toEqual([['BTCUSDT', OPENED_AT_MS]]);
  });

  it('end with what was realised last', async () => {
    const income = [rowOf('settlement', 1, { atMs: 610 }), rowOf('realised', 2, { atMs: 615 })];
    expect((await cost({ legs: [], income })).costs.others?.untilMs).toBe(615);
    expect((await cost({ legs: [] })).costs.others).toMatchObject({
      realisedMicroUsdt: 0,
      untilMs: undefined,
    });
  });

  it('are not those of other symbols, of other assets, or of our own trades', async () => {
    const { costs } = await cost({
      legs: [0.5],
      fills: { entry: [fillOf('BNB', 0.001, 'ours')], leg0: [fillOf('USDT', 1, 'ours too')] },
      income: [
        rowOf('realised', -7),
        rowOf('realised', 100, { symbol: 'ETHUSDT' }),
        rowOf('realised', 100, { symbol: null }),
        rowOf('realised', 100, { asset: 'BNB' }),
        rowOf('realised', 100, { tradeId: 'ours' }),
        rowOf('commission', -100, { tradeId: 'ours too' }),
        rowOf('realised', -2, { tradeId: 'theirs' }),
        rowOf('commission', -0.5, { tradeId: 'theirs' }),
      ],
      broker: { prices: async () => success(new Map([['BNBUSDT', 600]])) },
    });
    expect(costs).toMatchObject({
      otherFeesMicroUsdt: 600_000,
      others: { realisedMicroUsdt: -9_000_000, feesMicroUsdt: 500_000 },
    });
  });

  it.each<[string, Partial<Broker>]>([
    ['income cannot be read', { incomeSince: async () => error('unavailable') }],
    ['income is of an unknown symbol', { incomeSince: async () => error('unknown_symbol') }],
    ['why cannot be read', { forcedClosing: async () => error('unavailable') }],
  ])('are not told while %s', async (_name, broker) => {
    await expect(cost({ legs: [], broker })).rejects.toThrow('it is un');
  });

  it('have no reason of a contract that is gone for good', async () => {
    const { costs } = await cost({
      legs: [],
      income: [rowOf('realised', -7)],
      broker: { forcedClosing: async () => error('unknown_symbol') },
    });
    expect(costs.others).toMatchObject({ closing: undefined, realisedMicroUsdt: -7_000_000 });
  });
});
