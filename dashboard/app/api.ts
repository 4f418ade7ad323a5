// Calls of the HTTP API, typed by the schemas it answers with. Everything comes from outside: it is shown as text, never as markup.
import type { z } from 'zod';
import type {
  ActionRequest,
  actionAnswerSchema,
  meAnswerSchema,
} from '../../lib/api/actions/action-schema.ts';
import type {
  daysAnswerSchema,
  equityAnswerSchema,
  ordersAnswerSchema,
  tradesAnswerSchema,
} from '../../lib/api/read-model/account.ts';
import type { auditAnswerSchema } from '../../lib/api/read-model/audit.ts';
import type { barsAnswerSchema } from '../../lib/api/read-model/bars.ts';
import type { candlesAnswerSchema } from '../../lib/api/read-model/candles.ts';
import type { modelsAnswerSchema } from '../../lib/api/read-model/models.ts';
import type { positionsAnswerSchema } from '../../lib/api/read-model/positions.ts';
import type { rolloutAnswerSchema } from '../../lib/api/read-model/rollout.ts';
import type { signalsAnswerSchema } from '../../lib/api/read-model/signals.ts';
import type { universeAnswerSchema } from '../../lib/api/read-model/universe.ts';
import type { statusAnswerSchema } from '../../lib/api/status-schema.ts';
import type { StopRequest, stopAnswerSchema } from '../../lib/api/stop-schema.ts';

export type Status = z.infer<typeof statusAnswerSchema>;
export type Signal = z.infer<typeof signalsAnswerSchema>['signals'][number];
export type Trade = z.infer<typeof tradesAnswerSchema>['trades'][number];
export type Order = z.infer<typeof ordersAnswerSchema>['orders'][number];
export type Equity = z.infer<typeof equityAnswerSchema>;
export type Day = z.infer<typeof daysAnswerSchema>['days'][number];
export type Position = z.infer<typeof positionsAnswerSchema>['positions'][number];
export type Bar = z.infer<typeof barsAnswerSchema>['bars'][number];
export type Candles = z.infer<typeof candlesAnswerSchema>;
export type Models = z.infer<typeof modelsAnswerSchema>;
export type Rollout = z.infer<typeof rolloutAnswerSchema>;
export type Universe = z.infer<typeof universeAnswerSchema>;
export type Me = z.infer<typeof meAnswerSchema>;
export type { ActionRequest };

type ActionAnswer = z.infer<typeof actionAnswerSchema>;
export type StopAnswer = z.infer<typeof stopAnswerSchema>;

/** What each path answers with. */
export interface Reads {
  '/api/me': Me;
  '/api/status': Status;
  '/api/signals': z.infer<typeof signalsAnswerSchema>;
  '/api/bars': z.infer<typeof barsAnswerSchema>;
  '/api/trades': z.infer<typeof tradesAnswerSchema>;
  '/api/orders': z.infer<typeof ordersAnswerSchema>;
  '/api/equity': Equity;
  '/api/equity/days': z.infer<typeof daysAnswerSchema>;
  '/api/positions': z.infer<typeof positionsAnswerSchema>;
  '/api/candles': Candles;
  '/api/models': Models;
  '/api/rollout': Rollout;
  '/api/universe': Universe;
  '/api/audit': z.infer<typeof auditAnswerSchema>;
}

/** The API answered, and refused. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const TIMEOUT_MS = 60_000;

/** Rejects with Refusal when the API refuses, with another error when there is no answer. */
export async function read<Path extends keyof Reads>(
  token: string,
  path: Path,
  query: Readonly<Record<string, string | number>> = {},
  cancelled?: AbortSignal,
): Promise<Reads[Path]> {
  const text = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  const url = text.length === 0 ? path : `${path}?${text.join('&')}`;
  return (await call(token, url, cancelled === undefined ? {} : { signal: cancelled })) as Reads[Path];
}

/** Rejects as `read` does; without an answer the stop may be under way all the same. */
export async function stopEverything(
  token: string,
  request: Omit<StopRequest, 'drill'>,
): Promise<StopAnswer> {
  const headers = { 'content-type': 'application/json' };
  return (await call(token, '/api/emergency/stop', {
    ...{ method: 'POST', headers, body: JSON.stringify(request) },
  })) as StopAnswer;
}

/** Rejects as `read` does; without an answer the action may have been carried out all the same. */
export async function act(token: string, request: ActionRequest): Promise<ActionAnswer> {
  const headers = { 'content-type': 'application/json' };
  return (await call(token, '/api/actions', {
    ...{ method: 'POST', headers, body: JSON.stringify(request) },
  })) as ActionAnswer;
}

async function call(token: string, url: string, init: RequestInit): Promise<unknown> {
  const limit = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, {
    ...init,
    headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${token}` },
    signal: init.signal ? AbortSignal.any([init.signal, limit]) : limit,
  });
  const body = (await response.json()) as {
    error?: { message: string };
    message?: string;
    steps?: unknown;
    outcome?: unknown;
  };
  // A stop that is incomplete answers with its steps, an action with its outcome; API Gateway refuses with a message of its own.
  if (body.error) throw new Refusal(response.status, body.error.message);
  if (!response.ok && body.steps === undefined && body.outcome === undefined)
    throw new Refusal(response.status, body.message ?? `status ${response.status}`);
  return body;
}
