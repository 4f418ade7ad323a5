// Whether a database still holds every write that it acknowledged. Checksums find what is damaged, not what is gone without a
// trace: the last records of a log whose length was changed, or a whole file. So every write counts itself, in the database as
// part of the write, and in a small file beside it; a database that has counted less than the file has lost something.
import { open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/** Two slots, written in turn, so that one is whole whenever the process dies: count (8 bytes), CRC-32 of it (4). */
const SLOT_BYTES = 12;
const SLOTS = 2;

export interface AcknowledgedWrites {
  /** How many were acknowledged; undefined when the file, which is there, says nothing that can be believed. */
  readonly count: number | undefined;
  /** Takes the place of the count before. */
  note(count: number): Promise<void>;
  close(): Promise<void>;
}

/** @param path created when missing, with a count of 0 */
export async function openAcknowledgedWrites(path: string): Promise<AcknowledgedWrites> {
  const handle = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return open(path, 'wx+', 0o600);
  });
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(SLOTS * SLOT_BYTES + 1), { position: 0 });
    const count = bytesRead === 0 ? 0 : countIn(buffer.subarray(0, bytesRead));
    if (bytesRead === 0) await handle.write(Buffer.concat([slotOf(0), slotOf(0)]), 0, undefined, 0);
    return {
      count,
      note: async (next) => {
        await handle.write(slotOf(next), 0, SLOT_BYTES, (next % SLOTS) * SLOT_BYTES);
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function slotOf(count: number): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES);
  bytes.writeBigUInt64LE(BigInt(count));
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 8)), 8);
  return bytes;
}

/** The larger of what the slots say. */
function countIn(bytes: Buffer): number | undefined {
  if (bytes.length !== SLOTS * SLOT_BYTES) return undefined;
  const counts = [0, SLOT_BYTES].flatMap((at) =>
    crc32(bytes.subarray(at, at + 8)) === bytes.readUInt32LE(at + 8)
      ? [Number(bytes.readBigUInt64LE(at))]
      : [],
  );
  return counts.length === 0 ? undefined : Math.max(...counts);
}
