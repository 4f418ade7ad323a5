// An embedded service without its listener, for clients in the same process: the SDK's request goes to the service as it is, and
// nothing is signed, sent or parsed as HTTP. Injected faults befall it as they would over the wire.
import { Readable } from 'node:stream';
import type { FaultPlan } from './fault-plan.ts';
import { type LocalRequest, type LocalService, type Reply, serveFaulty } from './http-listener.ts';

/** What the SDK hands to its request handler. */
export interface SdkRequest {
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface SdkResponse {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
  readonly body: Readable | Uint8Array;
}

export type InProcessService = (request: SdkRequest) => Promise<{ readonly response: SdkResponse }>;

export function servedInProcess(service: LocalService, faults: FaultPlan): InProcessService {
  return async (request) => {
    const reply = await serveFaulty(service, faults, localRequestOf(request));
    if (reply === 'reset') throw failureOf('ECONNRESET', 'injected fault: the connection was reset');
    // Nobody has to wait for an answer that is known never to come.
    if (reply === 'hang') throw failureOf('TimeoutError', 'injected fault: no answer');
    return { response: { statusCode: reply.status, headers: { ...reply.headers }, body: bodyOf(reply) } };
  };
}

/** For the SDK's clients. There is no timeout: nothing on the way could be slow. */
export const requestHandlerOf = (handle: InProcessService) => ({
  metadata: { handlerProtocol: 'in-process' },
  handle,
  destroy: () => {},
  updateHttpClientConfig: () => {},
  httpHandlerConfigs: () => ({}),
});

/** As the SDK's own handler has them: it retries both. */
const failureOf = (name: string, message: string): Error =>
  Object.assign(new Error(message), { name, code: name });

function localRequestOf({ method, path, query = {}, headers, body }: SdkRequest): LocalRequest {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of [value].flat()) search.append(name, one ?? '');
  return {
    method,
    url: search.size === 0 ? path : `${path}?${search}`,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    [Symbol.asyncIterator]: () => chunksOf(body),
  };
}

async function* chunksOf(body: unknown): AsyncGenerator<Buffer> {
  if (typeof body === 'string') yield Buffer.from(body);
  else if (body instanceof Uint8Array) yield Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  else if (body !== undefined && body !== null) yield* body as AsyncIterable<Buffer>;
}

function bodyOf({ body }: Reply): Readable | Uint8Array {
  // S3's client wants a stream of whatever it may read as one, of nothing too.
  if (body === '') return Readable.from([]);
  return typeof body === 'string' ? Buffer.from(body) : body;
}
