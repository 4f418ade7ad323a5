// The HTTP API: emergency stop, actions, and what the system knows, for callers with a token, through the same use cases as the qtrader command.
// Every call is passed to `note`. Calls that are refused never write to a table.

import type { Actor } from '../core/actor.ts';
import { messageOf } from '../core/message-of.ts';
import { StoreError } from '../core/store-error.ts';
import { MINUTE_MS } from '../core/units.ts';
import { mayAct } from './actions/action-schema.ts';
import type { ActionDependencies } from './actions/serve-action.ts';
import { type ApiAnswer, type ApiCall, type ApiRequest, answerJson, answerWith } from './api-call.ts';
import { API_ROUTES, type ApiRouteName } from './api-contract.ts';
import { API_ERRORS, ApiRefusal } from './api-error.ts';
import { type ApiToken, createTokenCheck, type TokenHolder } from './api-token.ts';
import type { EventStreams } from './events/event-streams.ts';
import { createRateLimit } from './rate-limit.ts';
import { findRoute, readInput } from './read-request.ts';
import type { ReadDependencies } from './serve-reads.ts';
import { type StopDependencies, serveStop } from './serve-stop.ts';

export interface ApiDependencies extends StopDependencies, ReadDependencies, ActionDependencies {
  /** Who may call: whoever has a token, or whom AWS lets through by signature. */
  readonly authorisation: 'token' | 'iam';
  /** Who holds a token, as it is stored. Throws StoreError. */
  readonly readTokens: () => Promise<readonly ApiToken[]>;
  /** The dashboard, with the headers that it needs. */
  readonly page: Pick<ApiAnswer, 'headers' | 'body'>;
  /** undefined: none are served. */
  readonly events: Pick<EventStreams, 'open'> | undefined;
}
/** A stop is not limited: no other caller may use up the calls of an operator who has to stop. */
const READS_PER_MINUTE = 120;
/** A page that follows a replay reads more often, and costs nothing. */
const LOCAL_READS_PER_MINUTE = 600;
const REFUSALS_PER_MINUTE = 10;

/** Keeps nothing between calls but the token's hash and the counts of the rate limits. The answer never rejects. */
export function createApi(dependencies: ApiDependencies): (request: ApiRequest) => Promise<ApiAnswer> {
  const { stopwatchMs } = dependencies;
  const admit = createAdmission(dependencies);

  return async (request) => {
    const startedMs = stopwatchMs();
    let who: string | undefined;
    const { method, path, requestId, sourceIp } = request;
    const noted = (answer: ApiAnswer, more: Partial<ApiCall> = {}): ApiAnswer => {
      dependencies.note({
        ...{ requestId, sourceIp, method, path, who, status: answer.status, message: undefined },
        ...{ isRepeated: false, tookMs: stopwatchMs() - startedMs, ...more },
      });
      return method === 'HEAD' ? { ...answer, body: '' } : answer;
    };
    try {
      const name = findRoute(request);
      const admission = await admit(name, request);
      who = admission.holder?.name;
      const [answer] = await Promise.all([
        serve(dependencies, name, { request, holder: admission.holder ?? ANYONE }),
        admission.copied,
      ]);
      return noted(answer, answer.status === 200 ? {} : { message: answer.body });
    } catch (error) {
      const { code, message, headers } = refusalOf(error);
      return noted(answerJson(API_ERRORS[code].status, { error: { code, message } }, headers), {
        message: `${code}: ${messageOf(error)}`,
        isRepeated: code === 'too_many_requests',
      });
    }
  };
}

/** A failed check reveals nothing of its inside to the caller. */
function refusalOf(error: unknown): ApiRefusal {
  if (error instanceof ApiRefusal) return error;
  return new ApiRefusal(error instanceof StoreError ? 'store_unavailable' : 'internal_error');
}

/** Who asks for what is open to all. */
const ANYONE = { name: 'anyone', role: 'reader' } as const;

interface Admission {
  /** undefined: the route needs no caller. */
  readonly holder?: TokenHolder;
  /** Settles once the copy of the token is up to date, or could not be written. A stop does not wait for it to begin. */
  readonly copied?: Promise<void>;
}

/** Throws ApiRefusal. */
type Admit = (name: ApiRouteName, request: ApiRequest) => Promise<Admission>;

function createAdmission(dependencies: ApiDependencies): Admit {
  const { stopwatchMs, authorisation, isLocal, risk, readTokens } = dependencies;
  const token = createTokenCheck({ readTokens, risk, stopwatchMs });
  const limitReads = createRateLimit({
    count: isLocal ? LOCAL_READS_PER_MINUTE : READS_PER_MINUTE,
    windowMs: MINUTE_MS,
    stopwatchMs,
  });
  const limitRefusals = createRateLimit({ count: REFUSALS_PER_MINUTE, windowMs: MINUTE_MS, stopwatchMs });
  const limit = (waitS: number) => {
    if (waitS > 0) throw new ApiRefusal('too_many_requests', undefined, { 'retry-after': String(waitS) });
  };

  async function authorise(request: ApiRequest, use: 'stop' | 'other'): Promise<TokenHolder> {
    if (authorisation === 'iam') {
      if (request.iamPrincipal === undefined) throw new ApiRefusal('unauthorised');
      // A signature names a principal, not a person: it cannot be the second of two.
      return { name: request.iamPrincipal, role: 'operator' };
    }
    const verdict = await token.check(request.headers.authorization, use);
    if (verdict === 'unavailable')
      throw new ApiRefusal(
        'token_unavailable',
        `${API_ERRORS.token_unavailable.meaning}; qtrader emergency-stop needs none`,
      );
    if (verdict !== 'wrong') return verdict;
    limit(limitRefusals(request.sourceIp));
    throw new ApiRefusal('unauthorised', undefined, { 'www-authenticate': 'Bearer' });
  }

  return async (name, request) => {
    const { origin } = request.headers;
    if (origin !== undefined && origin !== request.origin) throw new ApiRefusal('foreign_origin');
    if (!API_ROUTES[name].needsToken) return {};
    const holder = await authorise(request, name === 'stop' ? 'stop' : 'other');
    if (name !== 'stop') limit(limitReads(request.sourceIp));
    return { holder, copied: token.keepCopy().catch(() => undefined) };
  };
}

/** A stop in a new process loads nothing that it does not need: the rest is loaded when it is first asked for. */
async function serve(
  dependencies: ApiDependencies,
  name: ApiRouteName,
  { request, holder }: { readonly request: ApiRequest; readonly holder: TokenHolder },
): Promise<ApiAnswer> {
  switch (name) {
    case 'stop':
      if (holder.role === 'reader')
        throw new ApiRefusal('forbidden', 'a reader cannot stop: ask an operator');
      return serveStop(dependencies, { request, by: actorOf(holder), input: readInput(name, request) });
    case 'act': {
      const input = readInput(name, request);
      if (!mayAct(holder.role, input.act))
        throw new ApiRefusal('forbidden', `${input.act} is not for the role ${holder.role}`);
      const { serveAction } = await import('./actions/serve-action.ts');
      return serveAction(dependencies, { request, by: actorOf(holder), input });
    }
    case 'me':
      return answerJson(200, holder);
    case 'page':
      return answerWith({ status: 200, ...dependencies.page });
    case 'events':
      return openEvents(dependencies.events, request);
    case 'document':
      return answerJson(200, (await import('./api-document.ts')).describeApi());
    default:
      return (await import('./serve-reads.ts')).serveRead(dependencies, name, request);
  }
}

/** Throws ApiRefusal. */
function openEvents(events: ApiDependencies['events'], { method }: ApiRequest): ApiAnswer {
  if (events === undefined) throw new ApiRefusal('not_found');
  const headers = { 'content-type': 'text/event-stream' };
  if (method === 'HEAD') return answerWith({ status: 200, headers, body: '' });
  const stream = events.open();
  if (stream === undefined)
    throw new ApiRefusal('too_many_requests', 'too many streams', { 'retry-after': '60' });
  return answerWith({ status: 200, headers, body: '', stream });
}

const actorOf = ({ name }: TokenHolder): Actor => ({ name, proven: true, via: 'token of the HTTP API' });
