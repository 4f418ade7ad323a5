// How a trade ends whose position is gone: its orders, its record, and what the gate holds for it, in that order.
import { describe, expect, it } from 'vitest';
import { failure } from '../../../lib/core/result.ts';
import { ARRIVAL_MS_MAX } from '../../../lib/execution/order-state.ts';
import type { AccountView } from '../../../lib/execution/use-cases/book-account.ts';
import { finaliseTrade } from '../../../lib/execution/use-cases/positions/finalise-trade.ts';
import { type OpenTrade, openTrade } from '../../support/trading/open-trade.ts';

const error = { code: 'unavailable', message: '503', retryable: true } as const;
const MINUTE = 60_000;

/** A trade whose stop has closed it a minute later. */
async function closed(about: Parameters<typeof openTrade>[0] = {}) {
  const trade = await openTrade(about);
  trade.world.nowMs += MINUTE;
  trade.exchange.move('BTCUSDT', 1);
  return trade;
}

const end = async (trade: OpenTrade, over: Partial<AccountView> = {}) =>
  finaliseTrade(trade.context, await trade.view(over), 'BTCUSDT');

/** All of it is as it was: the position's record, and what the gate holds. */
async function expectWaiting(trade: OpenTrade, over: Partial<AccountView> = {}) {
  expect(await end(trade, over)).toEqual(['waiting']);
  expect(await trade.told()).toEqual([]);
  expect(await trade.current()).toBeDefined();
  expect(await trade.reserved()).toEqual(['BTCUSDT']);
}

describe('a trade that its stop has closed', () => {
  it('is told, and gives back what the gate holds for it', async () => {
    const trade = await closed();
    const { entryId } = trade;
    expect(await end(trade)).toEqual(['closed', 'released']);
    expect(await trade.told()).toMatchObject([
      { symbol: 'BTCUSDT', side: 'BUY', quantity: 0.014, reason: 'stop', entryClientOrderId: entryId },
    ]);
    expect(await trade.current()).toBeUndefined();
    expect(await trade.reserved()).toEqual([]);
  });

  it('has its orders cancelled first, then is told, then loses its record, and is released last', async () => {
    const trade = await closed();
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.001 });
    trade.exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 0.5 });
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.001 });
    const view = await trade.view();
    const done: string[] = [];
    const note = <Port extends object>(port: Port, name: keyof Port & string): void => {
      const act = port[name] as (...given: unknown[]) => unknown;
      Object.assign(port, {
        [name]: (...given: unknown[]) => {
          const about = given.find((one): one is string => typeof one === 'string' && one !== 'paper');
          done.push([name, ...(about === undefined ? [] : [about.split('#')[0]])].join(' '));
          return act(...given);
        },
      });
    };
    note(trade.exchange.broker, 'cancel');
    for (const name of ['put', 'remove', 'commit'] as const) note(trade.risk, name);
    expect(await finaliseTrade(trade.context, view, 'BTCUSDT')).toEqual(['closed', 'released']);
    expect(done).toEqual(['cancel', 'put trade', 'remove position', 'commit']);
  });

  it('leaves the orders of other symbols', async () => {
    const trade = await closed();
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1 });
    trade.exchange.stopByHand({ symbol: 'ETHUSDT', stopPrice: 2_000 });
    expect(await end(trade)).toEqual(['closed', 'released']);
    expect(trade.exchange.openStops('ETHUSDT')).toHaveLength(1);
  });

  it('goes on from wherever a run before was cut off', async () => {
    const trade = await closed();
    const view = await trade.view();
    const { remove } = trade.risk;
    trade.risk.remove = () => Promise.reject(new Error('cut off'));
    await expect(finaliseTrade(trade.context, view, 'BTCUSDT')).rejects.toThrow('cut off');
    trade.risk.remove = remove;
    const { commit } = trade.risk;
    trade.risk.commit = () => Promise.reject(new Error('cut off'));
    await expect(finaliseTrade(trade.context, view, 'BTCUSDT')).rejects.toThrow('cut off');
    trade.risk.commit = commit;
    expect(await trade.current()).toBeUndefined();
    expect(await end(trade)).toEqual(['released']);
    expect(await trade.told()).toHaveLength(1);
    expect(await end(trade)).toEqual([]);
  });

  it('is left to another process that has changed its position since', async () => {
    const trade = await closed();
    const view = await trade.view();
    await trade.changePosition({ exitDueMs: 7 });
    expect(await finaliseTrade(trade.context, view, 'BTCUSDT')).toEqual(['conflict']);
    expect((await trade.current()).value.exitDueMs).toBe(7);
    expect(await trade.reserved()).toEqual(['BTCUSDT']);
  });

  it('is released once: what another process has given back is not given back again', async () => {
    const trade = await closed();
    const view = await trade.view();
    await end(trade);
    const { exposureMicroUsdt } = await trade.world.gate();
    const late = await finaliseTrade(trade.context, { ...view, positions: new Map() }, 'BTCUSDT');
    expect(late).toEqual(['not_reserved']);
    expect((await trade.world.gate()).exposureMicroUsdt).toBe(exposureMicroUsdt);
  });

  it('ends without the gate, which holds what it held', async () => {
    const trade = await closed();
    expect(await end(trade, { gate: undefined })).toEqual(['closed']);
    expect(await trade.current()).toBeUndefined();
    expect(await trade.reserved()).toEqual(['BTCUSDT']);
  });
});

describe('a trade is not ended', () => {
  it('while a row that may be its position cannot be read', async () => {
    const problem = { message: 'not a number' };
    await expectWaiting(await closed(), { unreadablePositions: [{ ...problem, symbol: 'BTCUSDT' }] });
    await expectWaiting(await closed(), { unreadablePositions: [{ ...problem, symbol: undefined }] });
    const other = [{ ...problem, symbol: 'ETHUSDT' }];
    expect(await end(await closed(), { unreadablePositions: other })).toEqual(['closed', 'released']);
  });

  it('while the ledger is not known, or holds it', async () => {
    await expectWaiting(await closed(), { bookedLedger: undefined });
    const { bookedLedger } = await (await openTrade()).view();
    expect(Object.keys(bookedLedger!.value.ledger.positions)).toEqual(['BTCUSDT']);
    await expectWaiting(await closed(), { bookedLedger });
  });

  it('while its entry is not booked to its end', async () => {
    const trade = await closed();
    const { orders } = await trade.view();
    const entry = { ...orders.get(trade.entryId)!, bookedQuantity: 0 };
    await expectWaiting(trade, { orders: new Map([...orders, [trade.entryId, entry]]) });
  });

  it('while an order of its legs is not booked to its end', async () => {
    const trade = await closed();
    const view = await trade.view();
    await trade.changeOrder((await trade.current()).value.stopClientOrderId, { bookedQuantity: 0 });
    expect(await finaliseTrade(trade.context, view, 'BTCUSDT')).toEqual(['waiting']);
    expect(await trade.told()).toEqual([]);
    expect(await trade.reserved()).toEqual(['BTCUSDT']);
  });

  it('while an order of it would not be cancelled', async () => {
    const trade = await openTrade();
    trade.world.nowMs += MINUTE;
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.014 });
    const { ledger } = (await (await closed()).view()).bookedLedger!.value;
    const view = await trade.view();
    const bookedLedger = { ...view.bookedLedger!, value: { ...view.bookedLedger!.value, ledger } };
    trade.exchange.broker.cancel = async () => failure(error);
    const ended = await finaliseTrade(trade.context, { ...view, bookedLedger }, 'BTCUSDT');
    expect(ended).toEqual(['not_cancelled: 503']);
    expect(await trade.current()).toBeDefined();
    expect(await trade.reserved()).toEqual(['BTCUSDT']);
  });
});

describe('a trade that others have closed', () => {
  /** The stop has not closed it: somebody has, by hand, and the exchange says what that cost. */
  async function closedByHand() {
    const trade = await openTrade();
    trade.world.nowMs += MINUTE;
    trade.exchange.prices.set('BTCUSDT', 49_000);
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.014 });
    await trade.view();
    const view = await trade.view();
    const { bookedLedger } = view;
    const ledger = { ...bookedLedger!.value.ledger, positions: {} };
    return {
      trade,
      view: { ...view, bookedLedger: { ...bookedLedger!, value: { ...bookedLedger!.value, ledger } } },
    };
  }

  it('is told once income explains the wallet', async () => {
    const { trade, view } = await closedByHand();
    // As long as it is not compared, as while an order of another symbol is in doubt, nobody can say that it is explained.
    for (const walletDifference of ['wallet differs', undefined]) {
      const late: AccountView = { ...view, walletDifference };
      expect(await finaliseTrade(trade.context, late, 'BTCUSDT')).toEqual(['waiting']);
      expect(await trade.told()).toEqual([]);
    }
    const known: AccountView = { ...view, walletDifference: null };
    expect(await finaliseTrade(trade.context, known, 'BTCUSDT')).toEqual(['closed', 'released']);
    expect(await trade.told()).toMatchObject([{ exitPrice: null, reason: 'unknown' }]);
    expect((await trade.told())[0]?.profitMicroUsdt).toBeLessThan(-13_000_000);
  });

  it('waits for no wallet where our own orders have closed it', async () => {
    const trade = await closed();
    expect(await end(trade, { walletDifference: 'wallet differs' })).toEqual(['closed', 'released']);
  });
});

describe('an entry', () => {
  /** The trade has been booked, and its position is not on record. */
  async function withoutPosition() {
    const trade = await closed();
    await trade.view();
    await trade.positions.remove('paper', await trade.current());
    return trade;
  }

  it('that has filled nothing is no trade, and gives back what the gate holds for it', async () => {
    const trade = await closed();
    const view = await trade.view();
    const entry = view.orders.get(trade.entryId)!;
    const state = {
      ...entry.state,
      status: 'cancelled',
      filledQuantity: 0,
      averagePrice: null,
    } as typeof entry.state;
    const orders = new Map([...view.orders, [trade.entryId, { ...entry, state }] as const]);
    expect(await finaliseTrade(trade.context, { ...view, orders }, 'BTCUSDT')).toEqual([
      'closed',
      'released',
    ]);
    expect(await trade.told()).toEqual([]);
  });

  it('that has ended without a position gives it back too', async () => {
    const trade = await withoutPosition();
    expect(await end(trade)).toEqual(['released']);
    expect(await trade.told()).toEqual([]);
    expect(await trade.reserved()).toEqual([]);
  });

  it('without a record may still be on its way, for as long as an order may take', async () => {
    const missing = async (agoMs: number) => {
      const trade = await withoutPosition();
      const view = await trade.view({ orders: new Map() });
      trade.world.nowMs = view.gate!.authorised[trade.entryId]!.atMs + agoMs;
      return { trade, ended: await finaliseTrade(trade.context, view, 'BTCUSDT') };
    };
    const { trade, ended } = await missing(ARRIVAL_MS_MAX);
    expect(ended).toEqual(['waiting']);
    expect(await trade.reserved()).toEqual(['BTCUSDT']);
    expect((await missing(ARRIVAL_MS_MAX + 1)).ended).toEqual(['released']);
  });

  it('without a record, whose authorisation is forgotten, is over', async () => {
    const trade = await withoutPosition();
    const { gate } = await trade.view();
    expect(await end(trade, { orders: new Map(), gate: undefined })).toEqual([]);
    const over = { orders: new Map(), gate: { ...gate!, authorised: {} } };
    expect(await end(trade, over)).toEqual(['released']);
  });

  it('that nothing names any more is over, and holds nothing', async () => {
    const trade = await withoutPosition();
    expect(await end(trade, { entryIds: new Map(), gate: undefined, orders: new Map() })).toEqual([]);
    expect(await end(trade, { entryIds: new Map(), orders: new Map() })).toEqual(['released']);
  });
});

describe('a position that has outlived the record of its entry', () => {
  it('gets one to stand in for it, by which the next run ends it', async () => {
    const trade = await closed();
    const before = await trade.current();
    expect(await end(trade, { orders: new Map() })).toEqual(['adopted']);
    const { value } = await trade.current();
    expect(value).toEqual({
      ...before.value,
      ...{ entryClientOrderId: value.entryClientOrderId, exitDueMs: trade.world.nowMs },
      ...{ stopClientOrderId: null, stopSequence: null },
    });
    expect((await trade.orderOf(value.entryClientOrderId)).value).toMatchObject({
      ...{ side: 'BUY', quantity: 0.014, ensembleId: 'adopted', bookedQuantity: 0.014 },
      state: { status: 'filled', averagePrice: 50_000 },
    });
    expect(await trade.told()).toEqual([]);
    expect(await end(trade)).toEqual(['closed', 'released']);
  });

  it('is left to another process that has changed it since', async () => {
    const trade = await closed();
    const view = await trade.view({ orders: new Map() });
    await trade.changePosition({ exitDueMs: 7 });
    expect(await finaliseTrade(trade.context, view, 'BTCUSDT')).toEqual(['conflict']);
    expect((await trade.current()).value.exitDueMs).toBe(7);
  });
});
