// Conditional orders of the simulated exchange: their steps, what they watch, what they close, and how many there may be.
import { afterEach, describe, expect, it } from 'vitest';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { ExchangeAccount, START_MS } from '../../support/trading/exchange-account.ts';

let account: ExchangeAccount;
afterEach(() => account.close());
const open = async (options?: Parameters<typeof ExchangeAccount.open>[0]): Promise<void> => {
  account = await ExchangeAccount.open(options);
};
const stateOf = async (algoId: number) => (await account.get('algoOrder', { algoId })).body;
const nextBarMs = (Math.floor(START_MS / BAR_MS) + 2) * BAR_MS;

describe('a stop', () => {
  it('is NEW, TRIGGERING, TRIGGERED and FINISHED, and has an order only from TRIGGERED on', async () => {
    await open({ dips: { 1: 0.97 }, unkind: { stopSteps: { triggeringMs: 800, triggeredMs: 1_200 } } });
    await account.order();
    const { algoId } = (await account.stop()).body;
    expect(await stateOf(algoId)).toMatchObject({ algoStatus: 'NEW', actualOrderId: '', triggerTime: 0 });
    account.nowMs = nextBarMs + 100;
    expect(await stateOf(algoId)).toMatchObject({ algoStatus: 'TRIGGERING', actualOrderId: '' });
    expect(await account.held()).toBe(0.01);
    expect((await account.delete('algoOrder', { algoId })).body.code).toBe(-2011);
    account.nowMs = nextBarMs + 900;
    const triggered = await stateOf(algoId);
    expect(triggered).toMatchObject({ algoStatus: 'TRIGGERED', triggerTime: nextBarMs });
    expect(await account.held()).toBe(0);
    const orderId = triggered.actualOrderId as string;
    const became = await account.get('order', { symbol: 'BTCUSDT', orderId });
    expect(became.body).toMatchObject({ status: 'FILLED', executedQty: '0.01', avgPrice: '49000' });
    expect(await account.rows('openAlgoOrders')).toHaveLength(1);
    account.nowMs = nextBarMs + 2_000;
    expect(await stateOf(algoId)).toMatchObject({ algoStatus: 'FINISHED', actualOrderId: orderId });
    expect(await account.rows('openAlgoOrders')).toEqual([]);
  });

  it('is REJECTED when there is nothing left to reduce', async () => {
    await open({ dips: { 1: 0.97 }, unkind: { stopSteps: { triggeringMs: 800, triggeredMs: 1_200 } } });
    await account.order();
    const { algoId } = (await account.stop()).body;
    await account.order({ side: 'SELL' });
    account.nowMs = nextBarMs + 1_000;
    expect(await stateOf(algoId)).toMatchObject({ algoStatus: 'REJECTED', actualOrderId: '' });
  });

  it('can close whatever is held, once a side', async () => {
    await open({ dips: { 1: 0.97 } });
    await account.order();
    const closing = { closePosition: 'true' };
    const { body } = await account.stop(closing);
    expect(body).toMatchObject({ closePosition: true, quantity: null });
    expect((await account.stop({ ...closing, triggerPrice: '48000' })).body.code).toBe(-4130);
    expect((await account.stop({ ...closing, quantity: '0.01' })).body.code).toBe(-4137);
    expect((await account.stop({ ...closing, reduceOnly: 'true' })).body.code).toBe(-1106);
    await account.order({ quantity: '0.02' });
    account.nowMs = nextBarMs + 100;
    expect(await account.held()).toBe(0);
    expect(await stateOf(body.algoId)).toMatchObject({ algoStatus: 'FINISHED' });
  });

  it('that ends with the position expires with it', async () => {
    await open();
    const gone = { closePosition: 'true', timeInForce: 'GTE_GTC' };
    expect((await account.stop(gone)).body.code).toBe(-4509);
    await account.order();
    const { algoId } = (await account.stop(gone)).body;
    await account.order({ side: 'SELL' });
    expect(await stateOf(algoId)).toMatchObject({ algoStatus: 'EXPIRED' });
  });

  it('is refused past its trigger (-2021), off the tick, with an id in use (-4116), and over the limit (-4045)', async () => {
    await open({ contracts: { BTCUSDT: { stopOrdersMax: 3 } } });
    await account.order();
    const codeOf = async (parameters: Record<string, string>) => (await account.stop(parameters)).body.code;
    expect(await codeOf({ triggerPrice: '50000' })).toBe(-2021);
    expect(await codeOf({ triggerPrice: '49000.05' })).toBe(-1111);
    expect(await codeOf({ workingType: 'LAST' })).toBe(-4031);
    expect(await codeOf({ clientAlgoId: 'one' })).toBeUndefined();
    expect(await codeOf({ clientAlgoId: 'one' })).toBe(-4116);
    await account.stop();
    await account.stop();
    expect(await codeOf({})).toBe(-4045);
    await account.delete('algoOrder', { clientAlgoId: 'one' });
    expect(await codeOf({ clientAlgoId: 'one' })).toBeUndefined();
  });
});

describe('the mark price', () => {
  it('is apart from the last price, and the same whenever it is asked for', async () => {
    await open({ unkind: { markDeviationBps: 20 } });
    const markOf = async () =>
      Number((await account.get('premiumIndex', { symbol: 'BTCUSDT' })).body.markPrice);
    await account.order();
    const marks: number[] = [];
    for (let minute = 0; minute < 40; minute++) {
      marks.push(await markOf());
      account.nowMs += MINUTE_MS;
    }
    expect(Math.max(...marks)).toBeGreaterThan(50_000 * 1.001);
    expect(Math.min(...marks)).toBeLessThan(50_000 * 0.999);
    expect(marks.every((mark) => Math.abs(mark / 50_000 - 1) <= 0.002)).toBe(true);
    const [position] = await account.rows('/fapi/v3/positionRisk');
    expect(Number(position!.markPrice)).toBe(await markOf());
    account.nowMs -= 40 * MINUTE_MS;
    expect(await markOf()).toBe(marks[0]);
    expect((await account.get('premiumIndex')).body).toHaveLength(3);
  });

  it('triggers the stops that watch it, and no others', async () => {
    await open();
    await account.order({ quantity: '0.02' });
    const byMark = (await account.stop({ workingType: 'MARK_PRICE' })).body;
    const byLast = (await account.stop()).body;
    account.exchange.external.changeMark({ symbol: 'BTCUSDT', offsetBps: -250 });
    account.nowMs += 1_000;
    expect(await stateOf(byMark.algoId)).toMatchObject({ algoStatus: 'FINISHED', workingType: 'MARK_PRICE' });
    expect(await stateOf(byLast.algoId)).toMatchObject({ algoStatus: 'NEW', workingType: 'CONTRACT_PRICE' });
    // It trades at the last price all the same.
    const trades = await account.rows('userTrades', { symbol: 'BTCUSDT' });
    expect(Number(trades.at(-1)!.price)).toBe(50_000);
    expect(await account.held()).toBe(0.01);
  });
});
