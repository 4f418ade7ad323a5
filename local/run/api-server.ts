// The HTTP API and the dashboard on this machine: the function gets its calls in the form that API Gateway uses. It knows its
// callers by the API's token, after the check that every local listener makes.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { createApiHandler, type HttpEvent } from '../../functions/api/handler.ts';
import type { ApiComposition } from '../../lib/runtime/compose/api.ts';
import { FaultPlan } from '../aws/host/fault-plan.ts';
import { type ClaimedPort, claimPort, type Reply, readBody } from '../aws/host/http-listener.ts';
import { DOOR_REFUSALS, type DoorRefusal } from '../aws/host/local-door.ts';

const HOST = '127.0.0.1';
/** More is not read; the function's own limit is lower. */
const BODY_BYTES_MAX = 65_536;

const refuse = (status: number, body: object): Reply => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', connection: 'close' },
  body: JSON.stringify(body),
});

/**
 * Throws LocalStartError when the port is taken. Wherever it listens, its door lets those in who call it by a name of this machine.
 * @param port 0 for any free one
 */
export async function claimApiPort(port: number, host: string = HOST): Promise<ClaimedPort> {
  const claimed = await claimPort('API', { host, port });
  return { ...claimed, endpoint: claimed.endpoint.replace(host, HOST) };
}

/** Serves on the port until that is closed. */
export function serveApi(api: Pick<ApiComposition, 'answer'>, port: ClaimedPort): void {
  const handle = createApiHandler(api, 'http');
  const service = {
    operationOf: (request: IncomingMessage) => request.url ?? '',
    // In the API's own words, as its document has them.
    refusalReply: (code: DoorRefusal) => refuse(403, { error: { code, message: DOOR_REFUSALS[code] } }),
    throttleReply: () => refuse(429, { message: 'Too Many Requests' }),
    deniedReply: () => refuse(403, { message: 'Forbidden' }),
    internalErrorReply: () => refuse(500, { message: 'Internal Server Error' }),
    async answer(request: IncomingMessage): Promise<Reply> {
      // A client that broke off reads no answer.
      const body = await readBody(request, BODY_BYTES_MAX).catch(() => undefined);
      if (body === undefined) return refuse(413, { message: 'Request Entity Too Large' });
      const { statusCode, headers, body: answer, stream } = await handle(eventOf(request, body));
      return { status: statusCode, headers, body: stream === undefined ? answer : Readable.from(stream) };
    },
  };
  port.serve(service, { faults: new FaultPlan({ nowMs: Date.now }), door: { servesPages: true } });
}

/** Payload format 2.0. */
function eventOf(request: IncomingMessage, body: Buffer): HttpEvent {
  const [path = '', ...search] = (request.url ?? '').split('?');
  const parameters = new URLSearchParams(search.join('?'));
  const query: Record<string, string> = {};
  for (const name of new Set(parameters.keys())) query[name] = parameters.getAll(name).join(',');
  const headers = Object.entries(request.headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return {
    version: '2.0',
    rawPath: path,
    headers: Object.fromEntries(headers),
    queryStringParameters: query,
    body: body.toString('base64'),
    isBase64Encoded: true,
    requestContext: {
      domainName: request.headers.host ?? '',
      requestId: randomUUID(),
      http: { method: request.method ?? '', sourceIp: request.socket.remoteAddress ?? '' },
    },
  };
}
