// Keeps what the models answered in one file, so that a second backtest of the same bars need not ask them again. Each symbol's
// answers stand under a hash of all they follow from; a file that is damaged, or of anything else, is as good as none.
import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { z } from 'zod';
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { MIB } from '../../core/units.ts';
import {
  allocatePredictions,
  type PredictionCache,
  type Predictions,
} from '../../research/use-cases/predictions.ts';
import { readBoundedFile } from './read-bounded-file.ts';

/** A year of 100 symbols and four models has 1.4 GB; what Node reads at once ends at 2. */
const FILE_BYTES_MAX = 2000 * MIB;
/** float64 of time, close, two ATRs, and of three classes. */
const ROW_BYTES = 7 * 8;

const headerSchema = z.strictObject({
  schemaVersion: z.literal(1),
  symbols: z.array(
    z.strictObject({
      symbol: z.string(),
      key: z.string(),
      rows: z.int().min(0),
      members: z.int().min(1),
      /** Of this symbol's bytes. */
      sha256: z.string(),
    }),
  ),
});

export interface PredictionFile extends PredictionCache {
  /** Writes what is new, and what was there and is still wanted. Fails with one line. */
  save(): Promise<Result<void, string>>;
}

/** @returns the file's answers; none where there is no such file. Fails with one line for a file that is something else. */
export async function openPredictionFile(file: string): Promise<Result<PredictionFile, string>> {
  const read = await readPredictions(file);
  if (!read.ok) return read;
  const kept = read.value;
  let isChanged = false;
  return success({
    get(symbol, key) {
      const known = kept.get(symbol);
      return known?.key === key ? known.predictions : undefined;
    },
    put(predictions, key) {
      kept.set(predictions.symbol, { key, predictions });
      isChanged = true;
    },
    save: async () => (isChanged ? writePredictions(file, kept) : success(undefined)),
  });
}

interface Kept {
  readonly key: string;
  readonly predictions: Predictions;
}

const COLUMNS = ['openTimeMs', 'close', 'atr', 'stopAtr', 'probabilities', 'abstentions'] as const;

const bytesOf = (column: Float64Array | Uint8Array): Uint8Array =>
  new Uint8Array(column.buffer, column.byteOffset, column.byteLength);

const membersOf = ({ abstentions, openTimeMs }: Predictions): number =>
  openTimeMs.length === 0 ? 1 : abstentions.length / openTimeMs.length;

async function readPredictions(file: string): Promise<Result<Map<string, Kept>, string>> {
  let bytes: Buffer;
  try {
    bytes = await readBoundedFile(file, FILE_BYTES_MAX);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return success(new Map());
    return failure(`cannot read ${file} (${code ?? messageOf(error)}): check the path`);
  }
  const notOne = failure(`${file} is not a file of predictions: name another, or remove it`);
  const end = bytes.indexOf('\n');
  const header = end < 0 ? undefined : parseHeader(bytes.toString('utf8', 0, end));
  if (header === undefined) return notOne;
  const kept = new Map<string, Kept>();
  let offset = end + 1;
  for (const { symbol, key, rows, members, sha256 } of header.symbols) {
    // Nothing is allocated for what the file does not hold.
    if (rows * (ROW_BYTES + members) > bytes.length - offset) break;
    const predictions = allocatePredictions(symbol, { rows, members });
    const hash = createHash('sha256');
    for (const name of COLUMNS) {
      const target = bytesOf(predictions[name]);
      const source = bytes.subarray(offset, offset + target.length);
      hash.update(source);
      target.set(source);
      offset += target.length;
    }
    if (hash.digest('hex') === sha256) kept.set(symbol, { key, predictions });
  }
  return success(kept);
}

function parseHeader(line: string): z.infer<typeof headerSchema> | undefined {
  try {
    return headerSchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

async function writePredictions(
  file: string,
  kept: ReadonlyMap<string, Kept>,
): Promise<Result<void, string>> {
  const symbols = [...kept.values()].map(({ key, predictions }) => {
    const hash = createHash('sha256');
    for (const name of COLUMNS) hash.update(bytesOf(predictions[name]));
    const rows = predictions.openTimeMs.length;
    return {
      symbol: predictions.symbol,
      key,
      rows,
      members: membersOf(predictions),
      sha256: hash.digest('hex'),
    };
  });
  const unfinished = `${file}.part`;
  try {
    const handle = await open(unfinished, 'w');
    try {
      await handle.writeFile(`${JSON.stringify({ schemaVersion: 1, symbols })}\n`);
      for (const { predictions } of kept.values())
        for (const name of COLUMNS) await handle.writeFile(bytesOf(predictions[name]));
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
    return success(undefined);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    return failure(`cannot write ${file} (${(error as NodeJS.ErrnoException).code}): check the path`);
  }
}
