// What the embedded S3 knows of its buckets and objects beyond their bytes, as it lies on disk: `.index/<bucket>/bucket.json`, and
// for each key `.index/<bucket>/<sha256 of the key>/record.json` with all versions, newest first.
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { describeCorruptFile, describeFileFailure } from '../host/local-start-error.ts';
import { replaceFile } from '../host/private-file.ts';
import { CHECKSUM_ALGORITHMS } from './s3-digest.ts';

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

export interface Bucket {
  versioned: boolean;
  /** Versions by key, newest first, never empty. */
  readonly keys: Map<string, readonly ObjectVersion[]>;
}

export const hashOfKey = (key: string): string => createHash('sha256').update(key).digest('hex');

export async function fileExists(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** Every bucket, by name. Throws LocalStartError for a file that cannot be understood. */
export async function loadBuckets(indexDir: string): Promise<Map<string, Bucket>> {
  const buckets = new Map<string, Bucket>();
  for (const name of await subfolders(indexDir))
    if (!name.startsWith('.')) buckets.set(name, await loadBucket(`${indexDir}/${name}`));
  return buckets;
}

async function loadBucket(bucketDir: string): Promise<Bucket> {
  const { versioned } = await loadJson(`${bucketDir}/bucket.json`, bucketSchema);
  const keys = new Map<string, readonly ObjectVersion[]>();
  for (const keyDir of await subfolders(bucketDir)) {
    const path = `${bucketDir}/${keyDir}/record.json`;
    // Without a record the folder is the trace of a first write that never committed.
    if (!(await fileExists(path))) continue;
    const record = await loadJson(path, recordSchema);
    if (hashOfKey(record.key) !== keyDir)
      throw describeCorruptFile(path, 'it names another key than its folder');
    keys.set(record.key, record.versions);
  }
  return { versioned, keys };
}

async function subfolders(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
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
    const why = issue === undefined ? 'not JSON' : `${issue.path.join('.')}: ${issue.message}`;
    throw describeCorruptFile(path, why, error);
  }
}

/** @param keyDir exists */
export async function saveRecord(
  keyDir: string,
  record: { key: string; versions: readonly ObjectVersion[] },
  temporaryDir: string,
): Promise<void> {
  const text = `${JSON.stringify({ schemaVersion: 1, ...record }, null, 2)}\n`;
  await replaceFile(`${keyDir}/record.json`, text, temporaryDir);
}

/** @param bucketDir exists */
export async function saveBucket(bucketDir: string, versioned: boolean, temporaryDir: string): Promise<void> {
  const text = `${JSON.stringify({ schemaVersion: 1, versioned })}\n`;
  await replaceFile(`${bucketDir}/bucket.json`, text, temporaryDir);
}
