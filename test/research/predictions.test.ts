// Past answers: the same as serving gives, blind to the future, and kept in a file that is either right or ignored.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createFolderMarketData } from '../../lib/adapters/files/folder-market-data.ts';
import { openPredictionFile } from '../../lib/adapters/files/prediction-file.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import { success } from '../../lib/core/result.ts';
import { signalSchema } from '../../lib/inference/signal.ts';
import { infer } from '../../lib/inference/use-cases/infer.ts';
import { betaToBitcoin } from '../../lib/market/beta.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries } from '../../lib/market/candle-series.ts';
import { createCandleWindows } from '../../lib/market/use-cases/candle-windows.ts';
import { createEnsembleProvider, type EnsembleProvider } from '../../lib/models/use-cases/load-ensemble.ts';
import type { LoadedEnsemble } from '../../lib/models/use-cases/loaded-ensemble.ts';
import {
  type Predictions,
  predictOnce,
  predictSymbol,
  signalOfRow,
} from '../../lib/research/use-cases/predictions.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { buildModelFolder } from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';

const FIRST_MS = Date.UTC(2024, 0, 1);
const BARS = 1_300;
const market = generateMarket({ seed: 5, symbols: 2, fromMs: FIRST_MS, bars: BARS });
const [symbol = '', other = ''] = market.symbols;
const candles = market.candles(symbol);
const RANGE = { fromMs: FIRST_MS + 960 * BAR_MS, toMs: FIRST_MS + 1_290 * BAR_MS };

let ensembles: EnsembleProvider;
let loaded: LoadedEnsemble;
beforeAll(async () => {
  const store = createMemoryObjectStore({ versioned: false });
  await buildModelFolder({ store });
  ensembles = createEnsembleProvider({ store, runtime: createOnnxModelRuntime() });
  const current = await ensembles.current();
  if (!current.ok) throw new Error(current.error.message);
  loaded = current.value;
});
afterAll(async () => {
  await loaded.release();
  await ensembles.close();
});

async function predict(of: CandleSeries = candles, range: typeof RANGE = RANGE): Promise<Predictions> {
  const predictions = await predictSymbol(loaded, symbol, { candles: of, range });
  if (!predictions.ok) throw new Error(predictions.error);
  return predictions.value;
}

test('decides every bar of the range exactly as serving does at that moment', async () => {
  const predictions = await predict();
  expect(predictions.openTimeMs[0]).toBe(RANGE.fromMs);
  expect(predictions.openTimeMs.at(-1)).toBe(RANGE.toMs - BAR_MS);
  const folder = { symbols: [symbol], read: async () => success(candles) };
  // 974 has the first whole sequence of 96 rows; before it the sequence models abstain.
  for (const bar of [960, 973, 974, 975, 1_100, 1_289]) {
    const atMs = FIRST_MS + (bar + 1) * BAR_MS;
    const market = createFolderMarketData(folder, atMs);
    const { signals } = await infer(
      {
        market,
        windows: createCandleWindows(market),
        ensembles,
        signals: createMemorySignalStore(),
        clock: { nowMs: () => atMs },
        stopwatchMs: () => 0,
        residentBytes: () => 1,
        codeVersion: 'local',
      },
      { symbols: [symbol], shard: 0, shardCount: 1 },
    );
    const betas = (_: string, barOpenTimeMs: number) => betaToBitcoin(candles, candles, barOpenTimeMs);
    const signal = signalOfRow(predictions, bar - 960, loaded.ensemble, betas);
    expect({ ...signal, codeVersion: 'local' }).toEqual(signals[0]);
    expect(signalSchema.safeParse(signal).success).toBe(true);
  }
});

test('nothing that happens later changes an answer', async () => {
  const before = await predict(candles, { ...RANGE, toMs: FIRST_MS + 1_100 * BAR_MS });
  const shaken = allocateSeries(candles.length);
  for (const column of ['openTimeMs', 'open', 'high', 'low', 'close', 'volume'] as const)
    shaken[column].set(candles[column]);
  for (let bar = 1_100; bar < BARS; bar++)
    for (const column of ['open', 'high', 'low', 'close'] as const) shaken[column][bar]! *= 1 + bar / BARS;
  const after = await predict(shaken);
  const rows = before.openTimeMs.length;
  expect(rows).toBe(140);
  expect(after.close.subarray(0, rows)).toEqual(before.close);
  expect(after.answers.subarray(0, before.answers.length)).toEqual(before.answers);
  expect(after.answers.subarray(before.answers.length)).not.toEqual(
    (await predict()).answers.subarray(before.answers.length),
  );
});

describe('the file', () => {
  let file: string;
  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'qt-predictions-'));
    file = join(folder, 'predictions');
    return () => rm(folder, { recursive: true });
  });
  const openFile = async () => {
    const opened = await openPredictionFile(file);
    if (!opened.ok) throw new Error(opened.error);
    return opened.value;
  };
  /** How often models were asked shows in whether the cache was written to. */
  async function predictThrough(input: { of?: CandleSeries; range?: typeof RANGE; name?: string } = {}) {
    const cache = await openFile();
    let asked = 0;
    const counting = {
      get: (of: string, key: string) => cache.get(of, key),
      put(predictions: Predictions, key: string) {
        asked++;
        return cache.put(predictions, key);
      },
    };
    const { of = candles, range = RANGE, name = symbol } = input;
    const predictions = await predictOnce(loaded, name, { candles: of, range, cache: counting });
    expect(await cache.save()).toEqual({ ok: true, value: undefined });
    await cache.close();
    if (!predictions.ok) throw new Error(predictions.error);
    return { predictions: predictions.value, asked };
  }

  test('gives back the same answers, to the last bit, without asking again', async () => {
    const first = await predictThrough();
    expect(first.asked).toBe(1);
    const second = await predictThrough();
    expect(second.asked).toBe(0);
    expect(second.predictions).toEqual(first.predictions);
  });

  test('keeps several symbols, and asks again for another range or other candles', async () => {
    await predictThrough();
    expect((await predictThrough({ of: market.candles(other), name: other })).asked).toBe(1);
    expect((await predictThrough()).asked).toBe(0);
    expect((await predictThrough({ range: { ...RANGE, toMs: RANGE.toMs - BAR_MS } })).asked).toBe(1);
    expect((await predictThrough({ of: market.candles(other) })).asked).toBe(1);
  });

  test('candles from the end of the range on do not count', async () => {
    await predictThrough();
    const longer = { ...candles, close: candles.close.slice() };
    longer.close[BARS - 1]! *= 1.0001;
    expect((await predictThrough({ of: longer })).asked).toBe(0);
  });

  test('ignores what is damaged or cut off, and asks again', async () => {
    const { predictions } = await predictThrough();
    const whole = await readFile(file);
    for (const position of [whole.length - 60, whole.length - 2_000, 3]) {
      const damaged = Buffer.from(whole);
      damaged[position]! ^= 1;
      await writeFile(file, damaged);
      const again = await predictThrough();
      expect(again.asked).toBe(1);
      expect(again.predictions).toEqual(predictions);
    }
    await writeFile(file, Buffer.concat([whole.subarray(0, 5_000), whole.subarray(whole.length - 500)]));
    expect((await predictThrough()).asked).toBe(1);
  });

  test('refuses a file that is something else, and leaves it alone', async () => {
    for (const text of ['', 'not one', '{"schemaVersion":2,"symbols":[]}\n', 'cut off: predictions 2\n']) {
      await writeFile(file, text);
      expect(await openPredictionFile(file)).toMatchObject({ ok: false });
      expect(await readFile(file, 'utf8')).toBe(text);
    }
  });
});
