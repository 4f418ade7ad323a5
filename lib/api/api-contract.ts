// What the HTTP API takes and answers. One table of routes: its schemas check the requests, its paths become the routes of the
// gateway, and the OpenAPI document is made from it, so that none of the three can say something else.
import { z } from 'zod';
import { positionRecordSchema } from '../execution/records.ts';
import type { EmergencyStep } from '../execution/use-cases/emergency-stop.ts';
import type { SystemStatus } from '../execution/use-cases/system-status.ts';
import { inferRunSchema } from '../inference/infer-run.ts';
import { signalSchema } from '../inference/signal.ts';
import { BAR_MS } from '../market/candle.ts';
import { symbolSchema } from '../market/universe.ts';
import { breakerStateSchema } from '../risk/breaker/state.ts';
import { MODE_REASONS, type ModeReasonCode } from '../risk/effective-mode.ts';
import { LEVELS } from '../risk/level.ts';
import { equitySnapshotSchema } from '../risk/records.ts';

/** Closed list of why a call was not served. */
export const API_ERRORS = {
  bad_request: { status: 400, meaning: 'the request is not as this document says' },
  unauthorised: { status: 401, meaning: 'the token is missing, malformed or wrong' },
  foreign_origin: { status: 403, meaning: "a page of another site's sent it" },
  not_found: { status: 404, meaning: 'there is no such path' },
  method_not_allowed: { status: 405, meaning: 'the path has another method' },
  too_large: { status: 413, meaning: 'the body is too large' },
  not_json: { status: 415, meaning: 'the body is not application/json' },
  too_many_requests: { status: 429, meaning: 'too many calls: try again after the seconds of Retry-After' },
  internal_error: { status: 500, meaning: 'a check inside failed; the log says which' },
  store_unavailable: { status: 503, meaning: 'a store that the answer rests on cannot be read' },
  token_unavailable: { status: 503, meaning: 'there is no token to compare with, or it cannot be read' },
} as const;
export type ApiErrorCode = keyof typeof API_ERRORS;

const apiErrorSchema = z.strictObject({
  error: z.strictObject({
    code: z.enum(Object.keys(API_ERRORS) as [ApiErrorCode]),
    /** One line. */
    message: z.string(),
  }),
});

/** One line that says something. */
const lineSchema = (charsMax: number) =>
  z
    .string()
    .max(charsMax)
    .regex(/^(?=.*\S)[^\p{Cc}]*$/u, 'must be one line that is not empty');

export const stopRequestSchema = z.strictObject({
  reason: lineSchema(500).describe('Why; it stands in the audit trail.'),
  by: lineSchema(60).optional().describe('Who you are, for the audit trail. Nobody checks it.'),
  keepPositions: z.boolean().default(false).describe('Positions stay open, with their stops.'),
  drill: z
    .boolean()
    .default(false)
    .describe(
      'A rehearsal on the paper account; on the local system only, for it stops what it is tried on.',
    ),
});

const scopeSchema = z.enum(['paper', 'live']);
const emergencyStepSchema = z.strictObject({
  step: z.enum(['latch', 'flags', 'cancel_orders', 'flatten']),
  scope: scopeSchema.optional().describe('Absent: of all scopes.'),
  done: z.array(z.string()),
  failures: z.array(z.string()).describe('What could not be done. Empty when the step is complete.'),
  tookMs: z.number().min(0),
} satisfies Record<keyof EmergencyStep, z.ZodType>);

export const stopAnswerSchema = z.strictObject({
  complete: z.boolean(),
  failures: z.array(z.string()).describe('Everything that could not be done: do it by hand.'),
  steps: z.array(emergencyStepSchema),
});

const flagValueSchema = z.union([z.string(), z.number(), z.boolean()]);
const statusAnswerSchema = z.strictObject({
  mode: z.enum(['OFF', 'PAPER', 'LIVE']),
  reasons: z.array(
    z.strictObject({ code: z.enum(Object.keys(MODE_REASONS) as [ModeReasonCode]), message: z.string() }),
  ),
  scope: scopeSchema,
  level: z.enum(LEVELS).nullable(),
  flags: z.record(z.string(), flagValueSchema).describe("Each flag's value, or what is wrong with it."),
  breaker: breakerStateSchema.nullable(),
  epoch: z.int().nullable(),
  leaseUntilMs: z.int().nullable(),
  exposureMicroUsdt: z.int().nullable(),
  lastBar: inferRunSchema
    .pick({ barOpenTimeMs: true, ensembleId: true, written: true, actions: true })
    .nullable(),
  missedBars: z.array(z.string()).describe('Bars of the last hour that a shard has no run of.'),
  equity: equitySnapshotSchema.nullable(),
  positions: z.array(positionRecordSchema),
  unread: z.array(z.string()).describe('What could not be read.'),
} satisfies Record<keyof SystemStatus, z.ZodType>);

const COUNT_MAX = 1_000;
const wholeNumberSchema = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);

/** Without symbol and bar: the signals of the newest bar. */
export const signalsQuerySchema = z
  .strictObject({
    symbol: symbolSchema.optional().describe('The newest signals of this symbol, newest first.'),
    bar: wholeNumberSchema
      .pipe(z.int().min(0).multipleOf(BAR_MS))
      .optional()
      .describe('The signals of this bar, by symbol; its open time in epoch milliseconds.'),
    count: wholeNumberSchema.pipe(z.int().min(1).max(COUNT_MAX)).optional().describe('At most this many.'),
  })
  .refine(({ symbol, bar }) => symbol === undefined || bar === undefined, 'ask for a symbol or for a bar');

const signalsAnswerSchema = z.strictObject({ signals: z.array(signalSchema) });

/** Schemas that the document names. */
export const NAMED_SCHEMAS = {
  Error: apiErrorSchema,
  StopRequest: stopRequestSchema,
  StopAnswer: stopAnswerSchema,
  Status: statusAnswerSchema,
  Signal: signalSchema,
  Signals: signalsAnswerSchema,
} as const;
type SchemaName = keyof typeof NAMED_SCHEMAS;

interface Answer {
  readonly status: number;
  readonly meaning: string;
  readonly content: SchemaName | 'html' | 'json';
}

export interface ApiRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  readonly needsToken: boolean;
  readonly query?: typeof signalsQuerySchema;
  readonly body?: SchemaName;
  readonly answers: readonly Answer[];
  readonly errors: readonly ApiErrorCode[];
}

const GUARDED = [
  'bad_request',
  'unauthorised',
  'foreign_origin',
  'too_many_requests',
  'internal_error',
  'token_unavailable',
] as const;

export const API_ROUTES = {
  stop: {
    method: 'POST',
    path: '/api/emergency/stop',
    summary: 'Latch, flags, open orders, positions: everything off, now. May be repeated.',
    needsToken: true,
    body: 'StopRequest',
    answers: [
      { status: 200, meaning: 'Everything was done', content: 'StopAnswer' },
      {
        status: 207,
        meaning: 'No new exposure, but not everything was done: `failures` names it',
        content: 'StopAnswer',
      },
      {
        status: 500,
        meaning: 'Neither latch nor flags could be closed, or a check inside failed',
        content: 'StopAnswer',
      },
    ],
    errors: [...GUARDED, 'too_large', 'not_json'],
  },
  status: {
    method: 'GET',
    path: '/api/status',
    summary:
      'What the system may do now and why, and what it holds. What cannot be read is named in `unread`.',
    needsToken: true,
    answers: [{ status: 200, meaning: 'The system at a glance', content: 'Status' }],
    errors: GUARDED,
  },
  signals: {
    method: 'GET',
    path: '/api/signals',
    summary: 'Signals of a symbol or of a bar; without either, of the newest bar.',
    needsToken: true,
    query: signalsQuerySchema,
    answers: [{ status: 200, meaning: 'The signals, none when there are none', content: 'Signals' }],
    errors: [...GUARDED, 'store_unavailable'],
  },
  document: {
    method: 'GET',
    path: '/api/openapi.json',
    summary: 'This document.',
    needsToken: false,
    answers: [{ status: 200, meaning: 'OpenAPI 3.1', content: 'json' }],
    errors: ['foreign_origin'],
  },
  page: {
    method: 'GET',
    path: '/',
    summary: 'The dashboard. It asks for the token and holds no data of its own.',
    needsToken: false,
    answers: [{ status: 200, meaning: 'A web page', content: 'html' }],
    errors: ['foreign_origin'],
  },
} as const satisfies Record<string, ApiRoute>;
export type ApiRouteName = keyof typeof API_ROUTES;
