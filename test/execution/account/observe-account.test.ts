// What an account holds and has open, and what our records say of it: each read on its own, so that what cannot be read keeps nothing
// else from being protected.
import { describe, expect, it } from 'vitest';
import { failure, success } from '../../../lib/core/result.ts';
import type { OrderRecord } from '../../../lib/execution/records.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import {
  type AccountReading,
  externalPositionsOf,
  orphanOrdersOf,
  readAccount,
} from '../../../lib/execution/use-cases/observe-account.ts';
import { legIds } from '../../../lib/execution/use-cases/positions/reduce-position.ts';
import { type OpenTrade, openTrade } from '../../support/trading/open-trade.ts';

const error = { code: 'unavailable', message: '503', retryable: true } as const;
const broken = () => Promise.reject(new Error('no\nanswer'));
const MINUTE = 60_000;

const read = async ({ context }: OpenTrade, thorough = false): Promise<AccountReading> => {
  const answer = await readAccount(context, { thorough });
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.value;
};

/** A trade, a minute later, and the ids of its orders. */
async function minuteOld() {
  const trade = await openTrade();
  trade.world.nowMs += MINUTE;
  const stopId = (await trade.current()).value.stopClientOrderId!;
  return { trade, stopId, entryId: trade.entryId };
}

/** Another order on record, which nothing names. */
async function unnamed(trade: OpenTrade, over: Partial<OrderRecord> = {}) {
  const { value } = await trade.orderOf(trade.entryId);
  const record = { ...value, clientOrderId: 'qt-unnamed', ...over };
  await trade.orders.put('paper', record, { ifAbsent: true });
  return record;
}

/** Records under these keys cannot be read. */
function unread({ risk }: OpenTrade, ...keys: string[]): void {
  const { get } = risk;
  risk.get = ((...given: Parameters<typeof get>) =>
    keys.some((key) => given[1].startsWith(key)) ? broken() : get(...given)) as typeof get;
}

describe('an account', () => {
  it('is told with all that is known of it', async () => {
    const { trade, stopId, entryId } = await minuteOld();
    const ledger = await executionRecords(trade.risk).bookedLedger.get('paper');
    const reading = await read(trade);
    expect(reading).toMatchObject({
      ...{ ledgerBefore: ledger, gate: await trade.world.gate(), hasUnreadOrders: false, knowsStops: true },
      ...{ unreadablePositions: [], anomalies: [], faults: [] },
      walletMicroUsdt: trade.exchange.walletMicroUsdt,
    });
    expect([...reading.entryIds]).toEqual([['BTCUSDT', entryId]]);
    expect([...reading.positions]).toEqual([['BTCUSDT', await trade.current()]]);
    expect([...reading.orders.keys()].sort()).toEqual([entryId, stopId].sort());
    expect([...reading.held]).toEqual([['BTCUSDT', expect.objectContaining({ quantity: 0.014 })]]);
    expect(reading.openOrders.map(({ clientOrderId }) => clientOrderId)).toEqual([stopId]);
    expect(reading.unreadableRecords.size).toBe(0);
    // The entry has filled, but is in no books yet.
    expect([...reading.found.keys()].sort()).toEqual([entryId, stopId].sort());
  });

  it('is read in an order in which nothing just opened or closed is taken for somebody else’s', async () => {
    const { trade } = await minuteOld();
    const done: string[] = [];
    const { risk, exchange } = trade;
    const { get, list, readGate } = risk;
    risk.get = ((...given: Parameters<typeof get>) => {
      done.push(given[1].split('#')[0]!);
      return get(...given);
    }) as typeof get;
    risk.list = ((...given: Parameters<typeof list>) => {
      done.push('positions on record');
      return list(...given);
    }) as typeof list;
    risk.readGate = (scope) => {
      done.push('gate');
      return readGate(scope);
    };
    const { broker } = exchange;
    for (const name of ['openOrders', 'openStops', 'find', 'positions', 'walletMicroUsdt'] as const) {
      const ask = broker[name] as (...given: unknown[]) => unknown;
      Object.assign(broker, {
        [name]: (...given: unknown[]) => {
          done.push(name);
          return ask(...given);
        },
      });
    }
    await read(trade);
    expect(done.filter((step, index) => step !== done[index - 1])).toEqual([
      ...['ledger', 'gate', 'positions on record', 'order', 'openOrders', 'openStops', 'find'],
      ...['order', 'positions', 'walletMicroUsdt'],
    ]);
  });

  it('is looked at with every order on record where it has to be thorough', async () => {
    const { trade } = await minuteOld();
    await unnamed(trade);
    expect((await read(trade)).orders.has('qt-unnamed')).toBe(false);
    expect((await read(trade, true)).orders.has('qt-unnamed')).toBe(true);
  });

  it('is none while nobody can say what is held', async () => {
    const { trade } = await minuteOld();
    trade.exchange.broker.positions = async () => failure(error);
    expect(await readAccount(trade.context, { thorough: false })).toEqual(
      failure({ code: 'exchange_unavailable', message: '503' }),
    );
  });

  it('has no wallet where that cannot be read, and says so', async () => {
    const { trade } = await minuteOld();
    trade.exchange.broker.walletMicroUsdt = async () => failure(error);
    expect(await read(trade)).toMatchObject({ walletMicroUsdt: undefined, faults: ['wallet: 503'] });
  });
});

describe('lists of the exchange', () => {
  it('that cannot be read are told, and the others are there', async () => {
    const stops = await minuteOld();
    stops.trade.exchange.broker.openOrders = async () => failure(error);
    const withStops = await read(stops.trade);
    expect(withStops).toMatchObject({ knowsStops: true, faults: ['open orders: 503'] });
    expect(withStops.openOrders).toHaveLength(1);
    const orders = await minuteOld();
    orders.trade.exchange.broker.openStops = async () => failure(error);
    const without = await read(orders.trade);
    expect(without).toMatchObject({ knowsStops: false, openOrders: [], faults: ['open stops: 503'] });
  });

  it('have a line for each row that cannot be read', async () => {
    const { trade } = await minuteOld();
    const { broker } = trade.exchange;
    const { openOrders, openStops, positions } = broker;
    const row = { symbol: undefined, message: 'a row is nothing' };
    broker.openOrders = async () => {
      const answer = await openOrders();
      return answer.ok ? success({ ...answer.value, problems: [row] }) : answer;
    };
    broker.openStops = async () => {
      const answer = await openStops();
      return answer.ok ? success({ ...answer.value, problems: [{ ...row, symbol: 'ETHUSDT' }] }) : answer;
    };
    broker.positions = async () => {
      const answer = await positions();
      return answer.ok ? success({ ...answer.value, problems: [{ ...row, symbol: 'SOLUSDT' }] }) : answer;
    };
    const reading = await read(trade);
    expect(reading.faults).toEqual([
      'a row is nothing',
      'ETHUSDT: a row is nothing',
      'SOLUSDT: a row is nothing',
    ]);
    expect(reading.unreadablePositions).toEqual([{ ...row, symbol: 'SOLUSDT' }]);
  });
});

describe('orders that something names', () => {
  it('are those of the gate, of the position, of the ledger, and those before the newest of a leg', async () => {
    const { trade, entryId } = await minuteOld();
    const entry = (await trade.orderOf(entryId)).value;
    await unnamed(trade, { clientOrderId: 'qt-gate' });
    await unnamed(trade, { clientOrderId: 'qt-ledger' });
    const gate = await trade.world.gate();
    const reserved = { ...gate.reserved, ETHUSDT: { ...gate.reserved.BTCUSDT!, clientOrderId: 'qt-gate' } };
    trade.risk.readGate = async () => ({ ...gate, reserved });
    const { bookedLedger } = executionRecords(trade.risk);
    const { value, revision } = (await bookedLedger.get('paper'))!;
    const nothing = { quantity: 0, averagePrice: null, feeMicroUsdt: 0 };
    await bookedLedger.put('paper', { ...value, orders: { 'qt-ledger': nothing } }, { ifRevision: revision });
    const position = {
      ...(await trade.current()).value,
      ...{ stopSequence: 2, exitClientOrderId: 'x', exitSequence: 1 },
    };
    const legs = (leg: 'stop' | 'exit') => legIds(trade.context, entry, leg, position);
    const named = { stopClientOrderId: legs('stop')[2]!, exitClientOrderId: legs('exit')[1]! };
    await trade.changePosition({ ...position, ...named });
    for (const id of [...legs('stop').slice(1), ...legs('exit')]) await unnamed(trade, { clientOrderId: id });
    const reading = await read(trade);
    expect([...reading.orders.keys()].sort()).toEqual(
      [entryId, 'qt-gate', 'qt-ledger', ...legs('stop'), ...legs('exit')].sort(),
    );
    expect(reading.faults).toEqual([]);
  });

  /** Keys of the orders that are asked for. */
  async function askedOf(trade: OpenTrade): Promise<readonly string[]> {
    const asked = new Set<string>();
    const { get } = trade.risk;
    trade.risk.get = ((...given: Parameters<typeof get>) => {
      if (given[1].startsWith('order#')) asked.add(given[1].slice('order#'.length));
      return get(...given);
    }) as typeof get;
    await read(trade);
    return [...asked].sort();
  }

  it('are not those of legs that were never decided', async () => {
    const { trade, entryId } = await minuteOld();
    await trade.changePosition({ stopClientOrderId: null, stopSequence: null });
    expect(await askedOf(trade)).toEqual([entryId]);
  });

  it('are those that a position alone names: its entry, and a stop and an exit of an entry before', async () => {
    const { trade, entryId } = await minuteOld();
    trade.risk.readGate = async () => undefined;
    await unnamed(trade, { clientOrderId: 'qt-stop' });
    await unnamed(trade, { clientOrderId: 'qt-exit' });
    await trade.changePosition({
      ...{ stopClientOrderId: 'qt-stop', stopSequence: -1 },
      ...{ exitClientOrderId: 'qt-exit', exitSequence: -1 },
    });
    expect([...(await read(trade)).orders.keys()].sort()).toEqual([entryId, 'qt-exit', 'qt-stop'].sort());
  });

  it('are those that a position names although the record of its entry is gone', async () => {
    const { trade, stopId, entryId } = await minuteOld();
    await trade.orders.remove('paper', await trade.orderOf(entryId));
    const { orders, faults } = await read(trade);
    expect([...orders.keys()]).toEqual([stopId]);
    expect(faults).toEqual([]);
    expect(await askedOf(trade)).toEqual([entryId, stopId].sort());
  });

  it('that cannot be read are told, and the others are there', async () => {
    const { trade, stopId, entryId } = await minuteOld();
    unread(trade, `order#${stopId}`);
    const reading = await read(trade);
    expect([...reading.orders.keys()]).toEqual([entryId]);
    expect(reading).toMatchObject({ hasUnreadOrders: true, faults: ['no answer'] });
  });

  it('that cannot be read are told too where all of them are looked at', async () => {
    const { trade } = await minuteOld();
    await trade.risk.put('paper', 'order#qt-garbage', { leg: 'none' }, { ifAbsent: true });
    const reading = await read(trade, true);
    expect(reading.hasUnreadOrders).toBe(true);
    expect(reading.faults).toEqual([expect.stringMatching(/order#qt-garbage/)]);
    expect(reading.orders.size).toBe(2);
    expect((await read(trade)).hasUnreadOrders).toBe(false);
  });

  it('are looked up until they are booked to their end, and are then as the exchange has them', async () => {
    const { trade, stopId, entryId } = await minuteOld();
    trade.exchange.move('BTCUSDT', 1);
    const reading = await read(trade);
    expect(reading.orders.get(stopId)?.state).toMatchObject({ status: 'filled', filledQuantity: 0.014 });
    expect((await trade.orderOf(stopId)).value).toEqual(reading.orders.get(stopId));
    await trade.changeOrder(entryId, { bookedQuantity: 0.014 });
    expect([...(await read(trade)).found.keys()]).toEqual([stopId]);
  });

  it('that the exchange does not tell of are told, and are as they were', async () => {
    const { trade, stopId, entryId } = await minuteOld();
    const { find } = trade.exchange.broker;
    trade.exchange.broker.find = async (order) => (order.kind === 'stop' ? failure(error) : find(order));
    const reading = await read(trade);
    expect([...reading.found.keys()]).toEqual([entryId]);
    expect(reading.faults).toEqual([`BTCUSDT: order ${stopId}: 503`]);
    expect(reading.orders.get(stopId)?.state.status).toBe('acknowledged');
  });

  it('that a lookup does not know are gone only where no list has them open', async () => {
    const { trade, stopId } = await minuteOld();
    trade.world.nowMs += MINUTE;
    trade.exchange.broker.find = async () => success(undefined);
    const listed = await read(trade);
    expect(listed.found.has(stopId)).toBe(false);
    expect(listed.anomalies).toEqual([]);
    expect(listed.orders.get(stopId)?.state.status).toBe('acknowledged');
    trade.exchange.broker.openStops = async () => success({ rows: [], problems: [] });
    const gone = await read(trade);
    expect(gone.found.get(stopId)?.report).toBeUndefined();
    expect(gone.anomalies).toEqual([`BTCUSDT: order ${stopId}: vanished`]);
    expect(gone.orders.get(stopId)?.state.status).toBe('unknown');
  });

  it('whose new state cannot be written are told, and are as they were', async () => {
    const { trade, stopId } = await minuteOld();
    trade.exchange.move('BTCUSDT', 1);
    trade.risk.put = broken;
    const reading = await read(trade);
    expect(reading.faults).toEqual([`order ${stopId}: no answer`]);
    expect(reading.orders.get(stopId)?.state.status).toBe('acknowledged');
    expect(reading.found.get(stopId)?.report?.status).toBe('filled');
  });

  it('that are gone from the records meanwhile are as they were', async () => {
    const { trade, stopId } = await minuteOld();
    const { find } = trade.exchange.broker;
    trade.exchange.broker.find = async (order) => {
      if (order.kind === 'stop') await trade.orders.remove('paper', await trade.orderOf(stopId));
      return find(order);
    };
    expect((await read(trade)).orders.get(stopId)?.clientOrderId).toBe(stopId);
  });
});

describe('a gate', () => {
  it('that cannot be read is told, and the entries that are not booked to their end stand for it, the newest of each symbol', async () => {
    const { trade, entryId } = await minuteOld();
    trade.risk.readGate = broken;
    const { createdAtMs } = (await trade.orderOf(entryId)).value;
    await unnamed(trade, { clientOrderId: 'qt-a-newer', createdAtMs: createdAtMs + 1 });
    await unnamed(trade, { clientOrderId: 'qt-b-older', createdAtMs: createdAtMs - 1 });
    await unnamed(trade, { clientOrderId: 'qt-c-exit', leg: 'exit', createdAtMs: createdAtMs + 2 });
    await unnamed(trade, { clientOrderId: 'qt-d-over', bookedQuantity: 0.014, createdAtMs: createdAtMs + 3 });
    await unnamed(trade, { clientOrderId: 'qt-e-other', symbol: 'ETHUSDT' });
    const reading = await read(trade);
    expect(reading).toMatchObject({ gate: undefined, hasUnreadOrders: false, faults: ['gate: no answer'] });
    expect(Object.fromEntries(reading.entryIds)).toEqual({ BTCUSDT: 'qt-a-newer', ETHUSDT: 'qt-e-other' });
    expect(reading.orders.has('qt-d-over')).toBe(true);
  });

  it('that is not there names nothing, and is no fault', async () => {
    const { trade } = await minuteOld();
    await unnamed(trade);
    trade.risk.readGate = async () => undefined;
    const reading = await read(trade);
    expect(reading).toMatchObject({ gate: undefined, faults: [] });
    expect(reading.entryIds.size).toBe(0);
    expect(reading.orders.has('qt-unnamed')).toBe(false);
  });
});

describe('records', () => {
  it('of the ledger that cannot be read are told, and keep nothing else from being read', async () => {
    const { trade } = await minuteOld();
    unread(trade, 'ledger');
    const reading = await read(trade);
    expect(reading).toMatchObject({ ledgerBefore: undefined, hasUnreadOrders: false });
    expect(reading.faults).toEqual(['ledger: no answer']);
    expect(reading.held.size).toBe(1);
  });

  it('of a position that cannot be read are told, by its symbol, and may have named any order', async () => {
    const { trade } = await minuteOld();
    await trade.risk.put('paper', 'position#ETHUSDT', { symbol: 'ETHUSDT' }, { ifAbsent: true });
    const reading = await read(trade);
    expect(reading.hasUnreadOrders).toBe(true);
    expect([...reading.unreadableRecords.keys()]).toEqual(['ETHUSDT']);
    expect(reading.unreadableRecords.get('ETHUSDT')).toMatchObject({
      revision: 1,
      value: { symbol: 'ETHUSDT' },
    });
    expect(reading.faults).toEqual([expect.stringMatching(/position#ETHUSDT/)]);
    expect([...reading.positions.keys()]).toEqual(['BTCUSDT']);
  });

  it('that cannot be read at all are no account', async () => {
    const { trade } = await minuteOld();
    trade.risk.list = broken;
    await expect(readAccount(trade.context, { thorough: false })).rejects.toThrow();
  });
});

describe('what nobody here knows of', () => {
  it('is a position that neither a record nor the gate names', async () => {
    const { trade } = await minuteOld();
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1 });
    const reading = await read(trade);
    expect(externalPositionsOf(reading)).toEqual(['ETHUSDT']);
    expect(externalPositionsOf({ ...reading, positions: new Map() })).toEqual(['ETHUSDT']);
    expect(externalPositionsOf({ ...reading, entryIds: new Map() })).toEqual(['ETHUSDT']);
    const neither = { ...reading, positions: new Map(), entryIds: new Map() };
    expect(externalPositionsOf(neither)).toEqual(['BTCUSDT', 'ETHUSDT']);
  });

  it('is an order that is neither an entry of the gate nor the stop or exit of a position', async () => {
    const { trade, stopId, entryId } = await minuteOld();
    const reading = await read(trade);
    const [row] = reading.openOrders;
    const idsOf = (...ids: string[]) => {
      const openOrders = ids.map((clientOrderId) => ({ ...row!, clientOrderId, symbol: 'OTHER' }));
      const [position] = reading.positions.values();
      const value = { ...position!.value, exitClientOrderId: 'qt-exit' };
      const positions = new Map([['BTCUSDT', { ...position!, value }]]);
      return orphanOrdersOf({ ...reading, openOrders, positions }).map(({ clientOrderId }) => clientOrderId);
    };
    expect(idsOf(stopId, entryId, 'qt-exit', 'qt-other')).toEqual(['qt-other']);
  });
});
