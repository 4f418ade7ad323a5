// The object store on S3: models, ensembles, candles. A missing key is an answer; anything else that is not the object is an
// error, above all a missing bucket, which would otherwise look like an empty store.
import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ObjectInfo, ObjectStore, StoredObject, WriteCondition } from '../../../core/ports.ts';
import { StoreError } from '../../../core/store-error.ts';
import { readAwsFailure, storeError } from '../store-failure.ts';

/** The SDK retries a request, but not a body that breaks off after the answer has begun. */
const BODY_ATTEMPTS = 3;

/** ObjectStore in a bucket; versions are given when the bucket has them. Throws StoreError. */
export function createS3ObjectStore({ client, bucket }: { client: S3Client; bucket: string }): ObjectStore {
  const nameOf = (key: string) => `s3://${bucket}/${key}`;

  /** HEAD answers 404 without a body, whether the key or the bucket is missing. */
  async function assertBucketExists(): Promise<void> {
    await client.send(new HeadBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
      if (readAwsFailure(error).status !== 404) throw error;
      throw new StoreError(`bucket ${bucket} does not exist`, { cause: error, retryable: false });
    });
  }

  async function getOnce(key: string, versionId: string | undefined): Promise<StoredObject | undefined> {
    const answer = await client
      .send(new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId }))
      .catch((error: unknown) => {
        if (isMissing(error, versionId)) return undefined;
        throw error;
      });
    if (answer === undefined) return undefined;
    try {
      const body = await answer.Body!.transformToByteArray();
      if (body.length !== answer.ContentLength)
        throw new Error(`${body.length} of ${answer.ContentLength} bytes arrived`);
      return { ...infoFrom(key, answer), bytes: body.length, body };
    } catch (error) {
      throw new StoreError(`reading ${nameOf(key)} broke off: ${readAwsFailure(error).message}`, {
        cause: error,
        retryable: true,
      });
    }
  }

  async function get(key: string, versionId?: string): Promise<StoredObject | undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await getOnce(key, versionId);
      } catch (error) {
        const brokeOff = error instanceof StoreError && error.retryable;
        if (!brokeOff || attempt === BODY_ATTEMPTS) throw storeError(`reading ${nameOf(key)}`, error);
      }
    }
  }

  /** A retried write whose first answer was lost is refused by its own success. */
  async function findOwnWrite(key: string, body: Uint8Array): Promise<ObjectInfo | undefined> {
    const current = await get(key);
    if (current === undefined || Buffer.compare(current.body, body) !== 0) return undefined;
    const { body: _, ...info } = current;
    return info;
  }

  return {
    get,

    async head(key) {
      try {
        const answer = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
        return { ...infoFrom(key, answer), bytes: answer.ContentLength ?? 0 };
      } catch (error) {
        if (readAwsFailure(error).status !== 404) throw storeError(`reading ${nameOf(key)}`, error);
        await assertBucketExists().catch((cause: unknown) => {
          throw storeError(`reading ${nameOf(key)}`, cause);
        });
        return undefined;
      }
    },

    async put(key, body, condition) {
      try {
        const answer = await client.send(
          new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...conditionHeaders(condition) }),
        );
        return { outcome: 'stored', info: { ...infoFrom(key, answer), bytes: body.length } };
      } catch (error) {
        const { status, name } = readAwsFailure(error);
        const isConflict =
          status === 412 || status === 409 || (name === 'NoSuchKey' && condition !== undefined);
        if (isConflict) {
          const stored = wasRetried(error) ? await findOwnWrite(key, body) : undefined;
          return stored === undefined ? { outcome: 'conflict' } : { outcome: 'stored', info: stored };
        }
        throw storeError(`writing ${nameOf(key)}`, error);
      }
    },

    async list(prefix) {
      try {
        const found: ObjectInfo[] = [];
        for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
          for (const { Key, Size, ETag } of page.Contents ?? [])
            found.push({ key: Key!, bytes: Size!, etag: ETag!, versionId: undefined });
        }
        return found;
      } catch (error) {
        throw storeError(`listing ${nameOf(prefix)}`, error);
      }
    },
  };
}

function infoFrom(
  key: string,
  answer: { ETag?: string | undefined; VersionId?: string | undefined },
): Pick<ObjectInfo, 'key' | 'etag' | 'versionId'> {
  if (answer.ETag === undefined) throw new Error('the answer has no ETag');
  return { key, etag: answer.ETag, versionId: answer.VersionId };
}

function conditionHeaders(condition: WriteCondition | undefined): { IfNoneMatch?: string; IfMatch?: string } {
  if (condition === undefined) return {};
  return 'ifAbsent' in condition ? { IfNoneMatch: '*' } : { IfMatch: condition.ifMatch };
}

function wasRetried(error: unknown): boolean {
  const { $metadata } = error as { $metadata?: { attempts?: number } };
  return ($metadata?.attempts ?? 1) > 1;
}

/** A version that is a delete marker, or whose id was never S3's, is not there either. */
function isMissing(error: unknown, versionId: string | undefined): boolean {
  const { name, status } = readAwsFailure(error);
  if (name === 'NoSuchKey' || name === 'NoSuchVersion') return true;
  return versionId !== undefined && (status === 405 || (status === 400 && name === 'InvalidArgument'));
}
