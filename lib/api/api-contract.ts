// What the HTTP API takes and answers. One table of routes: its schemas validate the requests, its paths become the routes of the
// gateway, and the OpenAPI document is made from it, so that the three cannot differ.
import type * as z from 'zod';
import { actionRequestSchema } from './actions/action-schema.ts';
import { type ApiRoute, GUARDED } from './api-route.ts';
import { EVENT_KINDS } from './events/event-streams.ts';
import { READ_ROUTES } from './read-routes.ts';
import { stopRequestSchema } from './stop-schema.ts';

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
    errors: [...GUARDED, 'forbidden', 'too_large', 'not_json'],
  },
  act: {
    method: 'POST',
    path: '/api/actions',
    summary: 'Flags, circuit breaker, capital level, quarantine: one action, in the name of the token.',
    needsToken: true,
    body: { name: 'ActionRequest', schema: actionRequestSchema },
    answers: [
      { status: 200, meaning: 'Done', content: 'ActionAnswer' },
      { status: 409, meaning: 'Refused: nothing was done, and `refused` says why', content: 'ActionAnswer' },
      {
        status: 500,
        meaning: 'Begun, and not known to be complete: look before repeating it',
        content: 'ActionAnswer',
      },
    ],
    errors: [...GUARDED, 'forbidden', 'too_large', 'not_json'],
  },
  me: {
    method: 'GET',
    path: '/api/me',
    summary: 'Whose token this is, and what it allows.',
    needsToken: true,
    answers: [{ status: 200, meaning: 'The holder', content: 'Me' }],
    errors: GUARDED,
  },
  ...READ_ROUTES,
  events: {
    method: 'GET',
    path: '/api/events',
    summary:
      'Tells when there is something new, as long as the caller listens; on one machine only, a stage on AWS answers not_found.',
    needsToken: true,
    answers: [
      {
        status: 200,
        meaning: `Server-sent events of the type change; data is a list of ${EVENT_KINDS.join(', ')}`,
        content: 'events',
      },
    ],
    errors: [...GUARDED, 'not_found'],
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
