// What every implementation of the Broker port keeps, run against each of them on the same market.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InvariantError } from '../../lib/core/invariant.ts';
import { microUsdt } from '../../lib/core/money.ts';
import { success } from '../../lib/core/result.ts';
import type { EntryOrder, OrderSide, ReduceOrder } from '../../lib/execution/order.ts';
import type { Broker, Fill, OrderReference, OrderReport } from '../../lib/execution/ports.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import type { RiskApproved, Scope } from '../../lib/risk/gate.ts';
import {
  approveEntry,
  approveReduce,
  BROKER_START_MS,
  BROKER_TERMS,
  BTC_PRICE,
  DEPOSIT_MICRO_USDT,
  expectRows,
  expectValue,
  FIRST_MS,
  GAP_BAR,
  market,
  REACHED_BAR,
  stop,
} from '../support/execution/broker-market.ts';

interface BrokerContract {
  readonly scope: Scope;
  open(clock: { nowMs(): number }): Promise<{ broker: Broker; close(): Promise<void> }>;
}

const impact = BROKER_TERMS.impactBps / 10_000;
const feeOf = (report: OrderReport): number =>
  (report.filledQuantity * report.averagePrice! * BROKER_TERMS.takerFeeBps * 1e6) / 10_000;

/** In micro-USDT; every one of these brokers takes its fee in USDT. */
function sumOfFees(fills: readonly Fill[]): number {
  expect(new Set(fills.map(({ fee }) => fee.asset))).toEqual(new Set(['USDT']));
  return microUsdt(fills.reduce((sum, { fee }) => sum + fee.amount, 0));
}

export function describeBrokerContract(name: string, { scope, open }: BrokerContract): void {
  describe(`broker contract: ${name}`, () => {
    let nowMs: number;
    let broker: Broker;
    let close: () => Promise<void>;
    beforeEach(async () => {
      nowMs = BROKER_START_MS + 5_000;
      ({ broker, close } = await open({ nowMs: () => nowMs }));
    });
    afterEach(() => close());

    const find = async (order: OrderReference): Promise<OrderReport> => {
      const report = expectValue(await broker.find(order));
      if (report === undefined) throw new Error(`there is no order ${order.clientOrderId}`);
      return report;
    };
    const enter = async (change: Partial<EntryOrder> = {}) =>
      broker.submit(await approveEntry(scope, change));
    const reduce = (change: Partial<ReduceOrder> = {}) => broker.submit(approveReduce(scope, change));
    const acknowledged = { outcome: 'acknowledged' };
    const feeMicroUsdt = async (order: OrderReference) => sumOfFees(expectValue(await broker.fills(order)));

    it('prepares a symbol, and prepares it again', async () => {
      expect(await broker.prepare('BTCUSDT')).toEqual(success(undefined));
      expect(await broker.prepare('BTCUSDT')).toEqual(success(undefined));
    });

    it('starts with its deposit, without positions and orders', async () => {
      expect(await broker.walletMicroUsdt()).toEqual(success(DEPOSIT_MICRO_USDT));
      expect(expectRows(await broker.positions())).toEqual([]);
      expect(expectRows(await broker.openStops())).toEqual([]);
      expect(expectRows(await broker.openOrders())).toEqual([]);
      expect(expectRows(await broker.incomeSince(BROKER_START_MS))).toEqual([]);
      expect(await broker.fills(market('qt-none'))).toEqual(success([]));
      expect(await broker.find(market('qt-none'))).toEqual(success(undefined));
      expect(await broker.find(stop('qt-none'))).toEqual(success(undefined));
    });

    it('knows prices and filters', async () => {
      const prices = expectValue(await broker.prices(['BTCUSDT', 'NOSUCHUSDT']));
      expect([...prices]).toEqual([['BTCUSDT', BTC_PRICE]]);
      expect(expectValue(await broker.filters()).get('BTCUSDT')).toMatchObject({
        tickSize: 0.1,
        stepSize: 0.001,
      });
    });

    it.each([
      ['BUY', 1],
      ['SELL', -1],
    ] as const)('fills a market %s at once, at the price and what it costs', async (side, sign) => {
      expect(await enter({ side, stopPrice: 50_000 - sign * 500 })).toMatchObject(acknowledged);
      const report = await find(market('qt-entry-1'));
      expect(report).toMatchObject({
        ...market('qt-entry-1'),
        status: 'filled',
        quantity: 0.01,
        filledQuantity: 0.01,
      });
      expect(report.averagePrice).toBeCloseTo(BTC_PRICE * (1 + sign * impact), 6);
      const fee = await feeMicroUsdt(report);
      expect(fee).toBeCloseTo(feeOf(report), 0);
      expect(report.updatedAtMs).toBe(nowMs);
      const [position, ...others] = expectRows(await broker.positions());
      expect(others).toEqual([]);
      expect(position).toMatchObject({ symbol: 'BTCUSDT', quantity: sign * 0.01, markPrice: BTC_PRICE });
      expect(position!.entryPrice).toBeCloseTo(report.averagePrice!, 4);
      expect(expectValue(await broker.walletMicroUsdt())).toBe(DEPOSIT_MICRO_USDT - fee);
    });

    it('executes an id once, however often it is submitted', async () => {
      for (let times = 0; times < 3; times++) expect(await enter()).toMatchObject(acknowledged);
      expect(expectRows(await broker.positions())[0]!.quantity).toBe(0.01);
      for (let times = 0; times < 2; times++) await reduce({ quantity: 0.004 });
      expect(expectRows(await broker.positions())[0]!.quantity).toBe(0.006);
      const resting = { clientOrderId: 'qt-stop-1', stopPrice: 49_000 };
      for (let times = 0; times < 2; times++) expect(await reduce(resting)).toMatchObject(acknowledged);
      expect(expectRows(await broker.openStops())).toHaveLength(1);
    });

    it('adds to a position', async () => {
      await enter();
      await enter({ clientOrderId: 'qt-entry-2', quantity: 0.02 });
      expect(expectRows(await broker.positions())).toMatchObject([{ symbol: 'BTCUSDT', quantity: 0.03 }]);
    });

    const refused: readonly (readonly [string, Partial<EntryOrder>])[] = [
      ['an unknown symbol', { symbol: 'NOSUCHUSDT' }],
      ['a quantity off the grid', { quantity: 0.0105 }],
      ['a quantity too small to be worth it', { quantity: 0.001 }],
    ];
    it.each(refused)('rejects %s with a reason, and knows no such order', async (_what, change) => {
      // 0.001 × 50000 is 50 USDT: under the 100 that Binance asks of BTCUSDT.
      const submission = await enter(change);
      expect(submission.outcome).toBe('rejected');
      expect(submission).toHaveProperty('message', expect.stringMatching(/\w/));
      expect(await broker.find(market('qt-entry-1', change.symbol))).toEqual(success(undefined));
      expect(expectRows(await broker.positions())).toEqual([]);
      expect(await broker.walletMicroUsdt()).toEqual(success(DEPOSIT_MICRO_USDT));
    });

    it.each([
      ['without a position', undefined, 'SELL'],
      ['on the side that would add to it', 'BUY', 'BUY'],
      ['on the side that would add to a short', 'SELL', 'SELL'],
    ] as const)('rejects a reduction %s', async (_what, held, side: OrderSide) => {
      if (held !== undefined) await enter({ side: held });
      expect(await reduce({ side })).toMatchObject({ outcome: 'rejected' });
      expect(await reduce({ side, clientOrderId: 'qt-stop-1', stopPrice: 49_000 })).toMatchObject({
        outcome: 'rejected',
      });
      expect(expectRows(await broker.openStops())).toEqual([]);
    });

    it('reduces no further than to nothing', async () => {
      await enter();
      expect(await reduce({ quantity: 0.05 })).toMatchObject(acknowledged);
      expect(await find(market('qt-reduce-1'))).toMatchObject({ status: 'cancelled', filledQuantity: 0.01 });
      expect(expectRows(await broker.positions())).toEqual([]);
    });

    it('keeps a stop until a bar reaches it, then fills it at its trigger', async () => {
      await enter();
      expect(await reduce({ clientOrderId: 'qt-stop-1', stopPrice: 49_500 })).toMatchObject(acknowledged);
      expect(expectRows(await broker.openStops())).toMatchObject([
        { ...stop('qt-stop-1'), side: 'SELL', quantity: 0.01, stopPrice: 49_500, reducesOnly: true },
      ]);
      nowMs = FIRST_MS + REACHED_BAR * BAR_MS + 1_000;
      expect((await find(stop('qt-stop-1'))).status).toBe('open');
      nowMs = FIRST_MS + (REACHED_BAR + 1) * BAR_MS + 1_000;
      const report = await find(stop('qt-stop-1'));
      expect(report).toMatchObject({ status: 'filled', filledQuantity: 0.01 });
      expect(report.averagePrice).toBeCloseTo(49_500 * (1 - impact), 6);
      expect(await feeMicroUsdt(report)).toBeCloseTo(feeOf(report), 0);
      expect(expectRows(await broker.positions())).toEqual([]);
      expect(expectRows(await broker.openStops())).toEqual([]);
    });

    it('fills a stop that the market jumped over at what the market is then', async () => {
      await enter();
      await reduce({ clientOrderId: 'qt-stop-1', stopPrice: 48_900 });
      nowMs = FIRST_MS + (GAP_BAR + 1) * BAR_MS + 1_000;
      const report = await find(stop('qt-stop-1'));
      expect(report.status).toBe('filled');
      expect(report.averagePrice).toBeCloseTo(48_000 * (1 - impact), 6);
    });

    it('takes a stop before an exit that came later in the same bar', async () => {
      await enter();
      await reduce({ clientOrderId: 'qt-stop-1', stopPrice: 49_500 });
      nowMs = FIRST_MS + (REACHED_BAR + 1) * BAR_MS + 1_000;
      expect(await reduce()).toMatchObject({ outcome: 'rejected' });
      expect((await find(stop('qt-stop-1'))).status).toBe('filled');
    });

    it('drops a stop that is reached without a position', async () => {
      await enter();
      await reduce({ clientOrderId: 'qt-stop-1', stopPrice: 49_500 });
      await reduce();
      nowMs = FIRST_MS + (REACHED_BAR + 1) * BAR_MS + 1_000;
      expect(await find(stop('qt-stop-1'))).toMatchObject({ status: 'cancelled', filledQuantity: 0 });
      expect(expectRows(await broker.openStops())).toEqual([]);
      expect(expectRows(await broker.positions())).toEqual([]);
    });

    it('rejects a stop that the price is past already, or off the grid', async () => {
      await enter();
      expect(await reduce({ clientOrderId: 'qt-stop-1', stopPrice: 50_100 })).toMatchObject({
        outcome: 'rejected',
      });
      expect(await reduce({ clientOrderId: 'qt-stop-2', stopPrice: 49_500.05 })).toMatchObject({
        outcome: 'rejected',
      });
      // What was rejected can be asked for again, put right.
      expect(await reduce({ clientOrderId: 'qt-stop-1', stopPrice: 49_500 })).toMatchObject(acknowledged);
    });

    it('takes one stop that closes the position, and a second when that is gone', async () => {
      await enter();
      const closing = (clientOrderId: string, stopPrice: number) =>
        reduce({ clientOrderId, quantity: null, stopPrice });
      expect(await closing('qt-stop-1', 48_900)).toMatchObject(acknowledged);
      expect(await closing('qt-stop-2', 49_500)).toMatchObject({
        outcome: 'rejected',
        code: 'close_stop_exists',
      });
      expect(expectRows(await broker.openStops())).toMatchObject([
        { ...stop('qt-stop-1'), quantity: null, closesPosition: true },
      ]);
      await broker.cancel(stop('qt-stop-1'));
      expect(await closing('qt-stop-3', 49_500)).toMatchObject(acknowledged);
      nowMs = FIRST_MS + (REACHED_BAR + 1) * BAR_MS + 1_000;
      expect(await find(stop('qt-stop-3'))).toMatchObject({ status: 'filled', filledQuantity: 0.01 });
      expect(expectRows(await broker.positions())).toEqual([]);
    });

    it('cancels a stop; once more, and one that never was, is success', async () => {
      await enter();
      await reduce({ clientOrderId: 'qt-stop-1', stopPrice: 49_500 });
      for (const id of ['qt-stop-1', 'qt-stop-1', 'qt-none']) {
        expect(await broker.cancel(stop(id))).toEqual(success(undefined));
      }
      expect(await broker.cancel(market('qt-entry-1'))).toEqual(success(undefined));
      expect((await find(stop('qt-stop-1'))).status).toBe('cancelled');
      expect((await find(market('qt-entry-1'))).status).toBe('filled');
      nowMs = FIRST_MS + (REACHED_BAR + 1) * BAR_MS + 1_000;
      expect(expectRows(await broker.positions())).toHaveLength(1);
    });

    it('cancels all orders of one symbol, and of no other', async () => {
      await enter();
      await enter({ symbol: 'ETHUSDT', clientOrderId: 'qt-entry-2' });
      await reduce({ clientOrderId: 'qt-stop-1', stopPrice: 49_500 });
      await reduce({ clientOrderId: 'qt-stop-2', stopPrice: 49_000 });
      await reduce({ clientOrderId: 'qt-stop-3', stopPrice: 49_500, symbol: 'ETHUSDT' });
      for (let times = 0; times < 2; times++) {
        expect(await broker.cancelAll('BTCUSDT')).toEqual(success(undefined));
        expect(expectRows(await broker.openStops())).toMatchObject([stop('qt-stop-3', 'ETHUSDT')]);
      }
    });

    it('charges a long for funding at 08:00, pays a short, and leaves who is flat alone', async () => {
      await enter();
      await enter({ symbol: 'ETHUSDT', clientOrderId: 'qt-entry-2', side: 'SELL', quantity: 0.02 });
      nowMs = Date.UTC(2024, 0, 2, 7, 59);
      const funding = async (sinceMs: number) =>
        expectRows(await broker.incomeSince(sinceMs)).filter(({ kind }) => kind === 'funding');
      expect(await funding(BROKER_START_MS)).toEqual([]);
      nowMs = Date.UTC(2024, 0, 2, 8, 5, 1);
      const atMs = Date.UTC(2024, 0, 2, 8);
      const payments = await funding(BROKER_START_MS);
      expect(payments).toHaveLength(2);
      expect(payments).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ symbol: 'BTCUSDT', atMs, asset: 'USDT', amount: -0.048 }),
          expect.objectContaining({ symbol: 'ETHUSDT', atMs, asset: 'USDT', amount: 0.1 }),
        ]),
      );
      expect(new Set(payments.map(({ id }) => id)).size).toBe(2);
      expect(await funding(atMs)).toEqual(payments);
      expect(expectRows(await broker.incomeSince(atMs + 1))).toEqual([]);
    });

    it('keeps books that add up: deposit, what trades made, fees and funding', async () => {
      await enter({ quantity: 0.037 });
      await enter({ symbol: 'ETHUSDT', clientOrderId: 'qt-entry-2', side: 'SELL', quantity: 0.013 });
      await reduce({ quantity: 0.011 });
      await reduce({ clientOrderId: 'qt-stop-1', stopPrice: 48_900, quantity: 0.026 });
      nowMs = Date.UTC(2024, 0, 3, 1, 2, 3);
      await reduce({ clientOrderId: 'qt-reduce-2', symbol: 'ETHUSDT', side: 'BUY', quantity: 0.013 });
      const fills: readonly (readonly [OrderReport, number])[] = [
        [await find(market('qt-entry-1')), -1],
        [await find(market('qt-reduce-1')), 1],
        [await find(stop('qt-stop-1')), 1],
        [await find(market('qt-entry-2', 'ETHUSDT')), 1],
        [await find(market('qt-reduce-2', 'ETHUSDT')), -1],
      ];
      const made = fills.reduce(
        (sum, [{ filledQuantity, averagePrice }, sign]) => sum + sign * filledQuantity * averagePrice! * 1e6,
        0,
      );
      let fees = 0;
      for (const [report] of fills) fees += await feeMicroUsdt(report);
      const income = expectRows(await broker.incomeSince(BROKER_START_MS));
      const funding = income.filter(({ kind }) => kind === 'funding');
      // 08:00 of both positions is after the stop; 08:00, 16:00 and 00:00 of the short alone.
      expect(funding.map(({ symbol }) => symbol)).toEqual(['ETHUSDT', 'ETHUSDT', 'ETHUSDT']);
      const paid = funding.reduce((sum, { amount }) => sum + microUsdt(amount), 0);
      expect(expectRows(await broker.positions())).toEqual([]);
      const wallet = expectValue(await broker.walletMicroUsdt());
      // Each fill's value is rounded to a whole micro-USDT on its own.
      expect(Math.abs(wallet - (DEPOSIT_MICRO_USDT + made - fees + paid))).toBeLessThanOrEqual(fills.length);
      // The wallet is what its income explains, to the last digit.
      const explained = income.reduce((sum, { amount }) => sum + microUsdt(amount), 0);
      expect(wallet).toBe(DEPOSIT_MICRO_USDT + explained);
      expect(new Set(income.map(({ id }) => id)).size).toBe(income.length);
    });

    it('takes nothing that did not come through the gate', async () => {
      const approved = await approveEntry(scope);
      const forged = { order: approved.order } as RiskApproved<EntryOrder>;
      await expect((async () => broker.submit(forged))()).rejects.toThrow(InvariantError);
      expect(expectRows(await broker.positions())).toEqual([]);
    });
  });
}
