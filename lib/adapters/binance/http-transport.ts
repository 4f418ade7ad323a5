// Carries requests to an exchange over Node's own HTTP client, which the AWS clients have loaded already: `fetch` is loaded by its first
// use, in the middle of a cold start.
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createGunzip } from 'node:zlib';

export interface SentRequest extends Omit<RequestInit, 'signal'> {
  readonly method: string;
  readonly signal: AbortSignal;
}

/** What ccxt and its caller use of `Headers`. */
export interface AnswerHeaders {
  get(name: string): string | null;
  forEach(visit: (value: string, name: string) => void): void;
}

/** Carries one request over: Node's HTTP client, or what stands in for the network. */
export type Transport = (
  url: string,
  init: SentRequest & { readonly redirect: 'error' },
) => Promise<TransportAnswer>;

/** What is used of a `Response`. */
export interface TransportAnswer extends Pick<Response, 'ok' | 'status' | 'statusText'> {
  readonly headers: AnswerHeaders;
  readonly body: AsyncIterable<Uint8Array> | Iterable<Uint8Array> | null;
}

/** An unused connection is given up before the exchange may close it. */
const KEPT = { keepAlive: true, timeout: 4_000 };
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

const AGENTS = { http: new HttpAgent(KEPT), https: new HttpsAgent(KEPT) };

/** Rejects with Node's error when there is no answer, with one of its own for a redirect. */
export const httpTransport: Transport = (url, { method, headers, body, signal }) => {
  const target = new URL(url);
  const isSecure = target.protocol === 'https:';
  const options = {
    method,
    signal,
    agent: isSecure ? AGENTS.https : AGENTS.http,
    headers: {
      accept: '*/*',
      'user-agent': 'node',
      'accept-encoding': 'gzip',
      ...(headers as Record<string, string>),
    },
  };
  return new Promise((resolve, reject) => {
    const request = (isSecure ? httpsRequest : httpRequest)(target, options, (response) => {
      if (REDIRECTS.has(response.statusCode!)) request.destroy(new Error('unexpected redirect'));
      else resolve(answerOf(response));
    });
    request.on('error', reject);
    request.end(body ?? undefined);
  });
};

function answerOf(response: IncomingMessage): TransportAnswer {
  const { statusCode: status = 0, statusMessage: statusText = '', headers } = response;
  return {
    status,
    statusText,
    ok: status >= 200 && status < 300,
    headers: toHeaders(headers),
    body: unpacked(response, headers['content-encoding']),
  };
}

function unpacked(response: IncomingMessage, encoding: string | undefined): TransportAnswer['body'] {
  if (encoding?.toLowerCase() !== 'gzip') return response;
  const unpack = createGunzip();
  // `pipe` carries neither an error nor an end on: a reader of a broken connection would wait, and one that stops would leave it open.
  response.on('error', (error) => unpack.destroy(error));
  unpack.on('close', () => response.destroy());
  return response.pipe(unpack);
}

function toHeaders(headers: IncomingMessage['headers']): AnswerHeaders {
  const textOf = (name: string) => {
    const value = headers[name];
    return Array.isArray(value) ? value.join(', ') : (value ?? null);
  };
  return {
    get: (name) => textOf(name.toLowerCase()),
    forEach: (visit) => {
      for (const name of Object.keys(headers)) visit(textOf(name)!, name);
    },
  };
}
