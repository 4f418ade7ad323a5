// Where the stop of an entry lies, worked out by hand, and where there is none.
import { expect, it } from 'vitest';
import { type StopRequest, stopPrice } from '../../lib/execution/stop-price.ts';

const request = (change: Partial<StopRequest>): StopRequest => ({
  side: 'BUY',
  entryPrice: 100.05,
  atr: 1,
  atrMultiple: 1.5,
  tickSize: 0.1,
  ...change,
});

it('lies at the multiple of ATR from the entry, on the tick that is nearer to it', () => {
  expect(stopPrice(request({}))).toEqual({ ok: true, value: 98.6 });
  expect(stopPrice(request({ side: 'SELL' }))).toEqual({ ok: true, value: 101.5 });
});

it.each<[string, Partial<StopRequest>]>([
  ['no ATR', { atr: 0 }],
  ['an ATR that is no number', { atr: Number.NaN }],
  ['a distance to the wrong side', { atr: -1 }],
  ['a distance without end', { atr: Number.POSITIVE_INFINITY }],
  ['less than a tick from an entry on one', { entryPrice: 100, atr: 0.01 }],
  ['an entry at nothing', { entryPrice: 0 }],
  ['an entry below zero', { entryPrice: -1, atr: 10 }],
  ['an entry that is no number', { entryPrice: Number.NaN }],
  ['no tick', { tickSize: 0 }],
])('is none of %s, on either side', (_, change) => {
  for (const side of ['BUY', 'SELL'] as const)
    expect(stopPrice(request({ ...change, side }))).toEqual({ ok: false, error: 'stop_invalid' });
});

it('is none of a long at or below zero', () => {
  expect(stopPrice(request({ entryPrice: 1.5 })).ok).toBe(false);
  expect(stopPrice(request({ entryPrice: 1.4 })).ok).toBe(false);
  expect(stopPrice(request({ entryPrice: 1.55 }))).toEqual({ ok: true, value: 0.1 });
});
