// Trees served by ONNX Runtime here against the same trees predicted by their own libraries in Python, in one run. Needs the
// Python of training/: `.venv` as training/README.md makes it, or the one that QT_PYTHON names.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { openParquetDataset } from '../lib/adapters/files/parquet-dataset.ts';
import { createOnnxModelRuntime } from '../lib/adapters/onnx/onnx-model-runtime.ts';
import { invariant } from '../lib/core/invariant.ts';
import { success } from '../lib/core/result.ts';
import { FEATURE_COUNT, FEATURE_NAMES } from '../lib/features/feature-set.ts';
import { buildDataset } from '../lib/research/use-cases/build-dataset.ts';
import { generateMarket } from '../local/market/generated-market.ts';

/** One bar of a universe, and many of a backtest. */
const BATCHES = [100, 10_000];
const RUNS = 51;
const SYMBOLS = 4;
const BARS = 9_000;
const DIFFERENCE_MAX = 1e-5;

const speedSchema = z.record(z.enum(['xgboost', 'lightgbm']), z.record(z.string(), z.number().positive()));

/**
 * Median ms of each tree model and batch on one thread: here, in its own library, and the second over the first (above 1 is
 * faster here). Throws when the two differ by more than 1e-5 anywhere.
 */
export async function benchPredict(): Promise<Record<string, number> | { skipped: string }> {
  const python = process.env.QT_PYTHON ?? '.venv/bin/python';
  if (!existsSync(python))
    return { skipped: `no ${python}: make it as training/README.md says, or name another in QT_PYTHON` };
  const folder = mkdtempSync(join(tmpdir(), 'qt-bench-'));
  try {
    await writeDataset(folder);
    execFileSync(
      python,
      ['-m', 'training', 'predict-speed', '--data', folder, '--out', folder, '--batches', BATCHES.join()],
      { env: { ...process.env, OMP_NUM_THREADS: '1' }, stdio: ['ignore', 'inherit', 'inherit'] },
    );
    return await compare(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function writeDataset(folder: string): Promise<void> {
  const market = generateMarket({ seed: 9, symbols: SYMBOLS, fromMs: Date.UTC(2024, 0, 1), bars: BARS });
  const sink = await openParquetDataset(folder, { replace: false });
  invariant(sink.ok, 'the dataset cannot be written');
  const built = await buildDataset({
    source: { read: async (symbol) => success(market.candles(symbol)) },
    sink: sink.value,
    symbols: market.symbols,
    range: { fromMs: undefined, toMs: undefined },
    costs: { feeBps: 5, slippageBps: 2 },
    onProgress: () => undefined,
  });
  invariant(built.ok, 'the dataset has no rows');
}

async function compare(folder: string): Promise<Record<string, number>> {
  const native = speedSchema.parse(JSON.parse(readFileSync(join(folder, 'speed.json'), 'utf8')));
  const inputs = readFloats(join(folder, 'inputs.f32'));
  const figures: Record<string, number> = {};
  for (const [name, byBatch] of Object.entries(native)) {
    const session = await createOnnxModelRuntime().createSession({
      bytes: readFileSync(join(folder, `${name}.onnx`)),
      input: { kind: 'tabular', name: 'features', columns: [...FEATURE_NAMES] },
      outputName: 'answers',
    });
    invariant(session.ok, `${name} cannot be served`);
    const expected = readFloats(join(folder, `${name}.f32`));
    for (const rows of BATCHES) {
      const batch = inputs.slice(0, rows * FEATURE_COUNT);
      const timesMs: number[] = [];
      for (let run = 0; run < RUNS; run++) {
        const startedMs = performance.now();
        const found = await session.value.answers(batch, rows);
        timesMs.push(performance.now() - startedMs);
        const same = found.every((value, at) => Math.abs(value - expected[at]!) <= DIFFERENCE_MAX);
        invariant(same, `${name} computes something else than its library`);
      }
      const servedMs = timesMs.sort((a, b) => a - b)[Math.floor(RUNS / 2)]!;
      const nativeMs = byBatch[rows]!;
      figures[`${name}.${rows}.servedMs`] = servedMs;
      figures[`${name}.${rows}.nativeMs`] = nativeMs;
      figures[`${name}.${rows}.speedup`] = nativeMs / servedMs;
    }
    await session.value.release();
  }
  return figures;
}

function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
