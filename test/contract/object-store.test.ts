import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { CreateBucketCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3/s3-object-store.ts';
import { createFolderObjectStore } from '../../lib/adapters/files/folder-object-store.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { StoreError } from '../../lib/core/store-error.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { becomeOrdinaryUser } from '../support/ordinary-user.ts';
import { describeObjectStoreContract } from './object-store.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

async function openBucket({ clients: { s3 }, prefix }: EmbeddedTarget) {
  const bucket = `${prefix}-objects`;
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  await s3.send(
    new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  return createS3ObjectStore({ client: s3, bucket });
}

for (const [name, way] of [
  ['S3, embedded', 'endpoints'],
  ['S3, in process', 'inProcess'],
] as const)
  describeObjectStoreContract(name, async () => {
    const target = await openEmbedded(way);
    const store = await openBucket(target);
    const absent = createS3ObjectStore({ client: target.clients.s3, bucket: 'qt-no-such-bucket' });
    return { store, absent, hasVersions: true, close: target.close };
  });

describeObjectStoreContract('folder', async () => {
  const dir = await mkdtemp(`${tmpdir()}/qt-objects-`);
  return {
    store: createFolderObjectStore(dir),
    absent: createFolderObjectStore(`${dir}/no-such-folder`),
    hasVersions: false,
    close: () => rm(dir, { recursive: true }),
  };
});

describe('S3 on a bad day', () => {
  let target: EmbeddedTarget;
  let store: ObjectStore;
  beforeEach(async () => {
    target = await openEmbedded();
    store = await openBucket(target);
  });
  afterEach(() => target.close());

  it.each(['throttle', 'error', 'reset', 'answer_lost'] as const)('gets through one %s', async (kind) => {
    await store.put('a', bytes('1'));
    target.aws.faults.s3.inject({ kind });
    expect((await store.get('a'))?.body).toEqual(bytes('1'));
    target.aws.faults.s3.inject({ kind });
    expect(await store.put('b', bytes('2'), { ifAbsent: true })).toMatchObject({ outcome: 'stored' });
  });

  it('knows its own write again when the answer to it was lost', async () => {
    const first = await store.put('pointer', bytes('1'));
    if (first.outcome !== 'stored') throw new Error('not stored');
    target.aws.faults.s3.inject({ kind: 'answer_lost', operation: 'PutObject' });
    const second = await store.put('pointer', bytes('2'), { ifMatch: first.info.etag });
    expect(second).toMatchObject({ outcome: 'stored' });
    expect(await store.head('pointer')).toEqual(second.outcome === 'stored' && second.info);
  });

  it.each(['throttle', 'error', 'reset'] as const)('says that a lasting %s may pass', async (kind) => {
    target.aws.faults.s3.inject({ kind, times: 100 });
    for (const attempt of [
      () => store.head('a'),
      () => store.get('a'),
      () => store.put('a', bytes('1')),
      () => store.list(''),
    ]) {
      const error = await attempt().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({ retryable: true });
      expect((error as Error).message).not.toContain('\n');
    }
  });
});

describe('folder object store', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(`${tmpdir()}/qt-objects-`);
  });
  afterEach(() => rm(dir, { recursive: true }));

  it.each(['', '/', '/etc/passwd', '..', '../x', 'a/../../x', 'a//b', './a', 'a/', 'a\\..\\b', 'a\0b'])(
    'refuses the key %j, which is no file inside',
    async (key) => {
      const store = createFolderObjectStore(`${dir}/inside`);
      await mkdir(`${dir}/inside`);
      for (const attempt of [
        () => store.get(key),
        () => store.head(key),
        () => store.put(key, bytes('x')),
        () => store.put(key, bytes('x'), { ifAbsent: true }),
      ])
        await expect(attempt()).rejects.toThrow(StoreError);
      expect(await readdir(dir)).toEqual(['inside']);
      expect(await readdir(`${dir}/inside`)).toEqual([]);
    },
  );

  it('leaves nothing behind but the objects, whether writes win or lose', async () => {
    const store = createFolderObjectStore(dir);
    await store.put('a', bytes('1'));
    await store.put('a', bytes('2'), { ifAbsent: true });
    await store.put('a', bytes('2'), { ifMatch: 'other' });
    await Promise.all(Array.from({ length: 10 }, () => store.put('a', randomBytes(1000))));
    expect(await readdir(dir)).toEqual(['a']);
  });

  it('sees what changes on disk, and takes a folder for no object', async () => {
    const store = createFolderObjectStore(dir);
    const before = await store.put('models/x', bytes('1'));
    await writeFile(`${dir}/models/x`, 'changed');
    expect((await store.get('models/x'))?.body).toEqual(bytes('changed'));
    expect(await store.head('models/x')).not.toEqual(before.outcome === 'stored' && before.info);
    await rm(`${dir}/models/x`);
    expect(await store.head('models/x')).toBeUndefined();
    expect(await store.get('models')).toBeUndefined();
    await symlink(`${dir}/nowhere`, `${dir}/broken`);
    expect((await store.list('')).map(({ key }) => key)).toEqual([]);
  });

  it('says that a folder is read-only', async () => {
    const store = createFolderObjectStore(dir);
    await store.put('key', bytes('1'));
    await chmod(dir, 0o555);
    const restoreUser = becomeOrdinaryUser();
    try {
      for (const condition of [undefined, { ifAbsent: true } as const])
        await expect(store.put('other', bytes('x'), condition)).rejects.toThrow(/read-only/);
      expect((await store.get('key'))?.body).toEqual(bytes('1'));
    } finally {
      restoreUser();
      await chmod(dir, 0o755);
    }
  });
});
