// The state of the embedded S3: which versions each key has (s3-record.ts), where their bytes lie (s3-placement.ts) and what
// these hold (s3-verified-files.ts). A write commits by replacing the key's record.
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { z } from 'zod';
import { describeFileFailure } from '../host/local-start-error.ts';
import { makePrivateFolder } from '../host/private-file.ts';
import type { Upload } from './s3-body.ts';
import { checkCondition, notFound, type WriteCondition } from './s3-condition.ts';
import { S3Error } from './s3-error.ts';
import { type PlacedObject, S3Placement } from './s3-placement.ts';
import {
  type Bucket,
  type DataVersion,
  loadBuckets,
  type ObjectVersion,
  saveBucket,
  saveRecord,
} from './s3-record.ts';
import { type OpenObject, VerifiedFiles } from './s3-verified-files.ts';

const KEY_BYTES_MAX = 1024;

/** Buckets under `dir`. Throws LocalStartError when the folder cannot be used or a state file cannot be understood. */
export async function openS3Files(dir: string): Promise<S3Files> {
  const placement = new S3Placement(dir);
  await makePrivateFolder(dir);
  try {
    await rm(placement.temporaryDir, { recursive: true, force: true });
    await mkdir(placement.temporaryDir, { recursive: true });
  } catch (error) {
    throw describeFileFailure(dir, error);
  }
  const files = new S3Files(placement, await loadBuckets(placement.indexDir));
  await files.settleAll();
  return files;
}

export class S3Files {
  readonly #placement: S3Placement;
  readonly #buckets: Map<string, Bucket>;
  readonly #verified = new VerifiedFiles();
  readonly #tails = new Map<string, Promise<unknown>>();
  /** For uploads being received; on the same file system as the data. */
  readonly temporaryDir: string;

  constructor(placement: S3Placement, buckets: Map<string, Bucket>) {
    this.#placement = placement;
    this.#buckets = buckets;
    this.temporaryDir = placement.temporaryDir;
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
      await this.#placement.createBucket(name);
      await saveBucket(this.#placement.bucketDir(name), false, this.temporaryDir);
      this.#buckets.set(name, { versioned: false, keys: new Map() });
    });
  }

  /** Versioning can be switched on and stays on. */
  async enableVersioning(name: string): Promise<void> {
    const bucket = this.#bucket(name);
    await saveBucket(this.#placement.bucketDir(name), true, this.temporaryDir);
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
      const object = this.#object(bucketName, key);
      for (const [index, recorded] of object.versions.entries()) {
        const version = recorded.kind === 'data' ? await this.#inspect(object, recorded) : recorded;
        if (version !== undefined) found.push({ version, isLatest: index === 0 });
      }
      return found;
    });
  }

  /** The current version as it is on disk; undefined when there is none. */
  current(bucketName: string, key: string): Promise<DataVersion | undefined> {
    return this.#oneAtATime(`${bucketName}/${key}`, () => this.#current(this.#object(bucketName, key)));
  }

  /** Opens the current version, or the one asked for. Throws NoSuchKey, NoSuchVersion, MethodNotAllowed (delete marker). */
  open(bucketName: string, key: string, versionId: string | undefined): Promise<OpenObject> {
    return this.#oneAtATime(`${bucketName}/${key}`, async () => {
      const object = this.#object(bucketName, key);
      const opened = await this.#openVersion(object, findVersion(object, versionId));
      if (opened === undefined) throw notFound(versionId);
      return opened;
    });
  }

  /** Makes an upload the current version. Throws PreconditionFailed; the upload is gone afterwards in any case. */
  async put(
    target: { bucket: string; key: string; contentType: string; metadata: Record<string, string> },
    upload: Upload,
    condition: WriteCondition,
  ): Promise<DataVersion> {
    const { bucket, key, contentType, metadata } = target;
    const { temporaryPath, ...digest } = upload;
    try {
      const { versioned } = this.#bucket(bucket);
      if (Buffer.byteLength(key) > KEY_BYTES_MAX)
        throw new S3Error('KeyTooLongError', 'Your key is too long');
      return await this.#oneAtATime(`${bucket}/${key}`, async () => {
        checkCondition(condition, await this.#current(this.#object(bucket, key)));
        const version: DataVersion = {
          kind: 'data',
          versionId: versioned ? randomUUID() : 'null',
          lastModifiedMs: Date.now(),
          dataId: randomUUID(),
          ...digest,
          contentType,
          metadata,
        };
        await mkdir(this.#placement.keyDir(bucket, key), { recursive: true });
        await rename(temporaryPath, this.#placement.hiddenPath(target, version));
        await this.#prepend(bucket, key, version);
        return version;
      });
    } finally {
      await rm(temporaryPath, { force: true });
    }
  }

  /** Deletes as S3 does: a marker in a versioned bucket, the object itself otherwise. @returns the marker, if one was set */
  async delete(bucketName: string, key: string): Promise<ObjectVersion | undefined> {
    const { versioned } = this.#bucket(bucketName);
    return this.#oneAtATime(`${bucketName}/${key}`, async () => {
      if (!versioned) {
        for (const version of this.#object(bucketName, key).versions)
          await this.#removeVersion(bucketName, key, version);
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
    return this.#oneAtATime(`${bucketName}/${key}`, async () => {
      const version = this.#object(bucketName, key).versions.find(
        (candidate) => candidate.versionId === versionId,
      );
      if (version !== undefined) await this.#removeVersion(bucketName, key, version);
      return version;
    });
  }

  /** Moves every data file to its place: what a write cut short left undone. */
  async settleAll(): Promise<void> {
    for (const [bucket, { keys }] of this.#buckets)
      for (const [key, versions] of keys) await this.#placement.settle({ bucket, key, versions });
  }

  #bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist');
    return bucket;
  }

  #object(bucket: string, key: string): PlacedObject {
    return { bucket, key, versions: this.#bucket(bucket).keys.get(key) ?? [] };
  }

  async #current(object: PlacedObject): Promise<DataVersion | undefined> {
    const [version] = object.versions;
    return version?.kind === 'data' ? this.#inspect(object, version) : undefined;
  }

  async #inspect(object: PlacedObject, version: DataVersion): Promise<DataVersion | undefined> {
    const opened = await this.#openVersion(object, version);
    await opened?.handle.close();
    return opened?.version;
  }

  async #openVersion(object: PlacedObject, version: DataVersion): Promise<OpenObject | undefined> {
    return this.#verified.open(await this.#placement.locate(object, version), version);
  }

  async #prepend(bucket: string, key: string, version: ObjectVersion): Promise<void> {
    const { versions } = this.#object(bucket, key);
    const replaced = versions.filter(({ versionId }) => versionId === version.versionId);
    await this.#commit(bucket, key, [version, ...versions.filter((kept) => !replaced.includes(kept))]);
    for (const gone of replaced) await this.#forget({ bucket, key }, gone);
  }

  async #removeVersion(bucket: string, key: string, version: ObjectVersion): Promise<void> {
    const object = this.#object(bucket, key);
    if (version.kind === 'data') await rm(await this.#placement.locate(object, version), { force: true });
    await this.#commit(
      bucket,
      key,
      object.versions.filter((kept) => kept !== version),
    );
    await this.#forget(object, version);
    await this.#placement.removeEmptyFolders(object);
  }

  async #forget(object: Omit<PlacedObject, 'versions'>, version: ObjectVersion): Promise<void> {
    if (version.kind !== 'data') return;
    this.#verified.forget(version);
    await rm(this.#placement.hiddenPath(object, version), { force: true });
  }

  async #commit(bucket: string, key: string, versions: readonly ObjectVersion[]): Promise<void> {
    const keyDir = this.#placement.keyDir(bucket, key);
    const { keys } = this.#bucket(bucket);
    if (versions.length === 0) {
      await rm(keyDir, { recursive: true, force: true });
      keys.delete(key);
      return;
    }
    await mkdir(keyDir, { recursive: true });
    await saveRecord(keyDir, { key, versions }, this.temporaryDir);
    keys.set(key, versions);
    await this.#placement.settle({ bucket, key, versions });
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

function findVersion({ versions }: PlacedObject, versionId: string | undefined): DataVersion {
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
