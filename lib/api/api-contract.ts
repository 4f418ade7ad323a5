// What the HTTP API takes and answers. One table of routes: its schemas validate the requests, its paths become the routes of the
// gateway, and the OpenAPI document is made from it, so that the three cannot differ.
import type { z } from 'zod';
import { signalSchema } from '../inference/signal.ts';
import { type ApiErrorCode, apiErrorSchema } from './api-error.ts';
import { signalsAnswerSchema, signalsQuerySchema } from './read-model/signals.ts';
import { statusAnswerSchema } from './status-schema.ts';
import { stopAnswerSchema, stopRequestSchema } from './stop-schema.ts';

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
  readonly query?: z.ZodObject;
  readonly body?: { readonly name: SchemaName; readonly schema: z.ZodType };
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
    body: { name: 'StopRequest', schema: stopRequestSchema },
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

/** What a route takes: its query or its body, validated. */
export type ApiInput<Name extends ApiRouteName> = (typeof API_ROUTES)[Name] extends { query: infer Query }
  ? z.infer<Query>
  : (typeof API_ROUTES)[Name] extends { body: { schema: infer Body } }
    ? z.infer<Body>
    : undefined;

/** HEAD is served wherever GET is, with the same headers and no body. */
export const methodsOf = ({ method }: Pick<ApiRoute, 'method'>): readonly string[] =>
  method === 'GET' ? ['GET', 'HEAD'] : [method];
