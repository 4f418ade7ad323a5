// Who may ask a private question: the key, the time and the signature of a request, checked as Binance checks them.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { type ExchangeReply, type ExchangeRequest, refuse } from './route.ts';

export interface AccountKeys {
  readonly apiKey: string;
  readonly secret: string;
}

const RECV_WINDOW_MS_DEFAULT = 5_000;
const RECV_WINDOW_MS_MAX = MINUTE_MS;
const AHEAD_MS_MAX = 1_000;
const SIGNATURE = /^(.*)&signature=([0-9a-f]{64})$/s;

/** The refusal, or undefined for a request that may be answered. @param nowMs the exchange's time */
export function refuseUnsigned(
  request: ExchangeRequest,
  keys: AccountKeys,
  nowMs: number,
): ExchangeReply | undefined {
  const key = request.header('x-mbx-apikey');
  if (key === undefined || key === '') return refuse(-2014, 'API-key format invalid.', 401);
  if (key !== keys.apiKey) return refuse(-2015, 'Invalid API-key, IP, or permissions for action.', 401);
  const parameters = parametersOf(request);
  const timestamp = Number(parameters.get('timestamp') ?? Number.NaN);
  const recvWindow = Number(parameters.get('recvWindow') ?? RECV_WINDOW_MS_DEFAULT);
  if (!Number.isSafeInteger(timestamp)) {
    return refuse(-1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.");
  }
  if (!(recvWindow > 0 && recvWindow <= RECV_WINDOW_MS_MAX)) return refuse(-1131, 'recvWindow is invalid.');
  if (timestamp >= nowMs + AHEAD_MS_MAX) {
    return refuse(-1021, "Timestamp for this request was 1000ms ahead of the server's time.");
  }
  if (nowMs - timestamp > recvWindow) {
    return refuse(-1021, 'Timestamp for this request is outside of the recvWindow.');
  }
  const [, payload, signature] = SIGNATURE.exec(request.rawQuery + request.body) ?? [];
  if (payload === undefined || signature === undefined || !isSignature(signature, payload, keys.secret)) {
    return refuse(-1022, 'Signature for this request is not valid.');
  }
  return undefined;
}

/** Of the address and of the body, together. */
export function parametersOf(request: ExchangeRequest): URLSearchParams {
  const { query, rawQuery, body } = request;
  if (body === '') return query;
  const known = parametersOfRequest.get(request);
  if (known !== undefined) return known;
  const parameters = new URLSearchParams(rawQuery === '' ? body : `${rawQuery}&${body}`);
  parametersOfRequest.set(request, parameters);
  return parameters;
}
const parametersOfRequest = new WeakMap<ExchangeRequest, URLSearchParams>();

function isSignature(signature: string, payload: string, secret: string): boolean {
  const expected = createHmac('sha256', secret).update(payload).digest();
  return timingSafeEqual(expected, Buffer.from(signature, 'hex'));
}
