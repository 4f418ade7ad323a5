// What a data file holds, whatever the record says of it: believed only after hashing the file, once per process and again
// whenever its size or time changes. A file that someone deletes or edits shows as missing or as what it now holds.
import { type FileHandle, open } from 'node:fs/promises';
import { type Digest, digestFile } from './s3-digest.ts';
import type { DataVersion } from './s3-record.ts';

/** A file's identity when it was hashed, and what was found. */
interface Verified extends Digest {
  readonly identity: string;
}

/** An opened object: close the handle after use. */
export interface OpenObject {
  /** What the record says, corrected by what the file holds. */
  readonly version: DataVersion;
  readonly handle: FileHandle;
}

/** A write that comes within one tick of the file system's clock after the last one leaves the same time behind. */
const CLOCK_TICK_MS = 50;

export class VerifiedFiles {
  readonly #verified = new Map<string, Verified>();

  /** undefined when the file is gone. */
  async open(path: string, version: DataVersion): Promise<OpenObject | undefined> {
    const handle = await openFile(path);
    if (handle === undefined) return undefined;
    try {
      return { version: await this.#correct(version, handle), handle };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  forget({ dataId }: DataVersion): void {
    this.#verified.delete(dataId);
  }

  /** Hashes the file, unless it is the one hashed before. */
  async #correct(version: DataVersion, handle: FileHandle): Promise<DataVersion> {
    const { size, mtimeNs, ino } = await handle.stat({ bigint: true });
    const mtimeMs = Number(mtimeNs / 1_000_000n);
    const identity = `${ino}/${size}/${mtimeNs}`;
    const known = this.#verified.get(version.dataId);
    const startedMs = Date.now();
    const actual =
      known?.identity === identity ? known : { identity, ...(await digestFile(handle, version.algorithm)) };
    if (startedMs - mtimeMs > CLOCK_TICK_MS) this.#verified.set(version.dataId, actual);
    const { md5, bytes, checksum } = actual;
    if (md5 === version.md5 && bytes === version.bytes) return version;
    return { ...version, md5, bytes, checksum, lastModifiedMs: mtimeMs };
  }
}

/** undefined when there is no such file, or something else in its place. */
async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    const handle = await open(path);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
