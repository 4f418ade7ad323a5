// A private endpoint: who asks is checked first, then the account catches up with the clock. Each answer is that of a time.
import { DAY_MS } from '../../../lib/core/units.ts';
import type { AsOf } from '../account/history.ts';
import type { MatchingAccount } from '../account/matching-account.ts';
import { type ExchangeReply, type ExchangeRequest, type Route, refuse } from '../route.ts';
import { type AccountKeys, parametersOf, refuseUnsigned } from '../signed-request.ts';

export interface PrivateApi {
  readonly account: MatchingAccount;
  /** As they are now: keys are rotated. */
  readonly keys: () => AccountKeys;
  readonly nowMs: () => number;
}

interface Question {
  readonly parameters: URLSearchParams;
  readonly request: ExchangeRequest;
  readonly nowMs: number;
  /** The time to look from, behind by this lag and by what a fault adds; undefined for now. */
  asOf(lagMs: number): AsOf;
}

export type Answer = (question: Question) => ExchangeReply;
export type MakeRoute = (
  method: Route['method'],
  path: string,
  weight: number,
  answer: Answer,
  isOrder?: boolean,
) => Route;

export const INVALID_SYMBOL = refuse(-1121, 'Invalid symbol.');
export const UNKNOWN_ORDER = refuse(-2011, 'Unknown order sent.');
export const NO_SUCH_ORDER = refuse(-2013, 'Order does not exist.');
export const missing = (name: string): ExchangeReply =>
  refuse(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`);

export const privateRoute =
  (api: PrivateApi): MakeRoute =>
  (method, path, weight, answer, isOrder = false) => ({
    method,
    path: path.startsWith('/') ? path : `/fapi/v1/${path}`,
    weight: () => weight,
    isOrder,
    answer: (request) => {
      const nowMs = api.nowMs();
      const refusal = refuseUnsigned(request, api.keys(), nowMs);
      if (refusal !== undefined) return refusal;
      api.account.settle();
      const { lateMs = 0 } = request;
      const asOf = (lagMs: number): AsOf => (lagMs + lateMs > 0 ? nowMs - lagMs - lateMs : undefined);
      return answer({ parameters: parametersOf(request), request, nowMs, asOf });
    },
  });

/** Answers about a symbol that is listed. */
export const ofSymbol =
  (account: MatchingAccount, answer: (symbol: string, question: Question) => ExchangeReply): Answer =>
  (question) => {
    const symbol = question.parameters.get('symbol') ?? '';
    return account.market.lists(symbol) ? answer(symbol, question) : INVALID_SYMBOL;
  };
const WINDOW_DAYS = 7;

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

/** The time asked about: seven days at most, the newest ones when no start is given; a refusal for a window that is none. */
export function windowOf({ parameters, nowMs }: Question): Window | ExchangeReply {
  const [start, end] = [timeOf(parameters.get('startTime')), timeOf(parameters.get('endTime'))];
  if (start === null) return refuse(-1130, "Data sent for parameter 'startTime' is not valid.");
  if (end === null) return refuse(-1130, "Data sent for parameter 'endTime' is not valid.");
  const endMs = end ?? (start === undefined ? nowMs : start + WINDOW_DAYS * DAY_MS);
  const startMs = start ?? endMs - WINDOW_DAYS * DAY_MS;
  if (startMs > endMs) return refuse(-1023, 'Start time is greater than end time.');
  return { startMs, endMs };
}

export const isLongWindow = ({ startMs, endMs }: Window): boolean => endMs - startMs > WINDOW_DAYS * DAY_MS;

/** A whole number from 1 to `most`; what is over it is `most`. undefined for one that is none. */
export function limitOf(parameters: URLSearchParams, usual: number, most: number): number | undefined {
  const limit = Number(parameters.get('limit') ?? usual);
  return Number.isInteger(limit) && limit >= 1 ? Math.min(limit, most) : undefined;
}

/** undefined when absent, null when it is no time. */
const timeOf = (text: string | null): number | undefined | null =>
  text === null ? undefined : /^\d{1,15}$/.test(text) ? Number(text) : null;

export type { Question };
