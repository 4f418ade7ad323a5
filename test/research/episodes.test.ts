// Episodes tell what the backtest tells of the same entries, and a backtest sizes by the policy that trading is sized by.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCandleFolder } from '../../lib/adapters/files/candle-folder.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { type CandleSeries, countUntil } from '../../lib/market/candle-series.ts';
import type { PolicyManifest } from '../../lib/models/sizing-policy.ts';
import { EXECUTE_MS } from '../../lib/research/backtest-run.ts';
import { applySettings, releasedSettings } from '../../lib/research/backtest-settings.ts';
import { collectEpisodes } from '../../lib/research/use-cases/collect-episodes.ts';
import { replayColumns, replayPast, replayUseCases } from '../../lib/runtime/compose/research/backtest.ts';
import { type PolicyPlan, writePolicy } from '../support/models/build-policy.ts';
import { qtrader } from '../support/qtrader.ts';
import { answersOf, ENSEMBLE, replayInputOf, type Wish } from '../support/trading/past.ts';

const SAMPLE = resolve(import.meta.dirname, '../../samples/crash-2024-08-05');
const FROM_MS = Date.UTC(2024, 7, 4, 22);
const TO_MS = Date.UTC(2024, 7, 5, 9);
/** Models run in the commands, and all day is traded by the use cases. */
const BUSY_MACHINE_MS = 900_000;
const query = { fromMs: FROM_MS, toMs: TO_MS, depositUsdt: 1_000_000 };

const recorded = new Map<string, CandleSeries>();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-episodes-'));
  const candles = await openCandleFolder(SAMPLE);
  if (!candles.ok) throw new Error(candles.error);
  for (const symbol of candles.value.symbols) {
    const series = await candles.value.read(symbol);
    if (!series.ok) throw new Error(series.error);
    recorded.set(symbol, series.value);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Every symbol wants in now and then, to either side, and sometimes out again before its time. */
async function inputOf(count = recorded.size) {
  // Bitcoin is what the limits of the book are measured by.
  const others = [...recorded].filter(([symbol]) => symbol !== 'BTCUSDT').slice(0, count - 1);
  const traded = [...others, ['BTCUSDT', recorded.get('BTCUSDT')!] as const];
  const pasts = traded
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([symbol, series], index) => {
      const candles = series;
      const wishes: Record<number, Wish> = {};
      const bars = countUntil(series, TO_MS - 1) - countUntil(series, FROM_MS - 1);
      for (let row = index % 7; row < bars; row += 9) {
        wishes[row] = (row + index) % 2 === 0 ? 'BUY' : 'SELL';
        if (index % 3 === 0) wishes[row + 2] = wishes[row] === 'BUY' ? 'SELL' : 'BUY';
      }
      const predictions = answersOf(symbol, candles, wishes, FROM_MS);
      predictions.atr.set(predictions.close.map((close) => close / 300));
      predictions.stopAtr.set(predictions.atr);
      return [symbol, { candles, predictions }] as const;
    });
  return replayInputOf(Object.fromEntries(pasts));
}

/** So small that no entry keeps another from being made. */
const SETTINGS = {
  positionsMax: 100,
  positionFractionMax: 0.01,
  targetDailyVolatility: 1,
  fundingBpsPer8h: 0,
};

it('an episode is what the backtest makes of the same entry, its costs and its end', async () => {
  const input = await inputOf();
  const run = await replayColumns({ ...query, settings: SETTINGS }, input);
  if (!run.ok) throw new Error(run.error);
  const { costs, limits, ensemble } = applySettings({ ...releasedSettings(ENSEMBLE), ...SETTINGS }, ENSEMBLE);
  const series = [...input.past.series.values()];
  const predictions = await input.past.predictions();
  const symbols = input.past.decided.map((decided, index) => ({
    ...{ decided, series: series[index]!, predictions: predictions[index]! },
  }));
  const { rows, dropped } = collectEpisodes(symbols, {
    ...{ costs, limits, ensemble, fromMs: FROM_MS, toMs: TO_MS },
  });
  const byEntry = new Map(
    rows.map((row) => [`${symbols[row.symbol]!.decided.symbol} ${row.openTimeMs}`, row]),
  );
  expect(run.value.trades.length).toBeGreaterThan(100);
  const reasons = new Set<string>();
  for (const trade of run.value.trades) {
    const row = byEntry.get(`${trade.symbol} ${trade.openedAtMs - EXECUTE_MS - BAR_MS}`);
    const notional = trade.quantity * trade.entryPrice;
    expect(row, trade.symbol).toBeDefined();
    expect(row!.side).toBe(trade.side);
    expect(row!.isStopped).toBe(trade.reason === 'stop');
    expect(row!.path.at(-1)!).toBeCloseTo(trade.profitMicroUsdt / 1e6 / notional, 4);
    expect(row!.fullShare).toBeCloseTo(0.01, 3);
    reasons.add(trade.reason);
  }
  expect([...reasons].sort()).toEqual(['horizon', 'signal', 'stop']);
  // What the range does not see the end of.
  expect(Object.keys(dropped)).toEqual(['unfinished']);
  expect(rows.map(({ openTimeMs }) => openTimeMs)).toEqual(rows.map(({ openTimeMs }) => openTimeMs).sort());
});

describe('a backtest of an ensemble that names a policy', { timeout: BUSY_MACHINE_MS }, () => {
  const played = async (plan?: PolicyPlan, spoil?: (manifest: PolicyManifest) => unknown) => {
    const input = await inputOf(3);
    if (plan === undefined) return replayUseCases(query, input);
    const manifest = spoil;
    const sizingPolicy = await writePolicy(input.objects, { ...plan, ...(manifest && { manifest }) });
    const sized = { ...input, ensemble: { ...input.ensemble, sizingPolicy } };
    expect(await replayColumns(query, sized)).toMatchObject({ ok: false });
    return replayUseCases(query, sized);
  };

  it('trades as ever where its share is always 1, and less where it is less', async () => {
    const constant = await played();
    const full = await played({ shape: 'relu', weights: { spread_bps: -1 }, bias: 1 });
    const half = await played({ weights: { spread_bps: -1 }, bias: 0 });
    expect(constant.trades.length).toBeGreaterThan(20);
    expect(full).toEqual(constant);
    const notional = ({ trades }: typeof full) =>
      trades.reduce((sum, { quantity, entryPrice }) => sum + quantity * entryPrice, 0) / trades.length;
    expect(notional(half) / notional(full)).toBeGreaterThan(0.45);
    expect(notional(half) / notional(full)).toBeLessThan(0.55);
  });

  it('enters nothing, and says why, where the policy cannot be verified', async () => {
    const run = await played({}, (manifest) => ({ ...manifest, bytes: manifest.bytes + 1 }));
    expect(run.trades).toEqual([]);
    expect(Object.keys(run.outcomes)).toEqual(['policy_unavailable']);
    const input = await inputOf(2);
    const { sha256 } = await writePolicy(input.objects);
    const gone = {
      name: 'sizing',
      version: 'v20300101_000000',
      sha256,
      manifestSha256: sha256,
      versionId: null,
    };
    const report = await replayPast(
      { ...query, withBreaker: false },
      { ...input, ensemble: { ...input.ensemble, sizingPolicy: gone } },
    );
    expect(report.trades).toEqual([]);
  });
});

it('qtrader dataset episodes writes them, described and hashed, and replaces none unasked', {
  timeout: BUSY_MACHINE_MS,
}, async () => {
  const out = join(folder, 'episodes');
  const command = [
    ...['dataset', 'episodes', '--data', SAMPLE, '--symbols', 'BTCUSDT,FETUSDT', '--out', out],
    ...['--from', '2024-08-05T00:00Z', '--predictions', join(folder, 'answers')],
  ];
  const written = await qtrader(...command, '--to', '2024-08-05T03:00Z', '--edge-bps', '-20', '--json');
  expect(written).toMatchObject({ exitCode: 0 });
  const description = JSON.parse(await readFile(join(out, 'episodes.json'), 'utf8'));
  expect(JSON.parse(written.stdout)).toEqual(description);
  const file = join(out, 'episodes.parquet');
  expect(description.sha256).toBe(
    createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
  );
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file) });
  expect(rows).toHaveLength(description.rows);
  expect(rows.length).toBeGreaterThan(3);
  const { signalColumns, horizonBars } = description;
  for (const row of rows) {
    for (const name of [...signalColumns, 'full_share', `return_${horizonBars}`])
      expect(Number.isFinite(row[name])).toBe(true);
    expect(row.spread_bps).toBeGreaterThanOrEqual(0);
    expect(row.atr_ratio).toBeGreaterThan(0);
  }
  const other = await qtrader(...command, '--to', '2024-08-05T02:00Z', '--edge-bps', '-20');
  expect(other).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('holds other episodes') });
  const none = await qtrader(...command, '--to', '2024-08-05T03:00Z', '--edge-bps', '9000');
  expect(none).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('no entry in the range') });
});
