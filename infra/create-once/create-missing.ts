// Creates what a stage is to start with, and leaves alone what is there: neither call can overwrite. A deploy that has just made the
// role may be refused for a while, until IAM has it everywhere; refusals, throttling and faults of the services are retried until
// the time is up.
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { z } from 'zod';

/** CloudFormation makes every value a text, and an empty list is left out of a template. */
export const missingSchema = z.object({
  Flags: z.array(
    z.object({ Name: z.string(), Value: z.string(), AllowedPattern: z.string(), Description: z.string() }),
  ),
  Objects: z.array(z.object({ Bucket: z.string(), Key: z.string(), Body: z.string() })).default([]),
});
export type Missing = z.output<typeof missingSchema>;

export interface CreateContext {
  readonly ssm: Pick<SSMClient, 'send'>;
  readonly s3: Pick<S3Client, 'send'>;
  readonly sleep: (durationMs: number) => Promise<unknown>;
  /** Nothing is tried again when less than this is left. */
  readonly remainingMs: () => number;
  /** From 0 to 1; spreads the retries. */
  readonly random: () => number;
}

const FIRST_PAUSE_MS = 500;
const PAUSE_MS_MAX = 10_000;

const EXISTS = new Set(['ParameterAlreadyExists', 'PreconditionFailed']);
/** Of a role that is not known everywhere yet; of throttling; of two deploys at once. */
const PASSING =
  /AccessDenied|UnrecognizedClient|InvalidClientTokenId|InvalidAccessKeyId|ExpiredToken|Throttl|TooManyRequests|TooManyUpdates|SlowDown|RequestLimitExceeded|ConditionalRequestConflict|OperationAborted/;

/** Rejects with the last error of what could not be created in time, or at once with one that will not pass. */
export async function createMissing({ Flags, Objects }: Missing, context: CreateContext): Promise<void> {
  const { ssm, s3 } = context;
  for (const flag of Flags)
    await patiently(context, flag.Name, () =>
      ssm.send(new PutParameterCommand({ ...flag, Type: 'String', Overwrite: false })),
    );
  for (const object of Objects)
    await patiently(context, object.Key, () =>
      s3.send(new PutObjectCommand({ ...object, IfNoneMatch: '*' })),
    );
}

async function patiently(
  { sleep, remainingMs, random }: CreateContext,
  what: string,
  create: () => Promise<unknown>,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await create();
      return;
    } catch (error) {
      const { name, message, status } = describe(error);
      if (EXISTS.has(name)) return;
      const pauseMs = Math.min(PAUSE_MS_MAX, FIRST_PAUSE_MS * 2 ** attempt) * (0.5 + random() / 2);
      const passes = PASSING.test(name) || status === undefined || status >= 500 || status === 429;
      if (!passes || pauseMs >= remainingMs())
        throw new Error(`creating ${what} failed: ${name}: ${message}`, { cause: error });
      await sleep(pauseMs);
    }
  }
}

function describe(error: unknown): { name: string; message: string; status: number | undefined } {
  if (!(error instanceof Error)) return { name: 'Unknown', message: String(error), status: undefined };
  const { $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
  return { name: error.name, message: error.message, status: $metadata?.httpStatusCode };
}
