// S3 for `npm start` and the tests: the operations that the project uses, path-style, as the AWS SDK speaks them. What is not
// implemented is refused as such, never half done. Who may ask is the listener's matter; signatures are not verified.
import { XMLParser } from 'fast-xml-parser';
import { KIB } from '../../../lib/core/units.ts';
import type { FaultPlan } from '../host/fault-plan.ts';
import { type LocalRequest, type OpenedService, type Reply, readBody } from '../host/http-listener.ts';
import { DOOR_REFUSALS } from '../host/local-door.ts';
import { LaggingLists } from './lagging-lists.ts';
import { S3Error } from './s3-error.ts';
import { openS3Files } from './s3-files.ts';
import { listObjects, listVersions } from './s3-listing.ts';
import { deleteObject, getObject, headObject, putObject } from './s3-objects.ts';
import type { S3Request } from './s3-request.ts';
import { element, XML_HEADERS, xmlDocument } from './s3-xml.ts';

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
  'x-id versionId prefix delimiter max-keys continuation-token start-after key-marker version-id-marker'.split(
    ' ',
  ),
);
const CONFIGURATION_BYTES_MAX = 64 * KIB;

/** S3 in a folder that nobody else has. Throws LocalStartError. */
export async function openEmbeddedS3(dir: string, faults: FaultPlan): Promise<OpenedService> {
  const files = await openS3Files(dir);
  const lists = new LaggingLists(faults);
  return {
    service: {
      operationOf: (http) => operationOf(http.method ?? '', parseUrl(http)),
      answer: async (http) => {
        try {
          const url = parseUrl(http);
          const operation = OPERATIONS[operationOf(http.method ?? '', url)];
          if (operation === undefined || http.headers['x-amz-copy-source'] !== undefined)
            throw new S3Error('NotImplemented', 'This operation is not implemented by the embedded S3.');
          return await operation({ http, files, lists, ...url });
        } catch (error) {
          if (error instanceof S3Error) return errorReply(error, http.method === 'HEAD');
          throw error;
        }
      },
      refusalReply: (refusal) => errorReply(new S3Error('AccessDenied', DOOR_REFUSALS[refusal]), false),
      throttleReply: () => errorReply(new S3Error('SlowDown', 'Please reduce your request rate.'), false),
      deniedReply: () => errorReply(new S3Error('AccessDenied', 'injected fault'), false),
      internalErrorReply: (message) => errorReply(new S3Error('InternalError', message), false),
    },
    close: async () => {},
  };
}

function parseUrl(http: LocalRequest): Pick<S3Request, 'bucket' | 'key' | 'query'> {
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

function errorReply(error: S3Error, isHead: boolean): Reply {
  const body = xmlDocument('Error', element('Code', error.code) + element('Message', error.message));
  return { status: error.status, headers: { ...XML_HEADERS, ...error.headers }, body: isHead ? '' : body };
}
