// The books of an account: what orders have filled and the exchange has paid is booked once, and compared with what the account holds.
import { describe, expect, it } from 'vitest';
import { unproven } from '../../../lib/core/actor.ts';
import { failure, success } from '../../../lib/core/result.ts';
import type { BookedLedger } from '../../../lib/execution/ledger/booked-ledger.ts';
import type { Broker, BrokerPosition, Income } from '../../../lib/execution/ports.ts';
import { bookAccount, writeLedger } from '../../../lib/execution/use-cases/book-account.ts';
import { declareTransfer } from '../../../lib/execution/use-cases/declare-transfer.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { type AccountReading, readAccount } from '../../../lib/execution/use-cases/observe-account.ts';
import { type OpenTrade, openTrade } from '../../support/trading/open-trade.ts';

const error = { code: 'unavailable', message: '503', retryable: true } as const;
const MINUTE = 60_000;
const HELD = 0.014;

async function read({ context }: OpenTrade): Promise<AccountReading> {
  const answer = await readAccount(context, { thorough: false });
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.value;
}

/** Reads and books the account, of which a part is read otherwise. */
async function book(trade: OpenTrade, over: Partial<AccountReading> = {}) {
  const booked = await bookAccount(trade.context, { ...(await read(trade)), ...over });
  if (!booked.ok) throw new Error(booked.error.code);
  return booked.value;
}
const ledgerOf = async ({ risk }: OpenTrade) => (await executionRecords(risk).bookedLedger.get('paper'))!;

/** An entry a minute ago, not booked yet. */
async function minuteOld() {
  const trade = await openTrade();
  trade.world.nowMs += MINUTE;
  const stopId = (await trade.current()).value.stopClientOrderId!;
  return { trade, stopId, entryId: trade.entryId };
}

/** Writes the books as if they had been otherwise. */
async function rewrite(trade: OpenTrade, change: (ledger: BookedLedger) => Partial<BookedLedger>) {
  const { value, revision } = await ledgerOf(trade);
  const written = { ...value, ...change(value) };
  await executionRecords(trade.risk).bookedLedger.put('paper', written, { ifRevision: revision });
}

const rowOf = (trade: OpenTrade, over: Partial<Income> = {}): Income => ({
  ...{ id: 'row', kind: 'funding', type: 'FUNDING_FEE', symbol: 'BTCUSDT', asset: 'USDT', amount: 3 },
  ...{ tradeId: null, atMs: trade.world.nowMs - 1, ...over },
});
const pay = ({ exchange }: OpenTrade, ...rows: Income[]): void => {
  exchange.broker.incomeSince = async () => success({ rows, problems: [] });
};

describe('a fill', () => {
  it('is booked once, with its fee, and its order says so', async () => {
    const { trade, stopId, entryId } = await minuteOld();
    const view = await book(trade);
    const { feesMicroUsdt } = trade.exchange.ledger;
    expect(feesMicroUsdt).toBeGreaterThan(0);
    expect(view.bookedLedger).toEqual(await ledgerOf(trade));
    expect(view.bookedLedger?.value.ledger).toEqual(trade.exchange.ledger);
    const fills = await trade.exchange.broker.fills({
      symbol: 'BTCUSDT',
      clientOrderId: entryId,
      kind: 'market',
    });
    const [fill] = fills.ok ? fills.value : [];
    expect(view.bookedLedger?.value.ownTrades).toEqual([
      { id: fill?.tradeId, symbol: 'BTCUSDT', atMs: fill?.atMs },
    ]);
    const entry = (await trade.orderOf(entryId)).value;
    expect(entry).toMatchObject({ bookedQuantity: HELD, bookedFeeMicroUsdt: feesMicroUsdt });
    expect(view.orders.get(entryId)).toEqual(entry);
    expect([...view.orders.keys()].sort()).toEqual([entryId, stopId].sort());
    expect(view).toMatchObject({ differences: [], walletDifference: null, faults: [], anomalies: [] });
    expect(view.hasLateTrades).toBe(false);
    // The next run forgets the order, and books nothing more.
    const next = await book(trade);
    expect(Object.keys(next.bookedLedger!.value.orders)).toEqual([stopId]);
    expect(next.bookedLedger!.value.ledger).toEqual(trade.exchange.ledger);
    const { revision } = await ledgerOf(trade);
    const before = await Promise.all([entryId, stopId].map(trade.orderOf));
    await book(trade);
    expect((await ledgerOf(trade)).revision).toBe(revision);
    expect(await Promise.all([entryId, stopId].map(trade.orderOf))).toEqual(before);
  });

  it('that was booked in part before is booked for the rest, at what the rest has cost', async () => {
    const { trade, entryId } = await minuteOld();
    await trade.changeOrder(entryId, { bookedQuantity: 0.004 });
    const { positions } = (await book(trade)).bookedLedger!.value.ledger;
    expect(positions.BTCUSDT).toEqual({ quantity: 0.01, costMicroUsdt: 500_000_000 });
  });

  it('is on its order as booked although its fee is in no USDT', async () => {
    const { trade, entryId } = await minuteOld();
    const { fills } = trade.exchange.broker;
    trade.exchange.broker.fills = async (order) => {
      const listed = await fills(order);
      const fee = { asset: 'BNB', amount: 0.001 };
      return listed.ok ? success(listed.value.map((fill) => ({ ...fill, fee }))) : listed;
    };
    await book(trade);
    expect((await trade.orderOf(entryId)).value).toMatchObject({
      bookedQuantity: HELD,
      bookedFeeMicroUsdt: 0,
    });
  });

  it('of an order whose record is gone meanwhile is booked, and the order is as it was read', async () => {
    const { trade, entryId } = await minuteOld();
    const reading = await read(trade);
    await trade.orders.remove('paper', await trade.orderOf(entryId));
    const booked = await bookAccount(trade.context, reading);
    expect(booked.ok && booked.value.orders.get(entryId)).toEqual(reading.orders.get(entryId));
    expect((await ledgerOf(trade)).value.ledger).toEqual(trade.exchange.ledger);
  });

  it('is booked once too where the run was cut off between the books and the order', async () => {
    const { trade, entryId } = await minuteOld();
    const { put } = trade.risk;
    trade.risk.put = async (...given) => {
      if (given[1].startsWith('order#')) throw new Error('cut off');
      return put(...given);
    };
    expect((await book(trade)).faults).toEqual(['ledger: cut off']);
    trade.risk.put = put;
    expect((await trade.orderOf(entryId)).value.bookedQuantity).toBe(0);
    const view = await book(trade);
    expect(view.bookedLedger?.value.ledger).toEqual(trade.exchange.ledger);
    expect((await trade.orderOf(entryId)).value.bookedQuantity).toBe(HELD);
  });

  it('that its order says is booked is not booked again, although the books have forgotten it', async () => {
    const { trade, entryId } = await minuteOld();
    await book(trade);
    const { bookedFeeMicroUsdt } = (await trade.orderOf(entryId)).value;
    await rewrite(trade, () => ({ orders: {} }));
    const reading = await read(trade);
    const { record, report } = (await findAgain(trade, entryId))!;
    const found = new Map([
      ...reading.found,
      [entryId, { record, report, anomalies: [], advance: (one) => one }],
    ]);
    const view = await book(trade, { found } as Partial<AccountReading>);
    expect(view.bookedLedger?.value.ledger).toEqual(trade.exchange.ledger);
    expect((await trade.orderOf(entryId)).value).toMatchObject({ bookedQuantity: HELD, bookedFeeMicroUsdt });
  });

  /** An order as it is on record, and on the exchange. */
  async function findAgain(trade: OpenTrade, id: string) {
    const record = (await trade.orderOf(id)).value;
    const found = await trade.exchange.broker.find({ symbol: 'BTCUSDT', clientOrderId: id, kind: 'market' });
    return found.ok && found.value ? { record, report: found.value } : undefined;
  }

  it('of which more is on record as booked stays as its record says', async () => {
    const { trade, entryId } = await minuteOld();
    const reading = await read(trade);
    await trade.changeOrder(entryId, { bookedQuantity: 1, bookedFeeMicroUsdt: 7 });
    const booked = await bookAccount(trade.context, reading);
    expect(booked.ok && booked.value.orders.get(entryId)?.bookedQuantity).toBe(1);
    expect((await trade.orderOf(entryId)).value).toMatchObject({ bookedQuantity: 1, bookedFeeMicroUsdt: 7 });
  });

  it('whose fee alone is new on record is written too', async () => {
    const { trade, entryId } = await minuteOld();
    await trade.changeOrder(entryId, { bookedFeeMicroUsdt: 7 });
    const reading = await read(trade);
    await trade.changeOrder(entryId, { bookedQuantity: HELD, bookedFeeMicroUsdt: 7 });
    await bookAccount(trade.context, reading);
    const { bookedFeeMicroUsdt } = (await trade.orderOf(entryId)).value;
    expect(bookedFeeMicroUsdt).toBe(trade.exchange.ledger.feesMicroUsdt);
  });

  it('whose trades are not listed yet waits, is told, and leaves the others to be booked', async () => {
    const { trade, stopId, entryId } = await minuteOld();
    const { fills } = trade.exchange.broker;
    trade.exchange.move('BTCUSDT', 1);
    trade.exchange.broker.fills = async (order) =>
      order.clientOrderId === entryId ? success([]) : fills(order);
    const view = await book(trade);
    expect(view.faults).toEqual([
      `BTCUSDT: order ${entryId}: the exchange lists trades of 0 of 0.014 BTCUSDT only`,
    ]);
    expect(Object.keys(view.bookedLedger!.value.orders)).toEqual([stopId]);
    expect((await trade.orderOf(entryId)).value.bookedQuantity).toBe(0);
    // What is not booked yet is no difference.
    expect(view).toMatchObject({ differences: [], walletDifference: undefined });
  });

  it('of a moment ago whose trades are not listed yet waits too, and that is no fault', async () => {
    const trades = async (agoMs: number, fills: Broker['fills']) => {
      const trade = await openTrade();
      trade.world.nowMs += agoMs;
      trade.exchange.broker.fills = fills;
      const { hasLateTrades, faults, orders } = await book(trade);
      expect(orders.get(trade.entryId)?.bookedQuantity).toBe(0);
      return { hasLateTrades, faults: faults.length };
    };
    const none: Broker['fills'] = async () => success([]);
    expect(await trades(44_999, none)).toEqual({ hasLateTrades: true, faults: 0 });
    expect(await trades(45_000, none)).toEqual({ hasLateTrades: false, faults: 1 });
    // That the exchange does not answer is one, whenever that is.
    expect(await trades(0, async () => failure(error))).toEqual({ hasLateTrades: false, faults: 1 });
  });

  it('that is booked is not late, and none is where there are no books', async () => {
    const { trade } = await minuteOld();
    expect((await book(trade)).hasLateTrades).toBe(false);
    trade.risk.put = () => Promise.reject(new Error('no answer'));
    pay(trade, rowOf(trade));
    expect((await book(trade)).hasLateTrades).toBe(false);
  });

  it('of an order that the exchange does not know is none', async () => {
    const { trade, stopId, entryId } = await minuteOld();
    trade.exchange.broker.openStops = async () => success({ rows: [], problems: [] });
    const { find } = trade.exchange.broker;
    trade.exchange.broker.find = async (order) => (order.kind === 'stop' ? success(undefined) : find(order));
    const view = await book(trade);
    expect(view.found.has(stopId)).toBe(true);
    expect(Object.keys(view.bookedLedger!.value.orders)).toEqual([entryId]);
  });
});

describe('the books', () => {
  it('are opened with what the wallet holds', async () => {
    const { trade } = await minuteOld();
    const { ledgerBefore } = await read(trade);
    await trade.risk.remove('paper', 'ledger', { ifRevision: ledgerBefore!.revision });
    const reading = await read(trade);
    const without = await bookAccount(trade.context, { ...reading, walletMicroUsdt: undefined });
    expect(without.ok && without.value).toMatchObject({
      ...{ bookedLedger: undefined, statement: undefined, differences: [], walletDifference: undefined },
      faults: ['ledger: there is none, and no wallet to open it with'],
    });
    const opened = await bookAccount(trade.context, { ...reading, found: new Map() });
    expect(opened.ok && opened.value.bookedLedger?.value.ledger.depositMicroUsdt).toBe(
      reading.walletMicroUsdt,
    );
    expect((await ledgerOf(trade)).value.funding).toEqual({
      ...{ fromMs: trade.world.nowMs + 1, untilMs: trade.world.nowMs, recent: [] },
    });
  });

  it('are those that another run has opened meanwhile', async () => {
    const { trade } = await minuteOld();
    const before = await ledgerOf(trade);
    const view = await book(trade, { ledgerBefore: undefined, walletMicroUsdt: 1, found: new Map() });
    expect(view.bookedLedger?.value.ledger.depositMicroUsdt).toBe(before.value.ledger.depositMicroUsdt);
  });

  it('that another run has written since are its own, and this run is over', async () => {
    const { trade } = await minuteOld();
    const reading = await read(trade);
    await rewrite(trade, () => ({ incomeMicroUsdt: { THEIRS: 1 } }));
    expect(await bookAccount(trade.context, reading)).toEqual(
      failure({ code: 'overtaken', message: 'the ledger was changed by another run' }),
    );
    expect((await ledgerOf(trade)).value.incomeMicroUsdt).toEqual({ THEIRS: 1 });
    expect(await writeLedger(trade.context, reading.ledgerBefore!, reading.ledgerBefore!.value)).toBe(
      reading.ledgerBefore,
    );
  });

  it('that cannot be written are a fault, and what was read stands', async () => {
    const { trade } = await minuteOld();
    trade.risk.put = () => Promise.reject(new Error('no\nanswer'));
    const view = await book(trade, { faults: ['before'] });
    expect(view).toMatchObject({
      ...{ bookedLedger: undefined, differences: [], walletDifference: undefined },
      faults: ['before', 'ledger: no answer'],
    });
    expect(view.held.size).toBe(1);
    expect(view.statement?.positions).toHaveLength(1);
  });
});

describe('what the account holds', () => {
  it.each<[string, Partial<AccountReading>]>([
    ['its wallet', { walletMicroUsdt: undefined }],
    ['a row of it', { unreadablePositions: [{ symbol: 'ETHUSDT', message: 'x' }] }],
    [
      'what it was bought for',
      { held: new Map([['BTCUSDT', { entryPrice: null, quantity: 9 } as BrokerPosition]]) },
    ],
  ])('is not compared where %s cannot be read, and is booked all the same', async (_name, over) => {
    const { trade, entryId } = await minuteOld();
    const view = await book(trade, over);
    expect(view).toMatchObject({ statement: undefined, differences: [], walletDifference: undefined });
    expect(view.bookedLedger?.value.ledger.positions.BTCUSDT?.quantity).toBe(HELD);
    expect(view.orders.get(entryId)?.bookedQuantity).toBe(HELD);
  });

  it('is what is compared: its wallet and its positions', async () => {
    const { trade } = await minuteOld();
    const { walletMicroUsdt, held } = await read(trade);
    expect((await book(trade)).statement).toEqual({ walletMicroUsdt, positions: [...held.values()] });
  });

  it('is a difference where it is not what the books say', async () => {
    const { trade } = await minuteOld();
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1 });
    pay(trade);
    const walletMicroUsdt = trade.exchange.walletMicroUsdt + 1_000_000;
    const view = await book(trade, { walletMicroUsdt });
    expect(view.differences).toEqual(['ETHUSDT: the exchange holds 1, the ledger 0']);
    expect(view.walletDifference).toMatch(new RegExp(`^wallet: the exchange holds ${walletMicroUsdt}`));
    const alike = await book(trade);
    expect(alike.differences).toHaveLength(1);
    expect(alike.walletDifference).toBeNull();
  });

  it('is not compared while an order that something names cannot be read', async () => {
    const { trade } = await minuteOld();
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1 });
    expect(await book(trade, { hasUnreadOrders: true })).toMatchObject({
      ...{ differences: [], walletDifference: undefined },
    });
  });

  it('has its costs taken over from the exchange where it is alike but for them', async () => {
    const { trade } = await minuteOld();
    await book(trade);
    const { revision } = await ledgerOf(trade);
    const [row] = (await read(trade)).held.values();
    const held = new Map([['BTCUSDT', { ...row!, entryPrice: row!.entryPrice! + 100 }]]);
    const walletMicroUsdt = trade.exchange.walletMicroUsdt + 1_400_000;
    const view = await book(trade, { held, walletMicroUsdt });
    expect(view).toMatchObject({ differences: [], walletDifference: null });
    expect(view.bookedLedger?.value.ledger.positions.BTCUSDT?.costMicroUsdt).toBe(
      Math.round(HELD * held.get('BTCUSDT')!.entryPrice * 1e6),
    );
    expect((await ledgerOf(trade)).value).toEqual(view.bookedLedger?.value);
    expect((await ledgerOf(trade)).revision).toBeGreaterThan(revision);
  });

  it('is over for this run where another one writes the books while the costs are taken over', async () => {
    const { trade } = await minuteOld();
    await book(trade);
    await book(trade);
    const [row] = (await read(trade)).held.values();
    const held = new Map([['BTCUSDT', { ...row!, entryPrice: row!.entryPrice! + 100 }]]);
    const walletMicroUsdt = trade.exchange.walletMicroUsdt + 1_400_000;
    const reading = { ...(await read(trade)), held, walletMicroUsdt };
    await rewrite(trade, () => ({ incomeMicroUsdt: { THEIRS: 1 } }));
    const booked = await bookAccount(trade.context, reading);
    expect(booked.ok ? 'booked' : booked.error.code).toBe('overtaken');
  });
});

describe('a symbol with an order in doubt', () => {
  /** The exchange holds more than the books of both symbols, and one of them may be in doubt. */
  async function compare(prepare: (trade: OpenTrade, ids: { stopId: string; entryId: string }) => unknown) {
    const { trade, stopId, entryId } = await minuteOld();
    await book(trade);
    trade.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 1 });
    trade.exchange.tradeByHand({ symbol: 'ETHUSDT', side: 'BUY', quantity: 1 });
    const over = (await prepare(trade, { stopId, entryId })) as Partial<AccountReading> | undefined;
    const { differences, walletDifference } = await book(trade, over);
    return { symbols: differences.map((line) => line.slice(0, 7)), walletDifference };
  }
  const DOUBT = { symbols: ['ETHUSDT'], walletDifference: undefined };
  const NO_DOUBT = { symbols: ['BTCUSDT', 'ETHUSDT'], walletDifference: null };

  it('is none once all of it is booked, or it rests where it was found', async () => {
    expect(await compare(() => undefined)).toEqual(NO_DOUBT);
  });

  it('is one that has filled within the last 45 seconds', async () => {
    const filledAgo =
      (agoMs: number) =>
      async (trade: OpenTrade, { entryId }: { entryId: string }) =>
        trade.changeOrder(entryId, { filledAtMs: trade.world.nowMs - agoMs });
    expect(await compare(filledAgo(44_999))).toEqual(DOUBT);
    expect(await compare(filledAgo(45_000))).toEqual(NO_DOUBT);
  });

  it('is one whose order was not found', async () => {
    const notFound = async (trade: OpenTrade, { stopId }: { stopId: string }) => {
      const { found } = await read(trade);
      return { found: new Map([...found].filter(([id]) => id !== stopId)) };
    };
    expect(await compare(notFound)).toEqual(DOUBT);
    const gone = async (trade: OpenTrade, { stopId }: { stopId: string }) => {
      const { found } = await read(trade);
      return { found: new Map([...found, [stopId, { ...found.get(stopId)!, report: undefined }]]) };
    };
    expect(await compare(gone)).toEqual(DOUBT);
  });

  it('is one of which less is booked than has filled', async () => {
    const state = { quantity: HELD, filledQuantity: 0.001, averagePrice: 1 } as const;
    const partly = async (trade: OpenTrade, { stopId }: { stopId: string }) =>
      trade.changeOrder(stopId, { state: { ...state, status: 'partially_filled' } });
    expect(await compare(partly)).toEqual(DOUBT);
  });
});

describe('income', () => {
  it('is booked once, into its column', async () => {
    const { trade } = await minuteOld();
    pay(trade, rowOf(trade));
    await book(trade);
    const view = await book(trade);
    expect(view.bookedLedger?.value.ledger.fundingMicroUsdt).toBe(3_000_000);
    expect(view.bookedLedger?.value.incomeMicroUsdt).toEqual({ FUNDING_FEE: 3_000_000 });
  });

  it('that cannot be read is told, and fills are booked all the same', async () => {
    const { trade } = await minuteOld();
    trade.exchange.broker.incomeSince = async () => failure(error);
    const view = await book(trade, { faults: ['before'] });
    expect(view.faults).toEqual(['before', 'income: 503']);
    expect(view.bookedLedger?.value.ledger).toEqual(trade.exchange.ledger);
  });

  it('of which a row cannot be read is told, and the others are booked', async () => {
    const { trade } = await minuteOld();
    const problems = [{ symbol: 'ETHUSDT', message: 'a row is no money' }];
    const rows = [rowOf(trade)];
    trade.exchange.broker.incomeSince = async () => success({ rows, problems });
    const view = await book(trade);
    expect(view.faults).toEqual(['ETHUSDT: a row is no money']);
    expect(view.bookedLedger?.value.ledger.fundingMicroUsdt).toBe(3_000_000);
  });

  it('is asked for from where it is booked', async () => {
    const { trade } = await minuteOld();
    const { fromMs } = (await ledgerOf(trade)).value.funding;
    const asked: number[] = [];
    const incomeSince: Broker['incomeSince'] = async (sinceMs) => {
      asked.push(sinceMs);
      return success({ rows: [], problems: [] });
    };
    trade.exchange.broker.incomeSince = incomeSince;
    await book(trade);
    expect(asked).toEqual([fromMs]);
  });

  const byHand = (trade: OpenTrade, symbol: string) =>
    rowOf(trade, {
      ...{ id: symbol, kind: 'realised', type: 'REALIZED_PNL', symbol, tradeId: `t-${symbol}`, amount: 5 },
      atMs: trade.world.nowMs - 30_000,
    });

  it('of a trade that may be one of ours waits while an order of its symbol is in doubt', async () => {
    const realised = async (over: (trade: OpenTrade) => Promise<Partial<AccountReading>>) => {
      const { trade } = await minuteOld();
      await book(trade);
      const rows = ['BTCUSDT', 'ETHUSDT'].map((symbol) => byHand(trade, symbol));
      // Too old to be on its way into any list.
      trade.world.nowMs += MINUTE;
      pay(trade, ...rows);
      const view = await book(trade, await over(trade));
      return view.bookedLedger!.value.ledger.realisedMicroUsdt;
    };
    expect(await realised(async () => ({}))).toBe(10_000_000);
    expect(await realised(async () => ({ found: new Map() }))).toBe(5_000_000);
    // Of an order that cannot be read the symbol is not known either.
    expect(await realised(async () => ({ hasUnreadOrders: true }))).toBe(0);
  });

  it('of a trade of others waits for no order that this very run has booked', async () => {
    const { trade } = await minuteOld();
    const row = byHand(trade, 'BTCUSDT');
    trade.world.nowMs += MINUTE;
    pay(trade, row);
    expect((await book(trade)).bookedLedger?.value.ledger.realisedMicroUsdt).toBe(5_000_000);
  });

  it('of a trade of ours is booked with its order alone, in the run that books it', async () => {
    const { trade, entryId } = await minuteOld();
    const fills = await trade.exchange.broker.fills({
      symbol: 'BTCUSDT',
      clientOrderId: entryId,
      kind: 'market',
    });
    const tradeId = fills.ok ? fills.value[0]!.tradeId : null;
    pay(trade, { ...byHand(trade, 'BTCUSDT'), tradeId, atMs: trade.world.nowMs - MINUTE });
    const view = await book(trade);
    expect(view.bookedLedger?.value.ledger.realisedMicroUsdt).toBe(0);
    expect(view.walletDifference).toBeNull();
  });

  it('of a transfer that nobody has declared is told after a while, until somebody does', async () => {
    const { trade } = await minuteOld();
    pay(trade, rowOf(trade, { kind: 'transfer', type: 'TRANSFER', symbol: null, amount: 500 }));
    expect((await book(trade)).anomalies).toEqual([]);
    trade.world.nowMs += 11 * MINUTE;
    const told = await book(trade, { anomalies: ['before'] });
    expect(told.anomalies).toEqual([
      'before',
      expect.stringMatching(/^an unexplained transfer of 500000000 micro-USDT at /),
    ]);
    await declareTransfer(trade.risk, {
      ...{ scope: 'paper', amountMicroUsdt: 500_000_000, by: unproven('ada'), reason: 'more' },
      nowMs: trade.world.nowMs,
    });
    const declared = await book(trade);
    expect(declared.anomalies).toEqual([]);
    expect(declared.bookedLedger?.value.undeclared).toEqual([]);
  });

  it('without a transfer asks for no declaration', async () => {
    const { trade } = await minuteOld();
    trade.risk.list = () => Promise.reject(new Error('asked'));
    const reading = await read((await minuteOld()).trade);
    const view = await bookAccount(trade.context, { ...reading, ledgerBefore: await ledgerOf(trade) });
    expect(view.ok && view.value.faults).toEqual([]);
  });
});
