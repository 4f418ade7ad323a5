// The OpenAPI document of the HTTP API, made from the table of its routes and the schemas that check its requests.
import * as z from 'zod';
import { API_ROUTES } from './api-contract.ts';
import { API_ERRORS, type ApiErrorCode } from './api-error.ts';
import type { ApiRoute, RouteAnswer } from './api-route.ts';
import { NAMED_SCHEMAS } from './named-schemas.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** OpenAPI 3.1. */
export function describeApi(): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const [name, route] of Object.entries(API_ROUTES as Readonly<Record<string, ApiRoute>>))
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: describeRoute(name, route) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Quantum Trader',
      version: '1',
      description:
        'Emergency stop, and what the system knows. Times are epoch milliseconds, money is in millionths of a USDT. HEAD answers like GET.',
    },
    paths,
    components: {
      schemas: namedSchemas(),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function describeRoute(name: string, route: ApiRoute): JsonObject {
  const { summary, needsToken, query, body } = route;
  return {
    operationId: name,
    summary,
    security: needsToken ? [{ token: [] }] : [],
    ...(query !== undefined && { parameters: parametersOf(query) }),
    ...(body !== undefined && { requestBody: { required: true, content: contentOf(body.name) } }),
    responses: responsesOf(route),
  };
}

/** What a status means, and every shape that its body may have. */
function responsesOf({ answers, errors }: ApiRoute): JsonObject {
  const possible = [
    ...answers,
    ...errors.map((code: ApiErrorCode) => ({ ...API_ERRORS[code], content: 'Error' as const })),
  ];
  const statuses = [...new Set(possible.map(({ status }) => status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const same = possible.filter((each) => each.status === status);
      const contents = [...new Set(same.map(({ content }) => content))];
      const description = [...new Set(same.map(({ meaning }) => meaning))].join('; or ');
      const [first, ...others] = contents;
      const content =
        others.length === 0
          ? contentOf(first!)
          : {
              'application/json': { schema: { anyOf: contents.map((each) => ({ $ref: schemaPath(each) })) } },
            };
      return [status, { description, content }];
    }),
  );
}

const schemaPath = (name: string): string => `#/components/schemas/${name}`;

function contentOf(content: RouteAnswer['content']): JsonObject {
  if (content === 'html') return { 'text/html': { schema: { type: 'string' } } };
  if (content === 'text') return { 'text/plain': { schema: { type: 'string' } } };
  if (content === 'events') return { 'text/event-stream': { schema: { type: 'string' } } };
  if (content === 'json') return { 'application/json': { schema: { type: 'object' } } };
  return { 'application/json': { schema: { $ref: schemaPath(content) } } };
}

function parametersOf(query: NonNullable<ApiRoute['query']>): JsonObject[] {
  const { properties } = z.toJSONSchema(query);
  return Object.entries(properties!).map(([name, schema]) => {
    const { description, ...rest } = schema as { description?: string };
    return { name, in: 'query', required: isRequired(query, name), description, schema: rest };
  });
}

/** Read as text: what has a default may be left out. */
const isRequired = (query: NonNullable<ApiRoute['query']>, name: string): boolean =>
  !query.shape[name]!.safeParse(undefined).success;

function namedSchemas(): JsonObject {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(NAMED_SCHEMAS)) registry.add(schema, { id });
  // As a caller writes them: what has a default may be left out.
  const { schemas } = z.toJSONSchema(registry, { uri: schemaPath, io: 'input' });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $id: _, $schema: __, ...schema }]) => [id, schema]),
  );
}
