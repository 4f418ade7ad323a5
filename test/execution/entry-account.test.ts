// What an entry is sized and checked with: what may be traded with, what is taken of it, and what a sizing policy is told.
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS } from '../../lib/core/units.ts';
import {
  accountState,
  allowance,
  exitDueMs,
  STOP_HITS_WINDOW_MS,
  signalState,
  usage,
  volatilityPerBar,
} from '../../lib/execution/entry-account.ts';
import { TRADING_LIMITS } from '../../lib/execution/limits.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { FLAG_NAMES, type FlagReading, parseFlags } from '../../lib/risk/flags.ts';

const NOW_MS = Date.UTC(2024, 7, 5, 12);

describe('what may be traded with', () => {
  const flags = (change: Record<string, string> = {}) => {
    const texts = { QT_MAX_CAPITAL_ALLOCATION: '0.2', QT_MAX_POSITIONS: '3', ...change };
    return parseFlags(
      new Map(
        FLAG_NAMES.map((name): [string, FlagReading] => [
          name,
          { kind: 'text', text: (texts as Record<string, string>)[name] ?? 'false' },
        ]),
      ),
    );
  };

  it('is what the flags and the level allow', () => {
    const allowed = { equityMicroUsdt: 1_000, allocatedMicroUsdt: 200, positions: 3 };
    expect(allowance({ mode: 'LIVE', flags: flags(), level: 'FULL' }, 1_000)).toEqual(allowed);
    expect(allowance({ mode: 'PAPER', flags: flags(), level: 'HOUR_1_6' }, 1_000)).toEqual({
      ...allowed,
      allocatedMicroUsdt: 100,
    });
  });

  it.each([
    ['the mode is off', { mode: 'OFF', flags: flags(), level: 'FULL' }],
    ['the level is not known', { mode: 'LIVE', flags: flags(), level: undefined }],
    [
      'the capital is misspelt',
      { mode: 'LIVE', flags: flags({ QT_MAX_CAPITAL_ALLOCATION: '2' }), level: 'FULL' },
    ],
    ['the positions are misspelt', { mode: 'LIVE', flags: flags({ QT_MAX_POSITIONS: 'x' }), level: 'FULL' }],
  ] as const)('is nothing while %s', (_, about) => {
    expect(allowance(about, 1_000)).toBeUndefined();
  });
});

describe('what is taken of it', () => {
  const reserved = (clientOrderId: string) => ({
    ...{ clientOrderId, side: 'BUY', notionalMicroUsdt: 1, betaMicroUsdt: 1 },
  });
  const gate = {
    ...{ exposureMicroUsdt: 7, sideMicroUsdt: { BUY: 5, SELL: 2 }, netBetaMicroUsdt: 3, positionCount: 2 },
    authorised: {
      young: { atMs: NOW_MS - 59_999 },
      minute: { atMs: NOW_MS - 60_000 },
      old: { atMs: NOW_MS - HOUR_MS },
    },
    reserved: { BTCUSDT: reserved('minute'), ETHUSDT: reserved('old') },
  } as unknown as Parameters<typeof usage>[0];

  it('is what the gate counts, with the orders of the last minute and the oldest beta', () => {
    expect(usage(gate, NOW_MS)).toEqual({
      ...{ exposureMicroUsdt: 7, sideMicroUsdt: gate.sideMicroUsdt, netBetaMicroUsdt: 3, positionCount: 2 },
      oldestBetaAtMs: NOW_MS - HOUR_MS,
      reservedSymbols: new Set(['BTCUSDT', 'ETHUSDT']),
      ordersLastMinute: 1,
    });
  });

  it('has no oldest beta but now where nothing is held, and none that is known where an id is forgotten', () => {
    expect(usage({ ...gate, reserved: {} }, NOW_MS).oldestBetaAtMs).toBe(NOW_MS);
    expect(usage({ ...gate, authorised: {} }, NOW_MS).oldestBetaAtMs).toBeNaN();
  });
});

it('a bar moves by its true range over that of a Brownian path', () => {
  expect(volatilityPerBar({ atr: 2, close: 100 })).toBeCloseTo(0.02 / 1.595769, 8);
});

it('a position is due so many bars after the one that decided it', () => {
  expect(exitDueMs(NOW_MS, 12)).toBe(NOW_MS + 13 * BAR_MS);
});

it('a stop that was hit counts for six hours', () => {
  expect(STOP_HITS_WINDOW_MS).toBe(6 * HOUR_MS);
});

describe('a sizing policy', () => {
  const signal = {
    ...{ barOpenTimeMs: NOW_MS - 6 * HOUR_MS, expectedEdgeBps: 8, moveDeviationBps: 20, confidence: 0.6 },
    ...{ consensusFraction: 0.75, close: 200, atr: 1, atrRatio: 1.5, spreadBps: 3 },
  };
  const account = {
    ...{ equityMicroUsdt: 900, allocatedMicroUsdt: 400, positions: 4 },
    ...{ exposureMicroUsdt: 100, positionCount: 1 },
  };
  const about = { limits: TRADING_LIMITS, highWaterMicroUsdt: 1_000, stopHits: 2 };

  it('is told of the signal in basis points, and of the hour as an angle', () => {
    const { hour_sin, hour_cos, ...state } = signalState(signal);
    expect(state).toEqual({
      ...{ expected_edge_bps: 8, move_deviation_bps: 20, confidence: 0.6, consensus: 0.75 },
      ...{ atr_bps: 50, atr_ratio: 1.5, spread_bps: 3 },
    });
    expect([hour_sin, hour_cos]).toEqual([expect.closeTo(1, 12), expect.closeTo(0, 12)]);
    const night = signalState({ ...signal, barOpenTimeMs: NOW_MS - DAY_MS / 2 });
    expect([night.hour_sin, night.hour_cos]).toEqual([expect.closeTo(0, 12), expect.closeTo(1, 12)]);
  });

  it('is told that nothing is known of a move that the signal does not say', () => {
    const state = signalState({ ...signal, expectedEdgeBps: null, moveDeviationBps: null });
    expect([state.expected_edge_bps, state.move_deviation_bps]).toEqual([Number.NaN, Number.NaN]);
  });

  it('is told how much of the account is used, and how far it has fallen', () => {
    expect(accountState(account, about)).toEqual({
      ...{ exposure_used: 0.25, positions_used: 0.25, drawdown: expect.closeTo(0.1, 12), stop_hits: 2 },
    });
    expect(accountState({ ...account, equityMicroUsdt: 1_100 }, about).drawdown).toBe(0);
    expect(accountState(account, { ...about, highWaterMicroUsdt: null }).drawdown).toBeNaN();
  });
});
