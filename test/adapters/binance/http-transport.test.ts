// The network as the exchange's client sees it: what Node's HTTP client has to do that `fetch` did.
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { httpTransport } from '../../../lib/adapters/binance/http-transport.ts';

const TEXT = JSON.stringify({ answer: 'x'.repeat(10_000) });
let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function ask(answer: RequestListener): Promise<string> {
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return askAgain();
}

async function askAgain(): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const { body } = await httpTransport(`http://127.0.0.1:${port}/`, {
    method: 'GET',
    headers: {},
    body: null,
    signal: AbortSignal.timeout(5_000),
    redirect: 'error',
  });
  const parts: Uint8Array[] = [];
  for await (const part of body ?? []) parts.push(part);
  return Buffer.concat(parts).toString();
}

test('unpacks what it has asked to be packed', async () => {
  const encodings: unknown[] = [];
  const text = await ask((request, response) => {
    encodings.push(request.headers['accept-encoding']);
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(TEXT));
  });
  expect(text).toBe(TEXT);
  expect(encodings).toEqual(['gzip']);
});

test('uses a connection again', async () => {
  const ports = new Set<number | undefined>();
  await ask((request, response) => {
    ports.add(request.socket.remotePort);
    response.end(TEXT);
  });
  expect(await askAgain()).toBe(TEXT);
  expect(ports.size).toBe(1);
});

test.each<[string, RequestListener, string]>([
  [
    'a redirect',
    (_, response) => response.writeHead(302, { location: '/elsewhere' }).end(),
    'unexpected redirect',
  ],
  [
    'a packed body cut short',
    (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(TEXT).subarray(0, -20));
    },
    'unexpected end of file',
  ],
  [
    'a connection that breaks within a packed body',
    (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).write(gzipSync(TEXT).subarray(0, 20));
      setTimeout(() => response.destroy(), 20);
    },
    'aborted',
  ],
  [
    'a connection that breaks within a body',
    (_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('half');
      setTimeout(() => response.destroy(), 20);
    },
    'aborted',
  ],
  ['a connection that breaks before the answer', ({ socket }) => socket.destroy(), 'socket hang up'],
])('%s is an error', async (_, answer, message) => {
  await expect(ask(answer)).rejects.toThrow(message);
});
