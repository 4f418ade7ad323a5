// What a deployer decides per stage, from the context of cdk.json. Whatever is missing, misspelt or out of range stops the
// synthesis with one message that names it, before anything is built.
import { z } from 'zod';
import { SYMBOLS_MAX, universeSchema } from '../../lib/market/universe.ts';
import { exchangeSchema } from '../../lib/runtime/config/configuration.ts';
import { liveRefusal } from '../../lib/runtime/config/venue.ts';

const stageSettingsSchema = z.strictObject({
  exchange: exchangeSchema,
  /** A stage on spot market data cannot trade live; that this is known has to be said. @default false */
  paperOnly: z.boolean().default(false),
  /** Schedules of infer, each with its share of the symbols. */
  shards: z.int().min(1).max(100),
  /** How many the universe shall have: those with the largest turnover. */
  symbols: z.int().min(1).max(SYMBOLS_MAX).default(100),
  /** CoinGecko's address, to have the universe compared with its ranking once a day. @default not asked */
  marketCapUrl: z.url().optional(),
  /** Stored by the first deploy, where the store holds none; later changes are not the deploy's. @default none */
  universe: universeSchema.omit({ schemaVersion: true, change: true }).optional(),
  /** Weekly retraining in a container, which needs Docker to deploy. @default none */
  retraining: z
    .strictObject({
      /** UTC; on a Sunday night the collector's day is done. */
      cron: z
        .string()
        .regex(/^cron\(.+\)$/, 'must look like cron(0 3 ? * SUN *)')
        .default('cron(0 3 ? * SUN *)'),
      /** Options of `python -m training train`. */
      trainArguments: z.array(z.string()).default([]),
    })
    .optional(),
  /** Who may call the HTTP API: whoever has the token, or whom IAM lets. With `iam` every call is signed, the page's too. */
  apiAuthorisation: z.enum(['token', 'iam']).default('token'),
  /** Is sent a mail to confirm by AWS. Without it nobody is told until someone subscribes to the topic. */
  notifyEmail: z.email().optional(),
  /** The exchange must serve it: Binance refuses requests from the United States. @default the region of the credentials */
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must look like eu-central-1')
    .optional(),
});

const stageNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,19}$/, 'must be lower case letters, digits and dashes, at most 20');

export interface StageSettings extends z.infer<typeof stageSettingsSchema> {
  readonly stage: string;
}

/**
 * Settings of the stage that the context names.
 * @param context reads one key of the CDK context: `stage`, the name, and `stages`, settings by name
 * Throws Error with one line per fault.
 */
export function readStageSettings(context: (key: string) => unknown): StageSettings {
  const stage = parse('stage', stageNameSchema, context('stage'));
  if (stage === 'local') throw new Error('context: stage: local is the name of the stage on this machine');
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
  const faults = parsed.error.issues.map(({ path, message }) => `${[name, ...path].join('.')}: ${message}`);
  throw new Error(`context: ${faults.join('\ncontext: ')}`);
}
