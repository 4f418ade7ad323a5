// Why a call is not served: the closed list of codes, each with its HTTP status, and the error that carries one to the caller.
import * as z from 'zod';

export const API_ERRORS = {
  bad_request: { status: 400, meaning: 'the request is not as this document says' },
  unauthorised: { status: 401, meaning: 'the token is missing, malformed or wrong' },
  forbidden: { status: 403, meaning: 'the role of this token does not allow it' },
  foreign_origin: { status: 403, meaning: 'the request comes from a page of another site' },
  unknown_symbol: { status: 404, meaning: 'the exchange does not list this symbol' },
  not_found: { status: 404, meaning: 'there is no such path' },
  method_not_allowed: { status: 405, meaning: 'the path does not support this method' },
  too_large: { status: 413, meaning: 'the body is too large' },
  not_json: { status: 415, meaning: 'the body is not application/json' },
  too_many_requests: { status: 429, meaning: 'too many calls: retry after the seconds of Retry-After' },
  internal_error: { status: 500, meaning: 'an internal check failed; the log has the details' },
  exchange_unavailable: { status: 503, meaning: 'the exchange gives no usable answer' },
  store_unavailable: { status: 503, meaning: 'a store that the answer depends on cannot be read' },
  token_unavailable: { status: 503, meaning: 'no token was issued, or the list of tokens cannot be read' },
} as const;
export type ApiErrorCode = keyof typeof API_ERRORS;

export const apiErrorSchema = z.strictObject({
  error: z.strictObject({
    code: z.enum(Object.keys(API_ERRORS) as [ApiErrorCode]),
    /** One line. */
    message: z.string(),
  }),
});

/** Thrown to answer a call with an error; `message` is for the caller. */
export class ApiRefusal extends Error {
  readonly code: ApiErrorCode;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    code: ApiErrorCode,
    message: string = API_ERRORS[code].meaning,
    headers: ApiRefusal['headers'] = {},
  ) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}
