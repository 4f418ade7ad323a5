// The api function: passes one HTTP API call from API Gateway (payload format 2.0) to the use case and returns its answer. An
// invocation never fails: errors are answers.
import * as z from 'zod';
import { readDashboard } from '../../dashboard/page.ts';
import type { ApiAnswer, ApiRequest } from '../../lib/api/api-call.ts';
import { type ApiComposition, composeApi } from '../../lib/runtime/compose/api.ts';
import { apiSettings } from '../../lib/runtime/config/function-settings.ts';
import { onLambda } from '../../lib/runtime/lambda.ts';

/** What is used of the event; names of headers come in lower case, repeated values joined by commas. */
const httpEventSchema = z.object({
  version: z.literal('2.0'),
  rawPath: z.string(),
  headers: z.record(z.string(), z.string()),
  queryStringParameters: z.record(z.string(), z.string()).default({}),
  body: z.string().default(''),
  isBase64Encoded: z.boolean().default(false),
  requestContext: z.object({
    domainName: z.string(),
    requestId: z.string(),
    http: z.object({ method: z.string(), sourceIp: z.string() }),
    authorizer: z.object({ iam: z.object({ userArn: z.string() }).optional() }).optional(),
  }),
});
export type HttpEvent = z.input<typeof httpEventSchema>;

export interface HttpResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly stream?: ApiAnswer['stream'];
}

/** The handler over a composition; `handler` below is the one that Lambda calls. Rejects an event that is not API Gateway's. */
export function createApiHandler(
  { answer }: Pick<ApiComposition, 'answer'>,
  scheme: 'https' | 'http' = 'https',
) {
  return async (event: unknown): Promise<HttpResult> => {
    const { status, ...answered } = await answer(readRequest(httpEventSchema.parse(event), scheme));
    return { statusCode: status, ...answered };
  };
}

function readRequest(event: z.infer<typeof httpEventSchema>, scheme: string): ApiRequest {
  const { rawPath, headers, queryStringParameters, body, isBase64Encoded, requestContext } = event;
  const { domainName, requestId, http, authorizer } = requestContext;
  return {
    method: http.method,
    path: rawPath,
    query: queryStringParameters,
    headers,
    body: isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body,
    sourceIp: http.sourceIp,
    requestId,
    origin: `${scheme}://${domainName}`,
    iamPrincipal: authorizer?.iam?.userArn,
  };
}

export const handler = onLambda(() => createApiHandler(composeApi(apiSettings.read(), readDashboard())));
