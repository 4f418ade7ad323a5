// What a route of the HTTP API is: where it stands, what it takes, and every answer that it may give.
import type * as z from 'zod';
import type { ApiErrorCode } from './api-error.ts';
import type { SchemaName } from './named-schemas.ts';

export interface RouteAnswer {
  readonly status: number;
  readonly meaning: string;
  readonly content: SchemaName | 'html' | 'json' | 'text' | 'events';
}

export interface ApiRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  readonly needsToken: boolean;
  readonly query?: z.ZodObject;
  readonly body?: { readonly name: SchemaName; readonly schema: z.ZodType };
  readonly answers: readonly RouteAnswer[];
  readonly errors: readonly ApiErrorCode[];
}

/** Errors of every route that needs the token. */
export const GUARDED = [
  'bad_request',
  'unauthorised',
  'foreign_origin',
  'too_many_requests',
  'internal_error',
  'token_unavailable',
] as const;

/** HEAD is served wherever GET is, with the same headers and no body. */
export const methodsOf = ({ method }: Pick<ApiRoute, 'method'>): readonly string[] =>
  method === 'GET' ? ['GET', 'HEAD'] : [method];
