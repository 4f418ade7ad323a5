import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { InferRun } from '../../lib/inference/infer-run.ts';
import type { Signal } from '../../lib/inference/signal.ts';
import { type BarView, formatBarLine, formatScreen } from '../../local/run/live-view.ts';

const barOpenTimeMs = Date.UTC(2024, 7, 5);
const run: InferRun = {
  barOpenTimeMs,
  shard: 0,
  shardCount: 1,
  startedAtMs: barOpenTimeMs + 303_000,
  ensembleId: 'e20240728_000000',
  featureSetHash: 'f'.repeat(64),
  symbols: 3,
  written: 2,
  alreadyDecided: 0,
  actions: { SELL: 0, HOLD: 1, BUY: 1 },
  abstentions: [{ symbol: 'OLDUSDT', barOpenTimeMs, abstained: 'stale', message: 'newest candle is old' }],
  candleWindows: { newest: 2, whole: 0, proven: 0, differing: [], revised: [] },
  quarantined: [
    { model: 'xgboost', version: 'v20240728_000000', reason: 'sha256_mismatch', message: 'differs' },
  ],
  servedModels: 3,
  unwritten: [],
  meanConsensus: 1,
  meanConfidence: 0.5,
  residentBytes: 300_000_000,
  timingsMs: { models: 1, fetch: 20, features: 3, inference: 4, store: 5, total: 33.4 },
};
const signal = (symbol: string, action: Signal['action']): Signal => ({
  symbol,
  barOpenTimeMs,
  action,
  confidence: 0.612,
  probabilities: { sell: 0.1, hold: 0.288, buy: 0.612 },
  expectedEdgeBps: 12.34,
  votes: [
    {
      model: 'lightgbm',
      version: 'v20240728_000000',
      action: 'BUY',
      probabilities: { sell: 0.1, hold: 0.3, buy: 0.6 },
    },
    { model: 'xgboost', version: 'v20240728_000000', abstained: 'sha256_mismatch' },
  ],
  consensusFraction: 1,
  activeModels: 1,
  close: 100,
  atr: 1,
  stopPrice: action === 'HOLD' ? null : 98.8,
  ensembleId: 'e20240728_000000',
  featureSetHash: 'f'.repeat(64),
  reasons: action === 'HOLD' ? ['edge_below_threshold'] : [],
});
const view: BarView = {
  bar: 3,
  bars: 12,
  run,
  signals: [signal('BTCUSDT', 'BUY'), signal('ETHUSDT', 'HOLD')],
  status: {
    atMs: 0,
    mode: 'OFF',
    reasons: [{ code: 'flag_missing', message: 'EMERGENCY_MODE is not set' }],
    scope: 'paper',
    level: 'PAPER',
    flags: { QT_ENABLE_AI_TRADING: true, EMERGENCY_MODE: 'missing: EMERGENCY_MODE is not set' },
    breaker: { latch: 'ARMED', revision: 1, epoch: 0, armedAtMs: 0, highWaterMicroUsdt: null },
    epoch: 0,
    leaseUntilMs: 0,
    exposureMicroUsdt: 0,
    lastBar: null,
    missedBars: [],
    equity: {
      atMs: 0,
      equityMicroUsdt: 9_990_120_000,
      walletMicroUsdt: 0,
      exposureMicroUsdt: 0,
      positions: 0,
    },
    positions: [],
    unread: [],
  },
  failed: undefined,
  dashboard: 'http://127.0.0.1:4000 (token in .qt/api-token)',
};

describe('the live view', () => {
  it('tells a bar in one line: signals, abstentions, quarantined models, time', () => {
    expect(formatBarLine(view)).toBe(
      '2024-08-05 00:00 [3/12] 2 signals: 1 BUY, 0 SELL, 1 HOLD; 1 abstained (stale 1); quarantined: xgboost sha256_mismatch; OFF, 0 positions, 9990.12 USDT; 33 ms',
    );
  });

  it('shows every symbol with votes and reasons, the flags as they were read, and the timings', () => {
    const screen = formatScreen(view, { rows: 40, columns: 160 });
    for (const text of [
      'BTCUSDT',
      'lightgbm:BUY',
      'xgboost:sha256_mismatch',
      'edge_below_threshold',
      'OLDUSDT',
      'stale',
    ])
      expect(screen).toContain(text);
    expect(screen).toMatch(/QT_ENABLE_AI_TRADING=true {2}EMERGENCY_MODE=.*missing/);
    expect(screen).toMatch(/OFF.* flag_missing .*breaker armed/);
    expect(screen).toContain('equity 9990.12 USDT  no position');
    expect(screen).toContain('fetch 20 ms');
  });

  it('fits 80 columns: votes as letters, one reason, what acts and what abstains first', () => {
    const reasons: Signal['reasons'] = ['no_consensus', 'ensemble_disagrees', 'edge_below_threshold'];
    const quiet = { ...signal('ETHUSDT', 'HOLD'), expectedEdgeBps: null, reasons };
    const position = { symbol: 'BTCUSDT', side: 'BUY', quantity: 16.634988999999997 };
    const screen = formatScreen(
      {
        ...view,
        signals: [quiet, signal('BTCUSDT', 'BUY')],
        status: { ...view.status, positions: [position as (typeof view.status.positions)[number]] },
      },
      { rows: 40, columns: 80 },
    );
    const lines = stripVTControlCharacters(screen).split('\n');
    for (const line of lines) expect([line, line.length <= 80]).toEqual([line, true]);
    const rows = lines
      .filter((line) => /^\w+USDT /.test(line))
      .map((line) => line.replace(/ +/g, ' ').trim());
    expect(rows).toEqual([
      'BTCUSDT BUY 0.612 12.3 B-',
      'OLDUSDT abstained stale',
      'ETHUSDT HOLD 0.612 n/a B- no_consensus +2',
    ]);
    expect(lines.join('\n')).toContain('BUY 16.634989 BTCUSDT');
  });

  it('never grows beyond the terminal, and says what it leaves out', () => {
    const many = {
      ...view,
      signals: Array.from({ length: 100 }, (_, index) => signal(`COIN${index}USDT`, 'BUY')),
    };
    const screen = formatScreen(many, { rows: 30, columns: 80 });
    expect(screen.split('\n').length).toBeLessThanOrEqual(30);
    expect(screen).toMatch(/and \d+ more: npx --no-install qtrader signals/);
  });
});
