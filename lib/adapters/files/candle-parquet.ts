// Candles as Parquet: plain 64-bit columns, so that every number comes back bit for bit, in one gzip stream each. Of the codecs
// that common readers know, Node's own gzip made the smallest files and was read as fast as uncompressed ones.

import { gunzipSync, gzipSync } from 'node:zlib';
import { parquetRead } from 'hyparquet';
import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { CANDLE_PROBLEMS } from '../../market/candle.ts';
import { allocateSeries, type CandleSeries, findInvalidCandle } from '../../market/candle-series.ts';
import type { CandleCodec } from '../../market/ports.ts';

const PRICES_AND_VOLUME = ['open', 'high', 'low', 'close', 'volume'] as const;
/** A month has 8,928 bars at most. */
const ROWS_MAX = 10_000;

export const candleParquet: CandleCodec = { encode, decode };

function encode(symbol: string, series: CandleSeries): Uint8Array {
  const columnData: ColumnSource[] = [
    {
      name: 'ts',
      data: BigInt64Array.from(series.openTimeMs, BigInt),
      type: 'INT64',
      nullable: false,
      encoding: 'DELTA_BINARY_PACKED',
    },
    ...PRICES_AND_VOLUME.map(
      (name): ColumnSource => ({
        name,
        data: series[name],
        type: 'DOUBLE',
        nullable: false,
        encoding: 'PLAIN',
      }),
    ),
  ];
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: schemaFromColumnData({ columnData }),
    codec: 'GZIP',
    compressors: { GZIP: (bytes) => gzipSync(bytes) },
    statistics: false,
    kvMetadata: [{ key: 'symbol', value: symbol }],
  });
  parquet.write({ columnData, rowGroupSize: ROWS_MAX });
  parquet.finish();
  return writer.getBytes();
}

type Columns = Map<string, { readonly start: number; readonly data: ArrayLike<unknown> }[]>;

async function decode(bytes: Uint8Array): Promise<Result<CandleSeries, string>> {
  const columns: Columns = new Map();
  try {
    await parquetRead({
      // A Buffer's own slice() would share the memory of others.
      file: Uint8Array.from(bytes).buffer,
      compressors: { GZIP: (compressed) => new Uint8Array(gunzipSync(compressed)) },
      onChunk: ({ columnName, columnData, rowStart }) => {
        const chunks = columns.get(columnName) ?? [];
        columns.set(columnName, [...chunks, { start: rowStart, data: columnData }]);
      },
    });
  } catch (error) {
    return failure(`it cannot be read as Parquet: ${messageOf(error)}`);
  }
  return seriesFrom(columns);
}

function seriesFrom(columns: Columns): Result<CandleSeries, string> {
  const rowsOf = (name: string) => (columns.get(name) ?? []).reduce((sum, { data }) => sum + data.length, 0);
  const length = rowsOf('ts');
  if (length > ROWS_MAX) return failure(`it holds ${length} candles, more than a month has`);
  if (PRICES_AND_VOLUME.some((name) => rowsOf(name) !== length))
    return failure('its columns are not those of candles');
  const series = allocateSeries(length);
  const fill = (target: Float64Array, name: string) => {
    for (const { start, data } of columns.get(name)!)
      for (let row = 0; row < data.length; row++) target[start + row] = Number(data[row]);
  };
  if (length > 0) fill(series.openTimeMs, 'ts');
  if (length > 0) for (const name of PRICES_AND_VOLUME) fill(series[name], name);
  const invalid = findInvalidCandle(series);
  if (invalid === undefined) return success(series);
  return failure(`candle ${invalid.index}: ${CANDLE_PROBLEMS[invalid.problem]} (${invalid.problem})`);
}
