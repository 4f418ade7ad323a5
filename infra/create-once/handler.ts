// What CloudFormation calls for the custom resource of infra/constructs/create-once.ts: creates what is missing when the stack is
// created and whenever its definition changes, and does nothing when it goes. CloudFormation waits for the answer.
import { setTimeout as sleep } from 'node:timers/promises';
import { S3Client } from '@aws-sdk/client-s3';
import { SSMClient } from '@aws-sdk/client-ssm';
import { z } from 'zod';
import { messageOf } from '../../lib/core/message-of.ts';
import { createMissing, missingSchema } from './create-missing.ts';

const eventSchema = z.object({
  RequestType: z.enum(['Create', 'Update', 'Delete']),
  ResponseURL: z.url(),
  StackId: z.string(),
  RequestId: z.string(),
  LogicalResourceId: z.string(),
  PhysicalResourceId: z.string().optional(),
  ResourceProperties: z.unknown().optional(),
});
type StackEvent = z.infer<typeof eventSchema>;

/** Kept for the answer. */
const ANSWER_MS = 30_000;
const ANSWER_ATTEMPTS = 5;
const REASON_CHARS_MAX = 1_000;
/** It never changes, so that nothing is ever replaced. */
const PHYSICAL_ID = 'create-once';

export async function handler(given: unknown, lambda: { getRemainingTimeInMillis(): number }): Promise<void> {
  const event = eventSchema.parse(given);
  const problem = await problemOf(event, () => lambda.getRemainingTimeInMillis() - ANSWER_MS);
  if (problem !== undefined) console.error(problem);
  await answer(event, problem);
}

async function problemOf(event: StackEvent, remainingMs: () => number): Promise<string | undefined> {
  if (event.RequestType === 'Delete') return undefined;
  try {
    const missing = missingSchema.parse(event.ResourceProperties);
    const clients = { ssm: new SSMClient({}), s3: new S3Client({}) };
    await createMissing(missing, { ...clients, sleep, remainingMs, random: Math.random });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

async function answer(event: StackEvent, problem: string | undefined): Promise<void> {
  const { ResponseURL, StackId, RequestId, LogicalResourceId, PhysicalResourceId = PHYSICAL_ID } = event;
  const body = JSON.stringify({
    Status: problem === undefined ? 'SUCCESS' : 'FAILED',
    ...(problem !== undefined && { Reason: problem.slice(0, REASON_CHARS_MAX) }),
    StackId,
    RequestId,
    LogicalResourceId,
    PhysicalResourceId,
  });
  for (let attempt = 1; ; attempt++) {
    try {
      // The URL is signed for a request without a content type.
      const answered = await fetch(ResponseURL, { method: 'PUT', body, headers: { 'content-type': '' } });
      if (answered.ok) return;
      throw new Error(`CloudFormation took the answer with ${answered.status}`);
    } catch (error) {
      if (attempt === ANSWER_ATTEMPTS) throw error;
      await sleep(attempt * 1_000);
    }
  }
}
