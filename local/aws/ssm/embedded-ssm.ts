// Parameter Store for `npm start` and the tests, in the JSON 1.1 protocol that the AWS SDK speaks.
import { z } from 'zod';
import { MIB } from '../../../lib/core/units.ts';
import type { FaultPlan } from '../host/fault-plan.ts';
import { type LocalRequest, type OpenedService, type Reply, readBody } from '../host/http-listener.ts';
import { DOOR_REFUSALS } from '../host/local-door.ts';
import { SsmError, type SsmErrorCode } from './ssm-error.ts';
import {
  type NamedVersion,
  openSsmParameters,
  PARAMETER_TYPES,
  type SsmParameters,
} from './ssm-parameters.ts';

const REQUEST_BYTES_MAX = MIB;
const JSON_HEADERS = { 'content-type': 'application/x-amz-json-1.1' } as const;

const NAMES_MAX = 10;
const names = z.array(z.string()).min(1).max(NAMES_MAX);
const page = (limit: number) => ({
  MaxResults: z.int().min(1).max(limit).default(limit),
  NextToken: z.string().optional(),
});

/** An operation with the schema of its input; what the schema refuses is a ValidationException. */
type Operation = (parameters: SsmParameters, input: unknown) => Promise<object>;

function operation<T>(
  schema: z.ZodType<T>,
  run: (parameters: SsmParameters, input: T) => Promise<object> | object,
): Operation {
  return async (parameters, input) => {
    const parsed = schema.safeParse(input);
    if (parsed.success) return run(parameters, parsed.data);
    const issue = parsed.error.issues[0]!;
    throw new SsmError(
      'ValidationException',
      `1 validation error detected: Value at '${issue.path.join('.')}' failed to satisfy constraint: ${issue.message}`,
    );
  };
}

/** Inputs are strict: an option that is not implemented is refused, not ignored. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  PutParameter: operation(
    z.strictObject({
      Name: z.string(),
      Value: z.string(),
      Type: z.enum(PARAMETER_TYPES).optional(),
      Overwrite: z.boolean().default(false),
      Description: z.string().max(1024).optional(),
      AllowedPattern: z.string().max(1024).optional(),
      Tier: z.literal('Standard').optional(),
      DataType: z.literal('text').optional(),
    }),
    async (parameters, input) => ({
      Version: await parameters.put({
        name: input.Name,
        value: input.Value,
        type: input.Type,
        overwrite: input.Overwrite,
        description: input.Description,
        allowedPattern: input.AllowedPattern,
      }),
      Tier: 'Standard',
    }),
  ),
  GetParameter: operation(
    z.strictObject({ Name: z.string(), WithDecryption: z.boolean().default(false) }),
    (parameters, input) => ({ Parameter: describe(parameters.get(input.Name), input.WithDecryption) }),
  ),
  GetParameters: operation(
    z.strictObject({ Names: names, WithDecryption: z.boolean().default(false) }),
    (parameters, input) => {
      if (new Set(input.Names).size < input.Names.length)
        throw new SsmError('ValidationException', 'Duplicate parameter names are not allowed.');
      const found = input.Names.map((name) => ({ name, version: findOrUndefined(parameters, name) }));
      return {
        Parameters: found.flatMap(({ version }) =>
          version === undefined ? [] : [describe(version, input.WithDecryption)],
        ),
        InvalidParameters: found.filter(({ version }) => version === undefined).map(({ name }) => name),
      };
    },
  ),
  GetParametersByPath: operation(
    z.strictObject({
      Path: z.string().regex(/^\//, 'must begin with a slash'),
      Recursive: z.boolean().default(false),
      WithDecryption: z.boolean().default(false),
      ...page(10),
    }),
    (parameters, input) => {
      const prefix = input.Path.endsWith('/') ? input.Path : `${input.Path}/`;
      const found = parameters
        .all()
        .filter(({ name }) => name.startsWith(prefix) || (prefix === '/' && !name.includes('/')))
        .filter(({ name }) => input.Recursive || !name.slice(prefix.length).includes('/'));
      const { items, next } = paginate(found, input);
      return { Parameters: items.map((version) => describe(version, input.WithDecryption)), ...next };
    },
  ),
  GetParameterHistory: operation(
    z.strictObject({ Name: z.string(), WithDecryption: z.boolean().default(false), ...page(50) }),
    (parameters, input) => {
      const { items, next } = paginate(parameters.history(input.Name), input);
      return {
        Parameters: items.map((version) => ({
          ...metadata(version),
          Value: shownValue(version, input.WithDecryption),
        })),
        ...next,
      };
    },
  ),
  DescribeParameters: operation(z.strictObject(page(50)), (parameters, input) => {
    const { items, next } = paginate(parameters.all(), input);
    return { Parameters: items.map(metadata), ...next };
  }),
  DeleteParameter: operation(z.strictObject({ Name: z.string() }), async (parameters, input) => {
    parameters.get(input.Name);
    await parameters.delete([input.Name]);
    return {};
  }),
  DeleteParameters: operation(z.strictObject({ Names: names }), async (parameters, input) => {
    const deleted = await parameters.delete(input.Names);
    return {
      DeletedParameters: deleted,
      InvalidParameters: input.Names.filter((name) => !deleted.includes(name)),
    };
  }),
};

/** Parameter Store in a folder that nobody else has. Throws LocalStartError. */
export async function openEmbeddedSsm(dir: string, faults: FaultPlan): Promise<OpenedService> {
  const parameters = await openSsmParameters(dir, faults);
  return {
    service: {
      operationOf,
      answer: async (request) => {
        try {
          const run = OPERATIONS[operationOf(request)];
          if (run === undefined) throw new SsmError('UnknownOperationException', 'Not implemented here.');
          const output = await run(parameters, parseInput(await readBody(request, REQUEST_BYTES_MAX)));
          return { status: 200, headers: JSON_HEADERS, body: JSON.stringify(output) };
        } catch (error) {
          if (error instanceof SsmError) return errorReply(400, error.code, error.message);
          throw error;
        }
      },
      refusalReply: (refusal) => errorReply(400, 'UnrecognizedClientException', DOOR_REFUSALS[refusal]),
      throttleReply: () => errorReply(400, 'ThrottlingException', 'Rate exceeded'),
      deniedReply: () => errorReply(400, 'AccessDeniedException', 'injected fault'),
      internalErrorReply: (message) => errorReply(500, 'InternalServerError', message),
    },
    close: async () => {},
  };
}

function operationOf(request: LocalRequest): string {
  return /^AmazonSSM\.(\w+)$/.exec(String(request.headers['x-amz-target'] ?? ''))?.[1] ?? 'unknown';
}

function parseInput(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    throw new SsmError('SerializationException', 'The request is not JSON.');
  }
}

function findOrUndefined(parameters: SsmParameters, name: string): NamedVersion | undefined {
  try {
    return parameters.get(name);
  } catch (error) {
    if (error instanceof SsmError) return undefined;
    throw error;
  }
}

/** A SecureString that is not decrypted shows as it is stored. */
const shownValue = ({ value, sealed }: NamedVersion, withDecryption: boolean): string =>
  withDecryption ? value : (sealed ?? value);

const arnOf = (name: string) =>
  `arn:aws:ssm:us-east-1:000000000000:parameter${name.startsWith('/') ? '' : '/'}${name}`;

function describe(version: NamedVersion, withDecryption: boolean): object {
  return {
    Name: version.name,
    Type: version.type,
    Value: shownValue(version, withDecryption),
    Version: version.version,
    Selector: version.selector,
    LastModifiedDate: version.lastModifiedMs / 1000,
    ARN: arnOf(version.name),
    DataType: 'text',
  };
}

function metadata(version: NamedVersion): object {
  return {
    Name: version.name,
    ARN: arnOf(version.name),
    Type: version.type,
    Version: version.version,
    Description: version.description,
    AllowedPattern: version.allowedPattern,
    LastModifiedDate: version.lastModifiedMs / 1000,
    LastModifiedUser: 'arn:aws:iam::000000000000:root',
    Tier: 'Standard',
    DataType: 'text',
    Labels: [],
    Policies: [],
  };
}

function paginate<T>(
  all: readonly T[],
  { MaxResults, NextToken }: { MaxResults: number; NextToken?: string | undefined },
): { items: readonly T[]; next: { NextToken?: string } } {
  const from = NextToken === undefined ? 0 : Number(NextToken);
  if (!Number.isInteger(from) || from < 0)
    throw new SsmError('ValidationException', 'The specified token is not valid.');
  const end = from + MaxResults;
  return { items: all.slice(from, end), next: end < all.length ? { NextToken: String(end) } : {} };
}

function errorReply(status: number, code: SsmErrorCode, message: string): Reply {
  return { status, headers: JSON_HEADERS, body: JSON.stringify({ __type: code, message }) };
}
