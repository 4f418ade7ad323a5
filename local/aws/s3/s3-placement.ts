// Where the bytes of an object lie. The current data of each key is an ordinary file at `<bucket>/<key>`, so that a person can
// find it; other versions, and keys that are no path, lie in `.index/<bucket>/<sha256 of the key>/`, each named by its data id.
//
// A write commits by its record alone; moving data files to their places comes after and is repeated at the next start when it
// was cut short.
import { mkdir, rename, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type DataVersion, fileExists, hashOfKey, type ObjectVersion } from './s3-record.ts';

const INDEX_DIR = '.index';
const FILE_NAME_BYTES_MAX = 255;

/** An object by its names, with its versions, newest first. */
export interface PlacedObject {
  readonly bucket: string;
  readonly key: string;
  readonly versions: readonly ObjectVersion[];
}

export class S3Placement {
  readonly #dir: string;
  readonly indexDir: string;
  /** For uploads being received; on the same file system as the data. */
  readonly temporaryDir: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.indexDir = `${dir}/${INDEX_DIR}`;
    this.temporaryDir = `${this.indexDir}/.temporary`;
  }

  async createBucket(bucket: string): Promise<void> {
    await mkdir(`${this.#dir}/${bucket}`, { recursive: true });
    await mkdir(this.bucketDir(bucket), { recursive: true });
  }

  bucketDir(bucket: string): string {
    return `${this.indexDir}/${bucket}`;
  }

  keyDir(bucket: string, key: string): string {
    return `${this.bucketDir(bucket)}/${hashOfKey(key)}`;
  }

  hiddenPath({ bucket, key }: Omit<PlacedObject, 'versions'>, { dataId }: DataVersion): string {
    return `${this.keyDir(bucket, key)}/${dataId}`;
  }

  /** Where the bytes of a version are now. */
  async locate(object: PlacedObject, version: DataVersion): Promise<string> {
    const hidden = this.hiddenPath(object, version);
    const visible = object.versions[0] === version ? this.#visiblePath(object) : undefined;
    return visible === undefined || (await fileExists(hidden)) ? hidden : visible;
  }

  /**
   * Brings a key's files to their places after a commit. Each step may be repeated, and one that fails leaves the data in the
   * index, where it is found just as well: that is also what becomes of a key whose path another key's path crosses.
   */
  async settle(object: PlacedObject): Promise<void> {
    const visible = this.#visiblePath(object);
    const [current, previous] = object.versions;
    if (visible === undefined || current === undefined) return;
    const staged = current.kind === 'data' ? this.hiddenPath(object, current) : undefined;
    if (staged !== undefined && !(await fileExists(staged))) return;
    if (previous?.kind === 'data') {
      const kept = this.hiddenPath(object, previous);
      if (!(await fileExists(kept)) && (await fileExists(visible))) await rename(visible, kept);
    }
    if (staged === undefined) {
      await this.removeEmptyFolders(object);
      return;
    }
    await mkdir(dirname(visible), { recursive: true })
      .then(() => rename(staged, visible))
      .catch(() => {});
  }

  /** Folders that hold nothing any more are no part of S3; one that still holds something refuses, and ends the walk. */
  async removeEmptyFolders(object: Omit<PlacedObject, 'versions'>): Promise<void> {
    const visible = this.#visiblePath(object);
    if (visible === undefined) return;
    const bucketDir = `${this.#dir}/${object.bucket}`;
    try {
      for (let dir = dirname(visible); dir.length > bucketDir.length; dir = dirname(dir)) await rmdir(dir);
    } catch {
      return;
    }
  }

  /** Where the current data of a key belongs; undefined for a key that is no plain relative path. */
  #visiblePath({ bucket, key }: Omit<PlacedObject, 'versions'>): string | undefined {
    const isPlain = key.split('/').every(
      (name) =>
        !['', '.', '..'].includes(name) &&
        // biome-ignore lint/suspicious/noControlCharactersInRegex: S3 keys may hold them, file names had better not.
        !/[\u0000-\u001f\\]/.test(name) &&
        Buffer.byteLength(name) <= FILE_NAME_BYTES_MAX,
    );
    return isPlain ? `${this.#dir}/${bucket}/${key}` : undefined;
  }
}
