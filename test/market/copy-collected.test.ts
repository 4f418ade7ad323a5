// A copy of collected candles that is cut short, or made while they are collected, holds no manifest without its files.
import { expect, it } from 'vitest';
import { copyCollected } from '../../lib/market/use-cases/copy-collected.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';

const keys = ['AUSDT', 'BUSDT', 'CUSDT', 'DUSDT', 'EUSDT'].flatMap((symbol) =>
  ['manifest.json', 'month=2024-07.parquet', 'month=2024-08.parquet'].map(
    (name) => `candles/symbol=${symbol}/${name}`,
  ),
);

it('reads a manifest after all files of its symbol were written', async () => {
  const from = createMemoryObjectStore({ versioned: false });
  for (const key of keys) await from.put(key, Buffer.from(key));
  await from.put('models/xgboost/model.onnx', Buffer.from('not candles'));
  const to = createMemoryObjectStore({ versioned: false });
  const get = async (key: string) => {
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    if (key.endsWith('manifest.json')) expect(await to.list(folder)).toHaveLength(2);
    return from.get(key);
  };
  expect(await copyCollected({ list: from.list, get }, to)).toBe(keys.length);
  expect((await to.list('')).map(({ key }) => key)).toEqual(keys);
  for (const key of keys) expect(Buffer.from((await to.get(key))!.body).toString()).toBe(key);
});
