// What a DatasetSink promises, on the one implementation: a folder of Parquet files.
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openParquetDataset } from '../../lib/adapters/files/parquet-dataset.ts';
import { FEATURE_COUNT, FEATURE_NAMES, FEATURE_SET_HASH } from '../../lib/features/feature-set.ts';
import type { DatasetRows } from '../../lib/research/labels/dataset-rows.ts';
import type {
  DatasetDescription,
  DatasetSink,
  WrittenFile,
} from '../../lib/research/use-cases/build-dataset.ts';

const HORIZONS = [3, 6, 12, 36];
let folder: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'qt-dataset-')), 'out');
});
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }));

async function openSink(replace = false): Promise<DatasetSink> {
  const opened = await openParquetDataset(folder, { replace });
  if (!opened.ok) throw new Error(opened.error);
  return opened.value;
}

/** Cells of every kind: the smallest denormal, the largest float32, and a column of nothing but 0 and −0. */
function rowsOf(count: number, shift = 0): DatasetRows {
  const features = Float32Array.from(
    { length: count * FEATURE_COUNT },
    (_, cell) => Math.sin(cell + shift) * 10 ** (cell % 7),
  );
  features.set([2 ** -149, 3.4028234663852886e38].slice(0, features.length));
  for (let row = 0; row < count; row++) features[row * FEATURE_COUNT + 39] = row % 2 === 0 ? 0 : -0;
  const floats = (seed: number) => Float32Array.from({ length: count }, (_, row) => Math.cos(row * seed));
  return {
    openTimeMs: Float64Array.from({ length: count }, (_, row) => 1_704_067_200_000 + row * 300_000),
    features,
    horizons: HORIZONS.map((horizonBars) => ({
      horizonBars,
      classes: Int32Array.from({ length: count }, (_, row) => (row + horizonBars) % 3),
      weights: floats(horizonBars),
      barrierBps: floats(horizonBars + 1),
      forwardReturns: floats(horizonBars + 2),
    })),
    dropped: { no_future: 36 },
  };
}

function describeFiles(written: readonly ({ symbol: string } & WrittenFile)[]): DatasetDescription {
  return {
    schemaVersion: 1,
    featureSetHash: FEATURE_SET_HASH,
    featureNames: FEATURE_NAMES,
    sequenceColumns: [],
    sequenceSteps: 96,
    barMs: 300_000,
    fromMs: 0,
    toMs: 300_000,
    horizons: HORIZONS,
    labels: {},
    costs: { feeBps: 5, slippageBps: 2 },
    symbols: written.map((file) => ({ ...file, rows: 1, firstMs: 0, lastMs: 0, dropped: {} })),
    sha256: '',
  };
}

async function publishDataset(symbols: Record<string, DatasetRows>, replace = false): Promise<string> {
  const sink = await openSink(replace);
  const written = [];
  for (const [symbol, rows] of Object.entries(symbols))
    written.push({ symbol, ...(await sink.writeSymbol(symbol, rows)) });
  const outcome = await sink.publish(describeFiles(written));
  await sink.discard();
  return outcome;
}

/** Name and content of every file in the folder. */
async function contentOf(): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  const contents = await Promise.all(
    names.map(async (name) => [name, await readFile(join(folder, name), 'latin1')]),
  );
  return Object.fromEntries(contents);
}

async function openFile(name: string): Promise<ArrayBuffer> {
  const bytes = await readFile(join(folder, name));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

describe('a dataset file', () => {
  it('gives back every value bit for bit', async () => {
    const rows = rowsOf(500);
    await publishDataset({ BTCUSDT: rows });
    const read = await parquetReadObjects({ file: await openFile('BTCUSDT.parquet') });
    expect(read).toHaveLength(500);
    for (const [row, values] of read.entries()) {
      expect(values.ts).toBe(BigInt(rows.openTimeMs[row]!));
      for (const [index, name] of FEATURE_NAMES.entries())
        expect(values[name]).toBe(rows.features[row * FEATURE_COUNT + index]);
      for (const horizon of rows.horizons) {
        expect(values[`label_${horizon.horizonBars}`]).toBe(horizon.classes[row]);
        expect(values[`weight_${horizon.horizonBars}`]).toBe(horizon.weights[row]);
        expect(values[`barrier_bps_${horizon.horizonBars}`]).toBe(horizon.barrierBps[row]);
        expect(values[`forward_return_${horizon.horizonBars}`]).toBe(horizon.forwardReturns[row]);
      }
    }
  });

  it('has the columns and types that training is written against, none of them nullable', async () => {
    await publishDataset({ BTCUSDT: rowsOf(3) });
    const metadata = parquetMetadata(await openFile('BTCUSDT.parquet'));
    const columns = parquetSchema(metadata).children.map(({ element }) => element);
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      'ts INT64',
      ...HORIZONS.flatMap((h) => [
        `label_${h} INT32`,
        `weight_${h} FLOAT`,
        `barrier_bps_${h} FLOAT`,
        `forward_return_${h} FLOAT`,
      ]),
      ...FEATURE_NAMES.map((name) => `${name} FLOAT`),
    ]);
    expect(new Set(columns.map(({ repetition_type }) => repetition_type))).toEqual(new Set(['REQUIRED']));
    expect(metadata.key_value_metadata).toEqual([
      { key: 'featureSetHash', value: FEATURE_SET_HASH },
      { key: 'symbol', value: 'BTCUSDT' },
    ]);
  });

  it('is cut into row groups of at most 25,000 rows', async () => {
    await publishDataset({ BTCUSDT: rowsOf(25_001) });
    const { row_groups } = parquetMetadata(await openFile('BTCUSDT.parquet'));
    expect(row_groups.map(({ num_rows }) => num_rows)).toEqual([25_000n, 1n]);
  });

  it('is readable without rows', async () => {
    await publishDataset({ BTCUSDT: rowsOf(0) });
    expect(await parquetReadObjects({ file: await openFile('BTCUSDT.parquet') })).toEqual([]);
  });

  it('has the sha256 that its writer was told', async () => {
    const sink = await openSink();
    const written = await sink.writeSymbol('BTCUSDT', rowsOf(10));
    await sink.publish(describeFiles([{ symbol: 'BTCUSDT', ...written }]));
    const bytes = await readFile(join(folder, written.file));
    expect(written).toEqual({
      file: 'BTCUSDT.parquet',
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
  });
});

describe('a dataset folder', () => {
  it('shows nothing before it is published, and keeps nothing of what is discarded', async () => {
    const sink = await openSink();
    await sink.writeSymbol('BTCUSDT', rowsOf(5));
    expect((await readdir(folder)).filter((name) => !name.startsWith('.'))).toEqual([]);
    await sink.discard();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes the same dataset again, and comes out with the same bytes', async () => {
    expect(await publishDataset({ BTCUSDT: rowsOf(5), ETHUSDT: rowsOf(6) })).toBe('published');
    const before = await contentOf();
    expect(Object.keys(before)).toEqual(['BTCUSDT.parquet', 'ETHUSDT.parquet', 'dataset.json']);
    expect(await publishDataset({ BTCUSDT: rowsOf(5), ETHUSDT: rowsOf(6) })).toBe('published');
    expect(await contentOf()).toEqual(before);
  });

  it('refuses a different dataset and stays as it was', async () => {
    await publishDataset({ BTCUSDT: rowsOf(5), ETHUSDT: rowsOf(6) });
    const before = await contentOf();
    expect(await publishDataset({ BTCUSDT: rowsOf(5, 1) })).toBe('refused');
    expect(await contentOf()).toEqual(before);
  });

  it('replaces a different dataset when told to, and keeps what is not its own', async () => {
    await publishDataset({ BTCUSDT: rowsOf(5), ETHUSDT: rowsOf(6) });
    await writeFile(join(folder, 'notes.parquet'), 'mine');
    expect(await publishDataset({ BTCUSDT: rowsOf(5, 1) }, true)).toBe('published');
    expect(Object.keys(await contentOf())).toEqual(['BTCUSDT.parquet', 'dataset.json', 'notes.parquet']);
  });

  it('refuses to overwrite a file of the same name that belongs to no dataset', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'BTCUSDT.parquet'), 'mine');
    expect(await publishDataset({ BTCUSDT: rowsOf(5) })).toBe('refused');
    expect(await contentOf()).toEqual({ 'BTCUSDT.parquet': 'mine' });
  });

  it('completes what a run killed while publishing left: its files without a description', async () => {
    await publishDataset({ BTCUSDT: rowsOf(5), ETHUSDT: rowsOf(6) });
    const whole = await contentOf();
    await rm(join(folder, 'dataset.json'));
    await rm(join(folder, 'ETHUSDT.parquet'));
    expect(await publishDataset({ BTCUSDT: rowsOf(5), ETHUSDT: rowsOf(6) })).toBe('published');
    expect(await contentOf()).toEqual(whole);
  });

  it('deletes no file outside on the word of a forged description', async () => {
    await mkdir(folder);
    const outside = join(folder, '..', 'victim.parquet');
    await writeFile(outside, 'mine');
    const forged = { symbols: [{ file: '../victim.parquet' }] };
    await writeFile(join(folder, 'dataset.json'), JSON.stringify(forged));
    expect(await publishDataset({ BTCUSDT: rowsOf(5) }, true)).toBe('published');
    expect(await readFile(outside, 'utf8')).toBe('mine');
  });

  it('says so when the folder cannot be one', async () => {
    await writeFile(folder, 'a file');
    const opened = await openParquetDataset(folder, { replace: true });
    expect(opened).toMatchObject({ ok: false, error: expect.stringContaining('check the path') });
  });

  it('takes over from a killed run, and gives way to a running one', async () => {
    const abandoned = join(folder, '.building-4194305'); // above the largest process id of Linux
    await mkdir(abandoned, { recursive: true });
    await writeFile(join(abandoned, 'BTCUSDT.parquet'), 'half');
    expect(await publishDataset({ BTCUSDT: rowsOf(5) })).toBe('published');
    expect(await readdir(folder)).toEqual(['BTCUSDT.parquet', 'dataset.json']);

    const running = `.building-${process.ppid}`;
    await mkdir(join(folder, running));
    const opened = await openParquetDataset(folder, { replace: true });
    expect(opened).toMatchObject({ ok: false, error: expect.stringContaining(`process ${process.ppid}`) });
    expect((await readdir(folder)).sort()).toEqual([running, 'BTCUSDT.parquet', 'dataset.json']);
  });
});
