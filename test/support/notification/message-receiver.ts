// A receiver of messages on this machine, kind or not, that remembers what it got.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type Behaviour =
  | { readonly kind: 'takes' }
  | {
      readonly kind: 'answers';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
    }
  | { readonly kind: 'hangs' }
  | { readonly kind: 'trickles' }
  | { readonly kind: 'closes' }
  | { readonly kind: 'floods' };

export interface ReceivedMessage {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface MessageReceiver {
  readonly url: string;
  readonly received: ReceivedMessage[];
  /** How the next messages are met, one each; then all are taken. */
  readonly next: Behaviour[];
  /** How all others are met. */
  always: Behaviour;
  /** Bytes of answers that were written so far. */
  bytesSent(): number;
  close(): Promise<void>;
}

const TAKES: Behaviour = { kind: 'takes' };

export async function startMessageReceiver(): Promise<MessageReceiver> {
  const received: ReceivedMessage[] = [];
  const next: Behaviour[] = [];
  let sent = 0;
  const server = createServer(async (request, response) => {
    response.on('error', () => undefined);
    const body = await text(request).catch(() => '');
    received.push({ path: request.url ?? '', headers: request.headers, body });
    const behaviour = next.shift() ?? receiver.always;
    switch (behaviour.kind) {
      case 'takes':
        return void response.end('{"ok":true}');
      case 'answers':
        return void response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body ?? '');
      case 'hangs':
        return;
      case 'closes':
        return void request.socket.destroy();
      case 'trickles': {
        response.writeHead(200);
        const timer = setInterval(() => response.write('.'), 50);
        return void response.on('close', () => clearInterval(timer));
      }
      case 'floods': {
        response.writeHead(500);
        const chunk = Buffer.alloc(65_536, 'x');
        const flood = () => {
          while (!response.destroyed) {
            sent += chunk.length;
            if (!response.write(chunk)) return void response.once('drain', flood);
          }
        };
        flood();
      }
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver: MessageReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    next,
    always: TAKES,
    bytesSent: () => sent,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}
