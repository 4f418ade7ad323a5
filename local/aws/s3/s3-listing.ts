// ListObjectsV2 and ListObjectVersions: pages over the keys in UTF-8 order, with what is on disk now.
import type { Reply } from '../host/http-listener.ts';
import { S3Error } from './s3-error.ts';
import type { DataVersion, ObjectVersion } from './s3-record.ts';
import type { S3Request } from './s3-request.ts';
import { element, XML_HEADERS, xmlDocument } from './s3-xml.ts';

const PAGE_KEYS_MAX = 1000;

const isAfter = (key: string, mark: string) => Buffer.compare(Buffer.from(key), Buffer.from(mark)) > 0;

function pageSize(query: URLSearchParams): number {
  const asked = Number(query.get('max-keys') ?? PAGE_KEYS_MAX);
  if (!Number.isInteger(asked) || asked < 0)
    throw new S3Error('InvalidArgument', 'Provided max-keys not an integer or within integer range');
  return Math.min(asked, PAGE_KEYS_MAX);
}

/** The part of a key up to and with the first delimiter after the prefix; undefined when it has none. */
function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

interface Page {
  readonly contents: readonly string[];
  readonly prefixes: readonly string[];
  /** The last key or prefix of the page, when more follows. */
  readonly next: string | undefined;
}

export async function listObjects(request: S3Request): Promise<Reply> {
  const { bucket, query } = request;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const keysMax = pageSize(query);
  const token = query.get('continuation-token');
  const mark = token === null ? (query.get('start-after') ?? '') : Buffer.from(token, 'base64url').toString();
  const { contents, prefixes, next } = await readPage(request, { prefix, delimiter, keysMax, mark });
  const body =
    element('Name', bucket) +
    element('Prefix', prefix) +
    (delimiter === '' ? '' : element('Delimiter', delimiter)) +
    element('MaxKeys', keysMax) +
    element('KeyCount', contents.length + prefixes.length) +
    element('IsTruncated', next !== undefined) +
    (token === null ? '' : element('ContinuationToken', token)) +
    (next === undefined ? '' : element('NextContinuationToken', Buffer.from(next).toString('base64url'))) +
    contents.join('') +
    prefixes.map((group) => parent('CommonPrefixes', element('Prefix', group))).join('');
  return { status: 200, headers: XML_HEADERS, body: xmlDocument('ListBucketResult', body) };
}

/** @param from.mark key or common prefix after which the page begins */
async function readPage(
  { files, lists, bucket }: S3Request,
  from: { prefix: string; delimiter: string; keysMax: number; mark: string },
): Promise<Page> {
  const { prefix, delimiter, keysMax, mark } = from;
  // A mark that is a common prefix stands for every key under it.
  const isDone = (key: string) =>
    mark !== '' &&
    (!isAfter(key, mark) || (delimiter !== '' && mark.endsWith(delimiter) && key.startsWith(mark)));
  const contents: string[] = [];
  const prefixes = new Set<string>();
  let last = '';
  for (const key of files.keysOf(bucket)) {
    if (!key.startsWith(prefix) || isDone(key) || !lists.shows(bucket, key)) continue;
    const group = commonPrefix(key, prefix, delimiter);
    if (group !== undefined && prefixes.has(group)) continue;
    const version = await files.current(bucket, key);
    if (version === undefined) continue;
    if (contents.length + prefixes.size >= keysMax)
      return { contents, prefixes: [...prefixes], next: keysMax > 0 ? last : undefined };
    last = group ?? key;
    if (group === undefined) contents.push(parent('Contents', element('Key', key) + dataFields(version)));
    else prefixes.add(group);
  }
  return { contents, prefixes: [...prefixes], next: undefined };
}

export async function listVersions({ files, bucket, query }: S3Request): Promise<Reply> {
  if (query.has('delimiter'))
    throw new S3Error('NotImplemented', 'ListObjectVersions takes no delimiter here.');
  const prefix = query.get('prefix') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const versionMarker = query.get('version-id-marker') ?? '';
  const keysMax = pageSize(query);
  const page: string[] = [];
  let next = '';
  let last = { key: '', versionId: '' };
  keys: for (const key of files.keysOf(bucket)) {
    const isMarked = key === keyMarker && versionMarker !== '';
    if (!key.startsWith(prefix) || (keyMarker !== '' && !isAfter(key, keyMarker) && !isMarked)) continue;
    const versions = await files.versionsOf(bucket, key);
    const from = isMarked ? versions.findIndex(({ version }) => version.versionId === versionMarker) + 1 : 0;
    for (const { version, isLatest } of versions.slice(from)) {
      if (page.length >= keysMax) {
        next = element('NextKeyMarker', last.key) + element('NextVersionIdMarker', last.versionId);
        break keys;
      }
      page.push(versionElement(key, version, isLatest));
      last = { key, versionId: version.versionId };
    }
  }
  const body =
    element('Name', bucket) +
    element('Prefix', prefix) +
    element('KeyMarker', keyMarker) +
    element('VersionIdMarker', versionMarker) +
    element('MaxKeys', keysMax) +
    element('IsTruncated', next !== '') +
    next +
    page.join('');
  return { status: 200, headers: XML_HEADERS, body: xmlDocument('ListVersionsResult', body) };
}

const parent = (name: string, content: string) => `<${name}>${content}</${name}>`;

function versionElement(key: string, version: ObjectVersion, isLatest: boolean): string {
  const head = element('Key', key) + element('VersionId', version.versionId) + element('IsLatest', isLatest);
  return version.kind === 'data'
    ? parent('Version', head + dataFields(version))
    : parent('DeleteMarker', head + element('LastModified', new Date(version.lastModifiedMs).toISOString()));
}

function dataFields(version: DataVersion): string {
  return (
    element('LastModified', new Date(version.lastModifiedMs).toISOString()) +
    element('ETag', `"${version.md5}"`) +
    element('Size', version.bytes) +
    element('StorageClass', 'STANDARD')
  );
}
