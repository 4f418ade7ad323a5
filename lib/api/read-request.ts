// Finds the route of a request and validates its input by the schemas of the contract.
//
// Own code, since the event handler of Powertools (2.35) fails open or fails the invocation where this must not. It routes by the URL
// that it builds from the Host header and resolves: `/api/status/`, `/x/../api/status` and a Host of `h/api/status?` all reach
// `/api/status`. A GET with a body, and a Host, a header or X-Forwarded-Proto that makes no URL, reject the invocation before any
// handler sees them, so they are neither answered nor logged. A wrong method is 404, an unknown one a 405 without body, log or Allow.
// Of a parameter given twice it drops the first; `application/jsonp` counts as JSON; bodies have no limit. Guarding against all that
// takes more code than the two look-ups below.
import type * as z from 'zod';
import type { ApiRequest } from './api-call.ts';
import { API_ROUTES, type ApiInput, type ApiRouteName } from './api-contract.ts';
import { ApiRefusal } from './api-error.ts';
import { type ApiRoute, methodsOf } from './api-route.ts';

const BODY_CHARS_MAX = 4_096;

/** Throws ApiRefusal for a path that is not there, letter by letter, or a method that it does not support. */
export function findRoute({ method, path }: Pick<ApiRequest, 'method' | 'path'>): ApiRouteName {
  const found = (Object.entries(API_ROUTES) as [ApiRouteName, ApiRoute][]).find(
    ([, route]) => route.path === path,
  );
  if (found === undefined) throw new ApiRefusal('not_found');
  const methods = methodsOf(found[1]);
  if (methods.includes(method)) return found[0];
  throw new ApiRefusal('method_not_allowed', undefined, { allow: methods.join(', ') });
}

/** What the route takes, its query or its body. Throws ApiRefusal. */
export function readInput<Name extends ApiRouteName>(name: Name, request: ApiRequest): ApiInput<Name> {
  const { query, body }: ApiRoute = API_ROUTES[name];
  const input = body === undefined ? parse(query, request.query) : parse(body.schema, readBody(request));
  return input as ApiInput<Name>;
}

function parse(schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
  throw new ApiRefusal('bad_request', problems.join('; '));
}

function readBody({ headers, body }: ApiRequest): unknown {
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) throw new ApiRefusal('not_json');
  if (body.length > BODY_CHARS_MAX) throw new ApiRefusal('too_large');
  try {
    return JSON.parse(body);
  } catch {
    throw new ApiRefusal('bad_request', 'the body is not JSON');
  }
}
