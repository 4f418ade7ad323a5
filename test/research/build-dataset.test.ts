import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openParquetDataset } from '../../lib/adapters/files/parquet-dataset.ts';
import { failure, success } from '../../lib/core/result.ts';
import { FEATURE_NAMES, FEATURE_SET_HASH, SEQUENCE_COLUMNS } from '../../lib/features/feature-set.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import type { CandleSeries } from '../../lib/market/candle-series.ts';
import type { CandleSource } from '../../lib/market/ports.ts';
import {
  type BuildDatasetOptions,
  type BuildProgress,
  buildDataset,
  type DatasetDescription,
} from '../../lib/research/use-cases/build-dataset.ts';
import { randomWalk, WALK_START_MS } from '../support/market/random-walk.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-dataset-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** AAAUSDT and BBBUSDT are sound, SHORTUSDT is too young for a row, anything else cannot be read. */
const market: Record<string, CandleSeries> = {
  AAAUSDT: randomWalk({ seed: 1, bars: 1300 }),
  BBBUSDT: randomWalk({ seed: 2, bars: 1200, missing: (bar) => bar === 1000 }),
  SHORTUSDT: randomWalk({ seed: 3, bars: 500 }),
};
const sourceOf = (candles: Record<string, CandleSeries>): CandleSource => ({
  read: async (symbol) => {
    const series = candles[symbol];
    return series === undefined ? failure('line 7: low is above open or close') : success(series);
  },
});

async function build(name: string, overrides: Partial<BuildDatasetOptions> = {}) {
  const sink = await openParquetDataset(join(folder, name), { replace: false });
  if (!sink.ok) throw new Error(sink.error);
  const progress: BuildProgress[] = [];
  const built = await buildDataset({
    source: sourceOf(market),
    sink: sink.value,
    symbols: ['BBBUSDT', 'AAAUSDT'],
    range: { fromMs: undefined, toMs: undefined },
    costs: { feeBps: 5, slippageBps: 2 },
    onProgress: (step) => progress.push(step),
    ...overrides,
  });
  return { built, progress };
}

const readDescription = async (name: string): Promise<DatasetDescription> =>
  JSON.parse(await readFile(join(folder, name, 'dataset.json'), 'utf8'));

async function hashesOf(name: string): Promise<Record<string, string>> {
  const files = (await readdir(join(folder, name))).sort();
  const hash = async (file: string) =>
    createHash('sha256')
      .update(await readFile(join(folder, name, file)))
      .digest('hex');
  return Object.fromEntries(await Promise.all(files.map(async (file) => [file, await hash(file)])));
}

describe('building a dataset', () => {
  it('describes exactly what it wrote', async () => {
    const { built } = await build('out');
    const description = await readDescription('out');
    const hashes = await hashesOf('out');
    const firstMs = WALK_START_MS + 879 * BAR_MS;
    const lastMs = WALK_START_MS + (1300 - 37) * BAR_MS;
    expect(description).toEqual({
      schemaVersion: 1,
      featureSetHash: FEATURE_SET_HASH,
      featureNames: FEATURE_NAMES,
      sequenceColumns: SEQUENCE_COLUMNS,
      sequenceSteps: 96,
      barMs: 300_000,
      fromMs: firstMs,
      toMs: lastMs + BAR_MS,
      horizons: [3, 6, 12, 36],
      labels: {
        3: { kind: 'triple_barrier', horizonBars: 3, atrMultiple: 1.04, minBarrierBps: 21 },
        6: { kind: 'triple_barrier', horizonBars: 6, atrMultiple: 1.47, minBarrierBps: 21 },
        12: { kind: 'triple_barrier', horizonBars: 12, atrMultiple: 2.08, minBarrierBps: 21 },
        36: { kind: 'triple_barrier', horizonBars: 36, atrMultiple: 3.6, minBarrierBps: 21 },
      },
      costs: { feeBps: 5, slippageBps: 2 },
      symbols: [
        {
          symbol: 'AAAUSDT',
          file: 'AAAUSDT.parquet',
          rows: 1300 - 879 - 36,
          firstMs,
          lastMs,
          sha256: hashes['AAAUSDT.parquet'],
          dropped: expect.objectContaining({ insufficient_history: 879, no_future: 36, gap_ahead: 0 }),
        },
        {
          symbol: 'BBBUSDT',
          file: 'BBBUSDT.parquet',
          rows: 1200 - 879 - 36 - 36 - 12,
          firstMs,
          lastMs: WALK_START_MS + (1200 - 37) * BAR_MS,
          sha256: hashes['BBBUSDT.parquet'],
          dropped: expect.objectContaining({ gap_recent: 12, no_future: 36, gap_ahead: 36 }),
        },
      ],
      sha256: createHash('sha256')
        .update(`${hashes['AAAUSDT.parquet']}\n${hashes['BBBUSDT.parquet']}\n`)
        .digest('hex'),
    });
    expect(built).toMatchObject({
      ok: true,
      value: {
        sha256: description.sha256,
        symbols: 2,
        rows: 385 + 237,
        dropped: { insufficient_history: 2 * 879, gap_recent: 12, gap_ahead: 36, no_future: 72 },
        symbolProblems: [],
      },
    });
  });

  it('counts each row in one class of every horizon', async () => {
    const { built } = await build('out');
    if (!built.ok) throw new Error(built.error.code);
    expect(built.value.classes.map(({ horizonBars }) => horizonBars)).toEqual([3, 6, 12, 36]);
    for (const { sell, hold, buy } of built.value.classes) expect(sell + hold + buy).toBe(built.value.rows);
  });

  it('writes the same bytes twice, in whatever order the symbols are asked for', async () => {
    await build('first');
    await build('second', { symbols: ['AAAUSDT', 'BBBUSDT'] });
    expect(await hashesOf('second')).toEqual(await hashesOf('first'));
  });

  it('does not change one byte for what stands from `to` on', async () => {
    const toMs = WALK_START_MS + 1150 * BAR_MS;
    const altered = Object.fromEntries(
      Object.entries(market).map(([symbol, series]) => {
        const later = (price: number, index: number) =>
          series.openTimeMs[index]! < toMs ? price : price * 2;
        return [
          symbol,
          {
            ...series,
            high: series.high.map(later),
            close: series.close.map(later),
            open: series.open.map(later),
          },
        ];
      }),
    );
    const range = { fromMs: undefined, toMs };
    await build('known', { range });
    await build('altered', { range, source: sourceOf(altered) });
    expect(await hashesOf('altered')).toEqual(await hashesOf('known'));
    expect((await readDescription('known')).toMs).toBe(toMs);
    await build('unlimited', { source: sourceOf(altered) });
    await build('plain');
    expect(await hashesOf('unlimited')).not.toEqual(await hashesOf('plain'));
  });

  it('reports a symbol that cannot be read, leaves it out and goes on', async () => {
    const { built, progress } = await build('out', { symbols: ['AAAUSDT', 'BADUSDT', 'BBBUSDT'] });
    const failures = [{ symbol: 'BADUSDT', message: 'line 7: low is above open or close' }];
    expect(built).toMatchObject({ ok: true, value: { symbols: 2, failures } });
    expect(progress.map(({ done, of, symbol, outcome }) => [done, of, symbol, outcome.ok])).toEqual([
      [1, 3, 'AAAUSDT', true],
      [2, 3, 'BADUSDT', false],
      [3, 3, 'BBBUSDT', true],
    ]);
    expect((await readDescription('out')).symbols.map(({ symbol }) => symbol)).toEqual([
      'AAAUSDT',
      'BBBUSDT',
    ]);
  });

  it('lists a symbol without rows with the reasons, and no time of a row', async () => {
    await build('out', { symbols: ['AAAUSDT', 'SHORTUSDT'] });
    const [, short] = (await readDescription('out')).symbols;
    expect(short).toMatchObject({ symbol: 'SHORTUSDT', rows: 0, firstMs: null, lastMs: null });
    expect(short!.dropped.insufficient_history).toBe(500);
  });

  it('publishes nothing when there is no row at all', async () => {
    const { built } = await build('out', { symbols: ['SHORTUSDT', 'BADUSDT'] });
    expect(built).toMatchObject({
      ok: false,
      error: { code: 'no_rows', symbolProblems: [{ symbol: 'BADUSDT', message: expect.any(String) }] },
    });
    expect(await readdir(join(folder, 'out'))).toEqual([]);
  });

  it('leaves another dataset as it is', async () => {
    await build('out');
    const before = await hashesOf('out');
    const { built } = await build('out', { symbols: ['AAAUSDT'] });
    expect(built).toEqual({ ok: false, error: { code: 'refused' } });
    expect(await hashesOf('out')).toEqual(before);
  });

  it('leaves nothing behind when reading breaks off', async () => {
    const broken: CandleSource = {
      read: async (symbol) => {
        if (symbol === 'BBBUSDT') throw new Error('disk gone');
        return success(market[symbol]!);
      },
    };
    await expect(build('out', { source: broken })).rejects.toThrow('disk gone');
    expect(await readdir(join(folder, 'out'))).toEqual([]);
  });
});
