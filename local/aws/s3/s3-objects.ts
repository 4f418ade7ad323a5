// The operations of the embedded S3 on one object.
import type { LocalRequest, Reply } from '../host/http-listener.ts';
import { receiveBody } from './s3-body.ts';
import { matchesEtag } from './s3-condition.ts';
import { S3Error } from './s3-error.ts';
import type { DataVersion, ObjectVersion } from './s3-record.ts';
import type { S3Request } from './s3-request.ts';

export async function putObject({ http, files, lists, bucket, key }: S3Request): Promise<Reply> {
  const versioned = files.isVersioned(bucket);
  const upload = await receiveBody(http, files.temporaryDir);
  const metadata = Object.fromEntries(
    Object.entries(http.headers)
      .filter(([name]) => name.startsWith('x-amz-meta-'))
      .map(([name, value]) => [name.slice('x-amz-meta-'.length), String(value)]),
  );
  const contentType = http.headers['content-type'] ?? 'binary/octet-stream';
  const isNew = (await files.current(bucket, key)) === undefined;
  const version = await files.put({ bucket, key, contentType, metadata }, upload, {
    ifMatch: http.headers['if-match'],
    ifNoneMatch: http.headers['if-none-match'],
  });
  if (isNew) lists.hide(bucket, key);
  return {
    status: 200,
    headers: { etag: `"${version.md5}"`, ...checksumHeaders(version), ...versionHeader(version, versioned) },
    body: '',
  };
}

export async function getObject({ http, files, bucket, key, query }: S3Request): Promise<Reply> {
  const versioned = files.isVersioned(bucket);
  const { version, handle } = await files.open(bucket, key, query.get('versionId') ?? undefined);
  try {
    const notModified = checkPreconditions(http, version);
    if (notModified !== undefined) {
      await handle.close();
      return notModified;
    }
    const { status, start, end, headers } = chooseRange(http.headers.range, version);
    const objectHeaders = { ...describe(http, version, versioned, status === 200), ...headers };
    if (version.bytes === 0) {
      await handle.close();
      return { status, headers: objectHeaders, body: '' };
    }
    return { status, headers: objectHeaders, body: handle.createReadStream({ start, end }) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export async function headObject({ http, files, bucket, key, query }: S3Request): Promise<Reply> {
  const versioned = files.isVersioned(bucket);
  const { version, handle } = await files.open(bucket, key, query.get('versionId') ?? undefined);
  await handle.close();
  return (
    checkPreconditions(http, version) ?? {
      status: 200,
      headers: describe(http, version, versioned, true),
      body: '',
    }
  );
}

export async function deleteObject({ files, bucket, key, query }: S3Request): Promise<Reply> {
  const versionId = query.get('versionId');
  const touched =
    versionId === null ? await files.delete(bucket, key) : await files.deleteVersion(bucket, key, versionId);
  const headers: Record<string, string> = {};
  if (versionId !== null) headers['x-amz-version-id'] = versionId;
  if (touched !== undefined) headers['x-amz-version-id'] = touched.versionId;
  if (touched?.kind === 'delete_marker') headers['x-amz-delete-marker'] = 'true';
  return { status: 204, headers, body: '' };
}

const versionHeader = (version: ObjectVersion, versioned: boolean): Record<string, string> =>
  versioned ? { 'x-amz-version-id': version.versionId } : {};

const checksumHeaders = (version: DataVersion): Record<string, string> => ({
  [`x-amz-checksum-${version.algorithm}`]: version.checksum,
});

function describe(
  http: LocalRequest,
  version: DataVersion,
  versioned: boolean,
  isWhole: boolean,
): Record<string, string> {
  const wantsChecksum = http.headers['x-amz-checksum-mode'] === 'ENABLED' && isWhole;
  return {
    etag: `"${version.md5}"`,
    'last-modified': new Date(version.lastModifiedMs).toUTCString(),
    'accept-ranges': 'bytes',
    'content-length': String(version.bytes),
    'content-type': version.contentType,
    ...Object.fromEntries(
      Object.entries(version.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value]),
    ),
    ...versionHeader(version, versioned),
    ...(wantsChecksum ? checksumHeaders(version) : {}),
  };
}

/** The answer 304, when there is nothing new; throws PreconditionFailed. */
function checkPreconditions(http: LocalRequest, version: DataVersion): Reply | undefined {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = http.headers;
  if (ifMatch !== undefined && !matchesEtag(ifMatch, version.md5))
    throw new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  if (ifNoneMatch !== undefined && matchesEtag(ifNoneMatch, version.md5))
    return { status: 304, headers: { etag: `"${version.md5}"` }, body: '' };
  return undefined;
}

/** The bytes to send, `end` inclusive. A header that is no single byte range is ignored, as HTTP has it. */
function chooseRange(
  header: string | undefined,
  { bytes }: DataVersion,
): { status: number; start: number; end: number; headers: Record<string, string> } {
  const whole = { status: 200, start: 0, end: bytes - 1, headers: {} };
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return whole;
  const start = first === '' ? Math.max(0, bytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return whole;
  if (start > end) {
    throw new S3Error('InvalidRange', 'The requested range is not satisfiable', {
      'content-range': `bytes */${bytes}`,
    });
  }
  return {
    status: 206,
    start,
    end,
    headers: { 'content-length': String(end - start + 1), 'content-range': `bytes ${start}-${end}/${bytes}` },
  };
}
