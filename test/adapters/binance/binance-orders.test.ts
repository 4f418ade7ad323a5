// What an order's answer says it was filled at.
import { expect, it } from 'vitest';
import { readOrder, reportOfOrder } from '../../../lib/adapters/binance/account/binance-orders.ts';

const ANSWER = {
  ...{ symbol: '1000SATSUSDT', orderId: 1, clientOrderId: 'qt-1', status: 'FILLED', updateTime: 1 },
  ...{ origQty: '10000000', executedQty: '10000000', avgPrice: '0.000302', cumQuote: '3015.5' },
};

it('is what its trades were worth, not the average that the exchange has rounded', () => {
  expect(reportOfOrder(readOrder(ANSWER)).averagePrice).toBe(0.00030155);
});

it.each([undefined, null, '0', 'n/a'])(
  'is the rounded average while the answer does not tell: %s',
  (cumQuote) => {
    expect(reportOfOrder(readOrder({ ...ANSWER, cumQuote })).averagePrice).toBe(0.000302);
  },
);
