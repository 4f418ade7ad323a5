// The state of the embedded S3 on disk. The current data of each key is an ordinary file at `<bucket>/<key>`, so that a person
// can find it; what S3 knows beyond that stands in `.index/<bucket>/<sha256 of the key>/`: `record.json` (all versions, newest
// first) and the data of versions that are not current, each in a file named after its data id.
//
// A write commits by replacing record.json; moving data files to their places comes after and is repeated at the next start
// when it was cut short. What the record says of a file's content is believed only after hashing the file, once per process
// and again whenever its size or time changes: a file that someone deletes or edits shows as missing or as what it now holds.
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { replaceFile } from './atomic-file.ts';
import { describeCorruptFile, describeFileFailure } from './local-start-error.ts';
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  createDigester,
  type Digest,
  type Upload,
} from './s3-body.ts';
import { S3Error } from './s3-error.ts';

const versionFields = { versionId: z.string(), lastModifiedMs: z.int() };
const versionSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('data'),
    ...versionFields,
    dataId: z.uuid(),
    md5: z.string(),
    bytes: z.int().min(0),
    algorithm: z.enum(CHECKSUM_ALGORITHMS),
    checksum: z.string(),
    contentType: z.string(),
    /** `x-amz-meta-*` without the prefix. */
    metadata: z.record(z.string(), z.string()),
  }),
  z.strictObject({ kind: z.literal('delete_marker'), ...versionFields }),
]);
const recordSchema = z.strictObject({
  schemaVersion: z.literal(1),
  key: z.string(),
  versions: z.array(versionSchema).min(1),
});
const bucketSchema = z.strictObject({ schemaVersion: z.literal(1), versioned: z.boolean() });

export type ObjectVersion = z.infer<typeof versionSchema>;
export type DataVersion = Extract<ObjectVersion, { kind: 'data' }>;
type WriteCondition = {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
};

interface Bucket {
  versioned: boolean;
  /** Versions by key, newest first, never empty. */
  readonly keys: Map<string, readonly ObjectVersion[]>;
}

/** A file's identity when it was hashed, and what was found. */
interface Verified extends Digest {
  readonly identity: string;
}

const INDEX_DIR = '.index';
const KEY_BYTES_MAX = 1024;
const FILE_NAME_BYTES_MAX = 255;
/** A write that comes within one tick of the file system's clock after the last one leaves the same time behind. */
const CLOCK_TICK_MS = 50;

/** Buckets under `dir`. Throws LocalStartError when the folder cannot be used or a state file cannot be understood. */
export async function openS3Files(dir: string): Promise<S3Files> {
  const temporaryDir = `${dir}/${INDEX_DIR}/.temporary`;
  try {
    await rm(temporaryDir, { recursive: true, force: true });
    await mkdir(temporaryDir, { recursive: true });
  } catch (error) {
    throw describeFileFailure(dir, error);
  }
  const buckets = new Map<string, Bucket>();
  for (const name of await subfolders(`${dir}/${INDEX_DIR}`)) {
    if (!name.startsWith('.')) buckets.set(name, await loadBucket(`${dir}/${INDEX_DIR}/${name}`));
  }
  const files = new S3Files(dir, temporaryDir, buckets);
  await files.settleAll();
  return files;
}

async function subfolders(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

async function loadBucket(indexDir: string): Promise<Bucket> {
  const { versioned } = await loadJson(`${indexDir}/bucket.json`, bucketSchema);
  const keys = new Map<string, readonly ObjectVersion[]>();
  for (const keyDir of await subfolders(indexDir)) {
    const path = `${indexDir}/${keyDir}/record.json`;
    // Without a record the folder is the trace of a first write that never committed.
    if (!(await fileExists(path))) continue;
    const record = await loadJson(path, recordSchema);
    if (hashOf(record.key) !== keyDir)
      throw describeCorruptFile(path, 'it names another key than its folder');
    keys.set(record.key, record.versions);
  }
  return { versioned, keys };
}

async function loadJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw describeFileFailure(path, error);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    throw describeCorruptFile(
      path,
      issue === undefined ? 'not JSON' : `${issue.path.join('.')}: ${issue.message}`,
      error,
    );
  }
}

const hashOf = (key: string) => createHash('sha256').update(key).digest('hex');

async function fileExists(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
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

/** An opened object: close the handle after use. */
interface OpenObject {
  /** What the record says, corrected by what the file holds. */
  readonly version: DataVersion;
  readonly handle: FileHandle;
}

export class S3Files {
  readonly #dir: string;
  readonly #buckets: Map<string, Bucket>;
  readonly #verified = new Map<string, Verified>();
  readonly #tails = new Map<string, Promise<unknown>>();
  /** For uploads being received; on the same file system as the data. */
  readonly temporaryDir: string;

  constructor(dir: string, temporaryDir: string, buckets: Map<string, Bucket>) {
    this.#dir = dir;
    this.temporaryDir = temporaryDir;
    this.#buckets = buckets;
  }

  async createBucket(name: string): Promise<void> {
    if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name))
      throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.');
    await this.#oneAtATime(name, async () => {
      if (this.#buckets.has(name)) {
        throw new S3Error(
          'BucketAlreadyOwnedByYou',
          'Your previous request to create the named bucket succeeded and you already own it.',
        );
      }
      await mkdir(`${this.#dir}/${name}`, { recursive: true });
      await mkdir(`${this.#dir}/${INDEX_DIR}/${name}`, { recursive: true });
      await this.#writeBucket(name, false);
      this.#buckets.set(name, { versioned: false, keys: new Map() });
    });
  }

  /** Versioning can be switched on and stays on. */
  async enableVersioning(name: string): Promise<void> {
    const bucket = this.#bucket(name);
    await this.#writeBucket(name, true);
    bucket.versioned = true;
  }

  isVersioned(name: string): boolean {
    return this.#bucket(name).versioned;
  }

  /** Keys in UTF-8 order, as S3 lists them. Throws NoSuchBucket. */
  keysOf(bucketName: string): string[] {
    return [...this.#bucket(bucketName).keys.keys()]
      .map((key) => ({ key, bytes: Buffer.from(key) }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .map(({ key }) => key);
  }

  /** Newest first; empty for an unknown key. Data versions whose file is gone are left out. */
  versionsOf(
    bucketName: string,
    key: string,
  ): Promise<readonly { readonly version: ObjectVersion; readonly isLatest: boolean }[]> {
    return this.#oneAtATime(`${bucketName}/${key}`, async () => {
      const found: { version: ObjectVersion; isLatest: boolean }[] = [];
      for (const [index, recorded] of (this.#bucket(bucketName).keys.get(key) ?? []).entries()) {
        const version = recorded.kind === 'data' ? await this.#inspect(bucketName, key, recorded) : recorded;
        if (version !== undefined) found.push({ version, isLatest: index === 0 });
      }
      return found;
    });
  }

  /** The current version as it is on disk; undefined when there is none. */
  current(bucketName: string, key: string): Promise<DataVersion | undefined> {
    return this.#oneAtATime(`${bucketName}/${key}`, () => this.#current(bucketName, key));
  }

  /** Opens the current version, or the one asked for. Throws NoSuchKey, NoSuchVersion, MethodNotAllowed (delete marker). */
  open(bucketName: string, key: string, versionId: string | undefined): Promise<OpenObject> {
    return this.#oneAtATime(`${bucketName}/${key}`, async () => {
      const opened = await this.#openVersion(bucketName, key, this.#find(bucketName, key, versionId));
      if (opened === undefined) throw notFound(versionId);
      return opened;
    });
  }

  async #current(bucketName: string, key: string): Promise<DataVersion | undefined> {
    const version = this.#bucket(bucketName).keys.get(key)?.[0];
    return version?.kind === 'data' ? this.#inspect(bucketName, key, version) : undefined;
  }

  async #inspect(bucketName: string, key: string, version: DataVersion): Promise<DataVersion | undefined> {
    const opened = await this.#openVersion(bucketName, key, version);
    await opened?.handle.close();
    return opened?.version;
  }

  async #openVersion(bucketName: string, key: string, version: DataVersion): Promise<OpenObject | undefined> {
    const handle = await openFile(await this.#locate(bucketName, key, version));
    if (handle === undefined) return undefined;
    try {
      return { version: correct(version, await this.#verify(version, handle)), handle };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  #find(bucketName: string, key: string, versionId: string | undefined): DataVersion {
    const versions = this.#bucket(bucketName).keys.get(key) ?? [];
    if (versionId !== undefined && versionId !== 'null' && !z.uuid().safeParse(versionId).success)
      throw new S3Error('InvalidArgument', 'Invalid version id specified');
    const version =
      versionId === undefined ? versions[0] : versions.find((candidate) => candidate.versionId === versionId);
    if (version === undefined) throw notFound(versionId);
    if (version.kind === 'data') return version;
    const headers = { 'x-amz-delete-marker': 'true', 'x-amz-version-id': version.versionId };
    if (versionId === undefined) throw new S3Error('NoSuchKey', 'The specified key does not exist.', headers);
    throw new S3Error(
      'MethodNotAllowed',
      'The specified method is not allowed against this resource.',
      headers,
    );
  }

  /** Makes an upload the current version. Throws PreconditionFailed; the upload is gone afterwards in any case. */
  async put(
    target: { bucket: string; key: string; contentType: string; metadata: Record<string, string> },
    upload: Upload,
    condition: WriteCondition,
  ): Promise<DataVersion> {
    const { bucket: bucketName, key } = target;
    try {
      const bucket = this.#bucket(bucketName);
      if (Buffer.byteLength(key) > KEY_BYTES_MAX)
        throw new S3Error('KeyTooLongError', 'Your key is too long');
      return await this.#oneAtATime(`${bucketName}/${key}`, async () => {
        checkCondition(condition, await this.#current(bucketName, key));
        const version: DataVersion = {
          kind: 'data',
          versionId: bucket.versioned ? randomUUID() : 'null',
          lastModifiedMs: Date.now(),
          dataId: randomUUID(),
          md5: upload.md5,
          bytes: upload.bytes,
          algorithm: upload.algorithm,
          checksum: upload.checksum,
          contentType: target.contentType,
          metadata: target.metadata,
        };
        await mkdir(this.#keyDir(bucketName, key), { recursive: true });
        await rename(upload.temporaryPath, this.#hiddenPath(bucketName, key, version));
        await this.#prepend(bucketName, key, version);
        return version;
      });
    } finally {
      await rm(upload.temporaryPath, { force: true });
    }
  }

  /** Deletes as S3 does: a marker in a versioned bucket, the object itself otherwise. @returns the marker, if one was set */
  async delete(bucketName: string, key: string): Promise<ObjectVersion | undefined> {
    const bucket = this.#bucket(bucketName);
    return this.#oneAtATime(`${bucketName}/${key}`, async () => {
      if (!bucket.versioned) {
        for (const version of bucket.keys.get(key) ?? []) await this.#removeVersion(bucketName, key, version);
        return undefined;
      }
      const marker = { kind: 'delete_marker', versionId: randomUUID(), lastModifiedMs: Date.now() } as const;
      await this.#prepend(bucketName, key, marker);
      return marker;
    });
  }

  /** Deletes one version for good; an unknown one is no failure. @returns what was deleted */
  async deleteVersion(
    bucketName: string,
    key: string,
    versionId: string,
  ): Promise<ObjectVersion | undefined> {
    const bucket = this.#bucket(bucketName);
    return this.#oneAtATime(`${bucketName}/${key}`, async () => {
      const version = bucket.keys.get(key)?.find((candidate) => candidate.versionId === versionId);
      if (version !== undefined) await this.#removeVersion(bucketName, key, version);
      return version;
    });
  }

  /** Moves every data file to its place: what a write cut short left undone. */
  async settleAll(): Promise<void> {
    for (const [bucketName, { keys }] of this.#buckets)
      for (const key of keys.keys()) await this.#settle(bucketName, key);
  }

  #bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist');
    return bucket;
  }

  #keyDir(bucketName: string, key: string): string {
    return `${this.#dir}/${INDEX_DIR}/${bucketName}/${hashOf(key)}`;
  }

  #hiddenPath(bucketName: string, key: string, version: DataVersion): string {
    return `${this.#keyDir(bucketName, key)}/${version.dataId}`;
  }

  /** Where the current data of a key belongs; undefined for a key that is no plain relative path. */
  #visiblePath(bucketName: string, key: string): string | undefined {
    const isPlain = key.split('/').every(
      (name) =>
        !['', '.', '..'].includes(name) &&
        // biome-ignore lint/suspicious/noControlCharactersInRegex: S3 keys may hold them, file names had better not.
        !/[\u0000-\u001f\\]/.test(name) &&
        Buffer.byteLength(name) <= FILE_NAME_BYTES_MAX,
    );
    return isPlain ? `${this.#dir}/${bucketName}/${key}` : undefined;
  }

  async #locate(bucketName: string, key: string, version: DataVersion): Promise<string> {
    const hidden = this.#hiddenPath(bucketName, key, version);
    const isCurrent = this.#bucket(bucketName).keys.get(key)?.[0] === version;
    const visible = isCurrent ? this.#visiblePath(bucketName, key) : undefined;
    return visible === undefined || (await fileExists(hidden)) ? hidden : visible;
  }

  /** Hashes the file, unless it is the one hashed before. */
  async #verify(version: DataVersion, handle: FileHandle): Promise<Verified & { mtimeMs: number }> {
    const { size, mtimeNs, ino } = await handle.stat({ bigint: true });
    const mtimeMs = Number(mtimeNs / 1_000_000n);
    const identity = `${ino}/${size}/${mtimeNs}`;
    const known = this.#verified.get(version.dataId);
    if (known?.identity === identity) return { ...known, mtimeMs };
    const startedMs = Date.now();
    const verified = { identity, ...(await digestFile(handle, version.algorithm)) };
    if (startedMs - mtimeMs > CLOCK_TICK_MS) this.#verified.set(version.dataId, verified);
    return { ...verified, mtimeMs };
  }

  async #prepend(bucketName: string, key: string, version: ObjectVersion): Promise<void> {
    const bucket = this.#bucket(bucketName);
    const before = bucket.keys.get(key) ?? [];
    const replaced = before.filter((candidate) => candidate.versionId === version.versionId);
    await this.#commit(bucketName, key, [
      version,
      ...before.filter((candidate) => !replaced.includes(candidate)),
    ]);
    await this.#settle(bucketName, key);
    for (const gone of replaced) await this.#forget(bucketName, key, gone);
  }

  async #removeVersion(bucketName: string, key: string, version: ObjectVersion): Promise<void> {
    const versions = this.#bucket(bucketName).keys.get(key) ?? [];
    if (version.kind === 'data') await rm(await this.#locate(bucketName, key, version), { force: true });
    await this.#commit(
      bucketName,
      key,
      versions.filter((candidate) => candidate !== version),
    );
    await this.#forget(bucketName, key, version);
    await this.#settle(bucketName, key);
    await this.#removeEmptyFolders(bucketName, key);
  }

  async #forget(bucketName: string, key: string, version: ObjectVersion): Promise<void> {
    if (version.kind !== 'data') return;
    this.#verified.delete(version.dataId);
    await rm(this.#hiddenPath(bucketName, key, version), { force: true });
  }

  async #commit(bucketName: string, key: string, versions: readonly ObjectVersion[]): Promise<void> {
    const keyDir = this.#keyDir(bucketName, key);
    const { keys } = this.#bucket(bucketName);
    if (versions.length === 0) {
      await rm(keyDir, { recursive: true, force: true });
      keys.delete(key);
      return;
    }
    await mkdir(keyDir, { recursive: true });
    const record = { schemaVersion: 1, key, versions };
    await replaceFile(`${keyDir}/record.json`, `${JSON.stringify(record, null, 2)}\n`, this.temporaryDir);
    keys.set(key, versions);
  }

  /**
   * Brings a key's files to their places after a commit. Each step may be repeated, and one that fails leaves the data in the
   * index, where it is found just as well: that is also what becomes of a key whose path another key's path crosses.
   */
  async #settle(bucketName: string, key: string): Promise<void> {
    const visible = this.#visiblePath(bucketName, key);
    const [current, previous] = this.#bucket(bucketName).keys.get(key) ?? [];
    if (visible === undefined || current === undefined) return;
    const staged = current.kind === 'data' ? this.#hiddenPath(bucketName, key, current) : undefined;
    if (staged !== undefined && !(await fileExists(staged))) return;
    if (previous?.kind === 'data') {
      const kept = this.#hiddenPath(bucketName, key, previous);
      if (!(await fileExists(kept)) && (await fileExists(visible))) await rename(visible, kept);
    }
    if (staged === undefined) {
      await this.#removeEmptyFolders(bucketName, key);
      return;
    }
    await mkdir(dirname(visible), { recursive: true })
      .then(() => rename(staged, visible))
      .catch(() => {});
  }

  /** Folders that hold nothing any more are no part of S3; one that still holds something refuses, and ends the walk. */
  async #removeEmptyFolders(bucketName: string, key: string): Promise<void> {
    const visible = this.#visiblePath(bucketName, key);
    if (visible === undefined) return;
    try {
      for (let dir = dirname(visible); dir.length > `${this.#dir}/${bucketName}`.length; dir = dirname(dir))
        await rmdir(dir);
    } catch {
      return;
    }
  }

  async #writeBucket(name: string, versioned: boolean): Promise<void> {
    await replaceFile(
      `${this.#dir}/${INDEX_DIR}/${name}/bucket.json`,
      `${JSON.stringify({ schemaVersion: 1, versioned })}\n`,
      this.temporaryDir,
    );
  }

  /** Runs the works of one key one after the other. */
  #oneAtATime<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#tails.get(key) ?? Promise.resolve()).then(work);
    const tail = result.then(
      () => {},
      () => {},
    );
    this.#tails.set(key, tail);
    tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    return result;
  }
}

function notFound(versionId: string | undefined): S3Error {
  return versionId === undefined
    ? new S3Error('NoSuchKey', 'The specified key does not exist.')
    : new S3Error('NoSuchVersion', 'The specified version does not exist.');
}

function correct(version: DataVersion, actual: Verified & { mtimeMs: number }): DataVersion {
  if (actual.md5 === version.md5 && actual.bytes === version.bytes) return version;
  const { md5, bytes, checksum, mtimeMs } = actual;
  return { ...version, md5, bytes, checksum, lastModifiedMs: mtimeMs };
}

async function digestFile(handle: FileHandle, algorithm: ChecksumAlgorithm): Promise<Digest> {
  const digester = createDigester(algorithm);
  const buffer = Buffer.allocUnsafe(256 * 1024);
  for (let position = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return digester.digest();
    digester.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}

/** Does the ETag list of an If-Match or If-None-Match header name this MD5? */
export function matchesEtag(header: string, md5: string): boolean {
  return header
    .split(',')
    .some((etag) => etag.trim() === '*' || etag.trim().replace(/^"(.*)"$/, '$1') === md5);
}

function checkCondition(condition: WriteCondition, current: DataVersion | undefined): void {
  if (condition.ifNoneMatch !== undefined && condition.ifNoneMatch !== '*') {
    throw new S3Error(
      'NotImplemented',
      'A header you provided implies functionality that is not implemented: If-None-Match',
    );
  }
  if (condition.ifMatch !== undefined && current === undefined) throw notFound(undefined);
  const isMet =
    (condition.ifNoneMatch === undefined || current === undefined) &&
    (condition.ifMatch === undefined ||
      (current !== undefined && matchesEtag(condition.ifMatch, current.md5)));
  if (!isMet) {
    throw new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  }
}
