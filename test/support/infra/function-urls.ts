// Function URLs as Lambda serves them with AuthType AWS_IAM: the signature is checked, then the caller's policies, and the function
// is told who it was. A caller has no other way into the event's `authorizer`.
import { timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SSMClient } from '@aws-sdk/client-ssm';
import { SignatureV4 } from '@smithy/signature-v4';
import { isAllowed } from './iam-evaluation.ts';
import { ACCOUNT, REGION, type Statement } from './synthesised-stage.ts';

export interface Principal {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly arn: string;
  readonly statements: readonly Statement[];
}

interface ServedFunction {
  /** As in its ARN. */
  readonly functionName: string;
  readonly handler: (event: unknown) => Promise<{ statusCode: number; body: string }>;
}

const SIGNATURE_AGE_MS_MAX = 300_000;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/([a-z0-9-]+)\/lambda\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;

/** @param client whose hash is used */
export async function serveFunctionUrl(
  { functionName, handler }: ServedFunction,
  { principals, client }: { readonly principals: readonly Principal[]; readonly client: SSMClient },
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const resource = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${functionName}`;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const refuse = (Message: string) => response.writeHead(403).end(JSON.stringify({ Message }));
    const caller = await callerOf(request, body);
    if (typeof caller === 'string') return refuse(caller);
    const context = {
      'lambda:FunctionUrlAuthType': ['AWS_IAM'],
      'lambda:InvokedViaFunctionUrl': ['true'],
    };
    const isPermitted = ['lambda:InvokeFunctionUrl', 'lambda:InvokeFunction'].every((action) =>
      isAllowed(caller.statements, { action, resource, context }),
    );
    if (!isPermitted) return refuse('Forbidden');
    const iam = { accessKey: caller.accessKeyId, accountId: ACCOUNT, userArn: caller.arn };
    const { authorization: _, ...headers } = request.headers;
    const result = await handler({
      version: '2.0',
      rawPath: '/',
      headers,
      body,
      isBase64Encoded: false,
      requestContext: {
        accountId: ACCOUNT,
        authorizer: { iam },
        http: { method: request.method, path: '/' },
      },
    });
    response.writeHead(result.statusCode).end(result.body);
  });

  async function callerOf(request: IncomingMessage, body: string): Promise<Principal | string> {
    const [, accessKeyId, region, signedNames = '', signature = ''] =
      AUTHORIZATION.exec(request.headers.authorization ?? '') ?? [];
    const principal = principals.find((each) => each.accessKeyId === accessKeyId);
    if (principal === undefined || region !== REGION) return 'The security token is invalid';
    const signedAt = parseAmzDate(String(request.headers['x-amz-date']));
    if (!(Math.abs(Date.now() - signedAt.getTime()) <= SIGNATURE_AGE_MS_MAX)) return 'Signature expired';
    const signed = Object.fromEntries(
      signedNames.split(';').map((name) => [name, String(request.headers[name])]),
    );
    const { 'x-amz-content-sha256': _, 'x-amz-date': __, ...headers } = signed;
    const signer = new SignatureV4({
      service: 'lambda',
      region: REGION,
      credentials: principal,
      sha256: client.config.sha256,
    });
    const again = await signer.sign(
      { method: 'POST', protocol: 'http:', hostname: '127.0.0.1', path: '/', query: {}, headers, body },
      { signingDate: signedAt },
    );
    const expected = AUTHORIZATION.exec(again.headers.authorization ?? '')?.[4] ?? '';
    const isSame =
      expected.length === signature.length && timingSafeEqual(Buffer.from(expected), Buffer.from(signature));
    return isSame ? principal : 'The request signature we calculated does not match';
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const parseAmzDate = (text: string): Date =>
  new Date(text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
