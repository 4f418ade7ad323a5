// Calls of the functions that answer over HTTP, as AWS hands them over.
import { randomUUID } from 'node:crypto';

export interface HttpParts {
  readonly token?: string;
  readonly body?: string;
  readonly query?: Readonly<Record<string, string>>;
}

/** As API Gateway hands a call over. */
export const httpEvent = (method: string, path: string, { token, body, query }: HttpParts = {}) => ({
  version: '2.0',
  rawPath: path,
  ...(query !== undefined && { queryStringParameters: query }),
  headers: {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  },
  ...(body !== undefined && { body, isBase64Encoded: false }),
  requestContext: {
    domainName: 'abc.execute-api.eu-central-1.amazonaws.com',
    requestId: 'r1',
    http: { method, path, sourceIp: '192.0.2.1' },
  },
});

/** As a function URL hands over a call that it has verified: an act of `userArn`. */
export const operatorEvent = (userArn: string, act: object, atMs: number) => ({
  body: JSON.stringify({ id: randomUUID(), atMs, act }),
  requestContext: { authorizer: { iam: { userArn } } },
});
