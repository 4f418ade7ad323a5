// One HTTP request to an exchange, as ccxt's `fetchImplementation`. Own code, because ccxt stops its timer at the headers (a body
// that stalls would hang for ever), hides Retry-After, and quotes whole pages in its messages.
import { DAY_MS, MINUTE_MS } from '../../core/units.ts';
import type { MarketDataErrorCode } from '../../market/ports.ts';
import { createRedactor } from '../redact.ts';
import { ExchangeFault, excerpt } from './exchange-fault.ts';
import {
  type AnswerHeaders,
  httpTransport,
  type SentRequest,
  type Transport,
  type TransportAnswer,
} from './http-transport.ts';

/** Binance's shortest ban; the pause when the exchange names none. */
const BAN_MS_DEFAULT = 2 * MINUTE_MS;
const RATE_LIMIT_MS_DEFAULT = 10_000;
/** Binance's longest ban; a longer Retry-After is a mistake or an attack. */
const PAUSE_MS_MAX = 3 * DAY_MS;
/** The rules of all symbols of Binance USDT-M, by far its longest answer, have 1 to 2 MB. */
const ANSWER_BYTES_MAX = 32 * 2 ** 20;
const TEXT = new TextDecoder();

export interface CcxtRequestInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

interface CcxtResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: AnswerHeaders;
  text(): Promise<string>;
}

/** Throws ExchangeFault for everything but an answer that ccxt is to judge: 2xx, and 4xx that carry Binance's error body. */
export async function exchangeFetch(
  url: string,
  init: CcxtRequestInit,
  {
    redact,
    transport = httpTransport,
  }: { redact: (text: string) => string; transport?: Transport | undefined },
): Promise<CcxtResponse> {
  const { method, headers, signal } = init;
  const request = { method, headers, signal, body: init.body ?? null };
  const read = async (answer: TransportAnswer) =>
    TEXT.decode(await readBody(answer, { url, bytesMax: ANSWER_BYTES_MAX }));
  const { response, body } = await send(url, request, { read, redact, transport });
  if (!response.ok && !body.trimStart().startsWith('{')) {
    const { host, pathname } = new URL(url);
    const why = `${host} refused ${method} ${pathname} with ${response.status}: ${excerpt(redact(body))}`;
    throw new ExchangeFault('rejected', why);
  }
  const { status, statusText } = response;
  return { status, statusText, headers: response.headers, text: async () => body };
}

/** Bytes of a file; undefined when there is none. Throws ExchangeFault. */
export async function fetchFile(
  url: string,
  { timeoutMs, bytesMax }: { timeoutMs: number; bytesMax: number },
): Promise<Uint8Array | undefined> {
  const request = { method: 'GET', signal: AbortSignal.timeout(timeoutMs) };
  const read = (answer: TransportAnswer) => readBody(answer, { url, bytesMax });
  const { response, body } = await send(url, request, { read, redact: createRedactor([]), transport: fetch });
  if (response.status === 404) return undefined;
  if (response.ok) return body;
  const { host, pathname } = new URL(url);
  throw new ExchangeFault('rejected', `${host} refused ${pathname} with ${response.status}`);
}

/**
 * Counts what arrives, unpacked: a declared length need not be true, and few bytes unpack to many. Of an answer that is no file, such
 * as a page that bans us, its start is enough.
 */
async function readBody(
  answer: TransportAnswer,
  { url, bytesMax }: { url: string; bytesMax: number },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of answer.body ?? []) {
    length += part.length;
    if (answer.ok && length > bytesMax)
      throw new ExchangeFault(
        'invalid_response',
        `${new URL(url).host} answered more than ${bytesMax} bytes`,
      );
    parts.push(part);
    if (length > bytesMax) break;
  }
  return Buffer.concat(parts);
}

async function send<Answer extends TransportAnswer, Body extends string | Uint8Array>(
  url: string,
  init: SentRequest,
  answer: {
    transport: (...request: Parameters<Transport>) => Promise<Answer>;
    read: (response: Answer) => Promise<Body>;
    redact: (text: string) => string;
  },
): Promise<{ response: Answer; body: Body }> {
  const asked = () => {
    const { host, pathname } = new URL(url);
    return { host, request: `${init.method} ${pathname}` };
  };
  // Node's fetch holds the signal weakly: after a garbage collection it would wait for a stalled body for ever.
  const broken = new Promise<never>((_, reject) => {
    init.signal.addEventListener('abort', () => reject(init.signal.reason), { once: true });
  });
  broken.catch(() => {});
  let response: Answer;
  let body: Body;
  try {
    response = await Promise.race([answer.transport(url, { ...init, redirect: 'error' }), broken]);
    body = await Promise.race([answer.read(response), broken]);
  } catch (cause) {
    if (cause instanceof ExchangeFault) throw cause;
    const { host, request } = asked();
    if (init.signal.aborted)
      throw new ExchangeFault('timeout', `${host} gave no answer in time to ${request}`, { cause });
    throw new ExchangeFault(
      'network',
      `cannot reach ${host} (${networkCode(cause)}): check the network and the exchange's address`,
      { cause },
    );
  }
  const code = codeOfStatus(response.status);
  if (code !== undefined) {
    const pauseMs = pauseOf(code, response.headers.get('retry-after'));
    const said = excerpt(answer.redact(typeof body === 'string' ? body : TEXT.decode(body)));
    const { host, request } = asked();
    const why = `${host} answered ${response.status} to ${request}: ${said}`;
    const refusalCode = refusalCodeIn(body);
    throw new ExchangeFault(code, why, {
      ...(pauseMs === undefined ? {} : { pauseMs }),
      ...(refusalCode === undefined ? {} : { refusalCode }),
    });
  }
  return { response, body };
}

/** The exchange's own number for why it failed: `{"code": -1008, …}`. */
function refusalCodeIn(body: string | Uint8Array): number | undefined {
  const code =
    typeof body === 'string' ? /^\s*\{\s*"code"\s*:\s*(-\d{1,6})\s*[,}]/.exec(body)?.[1] : undefined;
  return code === undefined ? undefined : Number(code);
}

/** 403 is Binance's firewall, 418 its ban: both end only with time, and later with every further request. */
function codeOfStatus(status: number): MarketDataErrorCode | undefined {
  if (status === 418 || status === 403) return 'banned';
  if (status === 429) return 'rate_limited';
  if (status >= 500) return 'unavailable';
  return undefined;
}

function pauseOf(code: MarketDataErrorCode, retryAfter: string | null): number | undefined {
  if (code !== 'banned' && code !== 'rate_limited') return undefined;
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  if (seconds === undefined) return code === 'banned' ? BAN_MS_DEFAULT : RATE_LIMIT_MS_DEFAULT;
  return Math.min(seconds * 1000, PAUSE_MS_MAX);
}

/** undici hides the system's code one or two causes deep. */
function networkCode(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (code !== undefined) return code;
    if (at.cause === undefined) return excerpt(at.message);
  }
  return 'unknown error';
}
