// S3 for `npm start` and the tests: the operations that the project uses, path-style, as the AWS SDK speaks them. What is not
// implemented is refused as such, never half done. Signatures are not checked: the listener is on the loopback interface.
import type { IncomingMessage } from 'node:http';
import { XMLParser } from 'fast-xml-parser';
import type { FaultPlan } from './fault-plan.ts';
import { type Listener, type LocalService, listen, type Reply, readBody } from './http-listener.ts';
import { receiveBody } from './s3-body.ts';
import { S3Error } from './s3-error.ts';
import { type DataVersion, matchesEtag, type ObjectVersion, openS3Files, type S3Files } from './s3-files.ts';
import { listObjects, listVersions } from './s3-listing.ts';
import { element, XML_HEADERS, xmlDocument } from './s3-xml.ts';

interface S3Request {
  readonly http: IncomingMessage;
  readonly files: S3Files;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
}

type Operation = (request: S3Request) => Promise<Reply>;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  CreateBucket: createBucket,
  HeadBucket: headBucket,
  PutBucketVersioning: putBucketVersioning,
  GetBucketVersioning: getBucketVersioning,
  ListObjectsV2: listObjects,
  ListObjectVersions: listVersions,
  PutObject: putObject,
  GetObject: getObject,
  HeadObject: headObject,
  DeleteObject: deleteObject,
};

const BUCKET_OPERATIONS: Readonly<Record<string, string>> = {
  'PUT ': 'CreateBucket',
  'HEAD ': 'HeadBucket',
  'PUT versioning': 'PutBucketVersioning',
  'GET versioning': 'GetBucketVersioning',
  'GET list-type': 'ListObjectsV2',
  'GET versions': 'ListObjectVersions',
};
const OBJECT_OPERATIONS: Readonly<Record<string, string>> = {
  PUT: 'PutObject',
  GET: 'GetObject',
  HEAD: 'HeadObject',
  DELETE: 'DeleteObject',
};
/** Query parameters that shape an operation; any other names a different operation. */
const PLAIN_PARAMETERS = new Set(
  'x-id versionId prefix delimiter max-keys continuation-token start-after fetch-owner key-marker version-id-marker'.split(
    ' ',
  ),
);
const CONFIGURATION_BYTES_MAX = 64 * 1024;

/** S3 in a folder. Throws LocalStartError. */
export async function startEmbeddedS3(options: {
  dir: string;
  host: string;
  port: number;
  faults: FaultPlan;
}): Promise<Listener> {
  const files = await openS3Files(options.dir);
  const service: LocalService = {
    name: 'S3',
    operationOf: (http) => operationOf(http.method ?? '', parseUrl(http)),
    answer: async (http) => {
      try {
        const url = parseUrl(http);
        const operation = OPERATIONS[operationOf(http.method ?? '', url)];
        if (operation === undefined || http.headers['x-amz-copy-source'] !== undefined)
          throw new S3Error('NotImplemented', 'This operation is not implemented by the embedded S3.');
        return await operation({ http, files, ...url });
      } catch (error) {
        if (error instanceof S3Error) return errorReply(error, http.method === 'HEAD');
        throw error;
      }
    },
    throttleReply: () => errorReply(new S3Error('SlowDown', 'Please reduce your request rate.'), false),
    internalErrorReply: (message) => errorReply(new S3Error('InternalError', message), false),
  };
  return listen(service, options.faults, options);
}

function parseUrl(http: IncomingMessage): Pick<S3Request, 'bucket' | 'key' | 'query'> {
  const [path = '', search = ''] = (http.url ?? '').split(/\?(.*)/s);
  const [bucket = '', ...rest] = path.slice(1).split('/');
  const decode = (text: string) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  return { bucket: decode(bucket), key: rest.map(decode).join('/'), query: new URLSearchParams(search) };
}

function operationOf(method: string, url: Pick<S3Request, 'key' | 'query'>): string {
  const marks = [...url.query.keys()].filter((name) => !PLAIN_PARAMETERS.has(name));
  const found =
    url.key === ''
      ? BUCKET_OPERATIONS[`${method} ${marks.join('&')}`]
      : marks.length === 0
        ? OBJECT_OPERATIONS[method]
        : undefined;
  return found ?? 'unknown';
}

async function createBucket({ files, bucket }: S3Request): Promise<Reply> {
  await files.createBucket(bucket);
  return { status: 200, headers: { location: `/${bucket}` }, body: '' };
}

async function headBucket({ files, bucket }: S3Request): Promise<Reply> {
  files.isVersioned(bucket);
  return { status: 200, headers: {}, body: '' };
}

async function putBucketVersioning({ http, files, bucket }: S3Request): Promise<Reply> {
  const text = (await readBody(http, CONFIGURATION_BYTES_MAX)).toString();
  let status: unknown;
  try {
    status = new XMLParser().parse(text, true).VersioningConfiguration.Status;
  } catch {
    throw new S3Error('MalformedXML', 'The XML you provided was not well-formed.');
  }
  if (status !== 'Enabled')
    throw new S3Error('NotImplemented', 'The embedded S3 can only switch versioning on.');
  await files.enableVersioning(bucket);
  return { status: 200, headers: {}, body: '' };
}

async function getBucketVersioning({ files, bucket }: S3Request): Promise<Reply> {
  const status = files.isVersioned(bucket) ? element('Status', 'Enabled') : '';
  return { status: 200, headers: XML_HEADERS, body: xmlDocument('VersioningConfiguration', status) };
}

async function putObject({ http, files, bucket, key }: S3Request): Promise<Reply> {
  const versioned = files.isVersioned(bucket);
  const upload = await receiveBody(http, files.temporaryDir);
  const metadata = Object.fromEntries(
    Object.entries(http.headers)
      .filter(([name]) => name.startsWith('x-amz-meta-'))
      .map(([name, value]) => [name.slice('x-amz-meta-'.length), String(value)]),
  );
  const contentType = http.headers['content-type'] ?? 'binary/octet-stream';
  const version = await files.put({ bucket, key, contentType, metadata }, upload, {
    ifMatch: http.headers['if-match'],
    ifNoneMatch: http.headers['if-none-match'],
  });
  return {
    status: 200,
    headers: { etag: `"${version.md5}"`, ...checksumHeaders(version), ...versionHeader(version, versioned) },
    body: '',
  };
}

async function getObject({ http, files, bucket, key, query }: S3Request): Promise<Reply> {
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

async function headObject({ http, files, bucket, key, query }: S3Request): Promise<Reply> {
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

async function deleteObject({ files, bucket, key, query }: S3Request): Promise<Reply> {
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
  'x-amz-checksum-type': 'FULL_OBJECT',
});

function describe(
  http: IncomingMessage,
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
function checkPreconditions(http: IncomingMessage, version: DataVersion): Reply | undefined {
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

function errorReply(error: S3Error, isHead: boolean): Reply {
  const body = xmlDocument('Error', element('Code', error.code) + element('Message', error.message));
  return { status: error.status, headers: { ...XML_HEADERS, ...error.headers }, body: isHead ? '' : body };
}
