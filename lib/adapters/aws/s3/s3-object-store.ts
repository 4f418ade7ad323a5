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
import { readAwsFailure, storeError, wasRetried } from '../store-failure.ts';

/** The SDK retries a request, but not a body that breaks off after the answer has begun. */
const BODY_ATTEMPTS = 3;

interface Bucket {
  readonly client: S3Client;
  readonly bucket: string;
}

/** ObjectStore in a bucket; versions are given when the bucket has them. Throws StoreError. */
export const createS3ObjectStore = (bucket: Bucket): ObjectStore => ({
  get: (key, versionId) => get(bucket, key, versionId),
  head: (key) => head(bucket, key),
  put: (key, body, condition) => put(bucket, { key, body, condition }),
  list: (prefix) => list(bucket, prefix),
});

const nameOf = ({ bucket }: Bucket, key: string): string => `s3://${bucket}/${key}`;

async function get(bucket: Bucket, key: string, versionId?: string): Promise<StoredObject | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await getOnce(bucket, key, versionId);
    } catch (error) {
      const brokeOff = error instanceof StoreError && error.retryable;
      if (!brokeOff || attempt === BODY_ATTEMPTS) throw storeError(`reading ${nameOf(bucket, key)}`, error);
    }
  }
}

async function getOnce(
  target: Bucket,
  key: string,
  versionId: string | undefined,
): Promise<StoredObject | undefined> {
  const answer = await target.client
    .send(new GetObjectCommand({ Bucket: target.bucket, Key: key, VersionId: versionId }))
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
    throw new StoreError(`reading ${nameOf(target, key)} broke off: ${readAwsFailure(error).message}`, {
      cause: error,
      retryable: true,
    });
  }
}

async function head(target: Bucket, key: string): Promise<ObjectInfo | undefined> {
  try {
    const answer = await target.client.send(new HeadObjectCommand({ Bucket: target.bucket, Key: key }));
    return { ...infoFrom(key, answer), bytes: answer.ContentLength ?? 0 };
  } catch (error) {
    if (readAwsFailure(error).status !== 404) throw storeError(`reading ${nameOf(target, key)}`, error);
    await assertBucketExists(target).catch((cause: unknown) => {
      throw storeError(`reading ${nameOf(target, key)}`, cause);
    });
    return undefined;
  }
}

/** HEAD answers 404 without a body, whether the key or the bucket is missing. */
async function assertBucketExists({ client, bucket }: Bucket): Promise<void> {
  await client.send(new HeadBucketCommand({ Bucket: bucket })).catch((error: unknown) => {
    if (readAwsFailure(error).status !== 404) throw error;
    throw new StoreError(`bucket ${bucket} does not exist`, { cause: error, retryable: false });
  });
}

async function put(
  target: Bucket,
  { key, body, condition }: { key: string; body: Uint8Array; condition: WriteCondition | undefined },
): ReturnType<ObjectStore['put']> {
  const headers = conditionHeaders(condition);
  const command = new PutObjectCommand({ Bucket: target.bucket, Key: key, Body: body, ...headers });
  try {
    const answer = await target.client.send(command);
    return { outcome: 'stored', info: { ...infoFrom(key, answer), bytes: body.length } };
  } catch (error) {
    const { status, name } = readAwsFailure(error);
    const isConflict = status === 412 || status === 409 || (name === 'NoSuchKey' && condition !== undefined);
    if (!isConflict) throw storeError(`writing ${nameOf(target, key)}`, error);
    const stored = wasRetried(error) ? await findOwnWrite(target, key, body) : undefined;
    return stored === undefined ? { outcome: 'conflict' } : { outcome: 'stored', info: stored };
  }
}

/** A retried write whose first answer was lost is refused by its own success. */
async function findOwnWrite(target: Bucket, key: string, body: Uint8Array): Promise<ObjectInfo | undefined> {
  const current = await get(target, key);
  if (current === undefined || Buffer.compare(current.body, body) !== 0) return undefined;
  const { body: _, ...info } = current;
  return info;
}

async function list(target: Bucket, prefix: string): Promise<ObjectInfo[]> {
  const { client, bucket } = target;
  try {
    const found: ObjectInfo[] = [];
    for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
      for (const { Key, Size, ETag } of page.Contents ?? [])
        found.push({ key: Key!, bytes: Size!, etag: ETag!, versionId: undefined });
    }
    return found;
  } catch (error) {
    throw storeError(`listing ${nameOf(target, prefix)}`, error);
  }
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

/** A version that is a delete marker, or whose id was never S3's, is not there either. */
function isMissing(error: unknown, versionId: string | undefined): boolean {
  const { name, status } = readAwsFailure(error);
  if (name === 'NoSuchKey' || name === 'NoSuchVersion') return true;
  return versionId !== undefined && (status === 405 || (status === 400 && name === 'InvalidArgument'));
}
