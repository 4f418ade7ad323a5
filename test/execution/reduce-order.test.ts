import { describe, expect, it } from 'vitest';
import type { EntryOrder } from '../../lib/execution/order.ts';
import { reduceOrder } from '../../lib/execution/reduce-order.ts';

const entry: EntryOrder = {
  kind: 'entry',
  scope: 'live',
  clientOrderId: 'qt-entry',
  symbol: 'BTCUSDT',
  side: 'BUY',
  quantity: 0.011,
  barOpenTimeMs: 1_722_816_000_000,
  ensembleId: 'e20240728_000000',
  referencePrice: 60_010,
  notionalMicroUsdt: 660_110_000,
  betaMicroUsdt: 660_110_000,
  stopPrice: 59_830,
};

describe('reduceOrder', () => {
  it('is the opposite of the entry, for what was filled of it', () => {
    expect(reduceOrder(entry, 'stop', 0.004)).toMatchObject({
      reduceOnly: true,
      side: 'SELL',
      quantity: 0.004,
      stopPrice: 59_830,
    });
    expect(reduceOrder({ ...entry, side: 'SELL' }, 'exit', 0.011)).toMatchObject({
      side: 'BUY',
      stopPrice: null,
    });
  });
  it('has an id of its own per leg, the same every time', () => {
    const id = (leg: 'stop' | 'exit') => reduceOrder(entry, leg, 0.011).clientOrderId;
    expect(id('stop')).toBe(reduceOrder(entry, 'stop', 0.004).clientOrderId);
    expect(new Set([id('stop'), id('exit'), entry.clientOrderId]).size).toBe(3);
    expect(reduceOrder(entry, 'stop', 0.011, 0).clientOrderId).toBe(id('stop'));
    expect(reduceOrder(entry, 'stop', 0.011, 1).clientOrderId).not.toBe(id('stop'));
  });
});
