import { Writable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import xterm from '@xterm/headless';
import { describe, expect, it } from 'vitest';
import type { InferRun } from '../../lib/inference/infer-run.ts';
import type { Signal } from '../../lib/inference/signal.ts';
import { type BarView, formatScreen } from '../../local/run/live-screen.ts';
import { createLiveView, formatBarLine } from '../../local/run/live-view.ts';

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
  expectedMoveBps: 26.34,
  moveDeviationBps: 50,
  expectedEdgeBps: 12.34,
  votes: [
    {
      model: 'lightgbm',
      version: 'v20240728_000000',
      action: 'BUY',
      probabilities: { sell: 0.1, hold: 0.3, buy: 0.6 },
      move: { expected: 0.5, deviation: 0.7 },
    },
    { model: 'xgboost', version: 'v20240728_000000', abstained: 'sha256_mismatch' },
  ],
  consensusFraction: 1,
  activeModels: 1,
  close: 100,
  atr: 1,
  stopAtr: 1,
  atrRatio: 1,
  spreadBps: 2,
  betaToBitcoin: action === 'HOLD' ? null : 1.1,
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
    book: { longMicroUsdt: 0, shortMicroUsdt: 0, netBetaMicroUsdt: 0 },
    allowance: {
      capitalMicroUsdt: 9_990_120_000,
      positions: 10,
      sideMicroUsdt: 6_993_084_000,
      netBetaMicroUsdt: 5_994_072_000,
    },
    positions: [],
    unread: [],
  },
  failed: undefined,
  dashboard: 'http://127.0.0.1:4000 (token in .qt/api-token)',
  stateOption: '',
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
    expect(screen).toMatch(/OFF.* {2}breaker armed.* {2}flag_missing/);
    expect(screen).toContain('equity 9990.12 USDT, no position');
    expect(screen).toContain('1 BUY, 0 SELL, 1 HOLD, 1 abstained (stale 1)');
    expect(screen).toContain('fetch 20, ');
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

  it.each([
    [24, 80],
    [24, 40],
    [12, 80],
    [50, 200],
  ])(
    'keeps mode, money and counts in sight on %i × %i, whatever else there is to tell',
    async (rows, columns) => {
      const held = Array.from({ length: 30 }, (_, index) => ({
        symbol: `COIN${index}USDT`,
        side: 'BUY',
        quantity: 16.634988999999997,
      })) as unknown as (typeof view.status.positions)[number][];
      const busy: BarView = {
        ...view,
        signals: Array.from({ length: 100 }, (_, index) => signal(`COIN${index}USDT`, 'BUY')),
        status: {
          ...view.status,
          positions: held,
          reasons: Array.from({ length: 9 }, () => view.status.reasons[0]!),
        },
        failed: 'manage-positions: the exchange did not answer within ten seconds, and again and again',
      };
      const shell = openTerminal(rows, columns);
      shell.output.write('some lines that were there before\n'.repeat(30));
      const live = createLiveView(shell.output);
      live.progress('loading candles …');
      live.show(view);
      live.show(busy);
      live.progress('the log is not written any more: no space left on the device, and so on '.repeat(4));
      live.show(view);
      live.show(busy);
      const screen = await shell.screen();
      const lineOf = (start: string) => screen.filter((line) => line.startsWith(start)).length;
      expect([lineOf('Quantum Trader'), lineOf('mode   OFF'), lineOf('money  equity 9990.12')]).toEqual([
        1, 1, 1,
      ]);
      expect(lineOf('bar    1 BUY')).toBe(1);
      expect(screen.join('\n')).not.toContain('16.6349889');
      if (rows >= 24) {
        expect(lineOf('symbol ')).toBe(1);
        expect(screen.join('\n')).toMatch(/… and \d+ more: npx --no-install qtr/);
      }
    },
  );

  it('tells beside the last bar what happens since', async () => {
    const shell = openTerminal(24, 80);
    const live = createLiveView(shell.output);
    live.show(view);
    live.progress('the exchange has no newer bar');
    const screen = (await shell.screen()).join('\n');
    expect(screen).toMatch(/mode {3}OFF/);
    expect(screen).toContain('note   the exchange has no newer bar');
  });
});

/** A terminal as people have one: what is written scrolls, and only the last rows are seen. */
function openTerminal(rows: number, columns: number) {
  const terminal = new xterm.Terminal({ rows, cols: columns, convertEol: true, allowProposedApi: true });
  const output = Object.assign(
    new Writable({ write: (chunk, _, done) => terminal.write(chunk, () => done()) }),
    { isTTY: true, rows, columns },
  ) as unknown as NodeJS.WriteStream;
  return {
    output,
    async screen(): Promise<string[]> {
      await new Promise<void>((resolve) => output.write('', () => resolve()));
      const { active } = terminal.buffer;
      return Array.from({ length: rows }, (_, row) =>
        active.getLine(active.viewportY + row)!.translateToString(true),
      );
    },
  };
}
