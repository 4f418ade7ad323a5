// Whether the files of a LevelDB are whole. LevelDB itself skips a damaged record of its log without a word, and with it every
// write that the record held: a tripped latch came back armed. So its files are read here first, by its own checksums.
// Formats: https://github.com/google/leveldb/tree/main/doc (log_format.md, table_format.md).
import { readdir, readFile } from 'node:fs/promises';
import { snappyUncompress } from 'hyparquet';
import { maskedCrc32c } from './crc32c.ts';

const LOG_BLOCK_BYTES = 32_768;
const LOG_HEADER_BYTES = 7;
const TABLE_FOOTER_BYTES = 48;
const TABLE_MAGIC = 0xdb4775248b80fb57n;
const BLOCK_TRAILER_BYTES = 5;
const COMPRESSION = { none: 0, snappy: 1 };

/** The first damage found, `<file>: <what>`; undefined when all files are whole. Rejects for files that cannot be read. */
export async function findLevelDbDamage(dir: string): Promise<string | undefined> {
  const names = (await readdir(dir)).sort();
  const manifests = names.filter((name) => name.startsWith('MANIFEST-'));
  const logs = names.filter((name) => name.endsWith('.log'));
  const tables = names.filter((name) => name.endsWith('.ldb'));
  // Without CURRENT LevelDB would begin anew, and delete what it does not know.
  if (!names.includes('CURRENT'))
    return [...manifests, ...logs, ...tables].length > 0 ? 'CURRENT: it is missing' : undefined;
  const current = await readFile(`${dir}/CURRENT`, 'latin1');
  const manifest = manifests.find((name) => current === `${name}\n`);
  if (manifest === undefined) return 'CURRENT: it names no MANIFEST';
  for (const name of [...manifests, ...logs]) {
    const bytes = await readFile(`${dir}/${name}`);
    // The last write of a process that was killed may be half there: it was never acknowledged.
    const mayEndEarly = name === logs.at(-1);
    const damage = logDamage(bytes, mayEndEarly);
    if (damage !== undefined) return `${name}: ${damage}`;
  }
  // A table that is not listed is one that a killed process, or one without room, has half written: LevelDB deletes it.
  const listedTables = tablesOf(await readFile(`${dir}/${manifest}`));
  for (const name of listedTables) {
    if (!tables.includes(name)) return `${name}: it is missing`;
    const damage = tableDamage(await readFile(`${dir}/${name}`));
    if (damage !== undefined) return `${name}: ${damage}`;
  }
  return undefined;
}

const FRAGMENT = { full: 1, last: 4 };

/** What a log that is whole holds: fragments put together. */
function* recordsOf(log: Buffer): Generator<Buffer> {
  let fragments: Buffer[] = [];
  for (let at = 0; at + LOG_HEADER_BYTES <= log.length; ) {
    const blockEnd = Math.floor(at / LOG_BLOCK_BYTES) * LOG_BLOCK_BYTES + LOG_BLOCK_BYTES;
    if (blockEnd - at < LOG_HEADER_BYTES) {
      at = blockEnd;
      continue;
    }
    const end = at + LOG_HEADER_BYTES + log.readUInt16LE(at + 4);
    const type = log[at + 6];
    fragments.push(log.subarray(at + LOG_HEADER_BYTES, end));
    if (type === FRAGMENT.full || type === FRAGMENT.last) {
      yield Buffer.concat(fragments);
      fragments = [];
    }
    at = end;
  }
}

/** What a MANIFEST says of the database, by tag: `n` a number, `s` bytes with their length before them. */
const EDIT_FIELDS: Readonly<Record<number, string>> = {
  1: 's',
  2: 'n',
  3: 'n',
  4: 'n',
  5: 'ns',
  6: 'nn',
  7: 'nnnss',
  9: 'n',
};
const DELETED_TABLE = 6;
const NEW_TABLE = 7;

/** Names of the tables that a MANIFEST, itself whole, lists at its end. Throws for what no LevelDB writes. */
function tablesOf(manifest: Buffer): readonly string[] {
  const numbers = new Set<number>();
  for (const record of recordsOf(manifest)) {
    const reader = createHandleReader(record);
    while (reader.position() < record.length) {
      const tag = reader.varint();
      const fields = EDIT_FIELDS[tag];
      if (fields === undefined) throw new Error(`the MANIFEST has an unknown entry ${tag}`);
      const values = [...fields].map((kind) =>
        kind === 'n' ? reader.varint() : reader.skip(reader.varint()),
      );
      if (tag === NEW_TABLE) numbers.add(values[1]!);
      if (tag === DELETED_TABLE) numbers.delete(values[1]!);
    }
  }
  return [...numbers].sort((a, b) => a - b).map((number) => `${String(number).padStart(6, '0')}.ldb`);
}

/** Blocks of 32 KB, in them records: masked CRC (4 bytes), length (2), type (1), data. */
function logDamage(bytes: Buffer, mayEndEarly: boolean): string | undefined {
  for (let at = 0; at < bytes.length; ) {
    const blockEnd = Math.floor(at / LOG_BLOCK_BYTES) * LOG_BLOCK_BYTES + LOG_BLOCK_BYTES;
    if (blockEnd - at < LOG_HEADER_BYTES) {
      if (bytes.subarray(at, blockEnd).some((byte) => byte !== 0)) return `wrong padding at byte ${at}`;
      at = blockEnd;
      continue;
    }
    const length = at + LOG_HEADER_BYTES <= bytes.length ? bytes.readUInt16LE(at + 4) : 0;
    const end = at + LOG_HEADER_BYTES + length;
    if (end > bytes.length && blockEnd >= bytes.length)
      return mayEndEarly ? undefined : `it ends in the middle of the record at byte ${at}`;
    if (end > blockEnd) return `a record too long at byte ${at}`;
    if (maskedCrc32c(bytes.subarray(at + 6, end)) !== bytes.readUInt32LE(at))
      return `wrong checksum at byte ${at}`;
    at = end;
  }
  return undefined;
}

interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

/** Blocks, each followed by its compression (1 byte) and masked CRC (4); the footer names the index of them. */
function tableDamage(bytes: Buffer): string | undefined {
  const footer = bytes.subarray(Math.max(0, bytes.length - TABLE_FOOTER_BYTES));
  if (footer.length < TABLE_FOOTER_BYTES || footer.readBigUInt64LE(TABLE_FOOTER_BYTES - 8) !== TABLE_MAGIC)
    return 'it has no footer';
  try {
    const handles = createHandleReader(footer);
    const [metaIndex, index] = [handles.next(), handles.next()];
    for (const listing of [metaIndex, index])
      for (const block of listed(uncompress(checkBlock(bytes, listing)))) checkBlock(bytes, block);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The block as it is stored, its compression behind it. Throws when its checksum is wrong. */
function checkBlock(bytes: Buffer, { offset, size }: BlockHandle): Buffer {
  const end = offset + size;
  if (end + BLOCK_TRAILER_BYTES > bytes.length) throw new Error(`a block beyond the end at byte ${offset}`);
  const stored = bytes.subarray(offset, end + 1);
  if (maskedCrc32c(stored) !== bytes.readUInt32LE(end + 1))
    throw new Error(`wrong checksum of the block at byte ${offset}`);
  return stored;
}

function uncompress(stored: Buffer): Buffer {
  const content = stored.subarray(0, -1);
  const compression = stored.at(-1);
  if (compression === COMPRESSION.none) return content;
  if (compression !== COMPRESSION.snappy) throw new Error(`unknown compression ${compression}`);
  const uncompressed = Buffer.alloc(createHandleReader(content).varint());
  snappyUncompress(content, uncompressed);
  return uncompressed;
}

/** The blocks that an index block names: entries of shared, unshared and value length, key, value; then the restart points. */
function* listed(index: Buffer): Generator<BlockHandle> {
  const entriesEnd = index.length - 4 - 4 * index.readUInt32LE(index.length - 4);
  for (let at = 0; at < entriesEnd; ) {
    const reader = createHandleReader(index, at);
    reader.varint();
    const unshared = reader.varint();
    const valueBytes = reader.varint();
    const valueAt = reader.position() + unshared;
    yield createHandleReader(index, valueAt).next();
    at = valueAt + valueBytes;
  }
}

function createHandleReader(bytes: Buffer, from = 0) {
  let at = from;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || factor > 2 ** 49) throw new Error('a number without an end');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  };
  const skip = (count: number): number => {
    at += count;
    return at;
  };
  return {
    varint,
    skip,
    position: () => at,
    next: (): BlockHandle => ({ offset: varint(), size: varint() }),
  };
}
