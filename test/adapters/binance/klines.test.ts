import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExchangeFault } from '../../../lib/adapters/binance/exchange-fault.ts';
import { readKlines } from '../../../lib/adapters/binance/market/klines.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';

const wanted = { symbol: 'BTCUSDT', count: 998, lastOpenTimeMs: 10 * BAR_MS };
const row = (bar: number, cells: Record<number, unknown> = {}) =>
  Object.values({ ...[bar * BAR_MS, '2.0', '3.0', '1.0', '2.5', '7'], ...cells });

function faultOf(body: unknown): ExchangeFault {
  try {
    readKlines(body, wanted);
  } catch (error) {
    if (error instanceof ExchangeFault) return error;
    throw error;
  }
  throw new Error('the answer was taken for candles');
}

describe('reading klines', () => {
  it('takes decimals exactly, and only the newest when more come than asked for', () => {
    const series = readKlines([row(1), row(2), row(3, { 4: '2.123456789' })], { ...wanted, count: 2 });
    expect([...series.openTimeMs]).toEqual([2 * BAR_MS, 3 * BAR_MS]);
    expect([...series.close]).toEqual([2.5, 2.123456789]);
  });

  it('drops what opened after the bar that is asked for', () => {
    const series = readKlines([row(9), row(10), row(11), row(12)], { ...wanted, count: 2 });
    expect([...series.openTimeMs]).toEqual([9 * BAR_MS, 10 * BAR_MS]);
  });

  it.each([
    [''],
    [' '],
    ['0x10'],
    ['1e'],
    ['1e999'],
    ['NaN'],
    ['Infinity'],
    ['2,5'],
    [null],
    [undefined],
    [true],
    [[]],
    [['2']],
    [{}],
    [2.5],
  ])('does not take %j for a price', (cell) => {
    expect(faultOf([row(1), row(2, { 4: cell })])).toMatchObject({ code: 'invalid_candle' });
  });

  it('reads exponent notation like any other number', () => {
    const series = readKlines([row(1, { 5: '1E-7' })], wanted);
    expect([...series.volume]).toEqual([1e-7]);
  });

  it.each([['1700000000000'], [null], [Number.NaN], [BAR_MS + 1]])(
    'does not take %j for an open time',
    (cell) => {
      expect(faultOf([row(1, { 0: cell })])).toMatchObject({ code: 'invalid_candle' });
    },
  );

  it.each([[undefined], [null], [{}], ['<html>'], [42], [[{}]], [['row']], [[[]]], [[null]]])(
    'refuses %j as no list of candles, in one short line',
    (body) => {
      const fault = faultOf(body);
      expect(fault.code).toBe('invalid_response');
      expect(fault.message.length).toBeLessThan(100);
    },
  );

  it('returns only valid candles or a fault of its own, whatever it is given', () => {
    const cell = fc.oneof(
      fc.constantFrom('1', '2', '3', '0', '-1'),
      fc.integer().map((n) => n * BAR_MS),
      fc.anything(),
    );
    const body = fc.oneof(fc.anything(), fc.array(fc.array(cell, { maxLength: 13 }), { maxLength: 4 }));
    fc.assert(
      fc.property(body, (answer) => {
        try {
          const series = readKlines(answer, wanted);
          for (let index = 0; index < series.length; index++) {
            expect(series.openTimeMs[index]).toBeLessThanOrEqual(wanted.lastOpenTimeMs);
            expect(series.low[index]).toBeGreaterThan(0);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ExchangeFault);
        }
      }),
      { numRuns: 500 },
    );
  });
});
