// How an emergency stop closes whatever the account holds: through the records where they can be used, without them where not,
// again until nothing is held or the time is up.
import { describe, expect, it } from 'vitest';
import { failure, success } from '../../../lib/core/result.ts';
import type { Broker, BrokerPosition } from '../../../lib/execution/ports.ts';
import { restStopPrice } from '../../../lib/execution/reduce-plan.ts';
import { type FlattenContext, flattenAccount } from '../../../lib/execution/use-cases/flatten-account.ts';
import { type OpenTrade, openTrade } from '../../support/trading/open-trade.ts';

const error = { code: 'unavailable', message: '503', retryable: true } as const;
const UNRECORDED = 'exit acknowledged, not in the records (there is no record of the position)';
const STILL_OPEN = 'the position is still open; its stop stays';
const FILTERS = { tickSize: 0.01, stepSize: 0.001, minQuantity: 0.001, maxQuantity: 1e6, minNotionalUsdt: 5 };
const never = () => new Promise<void>(() => undefined);

/** Flattens; what it waits for, and how long. */
async function flatten(trade: OpenTrade, over: Partial<FlattenContext> = {}) {
  const waited = { pauses: [] as number[], deadlines: [] as number[] };
  const flattened = await flattenAccount({
    ...trade.context,
    stopwatchMs: () => trade.world.nowMs,
    pause: async (durationMs) => {
      waited.pauses.push(durationMs);
    },
    expire: (durationMs) => {
      waited.deadlines.push(durationMs);
      return never();
    },
    ...over,
  });
  return { flattened, waited };
}

/** Bitcoin in the records, and one ether by hand. */
async function withEther() {
  const trade = await openTrade();
  trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'SELL', quantity: 1 });
  return trade;
}

/** One ether by hand, and nothing else. */
async function ether(quantity = 1) {
  const trade = await openTrade();
  trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.014 });
  trade.exchange.tradeByHand({
    ...{ symbol: 'ETHUSDT', side: quantity > 0 ? 'BUY' : 'SELL', quantity: Math.abs(quantity) },
  });
  return trade;
}
const sentBy = ({ exchange }: OpenTrade) => exchange.sent.slice(2);
const quantities = (trade: OpenTrade) => sentBy(trade).map(({ quantity }) => quantity);

describe('an account', () => {
  it('that holds nothing is flat, and nothing is sent or waited for', async () => {
    const trade = await openTrade();
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.014 });
    const { flattened, waited } = await flatten(trade);
    expect(flattened).toEqual({ isBlind: false, done: [], problems: [] });
    expect(waited).toEqual({ pauses: [], deadlines: [] });
    expect(sentBy(trade)).toEqual([]);
  });

  it('has every position closed at once, and is read again after a second', async () => {
    const trade = await withEther();
    const { flattened, waited } = await flatten(trade);
    expect(flattened).toEqual({
      ...{ isBlind: false, problems: [] },
      done: ['BTCUSDT: exit acknowledged', `ETHUSDT: ${UNRECORDED}`],
    });
    expect(trade.exchange.held.size).toBe(0);
    expect(waited).toEqual({ pauses: [1_000], deadlines: [2_000, 2_000] });
  });

  it('says which of its rows could not be read', async () => {
    const trade = await ether();
    const { positions } = trade.exchange.broker;
    const problems = [{ symbol: undefined, message: 'a row is no position' }];
    trade.exchange.broker.positions = async () => {
      const read = await positions();
      return read.ok ? success({ ...read.value, problems }) : read;
    };
    trade.exchange.answer = () => 'reject';
    expect((await flatten(trade)).flattened.problems).toEqual([
      'a row is no position',
      `ETHUSDT: ${STILL_OPEN}`,
    ]);
    trade.exchange.answer = () => 'fill';
    const { flattened } = await flatten(trade);
    expect(flattened).toMatchObject({ isBlind: false, problems: ['a row is no position'] });
  });

  it('that cannot be read is asked for again, and is flattened once it can', async () => {
    const trade = await ether();
    const { positions } = trade.exchange.broker;
    let asked = 0;
    trade.exchange.broker.positions = async () => (++asked < 3 ? failure(error) : positions());
    const { flattened, waited } = await flatten(trade);
    // The records had their moment in the first look.
    const done = ['ETHUSDT: exit acknowledged, not in the records (sent again)'];
    expect(flattened).toEqual({ isBlind: false, problems: [], done });
    expect(waited.pauses).toEqual([1_000, 1_000, 1_000]);
  });

  it('that cannot be read at all is told so', async () => {
    const trade = await ether();
    trade.exchange.broker.positions = async () => failure(error);
    const { flattened, waited } = await flatten(trade);
    expect(flattened).toEqual({ isBlind: true, done: [], problems: ['unavailable: 503'] });
    expect(waited.pauses).toHaveLength(11);
  });

  it('is given up after twelve looks, every one of which has sent another order', async () => {
    const trade = await ether();
    trade.exchange.answer = () => 'reject';
    const { flattened, waited } = await flatten(trade);
    const first = 'ETHUSDT: exit rejected: refused, not in the records (there is no record of the position)';
    const again = 'ETHUSDT: exit rejected: refused, not in the records (sent again)';
    expect(flattened).toEqual({
      ...{ isBlind: false, problems: [`ETHUSDT: ${STILL_OPEN}`] },
      done: [first, ...Array(11).fill(again)],
    });
    expect(waited.pauses).toHaveLength(11);
    const ids = sentBy(trade).map(({ clientOrderId }) => clientOrderId);
    expect(new Set(ids).size).toBe(12);
    await flatten(trade, { stopwatchMs: () => trade.world.nowMs + 1 });
    expect(new Set(sentBy(trade).map(({ clientOrderId }) => clientOrderId)).size).toBe(24);
  });

  it('is given up after twelve seconds, and looked at once more', async () => {
    const rounds = async (roundMs: number) => {
      const trade = await ether();
      trade.exchange.answer = () => 'reject';
      const { world } = trade;
      const startedMs = world.nowMs;
      const pause = async () => {
        world.nowMs += roundMs;
      };
      const { flattened } = await flatten(trade, { pause });
      expect(flattened.problems).toEqual([`ETHUSDT: ${STILL_OPEN}`]);
      return { orders: sentBy(trade).length, tookMs: world.nowMs - startedMs };
    };
    expect(await rounds(6_000)).toEqual({ orders: 3, tookMs: 18_000 });
    expect(await rounds(12_001)).toEqual({ orders: 1, tookMs: 12_001 });
  });

  it('has its other positions closed where one cannot be sent for', async () => {
    const trade = await withEther();
    const { submit } = trade.exchange.broker;
    trade.exchange.broker.submit = async (approved, options) => {
      if (approved.order.symbol === 'ETHUSDT') throw new Error('no\nline');
      return submit(approved, options);
    };
    const { flattened } = await flatten(trade);
    expect(flattened.done.slice(0, 3)).toEqual([
      'BTCUSDT: exit acknowledged',
      'ETHUSDT: no line',
      'ETHUSDT: no line',
    ]);
    expect([...trade.exchange.held.keys()]).toEqual(['ETHUSDT']);
  });
});

describe('an exit through the records', () => {
  it('is on record, with its reason, and as large as what is held', async () => {
    const trade = await openTrade();
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.002 });
    await flatten(trade);
    const { exitClientOrderId } = (await trade.current()).value;
    expect((await trade.orderOf(exitClientOrderId)).value).toMatchObject({
      ...{ leg: 'exit', note: 'emergency', quantity: 0.016 },
    });
    expect(quantities(trade)).toEqual([0.016]);
  });

  const why = async (prepare: (trade: OpenTrade) => unknown, over: Partial<FlattenContext> = {}) => {
    const trade = await openTrade();
    await prepare(trade);
    const { flattened } = await flatten(trade, over);
    return { line: flattened.done[0], trade };
  };

  it.each<[string, (trade: OpenTrade) => unknown, string]>([
    [
      'the account holds the other side',
      ({ exchange }) => exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.03 }),
      'the record has the position on the other side',
    ],
    [
      'the entry is forgotten',
      async ({ orders, orderOf, entryId }) => orders.remove('paper', await orderOf(entryId)),
      'there is no record of the entry',
    ],
    [
      'the records cannot be read',
      ({ risk }) => {
        risk.get = () => Promise.reject(new Error('no\nanswer'));
      },
      'no answer',
    ],
    [
      'another exit is under way',
      async ({ changePosition, changeOrder, entryId, current }) => {
        await changeOrder((await current()).value.stopClientOrderId, {
          state: { status: 'acknowledged', quantity: 0.014, filledQuantity: 0, averagePrice: null },
        });
        await changePosition({
          ...{ exitClientOrderId: (await current()).value.stopClientOrderId, exitSequence: 0 },
          entryClientOrderId: entryId,
        });
      },
      'through the records: already_submitted',
    ],
  ])('is followed by one without them where %s', async (_name, prepare, reason) => {
    const { line, trade } = await why(prepare);
    expect(line).toBe(`BTCUSDT: exit acknowledged, not in the records (${reason})`);
    expect(trade.exchange.held.size).toBe(0);
  });

  it('is followed by one without them where it is refused', async () => {
    const trade = await openTrade();
    let isFirst = true;
    trade.exchange.answer = () => {
      const answer = isFirst ? 'reject' : 'fill';
      isFirst = false;
      return answer;
    };
    const { flattened } = await flatten(trade);
    expect(flattened.done).toEqual([
      'BTCUSDT: exit acknowledged, not in the records (through the records: rejected)',
    ]);
  });

  it('is not waited for longer than two seconds', async () => {
    const hang = ({ risk }: OpenTrade) => {
      risk.get = () => new Promise(() => undefined);
    };
    const { line, trade } = await why(hang, { expire: async () => undefined });
    expect(line).toBe('BTCUSDT: exit acknowledged, not in the records (no answer within 2 s)');
    expect(trade.exchange.held.size).toBe(0);
  });
});

describe('an exit without the records', () => {
  it.each([
    ['a long', 1, 'SELL'],
    ['a short', -1, 'BUY'],
  ] as const)('of %s can only reduce it', async (_name, quantity, side) => {
    const trade = await ether(quantity);
    await flatten(trade);
    expect(sentBy(trade)).toEqual([
      {
        ...{ kind: 'reduce', scope: 'paper', clientOrderId: expect.stringMatching(/^qt-.{33}$/) },
        ...{ symbol: 'ETHUSDT', side, quantity: 1, reduceOnly: true, stopPrice: null },
      },
    ]);
    expect(trade.exchange.held.size).toBe(0);
  });

  it('goes as it is where it is taken, and nobody asks for filters', async () => {
    const trade = await ether();
    trade.exchange.broker.filters = () => Promise.reject(new Error('asked'));
    expect((await flatten(trade)).flattened.done).toEqual([`ETHUSDT: ${UNRECORDED}`]);
    const refused = await ether();
    refused.exchange.broker.filters = () => Promise.reject(new Error('asked'));
    refused.exchange.answer = () => 'reject';
    expect((await flatten(refused)).flattened.done[0]).toMatch(/^ETHUSDT: exit rejected: refused, not in/);
  });

  const rest = (quantity: number) => Math.abs(quantity * 1_000 - Math.round(quantity * 1_000)) > 1e-9;

  it.each([
    ['a long', 1.0005, { isLong: true, tickSize: 0.01 }],
    ['a short', -1.0005, { isLong: false, tickSize: 0.01 }],
  ] as const)(
    'of %s that the filters refuse goes as they let it, and the rest by a stop',
    async (_name, held, about) => {
      const trade = await ether(held);
      const asked: unknown[] = [];
      const { filters } = trade.exchange.broker;
      trade.exchange.broker.filters = (options) => {
        asked.push(options);
        return filters(options);
      };
      trade.exchange.answer = ({ quantity }) => (quantity !== null && rest(quantity) ? 'filters' : 'fill');
      const { flattened } = await flatten(trade);
      const REFUSED = 'ETHUSDT: exit rejected: not a multiple of the step, not in the records';
      expect(flattened.done.slice(0, 4)).toEqual([
        `${REFUSED} (there is no record of the position)`,
        'ETHUSDT: exit acknowledged',
        'ETHUSDT: exit acknowledged',
        `${REFUSED} (sent again)`,
      ]);
      expect(asked[0]).toEqual({ fresh: true });
      expect(sentBy(trade).slice(0, 3)).toMatchObject([
        { quantity: 1.0005, stopPrice: null },
        { quantity: 1, stopPrice: null },
        { quantity: null, stopPrice: restStopPrice(2_500, about), side: held > 0 ? 'SELL' : 'BUY' },
      ]);
      // One stop for the rest is enough, however often it is looked at.
      expect(sentBy(trade).filter(({ quantity }) => quantity === null)).toHaveLength(1);
      expect(flattened.problems).toEqual([`ETHUSDT: ${STILL_OPEN}`]);
    },
  );

  it('has its rest tried again while the stop for it is refused', async () => {
    const trade = await ether(1.0005);
    trade.exchange.answer = ({ quantity }) =>
      quantity === null ? 'reject' : rest(quantity) ? 'filters' : 'fill';
    const { flattened } = await flatten(trade);
    expect(flattened.done).toContain('ETHUSDT: exit rejected: refused');
    expect(sentBy(trade).filter(({ quantity }) => quantity === null)).toHaveLength(12);
  });

  it('leaves no stop where the filters take off all of it', async () => {
    const trade = await ether();
    let isFirst = true;
    trade.exchange.answer = () => {
      const answer = isFirst ? 'filters' : 'fill';
      isFirst = false;
      return answer;
    };
    await flatten(trade);
    expect(quantities(trade)).toEqual([1, 1]);
    expect(trade.exchange.openStops('ETHUSDT')).toEqual([]);
  });

  it.each<[string, Broker['filters']]>([
    ['cannot be read', async () => failure(error)],
    ['do not know the symbol', async () => success(new Map([['BTCUSDT', FILTERS]]))],
  ])('goes once more as it is where the filters %s', async (_name, filters) => {
    const trade = await ether();
    trade.exchange.broker.filters = filters;
    let count = 0;
    trade.exchange.answer = () => (++count === 1 ? 'filters' : 'fill');
    const { flattened } = await flatten(trade);
    expect(flattened.problems).toEqual([]);
    expect(quantities(trade)).toEqual([1, 1]);
  });

  describe('has its rest stop', () => {
    const MARK = 2_600;
    const ENTRY = 2_500;
    const LAST = 2_550;
    const about = { isLong: true, tickSize: 0.01 };

    async function leaveRest(over: Partial<BrokerPosition>, prices: Broker['prices']) {
      const trade = await ether(0.0005);
      const { positions } = trade.exchange.broker;
      trade.exchange.broker.prices = prices;
      trade.exchange.broker.positions = async () => {
        const read = await positions();
        const rowOf = (row: BrokerPosition) => ({ ...row, markPrice: MARK, entryPrice: ENTRY, ...over });
        return read.ok ? success({ ...read.value, rows: read.value.rows.map(rowOf) }) : read;
      };
      trade.exchange.answer = ({ quantity }) => (quantity === null ? 'fill' : 'filters');
      const { flattened } = await flatten(trade);
      const stops = sentBy(trade).filter(({ quantity }) => quantity === null);
      return { flattened, triggers: stops.map(({ stopPrice }) => stopPrice) };
    }
    const last: Broker['prices'] = async () => success(new Map([['ETHUSDT', LAST]]));
    const unread: Broker['prices'] = async () => failure(error);

    it.each<[string, Partial<BrokerPosition>, Broker['prices'], number]>([
      ['the mark', {}, () => Promise.reject(new Error('asked')), MARK],
      ['the last price, where the mark is not known', { markPrice: null }, last, LAST],
      ['the entry, where neither is', { markPrice: null }, unread, ENTRY],
    ])('by %s', async (_name, over, prices, price) => {
      expect((await leaveRest(over, prices)).triggers).toEqual([restStopPrice(price, about)]);
    });

    it.each<[string, Partial<BrokerPosition>, Broker['prices']]>([
      ['no price is known', { markPrice: null, entryPrice: null }, unread],
      [
        'the symbol has no last price',
        { markPrice: null, entryPrice: null },
        async () => success(new Map([['BTCUSDT', 50_000]])),
      ],
      ['no tick lies below the market', { markPrice: 0.01 }, last],
    ])(
      'not at nothing where %s: the market is tried in every round, and that is told',
      async (_name, over, prices) => {
        const { flattened, triggers } = await leaveRest(over, prices);
        expect(triggers).toEqual([]);
        const told = 'ETHUSDT: its rest is too small for a market order, and no price is known for a stop';
        expect(flattened.done.filter((line) => line === told)).toHaveLength(12);
        expect(flattened.done.filter((line) => line.startsWith('ETHUSDT: exit rejected'))).toHaveLength(12);
        expect(flattened.problems).toEqual([`ETHUSDT: ${STILL_OPEN}`]);
      },
    );
  });

  it('puts its rest stop in the place of the one that is there, and of that alone', async () => {
    const trade = await ether(0.0005);
    trade.exchange.stopByHand({ symbol: 'ETHUSDT', stopPrice: 2_000 });
    trade.exchange.tradeByHand({ symbol: 'SOLUSDT', side: 'BUY', quantity: 1 });
    trade.exchange.stopByHand({ symbol: 'SOLUSDT', stopPrice: 100 });
    trade.exchange.tradeByHand({ symbol: 'SOLUSDT', side: 'SELL', quantity: 1 });
    trade.exchange.answer = ({ quantity }) => (quantity === null ? 'fill' : 'filters');
    const { flattened } = await flatten(trade);
    expect(flattened.done[1]).toBe('ETHUSDT: exit acknowledged');
    expect(trade.exchange.openStops('SOLUSDT')).toHaveLength(1);
    const left = trade.exchange.openStops('ETHUSDT');
    expect(left).toHaveLength(1);
    expect(left[0]?.clientOrderId).toMatch(/^qt-/);
  });

  it('leaves the stop that is there where its rest stop is refused for another reason', async () => {
    const trade = await ether(0.0005);
    trade.exchange.stopByHand({ symbol: 'ETHUSDT', stopPrice: 2_000 });
    const { submit } = trade.exchange.broker;
    trade.exchange.broker.submit = async (approved, options) =>
      approved.order.quantity === null
        ? { outcome: 'rejected', code: 'too_many_stops', message: 'too many' }
        : submit(approved, options);
    trade.exchange.answer = () => 'filters';
    const { flattened } = await flatten(trade);
    expect(flattened.done[1]).toBe('ETHUSDT: exit rejected: too many');
    expect(trade.exchange.openStops('ETHUSDT')).toHaveLength(1);
  });
});
