// Writes a dataset into a folder: one SYMBOL.parquet per symbol and dataset.json, which makes it a dataset and so is written
// last. Files are prepared in a staging folder inside and moved at the end; a killed run leaves what was there as it was.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer';
import * as z from 'zod';
import { failure, type Result, success } from '../../core/result.ts';
import { FEATURE_NAMES, FEATURE_SET_HASH } from '../../features/feature-set.ts';
import { type DatasetRows, featureColumn } from '../../research/labels/dataset-rows.ts';
import type { DatasetDescription, DatasetSink, WrittenFile } from '../../research/use-cases/build-dataset.ts';

const DESCRIPTION_FILE = 'dataset.json';
const STAGING_PREFIX = '.building-';
/** Rows that a reader holds at a time at least. */
const ROW_GROUP_ROWS = 25_000;

/**
 * A sink for the folder, which is made when absent. Fails with one line when it cannot be written to, or another
 * process is building there.
 * @param replace whether a different dataset in the folder is replaced; refused at publishing otherwise
 */
export async function openParquetDataset(
  folder: string,
  options: { readonly replace: boolean },
): Promise<Result<DatasetSink, string>> {
  const staging = join(folder, STAGING_PREFIX + process.pid);
  try {
    await mkdir(folder, { recursive: true });
    await rm(staging, { recursive: true, force: true });
    await mkdir(staging);
  } catch (error) {
    return failure(
      `cannot write to the folder ${folder} (${(error as NodeJS.ErrnoException).code}): check the path`,
    );
  }
  const builder = await findOtherBuilder(folder);
  if (builder !== undefined) {
    await rm(staging, { recursive: true, force: true });
    return failure(
      `process ${builder} is building a dataset in ${folder}: wait for it, or choose another folder`,
    );
  }
  return success({
    writeSymbol: (symbol, rows) => writeSymbolFile(staging, symbol, rows),
    publish: (description) => publish({ folder, staging, description, replace: options.replace }),
    discard: () => rm(staging, { recursive: true, force: true }),
  });
}

/** Process that is building in the folder, this one aside. Staging folders of processes that are gone are removed. */
async function findOtherBuilder(folder: string): Promise<number | undefined> {
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(STAGING_PREFIX) ? Number(name.slice(STAGING_PREFIX.length)) : process.pid;
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    if (isRunning(pid)) return pid;
    await rm(join(folder, name), { recursive: true, force: true });
  }
  return undefined;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function writeSymbolFile(staging: string, symbol: string, rows: DatasetRows): Promise<WrittenFile> {
  const bytes = encodeSymbol(symbol, rows);
  const file = `${symbol}.parquet`;
  await writeFile(join(staging, file), bytes);
  return { file, sha256: sha256Of(bytes) };
}

/** Parquet bytes of one symbol; the same rows give the same bytes. */
function encodeSymbol(symbol: string, rows: DatasetRows): Uint8Array {
  const columns = columnsOf(rows);
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: schemaFromColumnData({ columnData: columns }),
    codec: 'SNAPPY',
    statistics: false,
    kvMetadata: [
      { key: 'featureSetHash', value: FEATURE_SET_HASH },
      { key: 'symbol', value: symbol },
    ],
  });
  parquet.write({ columnData: columns, rowGroupSize: ROW_GROUP_ROWS });
  parquet.finish();
  return writer.getBytes();
}

function columnsOf(rows: DatasetRows): ColumnSource[] {
  const integer = { type: 'INT32', nullable: false, encoding: 'RLE_DICTIONARY' } as const;
  // A dictionary would take −0 for 0; plain floats come back bit for bit.
  const float = { type: 'FLOAT', nullable: false, encoding: 'PLAIN' } as const;
  const openTimes = BigInt64Array.from(rows.openTimeMs, BigInt);
  return [
    { name: 'ts', data: openTimes, type: 'INT64', nullable: false, encoding: 'DELTA_BINARY_PACKED' },
    ...rows.horizons.flatMap(({ horizonBars, classes, weights, barrierBps, forwardReturns }) => [
      { name: `label_${horizonBars}`, data: classes, ...integer },
      { name: `weight_${horizonBars}`, data: weights, ...float },
      { name: `barrier_bps_${horizonBars}`, data: barrierBps, ...float },
      { name: `forward_return_${horizonBars}`, data: forwardReturns, ...float },
    ]),
    ...FEATURE_NAMES.map((name) => ({ name, data: featureColumn(rows.features, name), ...float })),
  ];
}

async function publish(dataset: {
  folder: string;
  staging: string;
  description: DatasetDescription;
  replace: boolean;
}): Promise<'published' | 'refused'> {
  const { folder, staging, description } = dataset;
  const text = `${JSON.stringify(description, null, 1)}\n`;
  const standing = await readIfPresent(join(folder, DESCRIPTION_FILE));
  const same = standing === undefined ? await holdsOnly(folder, description) : standing.toString() === text;
  if (!same && !dataset.replace) return 'refused';

  // Without its description a folder is no dataset: nobody reads old files with new ones among them.
  await rm(join(folder, DESCRIPTION_FILE), { force: true });
  const files = new Set(description.symbols.map(({ file }) => file));
  for (const file of filesOf(standing)) if (!files.has(file)) await rm(join(folder, file), { force: true });
  for (const file of files) await rename(join(staging, file), join(folder, file));
  await writeFile(join(staging, DESCRIPTION_FILE), text);
  await rename(join(staging, DESCRIPTION_FILE), join(folder, DESCRIPTION_FILE));
  return 'published';
}

/** Whether publishing would overwrite nothing but the same bytes, in a folder without a description. */
async function holdsOnly(folder: string, description: DatasetDescription): Promise<boolean> {
  for (const { file, sha256 } of description.symbols) {
    const bytes = await readIfPresent(join(folder, file));
    if (bytes !== undefined && sha256Of(bytes) !== sha256) return false;
  }
  return true;
}

const standingSchema = z.object({ symbols: z.array(z.object({ file: z.string().endsWith('.parquet') })) });

/** Files that a description names; none when it is not readable, so that nothing unknown is deleted. */
function filesOf(description: Buffer | undefined): string[] {
  if (description === undefined) return [];
  try {
    const { symbols } = standingSchema.parse(JSON.parse(description.toString()));
    return symbols.map(({ file }) => basename(file));
  } catch {
    return [];
  }
}

async function readIfPresent(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
