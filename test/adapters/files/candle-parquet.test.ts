// Candles as Parquet come back bit for bit, wherever in memory their bytes lie; a damaged or hostile file is refused, cheaply.
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { candleParquet } from '../../../lib/adapters/files/candle-parquet.ts';
import { seriesFromCandles } from '../../../lib/market/candle-series.ts';
import { expectCheap } from '../../support/expect-cheap.ts';

const candle = { open: 0.1, high: 0.3, low: 0.1, close: 0.2, volume: 1e-9 };
const series = seriesFromCandles([
  { openTimeMs: 0, ...candle },
  { openTimeMs: 300_000, ...candle, close: 0.30000000000000004, high: 0.4 },
]);
if (!series.ok) throw new Error(series.error.problem);
const valid = candleParquet.encode('BTCUSDT', series.value);

test('a Buffer in the midst of others is read as what it is', async () => {
  const around = Buffer.concat([Buffer.alloc(7, 1), valid, Buffer.alloc(9, 2)]);
  const inTheMidst = around.subarray(7, 7 + valid.length);
  expect(await candleParquet.decode(inTheMidst)).toEqual({ ok: true, value: series.value });
});

/** What `encode` writes, with one thing changed. */
function write(change: {
  codec?: 'GZIP' | 'UNCOMPRESSED';
  columns?: (columns: ColumnSource[]) => ColumnSource[];
}) {
  const names = ['open', 'high', 'low', 'close', 'volume'] as const;
  const columns: ColumnSource[] = [
    { name: 'ts', data: [0n, 300_000n], type: 'INT64', nullable: false, encoding: 'DELTA_BINARY_PACKED' },
    ...names.map(
      (name): ColumnSource => ({
        name,
        data: series.ok ? series.value[name] : [],
        type: 'DOUBLE',
        nullable: false,
        encoding: 'PLAIN',
      }),
    ),
  ];
  const columnData = change.columns?.(columns) ?? columns;
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: schemaFromColumnData({ columnData }),
    codec: change.codec ?? 'GZIP',
    compressors: { GZIP: (bytes) => gzipSync(bytes) },
    statistics: false,
  });
  parquet.write({ columnData, rowGroupSize: 10_000_000 });
  parquet.finish();
  return writer.getBytes();
}

describe('refused with a reason', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), /too short/],
    ['more bytes than a month needs', new Uint8Array(2 ** 20 + 1), /more than a month needs/],
    ['another codec', write({ codec: 'UNCOMPRESSED' }), /not stored as candles are/],
    ['a column too few', write({ columns: (all) => all.slice(0, 5) }), /columns are not those of candles/],
    ['columns in another order', write({ columns: (all) => all.toReversed() }), /columns are not those/],
    [
      'a column of text',
      write({ columns: (all) => all.with(5, { name: 'volume', data: ['1', '2'], nullable: false }) }),
      /columns are not those/,
    ],
    [
      'a million rows in a few kilobytes',
      write({
        columns: (all) => all.map((column) => ({ ...column, data: repeat(column.data[0], 1_000_000) })),
      }),
      /declares 1000000 candles/,
    ],
  ])('%s', async (_, bytes, why) => {
    const refused = await candleParquet.decode(bytes);
    expect(refused).toEqual({ ok: false, error: expect.stringMatching(why) });
  });
});

const repeat = (value: unknown, count: number) =>
  typeof value === 'bigint'
    ? new BigInt64Array(count).fill(value)
    : new Float64Array(count).fill(value as number);

// An unhandled rejection fails the run of the tests, so it need not be looked for.
test('whatever bytes are damaged, the file is refused or still holds the same candles', async () => {
  const damage = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 4,
  });
  await expectCheap(() =>
    fc.assert(
      fc.asyncProperty(damage, fc.nat(valid.length), fc.boolean(), async (changes, length, isCut) => {
        const bytes = Uint8Array.from(isCut ? valid.subarray(0, length) : valid);
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        const read = await candleParquet.decode(bytes);
        if (read.ok) expect(read.value).toEqual(series.value);
        else expect(read.error).toMatch(/^[^\n]{1,400}$/);
      }),
      { numRuns: 3000 },
    ),
  );
});
