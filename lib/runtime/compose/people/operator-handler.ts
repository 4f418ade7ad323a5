// What the operators' functions make of the event of a function URL (payload format 2.0). An invocation never fails: errors are
// answers.
import * as z from 'zod';
import type { OperatorCall, OperatorReply } from '../../../api/operator/answer-operator.ts';

/** What is used of the event. Lambda writes `authorizer.iam`; a caller of the URL cannot. */
const functionUrlEventSchema = z.object({
  body: z.string().max(10_000).default(''),
  isBase64Encoded: z.boolean().default(false),
  requestContext: z.object({
    authorizer: z.object({ iam: z.object({ userArn: z.string() }).optional() }).optional(),
  }),
});

export interface OperatorComposition {
  /** Never rejects. */
  answer(call: OperatorCall): Promise<OperatorReply>;
  close(): Promise<void>;
}

interface OperatorResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Rejects an event that is not of a function URL. */
export function createOperatorHandler({ answer }: Pick<OperatorComposition, 'answer'>) {
  return async (event: unknown): Promise<OperatorResult> => {
    const { body, isBase64Encoded, requestContext } = functionUrlEventSchema.parse(event);
    const { status, answer: said } = await answer({
      userArn: requestContext.authorizer?.iam?.userArn,
      body: isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body,
    });
    return {
      statusCode: status,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      body: JSON.stringify(said),
    };
  };
}
