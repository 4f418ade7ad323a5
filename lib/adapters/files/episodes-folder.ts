// Writes the episodes that a sizing policy learns from: OUT/episodes.parquet, and OUT/episodes.json, which says what it holds and is
// written last.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { type Episode, SIGNAL_COLUMNS } from '../../research/use-cases/collect-episodes.ts';
import type { EpisodesDescription } from '../../research/use-cases/describe-episodes.ts';

const FILE = 'episodes.parquet';
const DESCRIPTION_FILE = 'episodes.json';
const ROW_GROUP_ROWS = 25_000;

/** Fails with one line, and then what was there stays. @param how.replace whether other episodes in the folder are replaced */
export async function writeEpisodes(
  folder: string,
  episodes: { readonly rows: readonly Episode[]; readonly description: Omit<EpisodesDescription, 'sha256'> },
  how: { readonly replace: boolean },
): Promise<Result<EpisodesDescription, string>> {
  const bytes = encode(episodes.rows, episodes.description.horizonBars);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const description: EpisodesDescription = { ...episodes.description, sha256 };
  const text = `${JSON.stringify(description, null, 1)}\n`;
  const [file, about] = [join(folder, FILE), join(folder, DESCRIPTION_FILE)];
  try {
    await mkdir(folder, { recursive: true });
    const standing = await readFile(about, 'utf8').catch(() => undefined);
    if (standing !== undefined && standing !== text && !how.replace)
      return failure(`${folder} holds other episodes: choose another folder, or add --force to replace them`);
    // Without its description a folder holds no episodes: nobody reads an old file by a new one.
    await rm(about, { force: true });
    for (const [target, content] of [
      [file, bytes],
      [about, text],
    ] as const) {
      await writeFile(`${target}.partial`, content);
      await rename(`${target}.partial`, target);
    }
  } catch (error) {
    return failure(`cannot write to the folder ${folder} (${messageOf(error)}): check the path`);
  }
  return success(description);
}

/** Parquet bytes; the same rows give the same bytes. */
function encode(rows: readonly Episode[], horizonBars: number): Uint8Array {
  const columns = columnsOf(rows, horizonBars);
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: schemaFromColumnData({ columnData: columns }),
    codec: 'SNAPPY',
    statistics: false,
  });
  parquet.write({ columnData: columns, rowGroupSize: ROW_GROUP_ROWS });
  parquet.finish();
  return writer.getBytes();
}

function columnsOf(rows: readonly Episode[], horizonBars: number): ColumnSource[] {
  const integer = (name: string, cellOf: (row: Episode) => number) =>
    ({
      name,
      data: Int32Array.from(rows, cellOf),
      type: 'INT32',
      nullable: false,
      encoding: 'RLE_DICTIONARY',
    }) as const;
  // A dictionary would take −0 for 0; plain floats come back bit for bit.
  const float = (name: string, cellOf: (row: Episode) => number) =>
    ({
      name,
      data: Float32Array.from(rows, cellOf),
      type: 'FLOAT',
      nullable: false,
      encoding: 'PLAIN',
    }) as const;
  const openTimes = BigInt64Array.from(rows, ({ openTimeMs }) => BigInt(openTimeMs));
  return [
    { name: 'ts', data: openTimes, type: 'INT64', nullable: false, encoding: 'DELTA_BINARY_PACKED' },
    integer('symbol', ({ symbol }) => symbol),
    integer('side', ({ side }) => (side === 'BUY' ? 1 : -1)),
    integer('bars_held', ({ barsHeld }) => barsHeld),
    integer('stopped', ({ isStopped }) => (isStopped ? 1 : 0)),
    float('full_share', ({ fullShare }) => fullShare),
    ...SIGNAL_COLUMNS.map((column) => float(column, ({ state }) => state[column])),
    ...Array.from({ length: horizonBars }, (_, bar) => float(`return_${bar + 1}`, ({ path }) => path[bar]!)),
  ];
}
