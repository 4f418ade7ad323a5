// An order leaves once, by the process that wrote it down, and its record says what became of it.
import { describe, expect, it } from 'vitest';
import { failure, success } from '../../lib/core/result.ts';
import type { EntryOrder, ReduceOrder, SizedOrder } from '../../lib/execution/order.ts';
import { ARRIVAL_MS_MAX, newOrderState } from '../../lib/execution/order-state.ts';
import type { Broker, OrderReport, RejectionCode, Submission } from '../../lib/execution/ports.ts';
import type { OrderRecord } from '../../lib/execution/records.ts';
import { SEND_MS_MAX } from '../../lib/execution/send-window.ts';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import {
  fillsOf,
  findOrder,
  isSettled,
  newOrderRecord,
  referenceOf,
  refreshOrder,
  sendOrder,
  updateOrder,
  usdtFeesOf,
  WRITE_ATTEMPTS_MAX,
} from '../../lib/execution/use-cases/send-order.ts';
import { approveReduction } from '../../lib/risk/gate.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import { TradingWorld } from '../support/trading/trading-world.ts';

const exit = {
  kind: 'reduce',
  scope: 'paper',
  clientOrderId: 'qt-exit',
  symbol: 'BTCUSDT',
  side: 'SELL',
  quantity: 0.01,
  reduceOnly: true,
  stopPrice: null,
} as const;
const about = {
  leg: 'exit',
  barOpenTimeMs: null,
  ensembleId: null,
  exitDueMs: null,
  authorisedEpoch: null,
  note: 'horizon',
} as const;

describe('sendOrder', () => {
  it('sends what two processes send at once, and one sends again, once', async () => {
    const world = await TradingWorld.open();
    world.exchange.tradeByHand({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01 });
    const context = { risk: world.risk, broker: world.exchange.broker, clock: world.clock };
    const send = () =>
      sendOrder(context, approveReduction(exit), newOrderRecord(exit, { ...about, nowMs: world.nowMs }));
    const both = await Promise.all([send(), send()]);
    expect(both.map(({ outcome }) => outcome).sort()).toEqual(['acknowledged', 'already_submitted']);
    expect((await send()).outcome).toBe('already_submitted');
    expect(world.exchange.sent).toHaveLength(1);
    const record = await executionRecords(world.risk).orders.get('paper', 'qt-exit');
    expect(record?.value.state).toMatchObject({ status: 'filled', filledQuantity: 0.01 });
  });
});

/** The record of the exit, and a broker that answers as the test says. */
async function prepare(over: Partial<Broker> = {}, order: ReduceOrder & SizedOrder = exit) {
  const world = await TradingWorld.open();
  const asked: string[] = [];
  const broker: Broker = {
    ...world.exchange.broker,
    submit: async () => ({ outcome: 'acknowledged', report: undefined }),
    ...over,
  };
  const { find, submit } = broker;
  broker.find = (reference) => {
    asked.push(`find ${reference.kind}`);
    return find(reference);
  };
  broker.submit = (...given) => {
    asked.push('submit');
    return submit(...given);
  };
  const { risk, clock } = world;
  const context = { risk, broker, clock };
  const leg = order.stopPrice === null ? ('exit' as const) : ('stop' as const);
  const record = newOrderRecord(order, { ...about, leg, nowMs: world.nowMs });
  const { orders, rejections } = executionRecords(risk);
  const stored = async () => (await orders.get('paper', 'qt-exit'))!.value;
  const send = () => sendOrder(context, approveReduction(order), record);
  const rejected = async () =>
    allValues(await rejections.all('paper')).map(({ clientOrderId }) => clientOrderId);
  /** Looks up what is on record already. */
  const written = async (): Promise<OrderRecord> => {
    await orders.put('paper', record, { ifAbsent: true });
    return record;
  };
  return { world, context, orders, record, asked, stored, send, rejected, written };
}

const stop = { ...exit, stopPrice: 48_000 } as const;
const report = (over: Partial<OrderReport> = {}): OrderReport => ({
  symbol: 'BTCUSDT',
  clientOrderId: 'qt-exit',
  kind: 'market',
  status: 'open',
  quantity: 0.01,
  filledQuantity: 0,
  averagePrice: null,
  filledAtMs: null,
  updatedAtMs: 70,
  ...over,
});
const half = report({ filledQuantity: 0.005, averagePrice: 50_000, filledAtMs: 60 });
const error = { code: 'unavailable', message: 'no answer', retryable: true } as const;

describe('the record of an order', () => {
  it('holds what an entry was sized at, and of a reduction nothing of it', () => {
    const entry: EntryOrder = {
      ...{ kind: 'entry', scope: 'paper', clientOrderId: 'qt-entry', symbol: 'BTCUSDT', side: 'BUY' },
      ...{ quantity: 0.01, barOpenTimeMs: 1, ensembleId: 'e1', referencePrice: 50_000 },
      ...{ notionalMicroUsdt: 500_000_000, betaMicroUsdt: 500_000_000, stopPrice: 49_000 },
    };
    const written = newOrderRecord(entry, { ...about, leg: 'entry', authorisedEpoch: 3, nowMs: 5 });
    expect(written).toEqual({
      ...{ clientOrderId: 'qt-entry', symbol: 'BTCUSDT', side: 'BUY', quantity: 0.01, stopPrice: 49_000 },
      ...{ leg: 'entry', barOpenTimeMs: null, ensembleId: null, exitDueMs: null, authorisedEpoch: 3 },
      ...{ referencePrice: 50_000, notionalMicroUsdt: 500_000_000, note: 'horizon' },
      ...{ state: newOrderState(0.01), filledAtMs: null, bookedQuantity: 0, bookedFeeMicroUsdt: 0 },
      ...{ createdAtMs: 5, updatedAtMs: 5 },
    });
    expect(newOrderRecord(exit, { ...about, nowMs: 5 })).toMatchObject({
      referencePrice: null,
      notionalMicroUsdt: 0,
    });
    expect(referenceOf(written).kind).toBe('market');
  });

  it('is settled when it has ended and all of it is booked', () => {
    const record = newOrderRecord(exit, { ...about, nowMs: 5 });
    const filled = { status: 'filled', quantity: 0.01, filledQuantity: 0.01, averagePrice: 1 } as const;
    expect(isSettled(record)).toBe(false);
    expect(isSettled({ ...record, state: filled, bookedQuantity: 0.009 })).toBe(false);
    expect(isSettled({ ...record, state: filled, bookedQuantity: 0.01 })).toBe(true);
  });
});

describe('what becomes of an order that is sent', () => {
  it('is not sent by a process that was held up for longer than sending may take', async () => {
    const held = await prepare();
    held.world.nowMs += SEND_MS_MAX + 1;
    expect(await held.send()).toMatchObject({ outcome: 'unsent', message: 'too late to be sent' });
    expect(held.asked).toEqual([]);
    expect(await held.stored()).toMatchObject({
      state: { status: 'cancelled' },
      note: 'too late to be sent',
      updatedAtMs: held.world.nowMs,
    });
    const justInTime = await prepare();
    justInTime.world.nowMs += SEND_MS_MAX;
    expect((await justInTime.send()).outcome).toBe('acknowledged');
  });

  it('asks whether it is still wanted', async () => {
    const given: unknown[] = [];
    const { context, record } = await prepare({
      submit: async (_approved, options) => {
        given.push(options?.stillWanted?.());
        return { outcome: 'rejected', code: 'unsent', message: 'not wanted' };
      },
    });
    const sent = await sendOrder(context, approveReduction(exit), record, { stillWanted: () => false });
    expect(given).toEqual([false]);
    expect(sent).toMatchObject({ outcome: 'unsent', message: 'not wanted' });
  });

  it.each<[RejectionCode, string, readonly string[]]>([
    ['unsent', 'cancelled', []],
    ['overloaded', 'cancelled', []],
    ['rate_limited', 'cancelled', []],
    ['unauthorised', 'rejected', ['qt-exit']],
    ['other', 'rejected', ['qt-exit']],
    ['insufficient_margin', 'rejected', ['qt-exit']],
    ['filters', 'rejected', []],
    ['close_stop_exists', 'rejected', []],
  ])('a refusal by %s leaves it %s, and counts for the breaker or not', async (code, status, counted) => {
    const { send, stored, rejected } = await prepare({
      submit: async () => ({ outcome: 'rejected', code, message: 'refused' }),
    });
    const sent = await send();
    expect(sent).toMatchObject(
      status === 'cancelled'
        ? { outcome: 'unsent', message: 'refused' }
        : { outcome: 'rejected', code, message: 'refused' },
    );
    expect(await stored()).toMatchObject({ state: { status }, note: 'refused' });
    expect(sent).toMatchObject({ record: await stored() });
    expect(await rejected()).toEqual(counted);
  });

  it('is unknown when no answer comes, and keeps why it was sent', async () => {
    const { send, stored, rejected } = await prepare({
      submit: async () => ({ outcome: 'unknown', message: 'timed out' }),
    });
    expect(await send()).toMatchObject({ outcome: 'unknown', message: 'timed out' });
    expect(await stored()).toMatchObject({ state: { status: 'unknown' }, note: 'horizon' });
    expect(await rejected()).toEqual([]);
  });

  it('keeps what a run beside it has written: an end is not taken back by an answer that is lost', async () => {
    const prepared = await prepare({
      submit: async () => {
        await updateOrder(prepared.context, 'qt-exit', (record) => ({
          ...record,
          note: 'looked up',
          state: { ...record.state, status: 'cancelled' } as OrderRecord['state'],
        }));
        return { outcome: 'unknown', message: 'timed out' };
      },
    });
    await prepared.send();
    expect(await prepared.stored()).toMatchObject({ state: { status: 'cancelled' }, note: 'looked up' });
  });

  const accepted = (answer: OrderReport | undefined): Partial<Broker> => ({
    submit: async () => ({ outcome: 'acknowledged', report: answer }),
  });
  const found = { find: async () => success(half) };
  const filled = report({ status: 'filled', filledQuantity: 0.01, averagePrice: 50_000, filledAtMs: 60 });

  it.each<[string, Partial<Broker>, OrderRecord['state']['status'], number]>([
    ['accepted without a report', { ...accepted(undefined), ...found }, 'partially_filled', 0.005],
    ['accepted, not filled yet', { ...accepted(report()), ...found }, 'partially_filled', 0.005],
    [
      'accepted, and not to be found',
      { ...accepted(report()), find: async () => success(undefined) },
      'acknowledged',
      0,
    ],
    [
      'accepted, and not looked up',
      { ...accepted(report()), find: async () => failure(error) },
      'acknowledged',
      0,
    ],
    [
      'accepted without a report, and not looked up',
      { ...accepted(undefined), find: async () => failure(error) },
      'acknowledged',
      0,
    ],
  ])('%s: is looked up once', async (_name, over, status, filledQuantity) => {
    const { send, asked, stored } = await prepare(over);
    expect(await send()).toMatchObject({ outcome: 'acknowledged', message: '' });
    expect(asked).toEqual(['submit', 'find market']);
    expect((await stored()).state).toMatchObject({ status, filledQuantity });
  });

  it('has its times from the report, and by the clock without one', async () => {
    const looked = await prepare({ ...accepted(undefined), ...found });
    await looked.send();
    expect(await looked.stored()).toMatchObject({ filledAtMs: 60, updatedAtMs: 70 });
    const unseen = await prepare({ ...accepted(undefined), find: async () => failure(error) });
    await unseen.send();
    expect(await unseen.stored()).toMatchObject({ filledAtMs: null, updatedAtMs: unseen.world.nowMs });
  });

  it('is not looked up when its report has said it all, or when it is a stop that rests', async () => {
    const whole = await prepare({ ...accepted(filled), ...found });
    await whole.send();
    expect(whole.asked).toEqual(['submit']);
    expect((await whole.stored()).state).toMatchObject({ status: 'filled', averagePrice: 50_000 });
    const resting = await prepare({ ...accepted(report({ kind: 'stop' })), ...found }, stop);
    await resting.send();
    expect(resting.asked).toEqual(['submit']);
    expect((await resting.stored()).state.status).toBe('acknowledged');
    const unread = await prepare({ ...accepted(undefined), find: async () => success(undefined) }, stop);
    await unread.send();
    expect(unread.asked).toEqual(['submit', 'find stop']);
  });

  it('fails when its record is gone', async () => {
    const gone = async (over: Submission) => {
      const prepared = await prepare({
        submit: async () => {
          const position = await prepared.orders.get('paper', 'qt-exit');
          await prepared.orders.remove('paper', position!);
          return over;
        },
      });
      return prepared.send();
    };
    const message = 'the record of order qt-exit is gone';
    await expect(gone({ outcome: 'acknowledged', report: report() })).rejects.toThrow(message);
    await expect(gone({ outcome: 'unknown', message: '' })).rejects.toThrow(message);
  });
});

describe('an order that is looked up', () => {
  it.each<[string, Partial<OrderReport>, Partial<OrderRecord['state']>, number | null]>([
    ['is open', {}, { status: 'acknowledged', filledQuantity: 0 }, null],
    [
      'fills',
      { ...half, status: 'partially_filled' },
      { status: 'partially_filled', filledQuantity: 0.005 },
      60,
    ],
    ['has filled', { ...half, status: 'filled', filledQuantity: 0.01 }, { status: 'filled' }, 60],
    [
      'has filled, being a stop that found less than it was placed for',
      { ...half, status: 'filled' },
      { status: 'cancelled', filledQuantity: 0.005 },
      60,
    ],
    [
      'was cancelled in part',
      { ...half, status: 'cancelled' },
      { status: 'cancelled', filledQuantity: 0.005 },
      60,
    ],
    ['was cancelled', { status: 'cancelled' }, { status: 'cancelled', filledQuantity: 0 }, null],
    ['was rejected', { status: 'rejected' }, { status: 'rejected' }, null],
    [
      'names a price of nothing',
      { averagePrice: 50_000 },
      { status: 'acknowledged', filledQuantity: 0 },
      null,
    ],
    ['names no price of what it filled', { filledQuantity: 0.005 }, { status: 'acknowledged' }, null],
  ])('%s', async (_name, over, state, filledAtMs) => {
    const { context, written, stored } = await prepare({ find: async () => success(report(over)) });
    const record = await written();
    const looked = await refreshOrder(context, record);
    expect(looked?.report).toEqual(report(over));
    expect(looked?.record).toEqual(await stored());
    expect(await stored()).toMatchObject({ state, filledAtMs, updatedAtMs: 70 });
    const found = await findOrder(context, record);
    expect(found).toMatchObject({ ok: true, value: { record: await stored(), anomalies: [] } });
    // Told again, it is as it was, to its last time.
    const later = await findOrder(context, await stored());
    expect(later.ok && later.value.record).toEqual(await stored());
  });

  it('stays as it is on record when it has filled and nobody says at what price', async () => {
    const answer = report({ status: 'filled', filledQuantity: 0.01 });
    const { context, written, stored } = await prepare({ find: async () => success(answer) });
    const record = await written();
    await refreshOrder(context, record);
    expect(await stored()).toEqual(record);
  });

  it('is given up a minute after it was written down, not before, and tells what should not be', async () => {
    const { world, context, written } = await prepare({ find: async () => success(undefined) });
    const record = await written();
    const acknowledged: OrderRecord = {
      ...record,
      state: { ...newOrderState(record.quantity), status: 'acknowledged' },
    };
    world.nowMs += ARRIVAL_MS_MAX;
    expect(await findOrder(context, record)).toMatchObject({
      value: { report: undefined, record: { state: { status: 'unknown' }, updatedAtMs: world.nowMs } },
    });
    world.nowMs += 1;
    expect(await findOrder(context, record)).toMatchObject({
      value: { record: { state: { status: 'rejected' } }, anomalies: [] },
    });
    expect(await findOrder(context, acknowledged)).toMatchObject({ value: { anomalies: ['vanished'] } });
    expect(await refreshOrder(context, record)).toBeUndefined();
  });

  it('stays as it is when nobody answers', async () => {
    const { context, written, stored } = await prepare({ find: async () => failure(error) });
    const record = await written();
    expect(await findOrder(context, record)).toEqual(failure(error));
    expect(await refreshOrder(context, record)).toBeUndefined();
    expect(await stored()).toEqual(record);
  });

  it('keeps the time of its last fill when it ends without another', async () => {
    const partly = { ...half, status: 'partially_filled' as const };
    const { context, written, stored } = await prepare({ find: async () => success(partly) });
    await refreshOrder(context, await written());
    context.broker.find = async () =>
      success({ ...half, status: 'cancelled', filledAtMs: 65, updatedAtMs: 80 });
    await refreshOrder(context, await stored());
    expect(await stored()).toMatchObject({ state: { status: 'cancelled' }, filledAtMs: 60, updatedAtMs: 80 });
  });

  it('is told as it was found when its record is gone', async () => {
    const { context, record } = await prepare({ find: async () => success(half) });
    expect(await refreshOrder(context, record)).toEqual({ record, report: half });
  });
});

describe('the record of an order that others write too', () => {
  const noted = (note: string) => (record: OrderRecord) => ({ ...record, note });

  it('is changed as it then stands, and not written when nothing changes', async () => {
    const { context, orders, written } = await prepare();
    await written();
    const before = await orders.get('paper', 'qt-exit');
    expect(await updateOrder(context, 'qt-exit', (record) => record)).toEqual(before?.value);
    expect(await orders.get('paper', 'qt-exit')).toEqual(before);
    // Another process is faster.
    const { put } = context.risk;
    context.risk.put = async (...given) => {
      context.risk.put = put;
      await updateOrder(context, 'qt-exit', noted('theirs'));
      return put(...given);
    };
    await updateOrder(context, 'qt-exit', (record) => ({ ...record, bookedFeeMicroUsdt: 7 }));
    expect((await orders.get('paper', 'qt-exit'))?.value).toMatchObject({
      note: 'theirs',
      bookedFeeMicroUsdt: 7,
    });
    expect(await updateOrder(context, 'nobody', (record) => record)).toBeUndefined();
  });

  it('is given up when they write it all the time', async () => {
    const { context, written } = await prepare();
    await written();
    let puts = 0;
    context.risk.put = async () => {
      puts++;
      return 'conflict';
    };
    await expect(updateOrder(context, 'qt-exit', noted('mine'))).rejects.toThrow(
      'the record of order qt-exit is written by others all the time',
    );
    expect(puts).toBe(WRITE_ATTEMPTS_MAX);
  });

  it('counts a rejection once, and before it is written', async () => {
    const { context, written, rejected } = await prepare();
    await written();
    const reject = (note: string) => (record: OrderRecord) => ({
      ...record,
      note,
      state: { ...newOrderState(record.quantity), status: 'rejected' as const },
    });
    const { put } = context.risk;
    context.risk.put = async (...given) => {
      if (given[1].includes('order')) expect(await rejected()).toEqual(['qt-exit']);
      return put(...given);
    };
    await updateOrder(context, 'qt-exit', reject('refused'));
    context.risk.put = put;
    context.clock.nowMs = () => 1;
    await updateOrder(context, 'qt-exit', reject('refused again'));
    expect(await rejected()).toEqual(['qt-exit']);
  });
});

describe('the trades of an order', () => {
  const fill = { tradeId: '1', quantity: 0.005, price: 50_000, realisedMicroUsdt: 0, atMs: 60 };
  const usdt = { ...fill, fee: { asset: 'USDT', amount: 0.1 } };
  const bnb = { ...fill, tradeId: '2', fee: { asset: 'BNB', amount: 0.001 } };
  const filled = (filledQuantity: number) => ({ ...half, filledQuantity });

  it('are not asked for when nothing is filled', async () => {
    const { context } = await prepare({ fills: async () => failure(error) });
    expect(await fillsOf(context, filled(0))).toEqual(success([]));
    expect(await fillsOf(context, filled(0.005))).toEqual(failure(error));
  });

  it('are waited for until all of them are listed, to less than any step', async () => {
    const { context } = await prepare({ fills: async () => success([usdt, bnb]) });
    expect(await fillsOf(context, filled(0.01))).toEqual(success([usdt, bnb]));
    expect(await fillsOf(context, filled(0.010000001))).toEqual(success([usdt, bnb]));
    expect(await fillsOf(context, filled(0.01000001))).toMatchObject({
      ok: false,
      error: {
        message: 'the exchange lists trades of 0.01 of 0.01000001 BTCUSDT only',
        isLate: true,
      },
    });
  });

  it('cost the wallet of USDT what they say in USDT', () => {
    expect(usdtFeesOf([usdt, bnb, usdt])).toBe(200_000);
    expect(usdtFeesOf([])).toBe(0);
  });
});
