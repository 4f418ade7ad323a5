// Candles as Parquet: plain 64-bit columns, so that every number comes back bit for bit, in one gzip stream each. Of the codecs
// that common readers know, Node's own gzip made the smallest files and was read as fast as uncompressed ones.

import { gunzipSync, gzipSync } from 'node:zlib';
import { parquetMetadata, type SchemaElement } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { readDataPageV2 } from 'hyparquet/src/datapage.js';
import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { CANDLE_PROBLEMS } from '../../market/candle.ts';
import { allocateSeries, type CandleSeries, findInvalidCandle } from '../../market/candle-series.ts';
import type { CandleCodec } from '../../market/ports.ts';

const PRICES_AND_VOLUME = ['open', 'high', 'low', 'close', 'volume'] as const;
const COLUMNS = ['ts', ...PRICES_AND_VOLUME] as const;
const DOUBLE = { type: 'DOUBLE', encoding: 'PLAIN' } as const;
const PHYSICAL_TYPES = {
  ts: { type: 'INT64', encoding: 'DELTA_BINARY_PACKED' },
  open: DOUBLE,
  high: DOUBLE,
  low: DOUBLE,
  close: DOUBLE,
  volume: DOUBLE,
} as const;
/** A month has 8,928 bars at most. */
const ROWS_MAX = 10_000;
/** Six columns that gzip could not shrink, with room to spare. */
const FILE_BYTES_MAX = 2 ** 20;
const METADATA_BYTES_MAX = 2 ** 16;
/** Length of the metadata, and the magic bytes. */
const TRAILER_BYTES = 8;
/** Plain values of all rows; delta encoding, which pads its last block, needs less. */
const PAGE_BYTES_MAX = ROWS_MAX * 8;

export const candleParquet: CandleCodec = { encode, decode };

function encode(symbol: string, series: CandleSeries): Uint8Array {
  const columnData: ColumnSource[] = [
    {
      name: 'ts',
      data: BigInt64Array.from(series.openTimeMs, BigInt),
      ...PHYSICAL_TYPES.ts,
      nullable: false,
    },
    ...PRICES_AND_VOLUME.map(
      (name): ColumnSource => ({
        name,
        data: series[name],
        ...PHYSICAL_TYPES[name],
        nullable: false,
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

/** Each step checks what the file declares before it allocates or unpacks: a file may be damaged, or made to do harm. */
async function decode(bytes: Uint8Array): Promise<Result<CandleSeries, string>> {
  if (bytes.length > FILE_BYTES_MAX) return failure(`it has ${bytes.length} bytes, more than a month needs`);
  try {
    return seriesFrom(readColumns(bytes));
  } catch (error) {
    return failure(`it cannot be read as Parquet: ${messageOf(error)}`);
  }
}

type Columns = ReadonlyMap<string, ArrayLike<number | bigint>>;

/** Column by column and page by page: the library's reader of whole files trusts sizes, and leaks rejections when a page is damaged. */
function readColumns(bytes: Uint8Array): Columns {
  const metadata = parquetMetadata(footerOf(bytes), { geoparquet: false });
  const [root, ...schema] = metadata.schema;
  check(root !== undefined && schema.length === COLUMNS.length, 'its columns are not those of candles');
  check(metadata.row_groups.length <= 1, 'it has more than one row group');
  const chunks = metadata.row_groups[0]?.columns ?? [];
  const rows = Number(metadata.row_groups[0]?.num_rows ?? 0);
  check(rows >= 0 && rows <= ROWS_MAX, `it declares ${rows} candles, more than a month has`);
  check(Number(metadata.num_rows) === rows, 'it declares two numbers of rows');
  return new Map(
    COLUMNS.map((name, index) => {
      const { type } = PHYSICAL_TYPES[name];
      const element = schema[index]!;
      const isDeclared =
        element.name === name && element.type === type && element.repetition_type === 'REQUIRED';
      check(isDeclared, 'its columns are not those of candles');
      if (rows === 0) return [name, []];
      const chunk = chunks[index]?.meta_data;
      const isAsDeclared = chunk?.path_in_schema.join() === name && chunk.type === type;
      check(isAsDeclared && chunk.codec === 'GZIP', `its column ${name} is not stored as candles are`);
      const start = Number(chunk.data_page_offset);
      const end = start + Number(chunk.total_compressed_size);
      check(start >= 0 && start < end && end <= bytes.length, `its column ${name} lies outside the file`);
      return [name, readPages(bytes.subarray(start, end), { name, element, rows })];
    }),
  );
}

/** The last bytes, with the metadata and its length. */
function footerOf(bytes: Uint8Array): Uint8Array {
  check(bytes.length >= TRAILER_BYTES, 'it is too short');
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(
    bytes.length - TRAILER_BYTES,
    true,
  );
  check(length <= METADATA_BYTES_MAX, `its metadata of ${length} bytes is not that of candles`);
  check(length + TRAILER_BYTES <= bytes.length, 'its metadata is cut short');
  // The library reads a view as its whole buffer in places.
  return bytes.slice(bytes.length - TRAILER_BYTES - length);
}

function readPages(
  chunk: Uint8Array,
  column: { name: (typeof COLUMNS)[number]; element: SchemaElement; rows: number },
): ArrayLike<number | bigint> {
  const { name, element, rows } = column;
  const { type, encoding } = PHYSICAL_TYPES[name];
  const values = type === 'INT64' ? new BigInt64Array(rows) : new Float64Array(rows);
  const reader = { view: new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength), offset: 0 };
  let filled = 0;
  while (filled < rows) {
    const header = parquetHeader(reader);
    const { data_page_header_v2: page, compressed_page_size: packedBytes } = header;
    const isOurs = page?.encoding === encoding && page.is_compressed === true && page.num_nulls === 0;
    const levelBytes = page && page.definition_levels_byte_length + page.repetition_levels_byte_length;
    check(isOurs && levelBytes === 0, `a page of ${name} is not stored as candles are`);
    const count = page.num_values;
    check(count > 0 && count <= rows - filled, `a page of ${name} declares ${count} values`);
    const isInside = packedBytes > 0 && reader.offset + packedBytes <= chunk.length;
    check(isInside, `a page of ${name} lies outside its column`);
    const packed = chunk.subarray(reader.offset, reader.offset + packedBytes);
    const { dataPage } = readDataPageV2(packed, header, {
      type,
      element,
      codec: 'GZIP',
      compressors: { GZIP: unpackPage },
      schemaPath: [],
    } as never);
    check(dataPage.length === count, `a page of ${name} has not the values it declares`);
    values.set(dataPage as never, filled);
    filled += count;
    reader.offset += packedBytes;
  }
  check(reader.offset === chunk.length, `its column ${name} goes on after its last page`);
  return values;
}

/** The copy starts where its memory does, as the library's typed arrays need. */
function unpackPage(packed: Uint8Array, declaredBytes: number): Uint8Array {
  const isLarge = declaredBytes > PAGE_BYTES_MAX;
  check(declaredBytes > 0 && !isLarge, `a page declares ${declaredBytes} bytes`);
  return Uint8Array.from(gunzipSync(packed, { maxOutputLength: declaredBytes + 1 }));
}

function check(holds: boolean, problem: string): asserts holds {
  if (!holds) throw new Error(problem);
}

function seriesFrom(columns: Columns): Result<CandleSeries, string> {
  const series = allocateSeries(columns.get('ts')!.length);
  const fill = (target: Float64Array, name: string) => {
    const data = columns.get(name)!;
    for (let row = 0; row < data.length; row++) target[row] = Number(data[row]);
  };
  fill(series.openTimeMs, 'ts');
  for (const name of PRICES_AND_VOLUME) fill(series[name], name);
  const invalid = findInvalidCandle(series);
  if (invalid === undefined) return success(series);
  return failure(`candle ${invalid.index}: ${CANDLE_PROBLEMS[invalid.problem]} (${invalid.problem})`);
}
