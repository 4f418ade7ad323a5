// An exchange whose every answer the test writes itself: odd rows, full pages, refusals and echoes that the simulated one does not
// make. The real client talks to it over HTTP.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly parameters: URLSearchParams;
  /** Query and body as they came. */
  readonly text: string;
  readonly apiKey: string | undefined;
}

export interface WrittenAnswer {
  /** @default 200 */
  readonly status?: number;
  /** Sent as it is when it is a string, else as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

type Answer = (request: ReceivedRequest) => unknown;

export interface AnsweringServer {
  readonly url: string;
  readonly received: readonly ReceivedRequest[];
  /** By `GET /fapi/v1/openOrders`, or by `*` for all others; a body, or a WrittenAnswer made by `answered`. */
  readonly answers: Map<string, Answer>;
  close(): Promise<void>;
}

const WRITTEN = Symbol('written');
export const answered = (answer: WrittenAnswer) => ({ ...answer, [WRITTEN]: true });
const isWritten = (body: unknown): body is WrittenAnswer =>
  typeof body === 'object' && body !== null && WRITTEN in body;

export async function startAnsweringServer(nowMs: () => number): Promise<AnsweringServer> {
  const received: ReceivedRequest[] = [];
  const answers = new Map<string, Answer>([['GET /fapi/v1/time', () => ({ serverTime: nowMs() })]]);
  const server = createServer(async (incoming, outgoing) => {
    const request = await read(incoming);
    received.push(request);
    const answer = answers.get(`${request.method} ${request.path}`) ?? answers.get('*');
    const body = answer === undefined ? answered({ status: 404, body: 'no such route' }) : answer(request);
    const written: WrittenAnswer = isWritten(body) ? body : { body };
    outgoing.writeHead(written.status ?? 200, { 'content-type': 'application/json', ...written.headers });
    outgoing.end(typeof written.body === 'string' ? written.body : JSON.stringify(written.body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answers,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function read(incoming: IncomingMessage): Promise<ReceivedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const [path = '', query = ''] = (incoming.url ?? '').split('?');
  const text = [query, Buffer.concat(chunks).toString()].filter((part) => part !== '').join('&');
  const apiKey = incoming.headers['x-mbx-apikey'];
  return {
    method: incoming.method ?? '',
    path,
    parameters: new URLSearchParams(text),
    text,
    apiKey: typeof apiKey === 'string' ? apiKey : undefined,
  };
}
