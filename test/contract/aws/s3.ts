// What S3 does, as far as the project relies on it, through the real SDK client.
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsTarget, errorName } from '../../support/aws-target.ts';

export function describeS3Conformance(name: string, open: () => Promise<AwsTarget>): void {
  describe(`S3: ${name}`, () => {
    let target: AwsTarget;
    let s3: S3Client;
    let plain: string;
    let versioned: string;

    const put = (
      Key: string,
      Body: NonNullable<PutObjectCommandInput['Body']>,
      more: Omit<Partial<PutObjectCommandInput>, 'Body'> = {},
    ) => s3.send(new PutObjectCommand({ Bucket: versioned, Key, Body, ...more }));
    const read = async (Key: string, VersionId?: string) => {
      const answer = await s3.send(new GetObjectCommand({ Bucket: versioned, Key, VersionId }));
      return Buffer.from(await answer.Body!.transformToByteArray());
    };

    async function* versionPages(query: { Bucket: string; Prefix?: string; MaxKeys?: number }) {
      let page: ListObjectVersionsCommandOutput | undefined;
      do {
        page = await s3.send(
          new ListObjectVersionsCommand({
            ...query,
            KeyMarker: page?.NextKeyMarker,
            VersionIdMarker: page?.NextVersionIdMarker,
          }),
        );
        yield page;
      } while (page.IsTruncated);
    }

    beforeAll(async () => {
      target = await open();
      s3 = target.clients.s3;
      plain = `${target.prefix}-plain`;
      versioned = `${target.prefix}-versioned`;
      for (const Bucket of [plain, versioned]) await s3.send(new CreateBucketCommand({ Bucket }));
      const VersioningConfiguration = { Status: 'Enabled' } as const;
      await s3.send(new PutBucketVersioningCommand({ Bucket: versioned, VersioningConfiguration }));
    });
    afterAll(async () => {
      for (const Bucket of [plain, versioned]) {
        for await (const page of versionPages({ Bucket })) {
          for (const { Key, VersionId } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])])
            await s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
        }
        if (!name.startsWith('embedded')) await s3.send(new DeleteBucketCommand({ Bucket }));
      }
      await target.close();
    });

    it('knows which buckets exist and which are versioned', async () => {
      await s3.send(new HeadBucketCommand({ Bucket: plain }));
      const absent = `${target.prefix}-absent`;
      expect(await errorName(s3.send(new HeadBucketCommand({ Bucket: absent })))).toBe('NotFound');
      expect(await errorName(s3.send(new GetObjectCommand({ Bucket: absent, Key: 'a' })))).toBe(
        'NoSuchBucket',
      );
      expect((await s3.send(new GetBucketVersioningCommand({ Bucket: plain }))).Status).toBeUndefined();
      expect((await s3.send(new GetBucketVersioningCommand({ Bucket: versioned }))).Status).toBe('Enabled');
    });

    it.each([0, 1, 65_536, 5 * 1024 * 1024 + 3])('returns %i bytes as they were put', async (size) => {
      const body = randomBytes(size);
      const stored = await put(`bytes/${size}`, body, {
        ContentType: 'application/x-test',
        Metadata: { a: 'b' },
      });
      const head = await s3.send(new HeadObjectCommand({ Bucket: versioned, Key: `bytes/${size}` }));
      expect(head).toMatchObject({
        ContentLength: size,
        ContentType: 'application/x-test',
        Metadata: { a: 'b' },
        ETag: stored.ETag,
        VersionId: stored.VersionId,
      });
      expect(stored.ETag).toMatch(/^"[0-9a-f]{32}"$/);
      expect(Buffer.compare(await read(`bytes/${size}`), body)).toBe(0);
    });

    it('takes a streamed body, which the SDK sends in chunks with its checksum behind', async () => {
      const body = randomBytes(3 * 1024 * 1024 + 7);
      const pieces = [body.subarray(0, 10), body.subarray(10, 1_000_000), body.subarray(1_000_000)];
      await put('streamed', Readable.from(pieces), { ContentLength: body.length });
      expect(Buffer.compare(await read('streamed'), body)).toBe(0);
    });

    it.each(['CRC32', 'SHA1', 'SHA256'] as const)(
      'keeps and returns the checksum %s',
      async (ChecksumAlgorithm) => {
        const stored = await put(`sum/${ChecksumAlgorithm}`, 'checked', { ChecksumAlgorithm });
        const field = `Checksum${ChecksumAlgorithm}` as const;
        const head = await s3.send(
          new HeadObjectCommand({
            Bucket: versioned,
            Key: `sum/${ChecksumAlgorithm}`,
            ChecksumMode: 'ENABLED',
          }),
        );
        expect(stored[field]).toBeTruthy();
        expect(head[field]).toBe(stored[field]);
      },
    );

    it('refuses a body that does not have the announced checksum or MD5, and stores nothing', async () => {
      expect(await errorName(put('bad', 'abc', { ChecksumSHA256: `${'A'.repeat(43)}=` }))).toBe('BadDigest');
      expect(await errorName(put('bad', 'abc', { ContentMD5: 'AAAAAAAAAAAAAAAAAAAAAA==' }))).toBe(
        'BadDigest',
      );
      expect(await errorName(read('bad'))).toBe('NoSuchKey');
    });

    it('serves byte ranges, and refuses those outside', async () => {
      await put('range', '0123456789');
      const range = async (Range: string) => {
        const answer = await s3.send(new GetObjectCommand({ Bucket: versioned, Key: 'range', Range }));
        return [await answer.Body!.transformToString(), answer.ContentRange];
      };
      expect(await range('bytes=2-4')).toEqual(['234', 'bytes 2-4/10']);
      expect(await range('bytes=7-')).toEqual(['789', 'bytes 7-9/10']);
      expect(await range('bytes=-3')).toEqual(['789', 'bytes 7-9/10']);
      expect(await range('bytes=8-99')).toEqual(['89', 'bytes 8-9/10']);
      expect(await errorName(range('bytes=10-'))).toBe('InvalidRange');
    });

    it('honours If-Match and If-None-Match on reading', async () => {
      const { ETag } = await put('conditional-read', 'x');
      const get = async (more: object) => {
        const answer = await s3.send(
          new GetObjectCommand({ Bucket: versioned, Key: 'conditional-read', ...more }),
        );
        return answer.Body!.transformToString();
      };
      expect(await get({ IfMatch: ETag })).toBe('x');
      expect(await errorName(get({ IfMatch: '"0"' }))).toBe('PreconditionFailed');
      expect(await get({ IfNoneMatch: '"0"' })).toBe('x');
      await expect(get({ IfNoneMatch: ETag })).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
    });

    it('creates only what is absent, and replaces only what matches', async () => {
      const first = await put('conditional', '1', { IfNoneMatch: '*' });
      expect(await errorName(put('conditional', '2', { IfNoneMatch: '*' }))).toBe('PreconditionFailed');
      expect(await errorName(put('conditional', '2', { IfMatch: '"0"' }))).toBe('PreconditionFailed');
      await put('conditional', '2', { IfMatch: first.ETag });
      expect(await errorName(put('conditional', '3', { IfMatch: first.ETag }))).toBe('PreconditionFailed');
      expect(await errorName(put('conditional-absent', '1', { IfMatch: first.ETag }))).toBe('NoSuchKey');
      expect((await read('conditional')).toString()).toBe('2');
    });

    it.each([
      ['If-None-Match', async () => ({ IfNoneMatch: '*' })],
      ['If-Match', async (key: string) => ({ IfMatch: (await put(key, 'before')).ETag })],
    ])('lets one of 20 concurrent writers win by %s', async (label, prepare) => {
      const key = `race/${label}`;
      const condition = await prepare(key);
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, writer) => errorName(put(key, `writer ${writer}`, condition))),
      );
      expect(outcomes.filter((outcome) => outcome === 'no error')).toHaveLength(1);
      expect((await read(key)).toString()).toBe(`writer ${outcomes.indexOf('no error')}`);
    });

    it('keeps every version, and brings the one before back when the newest is deleted', async () => {
      const ids: string[] = [];
      for (const text of ['one', 'two', 'three']) ids.push((await put('history', text)).VersionId!);
      expect(new Set(ids).size).toBe(3);
      for (const [index, text] of ['one', 'two', 'three'].entries())
        expect((await read('history', ids[index])).toString()).toBe(text);
      await s3.send(new DeleteObjectCommand({ Bucket: versioned, Key: 'history', VersionId: ids[2] }));
      expect((await read('history')).toString()).toBe('two');
      expect(await errorName(read('history', ids[2]))).toBe('NoSuchVersion');
      expect(await errorName(read('history', 'no version id'))).toBe('InvalidArgument');
    });

    it('hides a deleted object behind a marker and keeps its versions', async () => {
      const { VersionId } = await put('deleted', 'kept');
      const marker = await s3.send(new DeleteObjectCommand({ Bucket: versioned, Key: 'deleted' }));
      expect(marker.DeleteMarker).toBe(true);
      expect(await errorName(read('deleted'))).toBe('NoSuchKey');
      expect((await read('deleted', VersionId)).toString()).toBe('kept');
      expect(await errorName(read('deleted', marker.VersionId))).toBe('MethodNotAllowed');
      await s3.send(
        new DeleteObjectCommand({ Bucket: versioned, Key: 'deleted', VersionId: marker.VersionId }),
      );
      expect((await read('deleted')).toString()).toBe('kept');
    });

    it('lists all versions, newest first, page by page', async () => {
      const ids: string[] = [];
      for (const text of ['1', '2', '3']) ids.unshift((await put('versions/a', text)).VersionId!);
      await put('versions/b', '1');
      const listed: (string | undefined)[] = [];
      const latest: (boolean | undefined)[] = [];
      const query = { Bucket: versioned, Prefix: 'versions/', MaxKeys: 1 };
      for await (const page of versionPages(query)) {
        for (const { Key, VersionId, IsLatest } of page.Versions ?? []) {
          listed.push(Key === 'versions/a' ? VersionId : Key);
          latest.push(IsLatest);
        }
      }
      expect(listed).toEqual([...ids, 'versions/b']);
      expect(latest).toEqual([true, false, false, true]);
    });

    it('deletes for good in a bucket without versions, and takes deleting nothing for done', async () => {
      const at = { Bucket: plain, Key: 'gone' };
      expect((await s3.send(new PutObjectCommand({ ...at, Body: 'x' }))).VersionId).toBeUndefined();
      await s3.send(new PutObjectCommand({ ...at, Body: 'y' }));
      await s3.send(new DeleteObjectCommand(at));
      await s3.send(new DeleteObjectCommand(at));
      expect(await errorName(s3.send(new GetObjectCommand(at)))).toBe('NoSuchKey');
      expect((await s3.send(new ListObjectsV2Command({ Bucket: plain }))).KeyCount).toBe(0);
    });

    it('lists by prefix and delimiter in UTF-8 order, page by page', async () => {
      const keys = [
        'list/b',
        'list/a',
        'list/sub/1',
        'list/sub/2',
        'list/\u{1F600}',
        'list/\uFF5E',
        'list/z&<>"\'+ %',
      ];
      for (const Key of keys) await put(Key, 'x');
      const query = { Bucket: versioned, Prefix: 'list/', Delimiter: '/', MaxKeys: 2 };
      const found: (string | undefined)[] = [];
      for await (const page of paginateListObjectsV2({ client: s3 }, query)) {
        found.push(...(page.Contents ?? []).map(({ Key }) => Key));
        found.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix));
        expect(page.KeyCount).toBeLessThanOrEqual(2);
      }
      expect(found.sort()).toEqual([...keys.filter((key) => !key.includes('sub')), 'list/sub/'].sort());
      const whole = await s3.send(new ListObjectsV2Command({ Bucket: versioned, Prefix: 'list/' }));
      const order = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(whole.Contents?.map(({ Key }) => Key)).toEqual(order);
      const after = await s3.send(
        new ListObjectsV2Command({ Bucket: versioned, Prefix: 'list/', StartAfter: 'list/sub/1' }),
      );
      expect(after.Contents?.[0]?.Key).toBe('list/sub/2');
    });

    it('takes keys that no file system takes as paths', async () => {
      const keys = [
        'odd',
        'odd/below',
        'odd//double',
        'odd/../up',
        '/leading',
        'trailing/',
        `${'long'.repeat(100)}`,
      ];
      for (const key of keys) await put(key, `content of ${key}`);
      for (const key of keys) expect((await read(key)).toString()).toBe(`content of ${key}`);
      expect(await errorName(put('x'.repeat(1025), 'x'))).toBe('KeyTooLongError');
    });
  });
}
