// AWS's services, embedded or emulated, behind the permissions of one role: what the role's statements do not allow is answered as
// AWS would, and noted.
// What passes has been shown to be allowed; so a permission that a function lacks fails its run.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ServiceEndpoints } from '../../../lib/adapters/aws/client-settings.ts';
import { isAllowed, type RequestContext } from './iam-evaluation.ts';
import { ACCOUNT, type Json, REGION, type Statement } from './synthesised-stage.ts';

interface Asked {
  readonly action: string;
  readonly resources: readonly string[];
  /** Of the conditions. @default nothing is known */
  readonly context?: RequestContext;
}

/** @property sns none where messages to people end here */
export type AwsEndpoints = ServiceEndpoints & { readonly sns?: string };

export interface GuardedAws {
  /** As for `AWS_ENDPOINT_URL_…`. */
  readonly environment: Readonly<Record<string, string>>;
  /** `action resource` of what was asked for and not allowed. */
  readonly denied: readonly string[];
  /** Subjects of the messages sent to people. */
  readonly notified: readonly string[];
  /** Kinds of the writes that were served and whose answer was lost, `action key`. */
  readonly lost: readonly string[];
  close(): Promise<void>;
}

const arn = (service: string, rest: string) => `arn:aws:${service}:${REGION}:${ACCOUNT}:${rest}`;

/**
 * @param options.losesAnswers the first attempts to write anything of a kind are served, and then the connection breaks. @default false
 */
export async function guardAws(
  endpoints: AwsEndpoints,
  statements: readonly Statement[],
  { losesAnswers = false }: { readonly losesAnswers?: boolean } = {},
): Promise<GuardedAws> {
  const lost: string[] = [];
  const denied: string[] = [];
  const notified: string[] = [];
  const closers: (() => Promise<void>)[] = [];

  const isToBeLost = (asked: Asked, body: Buffer) =>
    lost.filter((kind) => kind === kindOf(asked, body)).length < LOST_PER_KIND;

  const listen = async (readAsked: (request: IncomingMessage, body: Buffer) => Asked, target?: string) => {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const asked = readAsked(request, body);
      const { action, resources } = asked;
      const refused = resources.filter((resource) => !isAllowed(statements, { ...asked, resource }));
      if (refused.length > 0) {
        denied.push(...refused.map((resource) => `${action} ${resource}`));
        return response.writeHead(403).end(JSON.stringify({ __type: 'AccessDeniedException' }));
      }
      if (action === 'sns:Publish') notified.push(new URLSearchParams(body.toString()).get('Subject') ?? '');
      if (target !== undefined) {
        const isLost = losesAnswers && isFirstWrite(action, request) && isToBeLost(asked, body);
        if (isLost) lost.push(kindOf(asked, body));
        return forward(
          { target, accessKeyId: endpoints.accessKeyId },
          request,
          body,
          isLost ? undefined : response,
        );
      }
      response.writeHead(200, { 'content-type': 'text/xml' });
      return response.end(
        '<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>',
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  return {
    environment: {
      AWS_ENDPOINT_URL_DYNAMODB: await listen(askedOfDynamoDb, endpoints.dynamodb),
      AWS_ENDPOINT_URL_S3: await listen(askedOfS3, endpoints.s3),
      AWS_ENDPOINT_URL_SSM: await listen(askedOfSsm, endpoints.ssm),
      AWS_ENDPOINT_URL_SNS: await listen(askedOfSns, endpoints.sns),
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: endpoints.accessKeyId,
      AWS_SECRET_ACCESS_KEY: 'secret',
    },
    denied,
    notified,
    lost,
    close: async () => {
      for (const close of closers) await close();
    },
  };
}

/** Of more losses than these the SDK would have no retries left: a write that its retry refuses uses one up for good. */
const LOST_PER_KIND = 2;

/** What is written, without the part of its key that tells it from others of its kind. */
function kindOf({ action, resources: [resource = ''] }: Asked, body: Buffer): string {
  if (action.startsWith('s3:')) return `${action} ${resource.split('/')[1]}`;
  if (!action.startsWith('dynamodb:')) return `${action} ${resource}`;
  const { Item, Key } = JSON.parse(body.toString());
  const { sk, symbol } = Item ?? Key;
  return `${action} ${(sk ?? symbol).S.split(/[#/]/)[0]}`;
}

/** The SDK numbers its attempts. */
const isFirstWrite = (action: string, { headers }: IncomingMessage) =>
  /:(Put|Update|Delete)/.test(action) && /attempt=1\b/.test(String(headers['amz-sdk-request']));

/** @param response undefined when the answer is lost */
function forward(
  { target, accessKeyId }: { readonly target: string; readonly accessKeyId: string },
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse | undefined,
): void {
  // The service behind is called by its own name, with the credentials that it knows. Its date is not passed on: it would look like a
  // skew to a client whose clock is set.
  const { method, url } = request;
  const { host: _, authorization = '', ...others } = request.headers;
  const headers = {
    ...others,
    authorization: authorization.replace(/Credential=[^/]+/, `Credential=${accessKeyId}`),
  };
  const onward = send(new URL(url!, target), { method, headers }, (answer) => {
    if (response === undefined) {
      answer.resume().on('end', () => request.socket.resetAndDestroy());
      return;
    }
    const { date: __, ...answered } = answer.headers;
    response.sendDate = false;
    response.writeHead(answer.statusCode!, answered);
    answer.pipe(response);
  });
  onward.on('error', () => request.socket.destroy());
  onward.end(body);
}

const KEYWORDS = new Set(['SET', 'REMOVE', 'ADD', 'DELETE', 'AND', 'OR', 'NOT', 'BETWEEN', 'IN']);

/** What DynamoDB makes of an update for the conditions: the partition key, and every attribute that the request names. */
function dynamoContext({
  Key,
  Item,
  UpdateExpression = '',
  ConditionExpression = '',
  ...more
}: Json): RequestContext {
  const names = more.ExpressionAttributeNames ?? {};
  const spelt =
    `${UpdateExpression} ${ConditionExpression}`.match(/(?<![:\w#.])[#A-Za-z_][\w]*(?!\w*\()/g) ?? [];
  const attributes = spelt
    .filter((word: string) => !KEYWORDS.has(word))
    .map((word: string) => names[word] ?? word);
  return {
    'dynamodb:LeadingKeys': [Key ?? Item ?? {}].flatMap(({ scope }) =>
      scope === undefined ? [] : [scope.S],
    ),
    'dynamodb:Attributes': [...new Set<string>([...Object.keys(Key ?? Item ?? {}), ...attributes])],
    'dynamodb:ReturnValues': more.ReturnValues === undefined ? [] : [more.ReturnValues],
  };
}

const verbOf = (request: IncomingMessage) => String(request.headers['x-amz-target']).split('.')[1];

function askedOfDynamoDb(request: IncomingMessage, body: Buffer): Asked {
  const command = JSON.parse(body.toString());
  const { TableName, IndexName } = command;
  const table = arn('dynamodb', `table/${TableName}`);
  return {
    action: `dynamodb:${verbOf(request)}`,
    resources: [IndexName === undefined ? table : `${table}/index/${IndexName}`],
    context: dynamoContext(command),
  };
}

function askedOfSsm(request: IncomingMessage, body: Buffer): Asked {
  const { Name, Names = [Name], Overwrite } = JSON.parse(body.toString());
  return {
    action: `ssm:${verbOf(request)}`,
    resources: Names.map((name: string) => arn('ssm', `parameter${name}`)),
    context: { 'ssm:Overwrite': [String(Overwrite === true)] },
  };
}

function askedOfS3(request: IncomingMessage): Asked {
  const url = new URL(request.url!, 'http://s3');
  const [, bucket, ...key] = decodeURIComponent(url.pathname).split('/');
  if (key.join('/') === '') return { action: 's3:ListBucket', resources: [`arn:aws:s3:::${bucket}`] };
  const action = { GET: 's3:GetObject', HEAD: 's3:GetObject', PUT: 's3:PutObject' }[request.method!];
  return {
    action: url.searchParams.has('versionId') ? 's3:GetObjectVersion' : (action ?? `s3:${request.method}`),
    resources: [`arn:aws:s3:::${bucket}/${key.join('/')}`],
    context: { 's3:if-none-match': [request.headers['if-none-match'] ?? []].flat() },
  };
}

function askedOfSns(_: IncomingMessage, body: Buffer): Asked {
  const form = new URLSearchParams(body.toString());
  return { action: `sns:${form.get('Action')}`, resources: [String(form.get('TopicArn'))] };
}
