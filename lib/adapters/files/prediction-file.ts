// Keeps what the models answered in one file, so that a second backtest of the same bars need not ask them again. Each symbol's
// answers stand under a hash of all they follow from; a file that is damaged, or of anything else, is as good as none. Symbols are read
// and written one at a time, as columns: a year of a hundred symbols is larger than memory should be.
//
// The file: the symbols' columns one after the other, a directory as JSON, its length as 8 bytes, and MAGIC.
import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import * as z from 'zod';
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { MIB } from '../../core/units.ts';
import { OUTPUT_WIDTH } from '../../models/model-output.ts';
import {
  allocatePredictions,
  type PredictionCache,
  type Predictions,
} from '../../research/use-cases/predictions.ts';

const MAGIC = 'qtrader predictions 4\n';
const TRAILER_BYTES = 8 + MAGIC.length;
const DIRECTORY_BYTES_MAX = 16 * MIB;

const blockSchema = z.strictObject({
  symbol: z.string(),
  key: z.string(),
  /** Of this symbol's first byte. */
  offset: z.int().min(0),
  rows: z.int().min(0),
  members: z.int().min(1),
  /** Of this symbol's bytes. */
  sha256: z.string(),
});
type Block = z.infer<typeof blockSchema>;

const directorySchema = z.strictObject({ symbols: z.array(blockSchema) });

export interface PredictionFile extends PredictionCache {
  /** Writes what is new, and what was there and is still wanted. Fails with one line. */
  save(): Promise<Result<void, string>>;
  /** What was not saved is lost. */
  close(): Promise<void>;
}

/** @returns the file's answers; none where there is no such file. Fails with one line for a file that is something else. */
export async function openPredictionFile(file: string): Promise<Result<PredictionFile, string>> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return success(new OpenFile(file, undefined, []));
    return failure(`cannot read ${file} (${code ?? messageOf(error)}): check the path`);
  }
  const blocks = await readDirectory(handle).catch(() => undefined);
  if (blocks !== undefined) return success(new OpenFile(file, handle, blocks));
  await handle.close();
  return failure(`${file} is not a file of predictions: name another, or remove it`);
}

/** A block, and the file that holds it. */
interface Kept {
  readonly block: Block;
  readonly handle: FileHandle;
}

class OpenFile implements PredictionFile {
  readonly #file: string;
  readonly #kept = new Map<string, Kept>();
  readonly #handles: FileHandle[] = [];
  #problem: string | undefined;
  #next: { readonly handle: FileHandle; bytes: number } | undefined;

  constructor(file: string, handle: FileHandle | undefined, blocks: readonly Block[]) {
    this.#file = file;
    if (handle === undefined) return;
    this.#handles.push(handle);
    for (const block of blocks) this.#kept.set(block.symbol, { block, handle });
  }

  get #unfinished(): string {
    return `${this.#file}.part`;
  }

  async get(symbol: string, key: string): Promise<Predictions | undefined> {
    const kept = this.#kept.get(symbol);
    return kept?.block.key === key ? readBlock(kept) : undefined;
  }

  /** What cannot be written is told by `save`: the answers are there all the same. */
  async put(predictions: Predictions, key: string): Promise<void> {
    try {
      await this.#append(predictions, key);
    } catch (error) {
      this.#problem ??= this.#unwritable(error);
    }
  }

  #unwritable(error: unknown): string {
    const { code } = error as NodeJS.ErrnoException;
    return `cannot write ${this.#file} (${code ?? messageOf(error)}): check the path`;
  }

  async #append(predictions: Predictions, key: string): Promise<void> {
    if (this.#next === undefined) {
      const handle = await open(this.#unfinished, 'w+');
      this.#handles.push(handle);
      this.#next = { handle, bytes: 0 };
    }
    const { handle, bytes: offset } = this.#next;
    const hash = createHash('sha256');
    for (const name of COLUMNS) {
      const bytes = bytesOf(predictions[name]);
      hash.update(bytes);
      await handle.write(bytes, 0, bytes.length, this.#next.bytes);
      this.#next.bytes += bytes.length;
    }
    const { symbol, openTimeMs, abstentions } = predictions;
    const rows = openTimeMs.length;
    const members = rows === 0 ? 1 : abstentions.length / rows;
    this.#kept.set(symbol, {
      block: { symbol, key, offset, rows, members, sha256: hash.digest('hex') },
      handle,
    });
  }

  async save(): Promise<Result<void, string>> {
    if (this.#problem !== undefined) return failure(this.#problem);
    if (this.#next === undefined) return success(undefined);
    const { handle } = this.#next;
    try {
      // What is taken over from the file before goes the same way as what is new.
      for (const kept of [...this.#kept.values()].filter((one) => one.handle !== handle)) {
        const predictions = await readBlock(kept);
        if (predictions === undefined) this.#kept.delete(kept.block.symbol);
        else await this.#append(predictions, kept.block.key);
      }
      const symbols = [...this.#kept.values()].map(({ block }) => block);
      const directory = Buffer.from(JSON.stringify({ symbols }));
      const trailer = Buffer.alloc(TRAILER_BYTES);
      trailer.writeBigUInt64LE(BigInt(directory.length));
      trailer.write(MAGIC, 8, 'latin1');
      await handle.write(directory, 0, directory.length, this.#next.bytes);
      await handle.write(trailer, 0, trailer.length, this.#next.bytes + directory.length);
      await rename(this.#unfinished, this.#file);
      this.#next = undefined;
      return success(undefined);
    } catch (error) {
      return failure(this.#unwritable(error));
    }
  }

  async close(): Promise<void> {
    for (const handle of this.#handles.splice(0)) await handle.close();
    if (this.#next !== undefined) await rm(this.#unfinished, { force: true }).catch(() => undefined);
    this.#next = undefined;
  }
}

const COLUMNS = [
  'openTimeMs',
  'close',
  'atr',
  'stopAtr',
  'atrRatio',
  'spreadBps',
  'answers',
  'abstentions',
] as const;

const bytesOf = (column: Float64Array | Uint8Array): Uint8Array =>
  new Uint8Array(column.buffer, column.byteOffset, column.byteLength);

/** float64 of time, close, two ATRs, their ratio and the spread; of each member three classes and whether it abstained. */
const bytesIn = ({ rows, members }: Block): number => rows * (6 * 8 + members * (OUTPUT_WIDTH * 8 + 1));

/** undefined for a file that is something else. What the file does not hold is not listed. */
async function readDirectory(handle: FileHandle): Promise<Block[] | undefined> {
  const stat = await handle.stat();
  if (!stat.isFile() || stat.size < TRAILER_BYTES) return undefined;
  const trailer = await readBytes(handle, stat.size - TRAILER_BYTES, TRAILER_BYTES);
  if (trailer.toString('latin1', 8) !== MAGIC) return undefined;
  const length = Number(trailer.readBigUInt64LE());
  const end = stat.size - TRAILER_BYTES;
  if (length > DIRECTORY_BYTES_MAX || length > end) return [];
  try {
    const text = (await readBytes(handle, end - length, length)).toString('utf8');
    const { symbols } = directorySchema.parse(JSON.parse(text));
    return symbols.filter((block) => block.offset + bytesIn(block) <= end - length);
  } catch {
    return [];
  }
}

async function readBytes(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, offset);
  if (bytesRead !== length) throw new Error('the file ends too soon');
  return bytes;
}

/** undefined when the bytes are not those that were written. */
async function readBlock({ block, handle }: Kept): Promise<Predictions | undefined> {
  const predictions = allocatePredictions(block.symbol, block);
  const hash = createHash('sha256');
  let { offset } = block;
  for (const name of COLUMNS) {
    const target = bytesOf(predictions[name]);
    const { bytesRead } = await handle.read(target, 0, target.length, offset);
    if (bytesRead !== target.length) return undefined;
    hash.update(target);
    offset += target.length;
  }
  return hash.digest('hex') === block.sha256 ? predictions : undefined;
}
