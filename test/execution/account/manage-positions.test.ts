// One run of the position manager: protection first, then the books, then its own record, and what goes wrong with one part keeps
// nothing else from being done.
import { describe, expect, it } from 'vitest';
import { failure, success } from '../../../lib/core/result.ts';
import type { BrokerPosition } from '../../../lib/execution/ports.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { managePositions } from '../../../lib/execution/use-cases/manage-positions.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { type OpenTrade, openTrade } from '../../support/trading/open-trade.ts';
import { BAR, requestOf, signalOf } from '../../support/trading/trading-world.ts';

const error = { code: 'unavailable', message: '503', retryable: true } as const;
const broken = () => Promise.reject(new Error('no\nanswer'));
const MINUTE = 60_000;
const WALLET = 10_000_000_000;

const run = ({ context }: OpenTrade) => managePositions({ ...context, codeVersion: 'v7' });
const runsOf = async ({ risk }: OpenTrade) =>
  (await executionRecords(risk).positionManager.get('paper'))?.value;
const equityOf = async ({ risk }: OpenTrade) =>
  allValues(await executionRecords(risk).equity.since('paper', 0));

/** A trade that a run has booked, a minute ago. */
async function managed(about: Parameters<typeof openTrade>[0] = {}) {
  const trade = await openTrade(about);
  trade.world.nowMs += MINUTE;
  await run(trade);
  trade.world.nowMs += MINUTE;
  return trade;
}
const buyEther = ({ exchange }: OpenTrade) =>
  exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1 });

/** The account holds what it holds, but for a part of each row. */
function showHeld({ exchange }: OpenTrade, over: Partial<BrokerPosition>, symbol = 'BTCUSDT'): void {
  const { positions } = exchange.broker;
  exchange.broker.positions = async () => {
    const read = await positions();
    if (!read.ok) return read;
    const rows = read.value.rows.map((row) => (row.symbol === symbol ? { ...row, ...over } : row));
    return success({ ...read.value, rows });
  };
}

describe('a run', () => {
  it('of which nothing goes wrong is completed, and marks the equity', async () => {
    const trade = await managed();
    trade.exchange.prices.set('BTCUSDT', 51_000);
    const { feesMicroUsdt } = trade.exchange.ledger;
    const report = await run(trade);
    const equity = {
      ...{ atMs: trade.world.nowMs, walletMicroUsdt: WALLET - feesMicroUsdt, positions: 1 },
      ...{ equityMicroUsdt: WALLET - feesMicroUsdt + 14_000_000, exposureMicroUsdt: 714_000_000 },
      codeVersion: 'v7',
    };
    expect(report).toEqual({
      ...{ scope: 'paper', atMs: trade.world.nowMs, outcome: 'completed', equity, differences: [] },
      ...{ actions: [], faults: [], unprotectedSinceMs: null },
    });
    expect((await equityOf(trade)).at(-1)).toEqual(equity);
    expect(await runsOf(trade)).toEqual({
      ...{ completedAtMs: trade.world.nowMs, attemptedAtMs: trade.world.nowMs, differences: [] },
      ...{ unprotectedSinceMs: null, unprotectedSince: {}, walletDifferentSinceMs: null },
      fundingBookedUntilMs: expect.any(Number),
    });
  });

  it('looks at the orders that something names, and at no others while all is alike', async () => {
    const trade = await managed();
    const { list } = trade.risk;
    const listed: string[] = [];
    trade.risk.list = ((...given: Parameters<typeof list>) => {
      listed.push(given[0].prefix);
      return list(...given);
    }) as typeof list;
    await run(trade);
    expect(listed).toContain('position#');
    expect(listed).not.toContain('order#');
  });

  it('goes on without the books, of which it then keeps what was known', async () => {
    const trade = await managed();
    const before = await runsOf(trade);
    const { get } = trade.risk;
    trade.risk.get = ((...given: Parameters<typeof get>) =>
      given[1] === 'ledger' ? broken() : get(...given)) as typeof get;
    await trade.exchange.broker.cancel(trade.exchange.openStops('BTCUSDT')[0]!);
    const report = await run(trade);
    expect(report).toMatchObject({
      outcome: 'incomplete',
      faults: ['ledger: no answer', 'ledger: no answer'],
    });
    expect(report.actions).toEqual([{ symbol: 'BTCUSDT', done: ['stop_acknowledged'] }]);
    expect((await runsOf(trade))?.fundingBookedUntilMs).toBe(before?.fundingBookedUntilMs);
  });

  it('ends no trade of what is held, whatever is missing in the records', async () => {
    const trade = await openTrade();
    await trade.orders.remove('paper', await trade.orderOf(trade.entryId));
    trade.exchange.broker.openOrders = async () => failure(error);
    const report = await run(trade);
    expect(report.actions).toEqual([{ symbol: 'BTCUSDT', done: ['waiting'] }]);
    expect((await trade.current()).value.entryClientOrderId).toBe(trade.entryId);
  });

  it('protects before it books, and leaves its own record last', async () => {
    const trade = await managed();
    await trade.exchange.broker.cancel(trade.exchange.openStops('BTCUSDT')[0]!);
    const done: string[] = [];
    const { put } = trade.risk;
    trade.risk.put = (...given) => {
      done.push(given[1].split('#')[0]!);
      return put(...given);
    };
    const { incomeSince } = trade.exchange.broker;
    trade.exchange.broker.incomeSince = (sinceMs) => {
      done.push('income is asked for');
      return incomeSince(sinceMs);
    };
    expect((await run(trade)).actions).toEqual([{ symbol: 'BTCUSDT', done: ['stop_acknowledged'] }]);
    expect(done.indexOf('position')).toBeLessThan(done.indexOf('income is asked for'));
    expect(done.indexOf('income is asked for')).toBeLessThan(done.indexOf('equity'));
    expect(done.at(-1)).toBe('position-manager');
  });

  it('ends the trade of a position that is gone, and holds that of one that is held', async () => {
    const trade = await managed();
    trade.exchange.move('BTCUSDT', 1);
    trade.world.nowMs += MINUTE;
    expect(await run(trade)).toMatchObject({
      ...{ outcome: 'completed', actions: [{ symbol: 'BTCUSDT', done: ['closed', 'released'] }] },
    });
    expect(await trade.current()).toBeUndefined();
  });

  it('ends a trade that the gate alone names', async () => {
    const trade = await managed();
    trade.exchange.move('BTCUSDT', 1);
    await trade.view();
    await trade.positions.remove('paper', await trade.current());
    expect((await run(trade)).actions).toEqual([{ symbol: 'BTCUSDT', done: ['released'] }]);
  });

  it('ends a trade that its position’s record alone names', async () => {
    const trade = await managed();
    trade.exchange.move('BTCUSDT', 1);
    trade.risk.readGate = async () => undefined;
    expect((await run(trade)).actions).toEqual([{ symbol: 'BTCUSDT', done: ['closed'] }]);
  });

  it('is incomplete where a part of it goes wrong, and does the others', async () => {
    const trade = await managed();
    buyEther(trade);
    trade.exchange.broker.filters = broken;
    await trade.exchange.broker.cancel(trade.exchange.openStops('BTCUSDT')[0]!);
    const report = await run(trade);
    expect(report).toMatchObject({ outcome: 'incomplete', faults: ['ETHUSDT: no answer'] });
    expect(report.actions).toEqual([{ symbol: 'BTCUSDT', done: ['stop_acknowledged'] }]);
    expect((await runsOf(trade))?.completedAtMs).toBe(trade.world.nowMs - MINUTE);
  });

  it('tells first what could not be read', async () => {
    const trade = await managed();
    trade.exchange.broker.walletMicroUsdt = async () => failure(error);
    expect((await run(trade)).faults).toEqual(['wallet: 503', 'equity: wallet or positions cannot be read']);
  });
});

describe('a trade that others have closed', () => {
  it('is told with what that has cost, although an order of another symbol is in doubt when it is seen', async () => {
    const trade = await managed();
    const { world, exchange } = trade;
    const { entryId } = trade;
    const { incomeSince } = exchange.broker;
    exchange.prices.set('BTCUSDT', 49_000);
    exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.014 });
    // The exchange lists what that has cost a minute later; meanwhile another position is entered.
    exchange.broker.incomeSince = async () => success({ rows: [], problems: [] });
    const barOpenTimeMs = BAR + BAR_MS;
    world.nowMs = barOpenTimeMs + BAR_MS;
    await world.renewLease();
    await world.managePositions();
    await world.signals.put(signalOf('ETHUSDT', 'BUY', { barOpenTimeMs }));
    await world.execute(requestOf({ barOpenTimeMs }));
    expect([...exchange.held.keys()]).toEqual(['ETHUSDT']);
    await world.managePositions();
    expect(await trade.told()).toEqual([]);
    expect((await trade.current()).value.entryClientOrderId).toBe(entryId);
    exchange.broker.incomeSince = incomeSince;
    world.nowMs += MINUTE;
    await world.managePositions();
    const [told] = await trade.told();
    const fee = (await trade.orderOf(entryId)).value.bookedFeeMicroUsdt;
    expect(told).toMatchObject({ symbol: 'BTCUSDT', profitMicroUsdt: -14_000_000 - fee, exitPrice: null });
    expect(await trade.reserved()).toEqual(['ETHUSDT']);
  });
});

describe('a run that cannot see the account', () => {
  it('says so, and leaves a record of it that keeps what was known', async () => {
    const trade = await managed();
    buyEther(trade);
    await run(trade);
    const before = await runsOf(trade);
    expect(before?.differences).toHaveLength(1);
    trade.world.nowMs += MINUTE;
    trade.exchange.broker.positions = async () => failure(error);
    expect(await run(trade)).toEqual({
      ...{ scope: 'paper', atMs: trade.world.nowMs, outcome: 'exchange_unavailable', equity: null },
      ...{ differences: [], actions: [], faults: ['503'], unprotectedSinceMs: null },
    });
    expect(await runsOf(trade)).toEqual({ ...before, attemptedAtMs: trade.world.nowMs });
  });

  it('for want of our own records says so too', async () => {
    const trade = await managed();
    trade.risk.list = broken;
    expect(await run(trade)).toMatchObject({ outcome: 'records_unavailable', faults: ['no answer'] });
    expect((await runsOf(trade))?.attemptedAtMs).toBe(trade.world.nowMs);
  });

  it('for the second time has protected what it saw at first, and knows since when what it saw has had no stop', async () => {
    const trade = await managed();
    await trade.exchange.broker.cancel(trade.exchange.openStops('BTCUSDT')[0]!);
    trade.exchange.answer = () => 'lost';
    buyEther(trade);
    const { positions } = trade.exchange.broker;
    let asked = 0;
    trade.exchange.broker.positions = async () => (++asked === 1 ? positions() : failure(error));
    const report = await run(trade);
    const { nowMs } = trade.world;
    expect(report).toMatchObject({
      ...{ outcome: 'exchange_unavailable', faults: ['503'], unprotectedSinceMs: nowMs, differences: [] },
      actions: [{ symbol: 'BTCUSDT', done: ['stop_unknown'] }],
    });
    expect((await runsOf(trade))?.unprotectedSince).toEqual({ BTCUSDT: nowMs, ETHUSDT: nowMs });
  });

  it('as another one books it is overtaken', async () => {
    const trade = await managed();
    const { positions } = trade.exchange.broker;
    const { bookedLedger } = executionRecords(trade.risk);
    trade.exchange.broker.positions = async () => {
      const { value, revision } = (await bookedLedger.get('paper'))!;
      const written = { ...value, orders: {}, incomeMicroUsdt: { THEIRS: 1 } };
      await bookedLedger.put('paper', written, { ifRevision: revision });
      return positions();
    };
    trade.exchange.move('BTCUSDT', 1);
    expect(await run(trade)).toMatchObject({
      ...{ outcome: 'overtaken', equity: null, faults: ['the ledger was changed by another run'] },
    });
  });
});

describe('the record of the runs', () => {
  it('that cannot be read at first is a fault, and is written all the same', async () => {
    const trade = await managed();
    const { get } = trade.risk;
    let asked = 0;
    trade.risk.get = ((...given: Parameters<typeof get>) =>
      given[1] === 'position-manager' && ++asked === 1 ? broken() : get(...given)) as typeof get;
    expect(await run(trade)).toMatchObject({
      ...{ outcome: 'incomplete', faults: ['record of the runs: no answer'] },
    });
    expect((await runsOf(trade))?.attemptedAtMs).toBe(trade.world.nowMs);
  });

  it('that cannot be written leaves the run incomplete, with what it has found', async () => {
    const trade = await managed();
    buyEther(trade);
    const { put } = trade.risk;
    trade.risk.put = (...given) => (given[1] === 'position-manager' ? broken() : put(...given));
    expect(await run(trade)).toMatchObject({
      ...{ outcome: 'incomplete', faults: ['record of the run: no answer'], unprotectedSinceMs: null },
      differences: ['ETHUSDT: the exchange holds 1, the ledger 0'],
    });
  });

  it('that another run has written since is its own', async () => {
    const trade = await managed();
    const { put } = trade.risk;
    trade.risk.put = (...given) =>
      given[1] === 'position-manager' ? Promise.resolve('conflict') : put(...given);
    expect(await run(trade)).toMatchObject({
      ...{ outcome: 'overtaken', differences: [] },
      faults: ['another run has written its record since this one began'],
    });
  });

  it('that another run has written while this one was under way is its own', async () => {
    const trade = await managed();
    const { positionManager } = executionRecords(trade.risk);
    const { positions } = trade.exchange.broker;
    const theirs = { ...(await runsOf(trade))!, fundingBookedUntilMs: 99 };
    trade.exchange.broker.positions = async () => {
      const { revision } = (await positionManager.get('paper'))!;
      await positionManager.put('paper', theirs, { ifRevision: revision });
      return positions();
    };
    expect((await run(trade)).outcome).toBe('overtaken');
    expect(await runsOf(trade)).toEqual(theirs);
  });

  it('carries a difference into the next run, and how long the wallet has differed', async () => {
    const trade = await managed();
    buyEther(trade);
    const ether = 'ETHUSDT: the exchange holds 1, the ledger 0';
    expect((await run(trade)).differences).toEqual([ether]);
    trade.world.nowMs += MINUTE;
    const { walletMicroUsdt } = trade.exchange;
    trade.exchange.broker.walletMicroUsdt = async () => success(walletMicroUsdt + 7_000_000);
    expect((await run(trade)).differences).toContain(`settled: ${ether}`);
    expect((await runsOf(trade))?.walletDifferentSinceMs).toBe(trade.world.nowMs);
    trade.world.nowMs += MINUTE;
    await run(trade);
    expect((await runsOf(trade))?.walletDifferentSinceMs).toBe(trade.world.nowMs - MINUTE);
  });
});

describe('a position that nobody here knows of', () => {
  it('is closed once both looks have seen it', async () => {
    const trade = await managed();
    buyEther(trade);
    const report = await run(trade);
    expect(report.actions).toEqual([{ symbol: 'ETHUSDT', done: ['adopted', 'exit_acknowledged'] }]);
    expect([...trade.exchange.held.keys()]).toEqual(['BTCUSDT']);
  });

  it('is left, and told in every run, where such are left alone', async () => {
    const trade = await managed({ externalPositions: 'leave-and-halt' });
    buyEther(trade);
    const left = 'ETHUSDT: an external position is left as it is';
    const first = await run(trade);
    expect(first.differences).toEqual(['ETHUSDT: the exchange holds 1, the ledger 0', left]);
    expect(first.unprotectedSinceMs).toBe(trade.world.nowMs);
    trade.world.nowMs += MINUTE;
    expect((await run(trade)).differences).toContain(left);
    expect(trade.exchange.held.get('ETHUSDT')).toBe(1);
  });
});

describe('orders that nothing of ours names', () => {
  const HOUR = 3_600_000;

  /** The stop of somebody else, at Ethereum, of which nothing is held. */
  async function foreignStop(about: Parameters<typeof openTrade>[0] = {}) {
    const trade = await managed(about);
    buyEther(trade);
    trade.exchange.stopByHand({ symbol: 'ETHUSDT', stopPrice: 2_000 });
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'SELL', quantity: 1 });
    return trade;
  }
  const cancelled = { symbol: 'ETHUSDT', done: ['orphan_order_cancelled'] };

  it('are cancelled, and told', async () => {
    const trade = await foreignStop();
    expect(await run(trade)).toMatchObject({ outcome: 'completed', actions: [cancelled] });
    expect(trade.exchange.openStops('ETHUSDT')).toEqual([]);
    expect(trade.exchange.openStops('BTCUSDT')).toHaveLength(1);
  });

  it('are cancelled once in a run, however late the list shows that, and again in the next', async () => {
    const trade = await managed();
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.006 });
    const { openStops, cancel } = trade.exchange.broker;
    const before = await openStops();
    const asked: string[] = [];
    trade.exchange.broker.cancel = (order) => {
      asked.push(order.clientOrderId);
      return cancel(order);
    };
    // What was open when the run began stays in the list, beside what is open now.
    trade.exchange.broker.openStops = async () => {
      const now = await openStops();
      if (!now.ok || !before.ok) return now;
      const ids = new Set(now.value.rows.map(({ clientOrderId }) => clientOrderId));
      const lagging = before.value.rows.filter(({ clientOrderId }) => !ids.has(clientOrderId));
      return success({ ...now.value, rows: [...now.value.rows, ...lagging] });
    };
    const report = await run(trade);
    expect(report.actions).toEqual([
      { symbol: 'BTCUSDT', done: ['stop_acknowledged', 'surplus_stop_cancelled'] },
    ]);
    expect(asked).toHaveLength(1);
    trade.world.nowMs += MINUTE;
    await run(trade);
    expect(asked).toHaveLength(2);
    expect(new Set(asked).size).toBe(1);
  });

  it('are told where they would not go', async () => {
    const trade = await foreignStop();
    trade.exchange.broker.cancel = async () => failure(error);
    expect(await run(trade)).toMatchObject({ outcome: 'incomplete', faults: ['not_cancelled: 503'] });
  });

  it('are left where those of others are left alone, and ours are not', async () => {
    const trade = await foreignStop({ externalPositions: 'leave-and-halt' });
    expect((await run(trade)).actions).toEqual([]);
    const [stop] = trade.exchange.openStops('ETHUSDT');
    const { value } = await trade.orderOf(trade.entryId);
    const record = { ...value, clientOrderId: stop!.clientOrderId, leg: 'stop' as const };
    await trade.orders.put('paper', record, { ifAbsent: true });
    expect((await run(trade)).actions).toEqual([cancelled]);
  });

  it('are left while they may be on their way into our records', async () => {
    const trade = await foreignStop();
    const [stop] = trade.exchange.openStops('ETHUSDT');
    const { value } = await trade.orderOf(trade.entryId);
    const createdAtMs = trade.world.nowMs;
    const record = { ...value, createdAtMs, clientOrderId: stop!.clientOrderId, leg: 'stop' as const };
    await trade.orders.put('paper', record, { ifAbsent: true });
    trade.world.nowMs += 10_000;
    expect((await run(trade)).actions).toEqual([]);
    trade.world.nowMs += 1;
    expect((await run(trade)).actions).toEqual([cancelled]);
  });

  it('are left while an entry of their symbol is under way, or the record of its position cannot be read', async () => {
    const trade = await foreignStop();
    const gate = await trade.world.gate();
    const reserved = { ...gate.reserved, ETHUSDT: { ...gate.reserved.BTCUSDT!, clientOrderId: 'qt-ether' } };
    const authorised = { ...gate.authorised, 'qt-ether': { atMs: trade.world.nowMs } };
    const { readGate } = trade.risk;
    trade.risk.readGate = async () => ({ ...gate, reserved, authorised });
    expect((await run(trade)).actions).toEqual([{ symbol: 'ETHUSDT', done: ['waiting'] }]);
    expect(trade.exchange.openStops('ETHUSDT')).toHaveLength(1);
    trade.risk.readGate = readGate;
    await trade.risk.put('paper', 'position#ETHUSDT', { symbol: 'ETHUSDT' }, { ifAbsent: true });
    expect((await run(trade)).actions).toEqual([]);
    expect(trade.exchange.openStops('ETHUSDT')).toHaveLength(1);
  });

  it('stay beside a position as long as it has no stop of its own, and go when it has', async () => {
    const trade = await managed();
    trade.exchange.stopByHand({ symbol: 'BTCUSDT', stopPrice: 40_000 });
    await trade.exchange.broker.cancel(trade.exchange.openStops('BTCUSDT')[0]!);
    trade.exchange.answer = () => 'lost';
    expect((await run(trade)).actions).toEqual([{ symbol: 'BTCUSDT', done: ['stop_unknown'] }]);
    expect(trade.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([null]);
    trade.exchange.answer = () => 'fill';
    trade.world.nowMs += 20_000;
    expect((await run(trade)).actions).toEqual([
      { symbol: 'BTCUSDT', done: ['stop_acknowledged'] },
      { symbol: 'BTCUSDT', done: ['orphan_order_cancelled'] },
    ]);
    expect(trade.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([0.014]);
  });

  it('are cancelled beside a position without a stop where they are none themselves', async () => {
    const trade = await managed();
    trade.exchange.answer = () => 'later';
    trade.world.nowMs = (await trade.current()).value.exitDueMs;
    await run(trade);
    const { exitClientOrderId } = (await trade.current()).value;
    await trade.changePosition({
      exitClientOrderId: null,
      exitSequence: null,
      exitDueMs: trade.world.nowMs + HOUR,
    });
    trade.world.nowMs += MINUTE;
    await trade.exchange.broker.cancel(trade.exchange.openStops('BTCUSDT')[0]!);
    trade.exchange.answer = () => 'lost';
    const report = await run(trade);
    expect(report.actions).toEqual([
      { symbol: 'BTCUSDT', done: ['stop_unknown'] },
      { symbol: 'BTCUSDT', done: ['orphan_order_cancelled'] },
    ]);
    expect((await trade.orderOf(exitClientOrderId)).value.state.status).toBe('cancelled');
  });

  it('are none that protect a position which could not be recorded', async () => {
    const trade = await managed();
    buyEther(trade);
    trade.exchange.stopByHand({ symbol: 'ETHUSDT', stopPrice: 2_000 });
    trade.exchange.broker.filters = broken;
    expect((await run(trade)).faults).toEqual(['ETHUSDT: no answer']);
    expect(trade.exchange.openStops('ETHUSDT')).toHaveLength(1);
  });

  it('are none that the run itself has named: an earlier stop that covers the position again', async () => {
    const trade = await managed();
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.006 });
    trade.exchange.answer = () => 'lost';
    await run(trade);
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'SELL', quantity: 0.006 });
    trade.world.nowMs += MINUTE;
    expect((await run(trade)).actions).toEqual([]);
    expect(trade.exchange.openStops('BTCUSDT').map(({ quantity }) => quantity)).toEqual([0.014]);
  });

  it('that cannot be looked for are a fault, and keep the equity from nothing', async () => {
    const trade = await foreignStop();
    const [stop] = trade.exchange.openStops('ETHUSDT');
    const { get } = trade.risk;
    trade.risk.get = ((...given: Parameters<typeof get>) =>
      given[1] === `order#${stop!.clientOrderId}` ? broken() : get(...given)) as typeof get;
    const report = await run(trade);
    expect(report).toMatchObject({ outcome: 'incomplete', faults: ['orphan orders: no answer'] });
    expect(report.equity).not.toBeNull();
  });
});

describe('the equity', () => {
  it('is by the last price where a position has no mark', async () => {
    const trade = await managed();
    showHeld(trade, { markPrice: null });
    trade.exchange.prices.set('BTCUSDT', 49_000);
    const asked: unknown[] = [];
    const { prices } = trade.exchange.broker;
    trade.exchange.broker.prices = (symbols) => {
      asked.push(symbols);
      return prices(symbols);
    };
    const { equity } = await run(trade);
    expect(asked).toEqual([['BTCUSDT']]);
    expect(equity).toMatchObject({ exposureMicroUsdt: 686_000_000, positions: 1 });
    expect(equity!.equityMicroUsdt - equity!.walletMicroUsdt).toBe(-14_000_000);
  });

  it('asks for no price where every position has its mark', async () => {
    const trade = await managed();
    trade.exchange.broker.prices = broken;
    expect((await run(trade)).faults).toEqual([]);
  });

  it('adds up what every position has gained or lost', async () => {
    const trade = await managed({ externalPositions: 'leave-and-halt' });
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'SELL', quantity: 2 });
    trade.exchange.prices.set('ETHUSDT', 2_400);
    trade.exchange.prices.set('BTCUSDT', 51_000);
    const { equity } = await run(trade);
    expect(equity).toMatchObject({ positions: 2, exposureMicroUsdt: 714_000_000 + 4_800_000_000 });
    expect(equity!.equityMicroUsdt - equity!.walletMicroUsdt).toBe(14_000_000 + 200_000_000);
  });

  it.each<[string, Partial<BrokerPosition>, (trade: OpenTrade) => unknown]>([
    ['the price it was bought for', { entryPrice: null }, () => undefined],
    [
      'a price that can be read',
      { markPrice: null },
      ({ exchange }) => {
        exchange.broker.prices = async () => failure(error);
      },
    ],
    [
      'any price',
      { markPrice: null },
      ({ exchange }) => {
        exchange.broker.prices = async () => success(new Map());
      },
    ],
  ])('is not marked while a position has not %s', async (_name, over, prepare) => {
    const trade = await managed();
    const before = await equityOf(trade);
    showHeld(trade, over);
    prepare(trade);
    const report = await run(trade);
    expect(report).toMatchObject({ outcome: 'incomplete', equity: null });
    expect(report.faults).toEqual(['equity: BTCUSDT has no price']);
    expect(await equityOf(trade)).toEqual(before);
  });

  it('is not marked while a row of what is held cannot be read', async () => {
    const trade = await managed();
    const { positions } = trade.exchange.broker;
    const problems = [{ symbol: undefined, message: 'a row is no position' }];
    trade.exchange.broker.positions = async () => {
      const read = await positions();
      return read.ok ? success({ ...read.value, problems }) : read;
    };
    expect((await run(trade)).faults).toEqual([
      'a row is no position',
      'equity: wallet or positions cannot be read',
    ]);
  });

  it('that cannot be written is a fault', async () => {
    const trade = await managed();
    const { put } = trade.risk;
    trade.risk.put = (...given) => (given[1].startsWith('equity#') ? broken() : put(...given));
    expect(await run(trade)).toMatchObject({
      ...{ outcome: 'incomplete', equity: null, faults: ['equity: no answer'] },
    });
  });

  it('begins the day with what was first marked in it', async () => {
    const trade = await managed();
    const { days } = executionRecords(trade.risk);
    const first = (await days.get('paper', '2024-08-05'))?.value;
    expect(first).toEqual({ startMicroUsdt: WALLET });
    trade.exchange.prices.set('BTCUSDT', 51_000);
    const { equity } = await run(trade);
    expect((await days.get('paper', '2024-08-05'))?.value).toEqual(first);
    trade.world.nowMs += 24 * 3_600_000;
    const tomorrow = await run(trade);
    expect((await days.get('paper', '2024-08-06'))?.value).toEqual({
      startMicroUsdt: tomorrow.equity!.equityMicroUsdt,
    });
    expect(tomorrow.equity).not.toEqual(equity);
  });
});
