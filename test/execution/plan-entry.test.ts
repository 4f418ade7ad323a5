import { describe, expect, it } from 'vitest';
import { DAY_MS } from '../../lib/core/units.ts';
import { allocation, exposureLimit, TRADING_LIMITS } from '../../lib/execution/limits.ts';
import { PAPER_BRACKETS } from '../../lib/execution/paper/paper-brackets.ts';
import { type EntryRequest, type PreTradeDenial, planEntry } from '../../lib/execution/plan-entry.ts';
import type { Signal } from '../../lib/inference/signal.ts';

const BAR_MS = 300_000;
const BAR_OPEN_MS = 1_722_816_000_000;
const USDT = 1_000_000;

const signal: Signal = {
  symbol: 'BTCUSDT',
  barOpenTimeMs: BAR_OPEN_MS,
  action: 'BUY',
  confidence: 0.7,
  probabilities: { sell: 0.1, hold: 0.2, buy: 0.7 },
  expectedMoveBps: 30,
  moveDeviationBps: 40,
  expectedEdgeBps: 12,
  votes: [],
  consensusFraction: 1,
  activeModels: 4,
  close: 60_000,
  atr: 150,
  stopAtr: 150,
  atrRatio: 1,
  spreadBps: 2,
  betaToBitcoin: 1,
  stopPrice: 59_820,
  ensembleId: 'e20240728_000000',
  featureSetHash: 'f',
  reasons: [],
};
const base: EntryRequest = {
  scope: 'paper',
  signal,
  price: 60_010,
  // 0.003 a day is targeted; at this volatility that is 6.8 % of the allocated equity.
  volatilityPerBar: 0.0026,
  policy: 1,
  brackets: PAPER_BRACKETS,
  stopAtrMultiple: 1.2,
  filters: { tickSize: 0.1, stepSize: 0.001, minQuantity: 0.001, maxQuantity: 120, minNotionalUsdt: 100 },
  account: {
    equityMicroUsdt: 10_000 * USDT,
    allocatedMicroUsdt: 10_000 * USDT,
    positions: 5,
    exposureMicroUsdt: 0,
    sideMicroUsdt: { BUY: 0, SELL: 0 },
    netBetaMicroUsdt: 0,
    oldestBetaAtMs: BAR_OPEN_MS,
    positionCount: 0,
    reservedSymbols: new Set(),
    ordersLastMinute: 0,
  },
  limits: TRADING_LIMITS,
  nowMs: BAR_OPEN_MS + BAR_MS + 20_000,
};
type Over = Partial<Omit<EntryRequest, 'account' | 'signal' | 'filters'>> & {
  account?: Partial<EntryRequest['account']>;
  signal?: Partial<Signal>;
  filters?: Partial<EntryRequest['filters']>;
};
const plan = (over: Over = {}) =>
  planEntry({
    ...base,
    ...over,
    account: { ...base.account, ...over.account },
    signal: { ...signal, ...over.signal },
    filters: { ...base.filters, ...over.filters },
  });

const denials = (over: Over = {}): readonly PreTradeDenial[] => {
  const planned = plan(over);
  return planned.ok ? [] : planned.error;
};
const notionalOf = (planned: ReturnType<typeof plan>): number =>
  planned.ok ? planned.value.notionalMicroUsdt : Number.NaN;

describe('planEntry', () => {
  it('makes a long: sized by volatility, rounded down, named, with its stop under the price', () => {
    const planned = plan();
    expect(planned).toEqual({
      ok: true,
      value: {
        kind: 'entry',
        scope: 'paper',
        clientOrderId: expect.stringMatching(/^qt-/),
        symbol: 'BTCUSDT',
        side: 'BUY',
        // 10,000 × 0.003 / (0.0026 × √288) = 679.9 USDT = 0.01133 BTC
        quantity: 0.011,
        notionalMicroUsdt: 660_110_000,
        betaMicroUsdt: 660_110_000,
        barOpenTimeMs: BAR_OPEN_MS,
        ensembleId: 'e20240728_000000',
        referencePrice: 60_010,
        // 60,010 − 1.2 × 150
        stopPrice: 59_830,
      },
    });
  });
  it('makes a short, with its stop above the price', () => {
    const planned = plan({ signal: { action: 'SELL' } });
    expect(planned.ok && planned.value).toMatchObject({ side: 'SELL', stopPrice: 60_190 });
  });
  it('cuts a calm market to 10 % of the allocated equity', () => {
    const planned = plan({ volatilityPerBar: 1e-6 });
    expect(planned.ok && planned.value).toMatchObject({ quantity: 0.016, notionalMicroUsdt: 960_160_000 });
  });
  it('cuts to the exposure that is left', () => {
    const planned = plan({ account: { exposureMicroUsdt: 9_700 * USDT } });
    expect(planned.ok && planned.value).toMatchObject({ quantity: 0.004, notionalMicroUsdt: 240_040_000 });
  });
  it('counts a fraction of a micro-USDT as a whole one', () => {
    const planned = plan({ price: 60_010.00001 });
    expect(planned.ok && planned.value.notionalMicroUsdt).toBe(660_110_001);
  });
  it('scales with the policy', () => {
    const planned = plan({ policy: 0.5 });
    expect(planned.ok && planned.value).toMatchObject({ quantity: 0.005 });
  });

  const denied: [PreTradeDenial, Over][] = [
    ['signal_hold', { signal: { action: 'HOLD' } }],
    ['signal_stale', { nowMs: BAR_OPEN_MS + BAR_MS + 120_001 }],
    ['signal_stale', { nowMs: Number.NaN }],
    ['signal_in_future', { nowMs: BAR_OPEN_MS + BAR_MS - 5_001 }],
    ['position_open', { account: { reservedSymbols: new Set(['BTCUSDT']) } }],
    ['position_count', { account: { positionCount: 5 } }],
    ['position_count', { account: { positions: 0 } }],
    ['position_count', { account: { positionCount: Number.NaN } }],
    ['order_rate', { account: { ordersLastMinute: 20 } }],
    ['price_unknown', { price: Number.NaN }],
    ['price_unknown', { price: 0 }],
    ['price_unknown', { price: Number.POSITIVE_INFINITY }],
    ['price_collar', { price: 60_601 }],
    ['price_collar', { price: 59_399 }],
    ['sizing_input_invalid', { volatilityPerBar: 0 }],
    ['sizing_input_invalid', { volatilityPerBar: Number.NaN }],
    ['sizing_input_invalid', { policy: Number.NaN }],
    ['sizing_input_invalid', { account: { equityMicroUsdt: Number.NaN } }],
    ['size_zero', { policy: 0 }],
    ['size_zero', { policy: -1 }],
    ['size_zero', { account: { allocatedMicroUsdt: 0 } }],
    ['size_zero', { account: { exposureMicroUsdt: 10_000 * USDT } }],
    ['size_zero', { account: { equityMicroUsdt: -1 } }],
    ['other_contract', { filters: { isOtherContract: true } }],
    ['settles_soon', { filters: { settlesAtMs: BAR_OPEN_MS } }],
    ['settles_soon', { filters: { settlesAtMs: base.nowMs + DAY_MS } }],
    ['symbol_filters', { filters: { stepSize: 1 } }],
    ['symbol_filters', { filters: { minQuantity: 0.02 } }],
    ['symbol_filters', { filters: { stepSize: 0 } }],
    ['symbol_filters', { filters: { maxQuantity: Number.NaN } }],
    ['min_notional', { filters: { minNotionalUsdt: 661 } }],
    ['min_notional', { filters: { minNotionalUsdt: Number.NaN } }],
    ['stop_invalid', { signal: { stopAtr: 0 } }],
    ['stop_invalid', { signal: { stopAtr: 60_000 } }],
    ['stop_invalid', { stopAtrMultiple: Number.NaN }],
    ['stop_invalid', { filters: { tickSize: 1_000_000 } }],
  ];
  it.each(denied)('denies with %s: %j', (denial, over) => {
    expect(plan(over)).toEqual({ ok: false, error: [denial] });
  });
  it('enters a contract that is settled more than a day later', () => {
    expect(plan({ filters: { settlesAtMs: base.nowMs + 86_400_001 } }).ok).toBe(true);
  });
  it('names every denial at once', () => {
    const planned = plan({
      nowMs: BAR_OPEN_MS + BAR_MS + 600_000,
      price: 70_000,
      account: { positionCount: 9, reservedSymbols: new Set(['BTCUSDT']) },
    });
    expect(planned).toEqual({
      ok: false,
      error: ['signal_stale', 'position_open', 'position_count', 'price_collar'],
    });
  });
  it('gives a repeated decision the same id at another price', () => {
    const [first, second] = [plan(), plan({ price: 60_100, nowMs: base.nowMs + 60_000 })];
    expect(first.ok && second.ok && first.value.clientOrderId === second.value.clientOrderId).toBe(true);
  });
});

describe('limits', () => {
  const given = { equityMicroUsdt: 1_000 * USDT, capitalFraction: 0.5, positions: 20 };
  it('are the lower of flags and stage', () => {
    expect(allocation({ ...given, level: 'HOUR_1_6' })).toEqual({
      allocatedMicroUsdt: 100 * USDT,
      positions: 5,
    });
    expect(allocation({ ...given, level: 'HOUR_6_24' })).toEqual({
      allocatedMicroUsdt: 250 * USDT,
      positions: 10,
    });
    expect(allocation({ ...given, level: 'FULL' })).toEqual({
      allocatedMicroUsdt: 500 * USDT,
      positions: 20,
    });
    expect(allocation({ ...given, equityMicroUsdt: -5, level: 'FULL' }).allocatedMicroUsdt).toBe(0);
  });
  it('keep total exposure under both the allocated share and the leverage cap', () => {
    const account = { equityMicroUsdt: 1_000, allocatedMicroUsdt: 400 };
    expect(exposureLimit(account, TRADING_LIMITS)).toBe(400);
    expect(exposureLimit(account, { ...TRADING_LIMITS, exposureFractionMax: 5 })).toBe(1_000);
    expect(exposureLimit(account, { ...TRADING_LIMITS, exposureFractionMax: 5, leverageMax: 1.5 })).toBe(
      1_500,
    );
  });
});

describe('leverage brackets', () => {
  it('lets a position be as large as the bracket of the leverage in use', () => {
    const capUsdt = notionalOf(plan()) / USDT;
    const table = (cap: number) => [
      { notionalCapUsdt: cap / 2, leverageMax: 5 },
      { notionalCapUsdt: cap, leverageMax: 1 },
    ];
    expect(plan({ brackets: table(capUsdt) }).ok).toBe(true);
    expect(denials({ brackets: table(capUsdt - 0.01) })).toEqual(['bracket_cap']);
    const limits = { ...TRADING_LIMITS, symbolLeverage: 2 };
    expect(denials({ brackets: table(capUsdt), limits })).toEqual(['bracket_cap']);
    expect(plan({ brackets: table(2 * capUsdt), limits }).ok).toBe(true);
  });

  it.each([
    ['absent', undefined],
    ['empty', []],
    ['without a number', [{ notionalCapUsdt: Number.NaN, leverageMax: 1 }]],
    ['of nothing', [{ notionalCapUsdt: 0, leverageMax: 1 }]],
    ['without end', [{ notionalCapUsdt: Number.POSITIVE_INFINITY, leverageMax: 1 }]],
    [
      'out of order',
      [
        { notionalCapUsdt: 1e6, leverageMax: 1 },
        { notionalCapUsdt: 5e6, leverageMax: 20 },
      ],
    ],
  ])('denies with a table that is %s', (_, brackets) => {
    expect(denials({ brackets })).toEqual(['brackets_unknown']);
  });
});

describe('the book that the position would join', () => {
  const allocated = 10_000 * USDT;
  const notional = notionalOf(plan());
  const side = (micro: number) => ({ BUY: micro, SELL: 0 });

  it('has a limit to each side', () => {
    const room = allocated * TRADING_LIMITS.sideFractionMax - notional;
    expect(plan({ account: { sideMicroUsdt: side(room) } }).ok).toBe(true);
    expect(denials({ account: { sideMicroUsdt: side(room + 1) } })).toEqual(['side_limit']);
    expect(plan({ account: { sideMicroUsdt: { BUY: 0, SELL: allocated } } }).ok).toBe(true);
    expect(denials({ account: { sideMicroUsdt: side(Number.NaN) } })).toEqual(['side_limit']);
  });

  it('has a limit to its net beta, either way', () => {
    const limit = allocated * TRADING_LIMITS.netBetaFractionMax;
    const room = limit - Math.ceil(notional * 1.5);
    const betaToBitcoin = 1.5;
    expect(plan({ signal: { betaToBitcoin }, account: { netBetaMicroUsdt: room } }).ok).toBe(true);
    const over = { netBetaMicroUsdt: room + 1 };
    expect(denials({ signal: { betaToBitcoin }, account: over })).toEqual(['beta_limit']);
    const sell = { action: 'SELL' as const, betaToBitcoin };
    expect(plan({ signal: sell, account: { netBetaMicroUsdt: -room } }).ok).toBe(true);
    expect(denials({ signal: sell, account: { netBetaMicroUsdt: -room - 1 } })).toEqual(['beta_limit']);
    expect(denials({ account: { netBetaMicroUsdt: Number.NaN } })).toEqual(['beta_limit']);
  });

  it('may be hedged wherever it stands', () => {
    const lopsided = { netBetaMicroUsdt: 5 * allocated };
    expect(plan({ signal: { action: 'SELL', betaToBitcoin: 1.2 }, account: lopsided }).ok).toBe(true);
    expect(plan({ signal: { action: 'BUY', betaToBitcoin: -0.4 }, account: lopsided }).ok).toBe(true);
    expect(denials({ signal: { action: 'BUY' }, account: lopsided })).toEqual(['beta_limit']);
  });

  it('says what the order adds to it, away from zero', () => {
    const beta = (action: 'BUY' | 'SELL', betaToBitcoin: number) => {
      const planned = plan({ signal: { action, betaToBitcoin } });
      return planned.ok ? planned.value.betaMicroUsdt : undefined;
    };
    expect(beta('BUY', 1)).toBe(notional);
    expect(beta('SELL', 1)).toBe(-notional);
    expect(beta('BUY', -0.3333)).toBe(-Math.ceil(notional * 0.3333));
    expect(beta('BUY', 0)).toBe(0);
  });

  it.each<[string, Over]>([
    ['missing', { signal: { betaToBitcoin: null } }],
    ['no number', { signal: { betaToBitcoin: Number.NaN } }],
    ['endless', { signal: { betaToBitcoin: Number.POSITIVE_INFINITY } }],
    ['a day old in an open position', { account: { oldestBetaAtMs: base.nowMs - DAY_MS } }],
    ['of an unknown time in an open position', { account: { oldestBetaAtMs: Number.NaN } }],
  ])('is not joined where a beta is %s', (_, over) => {
    expect(denials(over)).toEqual(['beta_unknown']);
  });
});
