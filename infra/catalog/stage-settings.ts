// What a deployer decides per stage, from the context of cdk.json. A missing, misspelt or out-of-range setting stops the synthesis
// with one message that names it, before anything is built.
import { z } from 'zod';
import { externalPositionsSchema } from '../../lib/execution/external-positions.ts';
import { SYMBOLS_MAX, universeSchema } from '../../lib/market/universe.ts';
import { exchangeSchema } from '../../lib/runtime/config/function-settings.ts';
import { LOCAL_STAGE, stageNameSchema } from '../../lib/runtime/config/stage.ts';
import { liveRefusal } from '../../lib/runtime/config/venue.ts';

/** An image by its digest: a tag can be moved to another image. */
const imageSchema = (example: string) =>
  z
    .string()
    .regex(
      /^[a-z0-9./:_-]+@sha256:[0-9a-f]{64}$/,
      `must name the image by its digest, as ${example}@sha256:<64 hex digits>`,
    );

const stageSettingsSchema = z.strictObject({
  exchange: exchangeSchema,
  /** A stage on spot market data cannot trade live; that this is known has to be said. @default false */
  paperOnly: z.boolean().default(false),
  /** Schedules of infer, each with its share of the symbols. */
  shards: z.int().min(1).max(100),
  /** Size of the universe: the symbols with the largest turnover. */
  symbols: z.int().min(1).max(SYMBOLS_MAX).default(100),
  /** Stored by the first deploy if there is none; later deploys do not change it. @default none */
  universe: universeSchema.omit({ schemaVersion: true, change: true }).optional(),
  /** Weekly retraining in a container; deploying it needs Docker. @default none */
  retraining: z
    .strictObject({
      /** What the container is built from. */
      nodeImage: imageSchema('node:24.11.1-bookworm-slim'),
      pythonImage: imageSchema('python:3.11.14-slim-bookworm'),
      /** UTC; on Sunday night the day's collection is complete. */
      cron: z
        .string()
        .regex(/^cron\(.+\)$/, 'must look like cron(0 3 ? * SUN *)')
        .default('cron(0 3 ? * SUN *)'),
      /** Options of `python -m training train`. */
      trainArguments: z.array(z.string()).default([]),
    })
    .optional(),
  /** Positions that the system has not opened: closed, or left alone while the circuit breaker halts. */
  externalPositions: externalPositionsSchema.default('adopt-and-close'),
  /** Who may call the HTTP API: holders of the token, or principals allowed by IAM. With `iam` every call is signed, the page's too. */
  apiAuthorisation: z.enum(['token', 'iam']).default('token'),
  /** AWS mails it a link to confirm. Without it nobody is notified until someone subscribes to the topic. */
  notifyEmail: z.email().optional(),
  /** A fixed address for the functions that hold the exchange's keys. @default none: they reach it from addresses of AWS's choice */
  network: z
    .strictObject({
      /** Of an address that a former network of a stage left. @default a new one */
      addressAllocationId: z
        .string()
        .regex(/^eipalloc-[0-9a-f]+$/, 'must look like eipalloc-0123456789abcdef0')
        .optional(),
    })
    .optional(),
  /** One that the exchange serves: Binance refuses requests from the United States. @default the region of the credentials */
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must look like eu-central-1')
    .optional(),
});

export interface StageSettings extends z.infer<typeof stageSettingsSchema> {
  readonly stage: string;
}

/**
 * Settings of the stage that the context names.
 * @param context reads one key of the CDK context: `stage`, the name, and `stages`, settings by name
 * Throws Error with one line per problem.
 */
export function readStageSettings(context: (key: string) => unknown): StageSettings {
  const stage = parse('stage', stageNameSchema, context('stage'));
  if (stage === LOCAL_STAGE)
    throw new Error(`context: stage: ${LOCAL_STAGE} is the name of the stage on this machine`);
  const stages = parse('stages', z.record(z.string(), z.unknown()), context('stages'));
  if (!Object.hasOwn(stages, stage))
    throw new Error(
      `context: stages has no ${stage}: there are ${Object.keys(stages).join(', ') || 'none'} (cdk.json)`,
    );
  const settings = parse(`stages.${stage}`, stageSettingsSchema, stages[stage]);
  const refusal = liveRefusal(settings.exchange);
  if (refusal !== undefined && !settings.paperOnly)
    throw new Error(
      `context: stages.${stage}.exchange: ${refusal}, or say that paper is meant: "paperOnly": true`,
    );
  return { stage, ...settings };
}

function parse<T>(name: string, schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${[name, ...path].join('.')}: ${message}`);
  throw new Error(`context: ${problems.join('\ncontext: ')}`);
}
