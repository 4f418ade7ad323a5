// The HTTP API: emergency stop, status and signals for whoever carries the token, by the same use cases as the qt command. Every
// call is told to `note`; a stop is told of before it begins as well, and stands in the audit trail of the risk table. Calls that
// are refused never write to a table.

import type { z } from 'zod';
import { messageOf } from '../core/message-of.ts';
import { StoreError } from '../core/store-error.ts';
import {
  type EmergencyStep,
  type EmergencyStopDependencies,
  emergencyStop,
} from '../execution/use-cases/emergency-stop.ts';
import { readSystemStatus } from '../execution/use-cases/system-status.ts';
import type { Scope } from '../risk/gate.ts';
import { sortable } from '../risk/record-kind.ts';
import { watchedScopes } from '../risk/use-cases/circuit-breaker.ts';
import { riskRecords } from '../risk/use-cases/risk-records.ts';
import {
  API_ERRORS,
  API_ROUTES,
  type ApiErrorCode,
  type ApiRoute,
  type ApiRouteName,
  signalsQuerySchema,
  type stopAnswerSchema,
  stopRequestSchema,
} from './api-contract.ts';
import { describeApi } from './api-document.ts';
import { createTokenCheck } from './api-token.ts';
import { createRateLimit } from './rate-limit.ts';

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  /** A name that comes twice has its values joined by commas. */
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly sourceIp: string;
  readonly requestId: string;
  /** Where the API itself is served, e.g. `http://127.0.0.1:4000`. */
  readonly origin: string;
  /** Whom AWS has found the signature to be of; undefined without a signature. */
  readonly iamPrincipal: string | undefined;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One call, for log and metrics. */
export interface ApiCall {
  readonly requestId: string;
  readonly sourceIp: string;
  readonly method: string;
  readonly path: string;
  /** Who it was found to be; undefined for a call that was refused before, or needs nobody. */
  readonly who: string | undefined;
  readonly status: number | 'begun';
  /** Why it was refused, or what a stop was asked for and could not do. */
  readonly message: string | undefined;
  readonly tookMs: number;
  /** Further refusals of a source that has been refused often; they are counted, not described. */
  readonly isRepeated: boolean;
}

export interface ApiDependencies extends EmergencyStopDependencies {
  /** Who may call: whoever has the token, or whom AWS lets through by signature. */
  readonly authorisation: 'token' | 'iam';
  /** Drills are for this machine only. */
  readonly isLocal: boolean;
  /** SHA-256 of the token, lower-case hex. Throws StoreError. */
  readonly readTokenHash: () => Promise<string>;
  /** The dashboard, with the headers that it needs. */
  readonly page: Pick<ApiAnswer, 'headers' | 'body'>;
  readonly note: (call: ApiCall) => void;
}

const MINUTE_MS = 60_000;
/** A stop is never limited here: nobody may use up the calls of whoever has to stop. */
const READS_PER_MINUTE = 120;
const REFUSALS_PER_MINUTE = 10;
const BODY_CHARS_MAX = 4_096;

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

/** A call that is answered with an error; `message` is for the caller. */
class Refusal extends Error {
  readonly code: ApiErrorCode;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    code: ApiErrorCode,
    message: string = API_ERRORS[code].meaning,
    headers: Refusal['headers'] = {},
  ) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

interface Context {
  readonly request: ApiRequest;
  readonly who: string;
}

/** Answers one call after the other; keeps nothing between them but the token's hash and the counts of the rate limits. Never rejects. */
export function createApi(dependencies: ApiDependencies): (request: ApiRequest) => Promise<ApiAnswer> {
  const { stopwatchMs, authorisation, risk, readTokenHash, page } = dependencies;
  const token = createTokenCheck({ readParameter: readTokenHash, risk, stopwatchMs });
  const limitReads = createRateLimit({ count: READS_PER_MINUTE, windowMs: MINUTE_MS, stopwatchMs });
  const limitRefusals = createRateLimit({ count: REFUSALS_PER_MINUTE, windowMs: MINUTE_MS, stopwatchMs });
  const document = describeApi();

  async function authorise(request: ApiRequest, use: 'stop' | 'read'): Promise<string> {
    if (authorisation === 'iam') {
      if (request.iamPrincipal === undefined) throw new Refusal('unauthorised');
      return request.iamPrincipal;
    }
    const verdict = await token.check(request.headers.authorization, use);
    if (verdict === 'unavailable')
      throw new Refusal(
        'token_unavailable',
        `${API_ERRORS.token_unavailable.meaning}; qt emergency-stop needs none`,
      );
    if (verdict === 'right') return 'token';
    const waitS = limitRefusals(request.sourceIp);
    if (waitS > 0) throw new Refusal('too_many_requests', undefined, { 'retry-after': String(waitS) });
    throw new Refusal('unauthorised', undefined, { 'www-authenticate': 'Bearer' });
  }

  const serve: Readonly<Record<ApiRouteName, (context: Context) => Promise<ApiAnswer>>> = {
    stop: async (context) => {
      const [answer] = await Promise.all([
        serveStop(dependencies, context),
        token.keepCopy().catch(() => undefined),
      ]);
      return answer;
    },
    status: async () =>
      json(200, await readSystemStatus({ ...dependencies, readShards: async () => dependencies.shards })),
    signals: async ({ request }) => json(200, { signals: await readSignals(dependencies, request) }),
    document: async () => json(200, document),
    page: async () => ({ status: 200, headers: { ...HEADERS, ...page.headers }, body: page.body }),
  };

  async function answerRoute(request: ApiRequest, found: (who: string) => void): Promise<ApiAnswer> {
    const name = findRoute(request);
    const { origin } = request.headers;
    if (origin !== undefined && origin !== request.origin) throw new Refusal('foreign_origin');
    if (!API_ROUTES[name].needsToken) return serve[name]({ request, who: 'anyone' });
    const who = await authorise(request, name === 'stop' ? 'stop' : 'read');
    found(who);
    if (name !== 'stop') {
      const waitS = limitReads(request.sourceIp);
      if (waitS > 0) throw new Refusal('too_many_requests', undefined, { 'retry-after': String(waitS) });
      await token.keepCopy().catch(() => undefined);
    }
    return serve[name]({ request, who });
  }

  return async (request) => {
    const startedMs = stopwatchMs();
    let who: string | undefined;
    const { method, path, requestId, sourceIp } = request;
    const told = (status: number, more: Partial<ApiCall> = {}) =>
      dependencies.note({
        ...{ requestId, sourceIp, method, path, who, status, message: undefined, isRepeated: false },
        ...{ tookMs: stopwatchMs() - startedMs, ...more },
      });
    try {
      const answer = await answerRoute(request, (found) => {
        who = found;
      });
      told(answer.status, answer.status === 200 ? {} : { message: answer.body });
      return answer;
    } catch (error) {
      const refusal = refusalOf(error);
      const { status } = API_ERRORS[refusal.code];
      const isRepeated = refusal.code === 'too_many_requests';
      told(status, {
        message: `${refusal.code}: ${messageOf(error)}`,
        isRepeated,
      });
      return json(status, { error: { code: refusal.code, message: refusal.message } }, refusal.headers);
    }
  };
}

/** What a failure looks like from outside: a failed check says nothing of its inside. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof StoreError) return new Refusal('store_unavailable');
  return new Refusal('internal_error');
}

const json = (status: number, body: unknown, headers: ApiAnswer['headers'] = {}): ApiAnswer => ({
  status,
  headers: { ...HEADERS, 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(body),
});

function findRoute({ method, path }: ApiRequest): ApiRouteName {
  const there = (Object.entries(API_ROUTES) as [ApiRouteName, ApiRoute][]).filter(
    ([, route]) => route.path === path,
  );
  const found = there.find(([, route]) => route.method === method);
  if (found !== undefined) return found[0];
  if (there.length === 0) throw new Refusal('not_found');
  throw new Refusal('method_not_allowed', undefined, {
    allow: there.map(([, route]) => route.method).join(', '),
  });
}

function parse<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
  throw new Refusal('bad_request', faults.join('; '));
}

function readBody({ headers, body }: ApiRequest): unknown {
  if (!/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '')) throw new Refusal('not_json');
  if (body.length > BODY_CHARS_MAX) throw new Refusal('too_large');
  try {
    return JSON.parse(body);
  } catch {
    throw new Refusal('bad_request', 'the body is not JSON');
  }
}

async function readSignals({ signals, shards }: ApiDependencies, { query }: ApiRequest) {
  const { symbol, bar, count } = parse(signalsQuerySchema, query);
  if (symbol !== undefined) return signals.lastOfSymbol(symbol, count ?? 1);
  const newest = async () =>
    (await signals.lastRuns({ shard: 0, shardCount: shards, count: 1 }))[0]?.barOpenTimeMs;
  const wanted = bar ?? (await newest());
  return wanted === undefined ? [] : (await signals.ofBar(wanted)).slice(0, count);
}

async function serveStop(dependencies: ApiDependencies, { request, who }: Context): Promise<ApiAnswer> {
  const asked = parse(stopRequestSchema, readBody(request));
  const { reason, keepPositions, drill } = asked;
  if (drill && !dependencies.isLocal)
    throw new Refusal('bad_request', 'drill: it is for the local system only');
  const { requestId, sourceIp, method, path } = request;
  dependencies.note({
    ...{ requestId, sourceIp, method, path, who, status: 'begun', tookMs: 0, isRepeated: false },
    message: JSON.stringify(asked),
  });
  const operator = asked.by === undefined ? `HTTP API (${who})` : `${asked.by} by HTTP API (${who})`;
  const scopes: Promise<readonly Scope[]> = drill ? Promise.resolve(['paper']) : watchedScopes(dependencies);
  const stop = { scopes, operator, reason: drill ? `drill: ${reason}` : reason, keepPositions };
  const steps = await emergencyStop(dependencies, stop);
  const failures = [
    ...steps.flatMap(({ step, scope, failures }) =>
      failures.map((why) => `${step}${scope === undefined ? '' : ` (${scope})`}: ${why}`),
    ),
    ...(await auditStop(dependencies, {
      operator,
      reason: stop.reason,
      scopes: await scopes,
      steps,
      request,
    })),
  ];
  const answer: z.infer<typeof stopAnswerSchema> = {
    complete: failures.length === 0,
    failures,
    steps: steps.map((step) => ({ ...step, done: [...step.done], failures: [...step.failures] })),
  };
  return json(statusOfStop(steps, failures), answer);
}

/** Latch and flags close the gate each on its own: 500 only when neither is known to. */
function statusOfStop(steps: readonly EmergencyStep[], failures: readonly string[]): 200 | 207 | 500 {
  if (failures.length === 0) return 200;
  const latches = steps.filter(({ step }) => step === 'latch');
  const isLatched = latches.length > 0 && latches.every(({ done }) => done.length > 0);
  const areFlagsClosed = steps.some(({ step, failures }) => step === 'flags' && failures.length === 0);
  return isLatched || areFlagsClosed ? 207 : 500;
}

/** @returns one line for each scope whose audit trail could not be written */
async function auditStop(
  { risk, clock }: ApiDependencies,
  stop: {
    readonly operator: string;
    readonly reason: string;
    readonly scopes: readonly Scope[];
    readonly steps: readonly EmergencyStep[];
    readonly request: ApiRequest;
  },
): Promise<string[]> {
  const { operator, reason, scopes, steps, request } = stop;
  const incomplete = steps.filter(({ failures }) => failures.length > 0).map(({ step }) => step);
  const outcome =
    incomplete.length === 0 ? 'complete' : `not complete: ${[...new Set(incomplete)].join(', ')}`;
  const atMs = clock.nowMs();
  const record = {
    atMs,
    what: 'emergency_stop',
    by: operator,
    message: `${reason}; from ${request.sourceIp}, request ${request.requestId}; ${outcome}`,
  };
  const { audit } = riskRecords(risk);
  const id = `api#${sortable(atMs)}#${request.requestId}`;
  const written = await Promise.allSettled(scopes.map((scope) => audit.add(scope, id, record)));
  return written.flatMap((each) => (each.status === 'rejected' ? [`audit: ${messageOf(each.reason)}`] : []));
}
