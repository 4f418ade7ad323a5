import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientOrderId, type OrderDecision } from '../../lib/execution/client-order-id.ts';

const decision: OrderDecision = {
  scope: 'paper',
  symbol: 'BTCUSDT',
  barOpenTimeMs: 1_722_816_000_000,
  side: 'BUY',
  ensembleId: 'e20240728_000000',
  leg: 'entry',
};

describe('clientOrderId', () => {
  it('is fixed: ids already on the exchange must be found again by later releases', () => {
    expect(clientOrderId(decision)).toBe('qt-l8NbKgzzY7G1o-AOA6-tDi1b3uLiWhE87');
  });
  it('differs when any part of the decision differs', () => {
    const others: Partial<OrderDecision>[] = [
      { scope: 'live' },
      { symbol: 'ETHUSDT' },
      { barOpenTimeMs: decision.barOpenTimeMs + 300_000 },
      { side: 'SELL' },
      { ensembleId: 'e20240729_000000' },
      { leg: 'stop' },
      { leg: 'exit' },
      { sequence: 1 },
      { sequence: 2 },
    ];
    const ids = [decision, ...others.map((other) => ({ ...decision, ...other }))].map(clientOrderId);
    expect(new Set(ids).size).toBe(ids.length);
  });
  it('of the first order of a leg is that of a leg without a count', () => {
    expect(clientOrderId({ ...decision, sequence: 0 })).toBe(clientOrderId(decision));
  });
  it('suits Binance, whatever the decision', () => {
    const any = fc.record({
      scope: fc.constantFrom('paper' as const, 'live' as const),
      symbol: fc.string({ unit: 'binary' }),
      barOpenTimeMs: fc.integer(),
      side: fc.constantFrom('BUY' as const, 'SELL' as const),
      ensembleId: fc.string(),
      leg: fc.constantFrom('entry' as const, 'stop' as const, 'exit' as const),
    });
    fc.assert(
      fc.property(any, (made) => {
        expect(clientOrderId(made)).toMatch(/^[A-Za-z0-9_-]{1,36}$/);
      }),
    );
  });
});
