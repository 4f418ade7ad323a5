// How an answer goes over the wire, whole or malformed, and how a request comes from it.
import type { IncomingMessage } from 'node:http';
import { damage, damageFile } from './damaged-response.ts';
import type { AnswerFault } from './faults.ts';
import { type ExchangeReply, JsonText, refuse } from './route.ts';

const BODY_BYTES_MAX = 65_536;

/** Where an answer goes: to a connection, or to a client in the same process. */
export interface AnswerSink {
  setHeader(name: string, value: string): void;
  writeHead(status: number, headers: Readonly<Record<string, string | number>>): void;
  write(text: string): void;
  end(body: string | Uint8Array): void;
  /** Tears the connection down. */
  reset(): void;
}

export function send(response: AnswerSink, { status, body }: ExchangeReply): void {
  if (body instanceof Uint8Array) {
    response.writeHead(status, { 'Content-Type': 'application/octet-stream' });
    response.end(body);
    return;
  }
  response.writeHead(status, { 'Content-Type': 'application/json;charset=UTF-8' });
  response.end(body instanceof JsonText ? body.text : JSON.stringify(body));
}

const bodyOf = ({ body }: ExchangeReply): unknown =>
  body instanceof JsonText ? JSON.parse(body.text) : body;

export function sendSpoiled(
  response: AnswerSink,
  context: { fault: AnswerFault; answer: ExchangeReply; nowMs: number; path: string; pick: number },
): void {
  const { fault, answer } = context;
  const isRowFault = fault.kind === 'odd_row' || fault.kind === 'late';
  const file =
    answer.body instanceof Uint8Array
      ? (damageFile(fault, answer.body) ?? (isRowFault ? answer.body : undefined))
      : undefined;
  if (file !== undefined) {
    send(response, { status: 200, body: file });
    return;
  }
  const text = damage(fault, bodyOf(answer), context);
  const page = fault.kind === 'html' || fault.kind === 'refused';
  const type = page ? 'text/html' : 'application/json;charset=UTF-8';
  if (fault.kind === 'stall') {
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
    response.write(text.slice(0, Math.floor(text.length / 2)));
    return;
  }
  response.writeHead(fault.kind === 'refused' ? fault.status : 200, { 'Content-Type': type });
  response.end(text);
}

/** The request was carried out; its answer is lost. */
export function loseAnswer(how: 'timeout' | 'reset' | 'server_error', response: AnswerSink): void {
  if (how === 'reset') response.reset();
  // Binance's words for: whether this was executed is not known.
  const unknown = 'Unknown error, please check your request or try again later.';
  if (how === 'server_error') send(response, refuse(-1000, unknown, 503));
}

/** The refusal that a fault stands for; undefined for one that damages a response instead. */
export function refusalOf(fault: AnswerFault, response: AnswerSink): ExchangeReply | undefined {
  if (fault.kind === 'server_error') return refuse(-1001, 'Internal error; unable to process.', fault.status);
  if (fault.kind === 'overloaded') {
    const exempt = 'Reduce-only/close-position orders are exempt. Please try again.';
    return refuse(-1008, `Request throttled by system-level protection. ${exempt}`, 503);
  }
  if (fault.kind === 'reject') return refuse(fault.code, fault.msg);
  if (fault.kind !== 'rate_limited' && fault.kind !== 'banned') return undefined;
  return tooMany(response, fault.kind, fault.retryAfterSeconds);
}

export function tooMany(
  response: AnswerSink,
  kind: 'rate_limited' | 'banned',
  retryAfterSeconds: number,
): ExchangeReply {
  response.setHeader('Retry-After', String(retryAfterSeconds));
  if (kind === 'banned') return refuse(-1003, 'Way too many requests; IP banned.', 418);
  return refuse(-1003, 'Too many requests; current limit of request weight is exceeded.', 429);
}

/** undefined when it is larger than any request to an exchange. */
export async function readBody(incoming: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return bytes > BODY_BYTES_MAX ? undefined : Buffer.concat(chunks).toString('utf8');
}
