// Entries at their bounds: what is just enough and what is just not, for size, limits, brackets and windows.
import { describe, expect, it } from 'vitest';
import { notionalCapUsdt } from '../../lib/execution/leverage-brackets.ts';
import { bookLimits, TRADING_LIMITS } from '../../lib/execution/limits.ts';
import { PAPER_BRACKETS } from '../../lib/execution/paper/paper-brackets.ts';
import { type EntryRequest, planEntry } from '../../lib/execution/plan-entry.ts';
import {
  ARRIVAL_AFTER_AUTHORISATION_MS,
  ENTRY_WINDOW_MS,
  SEND_MS_MAX,
  SEND_WINDOW_MS,
} from '../../lib/execution/send-window.ts';
import { type SizingRequest, sizeEntry } from '../../lib/execution/sizing.ts';

const CENT = 10_000;
const USDT = 1_000_000;
const BARS_PER_DAY = 288;
const BAR_MS = 300_000;
const BAR_OPEN_MS = 1_722_816_000_000;

describe('the size of an entry', () => {
  /** Half of the target: 0.0015 of what is allocated. */
  const request: SizingRequest = {
    allocatedMicroUsdt: 1_000 * USDT,
    volatilityPerBar: 2 / Math.sqrt(BARS_PER_DAY),
    targetDailyVolatility: 0.003,
    ...{ policy: 1, positionFractionMax: 0.1, exposureMicroUsdtMax: 1_000 * USDT, exposureMicroUsdt: 0 },
  };
  const size = (over: Partial<SizingRequest> = {}) => sizeEntry({ ...request, ...over });
  const invalid = { ok: false, error: 'sizing_input_invalid' };
  const zero = { ok: false, error: 'size_zero' };

  it('is what moves the equity by the target in a day', () => {
    const sized = size();
    expect(sized.ok && Math.abs(sized.value - 1.5 * USDT)).toBeLessThanOrEqual(1);
  });

  it('is cut to the share of a position, to the policy and to the exposure that is left', () => {
    expect(size({ volatilityPerBar: 1e-9 })).toEqual({ ok: true, value: 100 * USDT });
    expect(size({ volatilityPerBar: 1e-9, policy: 0.5 })).toEqual({ ok: true, value: 50 * USDT });
    expect(size({ volatilityPerBar: 1e-9, policy: 7 })).toEqual({ ok: true, value: 100 * USDT });
    const exposureMicroUsdt = 999 * USDT;
    expect(size({ volatilityPerBar: 1e-9, exposureMicroUsdt })).toEqual({ ok: true, value: USDT });
    expect(size({ volatilityPerBar: 1e-9, positionFractionMax: 1 })).toEqual({
      ok: true,
      value: 1_000 * USDT,
    });
  });

  it('is none below a cent', () => {
    const left = (micro: number) => size({ exposureMicroUsdt: request.exposureMicroUsdtMax - micro });
    expect(left(CENT)).toEqual({ ok: true, value: CENT });
    expect(left(CENT - 1)).toEqual(zero);
    expect(left(-1)).toEqual(zero);
  });

  it.each<Partial<SizingRequest>>([
    { volatilityPerBar: 0 },
    { volatilityPerBar: -1 },
    { targetDailyVolatility: -0.001 },
    { exposureMicroUsdt: -1 },
    { positionFractionMax: -0.1 },
    { positionFractionMax: 1.001 },
    { allocatedMicroUsdt: 2 ** 53 },
    ...Object.keys(request).flatMap((name) => [{ [name]: Number.NaN }, { [name]: Number.POSITIVE_INFINITY }]),
  ])('is not reckoned from %j', (over) => {
    expect(size(over)).toEqual(invalid);
  });

  it.each<Partial<SizingRequest>>([
    { targetDailyVolatility: 0 },
    { positionFractionMax: 0 },
    { policy: 0 },
    { policy: -1 },
    { allocatedMicroUsdt: -1 },
    { exposureMicroUsdtMax: 0 },
  ])('is none, and no mistake, with %j', (over) => {
    expect(size(over)).toEqual(zero);
  });

  it('is reckoned for the largest amount that is exact', () => {
    expect(size({ allocatedMicroUsdt: Number.MAX_SAFE_INTEGER })).toEqual({ ok: true, value: 1_000 * USDT });
  });
});

describe('the limits of the book', () => {
  it('are shares of what is allocated, rounded down, and the count of positions', () => {
    const account = { equityMicroUsdt: 1_001, allocatedMicroUsdt: 501, positions: 7 };
    expect(bookLimits(account, TRADING_LIMITS)).toEqual({
      ...{ exposureMicroUsdt: 501, sideMicroUsdt: 350, netBetaMicroUsdt: 300, positions: 7 },
    });
    const halves = { ...TRADING_LIMITS, exposureFractionMax: 0.5, leverageMax: 0.1 };
    expect(bookLimits(account, halves).exposureMicroUsdt).toBe(100);
  });
});

describe('the windows of an approval', () => {
  it('end before the position manager gives an order up, and an emergency stop waits for both', () => {
    expect(ARRIVAL_AFTER_AUTHORISATION_MS).toBe(SEND_WINDOW_MS + ENTRY_WINDOW_MS);
    expect(SEND_MS_MAX).toBeGreaterThan(ARRIVAL_AFTER_AUTHORISATION_MS);
    expect(SEND_MS_MAX).toBeLessThan(60_000);
  });
});

describe('leverage brackets', () => {
  const bracket = (notional: number, leverageMax: number) => ({ notionalCapUsdt: notional, leverageMax });

  it('cap a position by the last of them that allows the leverage', () => {
    const table = [bracket(10, 20), bracket(50, 5), bracket(100, 1)];
    expect([20, 19, 5, 4, 1].map((leverage) => notionalCapUsdt(table, leverage))).toEqual([
      10, 10, 50, 50, 100,
    ]);
    expect(notionalCapUsdt(table, 21)).toBe(0);
  });

  it.each([
    ['the same notional twice', [bracket(10, 5), bracket(10, 4)]],
    ['the same leverage twice', [bracket(10, 5), bracket(20, 5)]],
    ['a smaller notional after a larger', [bracket(10, 5), bracket(9, 4)]],
    ['less than no leverage', [bracket(10, 0.5)]],
    ['no number for the leverage', [bracket(10, Number.NaN)]],
    ['a notional below zero', [bracket(-1, 5)]],
  ])('say nothing with %s', (_, table) => {
    expect(notionalCapUsdt(table, 1)).toBeUndefined();
  });
});

describe('the plan of an entry', () => {
  const request: EntryRequest = {
    scope: 'paper',
    signal: {
      ...{ symbol: 'BTCUSDT', action: 'BUY', barOpenTimeMs: BAR_OPEN_MS, close: 60_000, stopAtr: 150 },
      ...{ ensembleId: 'e1', betaToBitcoin: 1 },
    },
    ...{ price: 60_000, volatilityPerBar: 1e-6, policy: 1, stopAtrMultiple: 1.2, brackets: PAPER_BRACKETS },
    filters: { tickSize: 0.1, stepSize: 0.001, minQuantity: 0.001, maxQuantity: 120, minNotionalUsdt: 100 },
    account: {
      ...{ equityMicroUsdt: 6_000 * USDT, allocatedMicroUsdt: 6_000 * USDT, positions: 5 },
      ...{ exposureMicroUsdt: 0, sideMicroUsdt: { BUY: 0, SELL: 0 }, netBetaMicroUsdt: 0 },
      ...{ oldestBetaAtMs: BAR_OPEN_MS, positionCount: 0, reservedSymbols: new Set(), ordersLastMinute: 0 },
    },
    limits: TRADING_LIMITS,
    nowMs: BAR_OPEN_MS + BAR_MS,
  };
  const answer = (over: Partial<EntryRequest>, account: Partial<EntryRequest['account']> = {}) => {
    const planned = planEntry({ ...request, ...over, account: { ...request.account, ...account } });
    return planned.ok ? planned.value.quantity : planned.error;
  };
  /** 600 USDT: a tenth of what is allocated, which fits the step. */
  const FULL = 0.01;

  it('takes a signal until it is 120 s old, and of a clock that is 5 s behind', () => {
    for (const ageMs of [120_000, 0, -5_000]) expect(answer({ nowMs: request.nowMs + ageMs })).toBe(FULL);
    expect(answer({ nowMs: request.nowMs + 120_001 })).toEqual(['signal_stale']);
    expect(answer({ nowMs: request.nowMs - 5_001 })).toEqual(['signal_in_future']);
  });

  it('takes the last position and the last order of a minute', () => {
    expect(answer({}, { positionCount: 4, ordersLastMinute: 19 })).toBe(FULL);
    expect(answer({}, { positionCount: 5, ordersLastMinute: 20 })).toEqual(['position_count', 'order_rate']);
  });

  it('takes a price that has moved as far as it may, either way', () => {
    const limits = { ...TRADING_LIMITS, priceCollarBps: 2_500 };
    // Exact in binary: a quarter up or down.
    for (const price of [75_000, 45_000]) expect(answer({ price, limits })).toEqual(expect.any(Number));
    for (const price of [75_001, 44_999]) expect(answer({ price, limits })).toEqual(['price_collar']);
  });

  it('takes exactly the smallest quantity and amount, and no more than the largest quantity', () => {
    const { filters } = request;
    expect(answer({ filters: { ...filters, minQuantity: FULL, minNotionalUsdt: 600 } })).toBe(FULL);
    expect(answer({ filters: { ...filters, minQuantity: FULL + 0.001 } })).toEqual(['symbol_filters']);
    expect(answer({ filters: { ...filters, minNotionalUsdt: 600.01 } })).toEqual(['min_notional']);
    expect(answer({ filters: { ...filters, maxQuantity: 0.004 } })).toBe(0.004);
    expect(answer({ filters: { ...filters, minQuantity: 0, maxQuantity: 0.0001 } })).toEqual([
      'symbol_filters',
    ]);
  });

  it('counts exposure that is taken up to the last micro-USDT', () => {
    expect(answer({}, { exposureMicroUsdt: 5_400 * USDT })).toBe(FULL);
    expect(answer({}, { exposureMicroUsdt: 5_400 * USDT + 1 })).toBe(0.009);
  });

  it('lets what adds no beta join a book that is lopsided either way', () => {
    const signal = { ...request.signal, betaToBitcoin: 0 };
    for (const netBetaMicroUsdt of [9e9, -9e9]) expect(answer({ signal }, { netBetaMicroUsdt })).toBe(FULL);
  });

  it('names every denial of the finished order, that of its stop as well', () => {
    const signal = { ...request.signal, stopAtr: Number.NaN, betaToBitcoin: null };
    expect(answer({ signal, brackets: undefined })).toEqual([
      ...['brackets_unknown', 'beta_unknown', 'stop_invalid'],
    ]);
  });
});
