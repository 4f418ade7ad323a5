// The HTTP API and the dashboard on this machine: calls are handed to the function in the form in which API Gateway does. It
// listens on the loopback interface, and only to those who name it: a page of another site's that had its own name resolve to
// this machine (DNS rebinding) names itself.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createApiHandler, type HttpEvent } from '../../functions/api/handler.ts';
import type { ApiComposition } from '../../lib/runtime/compose/api.ts';
import { FaultPlan } from '../aws/fault-plan.ts';
import { type Listener, listen, type Reply, readBody } from '../aws/http-listener.ts';

const HOST = '127.0.0.1';
/** The function refuses less; what is over this is not even read. */
const BODY_BYTES_MAX = 65_536;

const refuse = (status: number, message: string): Reply => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', connection: 'close' },
  body: JSON.stringify({ message }),
});

/** Serves until closed. Throws LocalStartError when the port cannot be had. @param port 0 takes any free one */
export function serveApi(api: Pick<ApiComposition, 'answer'>, port: number): Promise<Listener> {
  const handle = createApiHandler(api, 'http');
  const service = {
    name: 'API',
    operationOf: (request: IncomingMessage) => request.url ?? '',
    throttleReply: () => refuse(429, 'Too Many Requests'),
    internalErrorReply: () => refuse(500, 'Internal Server Error'),
    async answer(request: IncomingMessage): Promise<Reply> {
      const host = request.headers.host ?? '';
      const names = [HOST, 'localhost'].map((name) => `${name}:${request.socket.localPort}`);
      if (!names.includes(host)) return refuse(403, 'the Host header names another machine');
      // A client that broke off reads no answer.
      const body = await readBody(request, BODY_BYTES_MAX).catch(() => undefined);
      if (body === undefined) return refuse(413, 'Request Entity Too Large');
      const { statusCode, headers, body: answer } = await handle(eventOf(request, host, body));
      return { status: statusCode, headers, body: answer };
    },
  };
  return listen(service, new FaultPlan(), { host: HOST, port });
}

/** Payload format 2.0. */
function eventOf(request: IncomingMessage, host: string, body: Buffer): HttpEvent {
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
      domainName: host,
      requestId: randomUUID(),
      http: { method: request.method ?? '', sourceIp: request.socket.remoteAddress ?? '' },
    },
  };
}
