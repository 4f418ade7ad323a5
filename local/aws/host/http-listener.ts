// The HTTP side that the embedded services share: listening with errors a person understands, injected faults, and a close
// that lets the requests being served finish, so that no state is written after the folder has been given up.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FaultPlan } from './fault-plan.ts';
import { type Door, type DoorRefusal, refusalAtDoor } from './local-door.ts';
import { LocalStartError } from './local-start-error.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | Readable;
}

/** What a service reads of a request: its body in chunks. */
export type LocalRequest = Pick<IncomingMessage, 'method' | 'url' | 'headers'> & AsyncIterable<Buffer>;

/** One service's protocol. */
export interface LocalService<Request extends LocalRequest = LocalRequest> {
  /** The operation a request asks for, as the SDK names it; used to aim faults. */
  operationOf(request: Request): string;
  /** Serves one request. What it throws is answered as an internal error. */
  answer(request: Request): Promise<Reply>;
  refusalReply(refusal: DoorRefusal): Reply;
  throttleReply(): Reply;
  deniedReply(): Reply;
  internalErrorReply(message: string): Reply;
}

/** A service on its state. */
export interface OpenedService {
  readonly service: LocalService;
  /** Gives the state up; nothing is being served any more. */
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly faults: FaultPlan;
  readonly door: Door;
  /** Told at RUN_PATH to whoever is let in, so that a caller knows whom it has found. @default not told */
  readonly runId?: string;
}

export interface Listener {
  /** e.g. `http://127.0.0.1:43121` */
  readonly endpoint: string;
  /** Lets the requests being served finish. */
  close(): Promise<void>;
}

/** A port that is ours. Until something is served on it, whoever asks is told to come back. */
export interface ClaimedPort extends Listener {
  serve(service: LocalService<IncomingMessage>, options: ServeOptions): void;
}

export const RUN_PATH = '/__run';

/** Throws LocalStartError when the port cannot be had. @param address.port 0 takes any free port */
export async function claimPort(name: string, address: { host: string; port: number }): Promise<ClaimedPort> {
  const serving = new Set<Promise<void>>();
  let answer = async (_: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.writeHead(503, { connection: 'close' }).end();
  };
  const server = createServer((request, response) => {
    // A client whose clock is set to another time, as in a replay, would take the Date for a skew of its own, and send again
    // whatever is refused.
    response.sendDate = false;
    const served = answer(request, response).catch(() => {
      response.destroy();
    });
    serving.add(served);
    served.finally(() => serving.delete(served));
  });
  await bind(server, name, address);
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://${address.host}:${port}`,
    serve: (service, options) => {
      answer = (request, response) => serve(service, options, request, response);
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await Promise.all(serving);
      server.closeAllConnections();
      await closed;
    },
  };
}

function bind(server: Server, name: string, address: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'EADDRINUSE'
          ? `port ${address.port} is in use: stop what listens there, or choose another port`
          : `cannot listen on ${address.host}:${address.port} (${error.message}): choose another port`;
      reject(new LocalStartError(`${name}: ${reason}`, { cause: error }));
    });
    server.listen(address.port, address.host, () => resolve());
  });
}

async function serve(
  service: LocalService<IncomingMessage>,
  { faults, door, runId }: ServeOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // A client that goes away is no failure of the server; whoever reads the body learns of it there.
  request.on('error', () => {});
  response.on('error', () => {});
  const refusal = refusalAtDoor(request, door);
  if (refusal !== undefined) return send(request, response, service.refusalReply(refusal));
  if (runId !== undefined && request.url === RUN_PATH)
    return send(request, response, { status: 200, headers: {}, body: JSON.stringify({ runId }) });
  const reply = await serveFaulty(service, faults, request);
  if (reply === 'hang') return;
  if (reply === 'reset') request.socket.resetAndDestroy();
  else await send(request, response, reply);
}

/** The answer, as the next fault of the plan lets it be: none at all, a connection that breaks, or a reply. */
export async function serveFaulty<Request extends LocalRequest>(
  service: LocalService<Request>,
  faults: FaultPlan,
  request: Request,
): Promise<Reply | 'hang' | 'reset'> {
  const fault = faults.take(service.operationOf(request));
  switch (fault?.kind) {
    case 'hang':
    case 'reset':
      return fault.kind;
    case 'throttle':
      return service.throttleReply();
    case 'denied':
      return service.deniedReply();
    case 'error':
      return service.internalErrorReply('injected fault');
    default: {
      if (fault?.kind === 'raced') await fault.rival();
      const reply = await answerSafely(service, request);
      if (fault?.kind !== 'answer_lost') return reply;
      if (reply.body instanceof Readable) reply.body.destroy();
      return 'reset';
    }
  }
}

async function answerSafely<Request extends LocalRequest>(
  service: LocalService<Request>,
  request: Request,
): Promise<Reply> {
  try {
    return await service.answer(request);
  } catch (error) {
    return service.internalErrorReply(error instanceof Error ? error.message : String(error));
  }
}

async function send(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  // The rest of a body that nobody reads any more would keep its client waiting.
  const ending = request.complete ? {} : { connection: 'close' };
  response.writeHead(reply.status, { ...reply.headers, ...ending });
  if (typeof reply.body === 'string' || reply.body instanceof Uint8Array) {
    response.end(reply.body);
    return;
  }
  await pipeline(reply.body, response);
}

/** Whole request body. Throws when the client breaks off, or sends more than `bytesMax`. */
export async function readBody(request: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`the request body is over ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
