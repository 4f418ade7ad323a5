// The functions of a stage: what runs each, with what means, and everything that it may do. A new function is one more entry.
import { COLLECTION_S } from '../../lib/runtime/config/configuration.ts';
import type { GrantName } from './grants.ts';

export type EnvironmentName =
  | 'QT_STAGE'
  | 'QT_EXCHANGE'
  | 'QT_BUCKET'
  | 'QT_SIGNALS_TABLE'
  | 'QT_RISK_TABLE'
  | 'QT_SHARDS'
  | 'QT_ALARM_TOPIC_ARN'
  | 'QT_SYMBOLS'
  | 'QT_MARKET_CAP_URL'
  | 'QT_API_AUTHORISATION';

export interface FunctionDefinition {
  readonly stack: 'inference' | 'trading' | 'data-jobs';
  readonly description: string;
  readonly loadsModels: boolean;
  /** Put beside its code, each by its name without the folders. @default none */
  readonly files?: readonly string[];
  /** Whether API Gateway calls it. @default false */
  readonly servesHttp?: boolean;
  /** Lambda gives a share of a core with it: 1769 MB are one. */
  readonly memoryMb: number;
  readonly timeoutS: number;
  /** Runs at once at most. @default not limited */
  readonly concurrency?: number;
  /** UTC; undefined for a function that another one starts. `per_shard` makes one schedule for each shard, with its number. */
  readonly schedule?: { readonly cron: string; readonly times: 'once' | 'per_shard' };
  /** Of an event whose run failed. An event that is too old is not worth a run. */
  readonly retry: { readonly attempts: 0 | 1 | 2; readonly ageMaxS: number };
  /** Those that the stage has no value for are left out. */
  readonly environment: readonly EnvironmentName[];
  readonly grants: readonly GrantName[];
  /** Started, with its result, whenever it succeeds. */
  readonly onSuccess?: FunctionName;
}

export type FunctionName =
  | 'infer'
  | 'execute'
  | 'manage-positions'
  | 'circuit-breaker'
  | 'evaluate-rollout'
  | 'api'
  | 'refresh-universe'
  | 'collect-candles';

export const EVERY_MINUTE = { cron: 'cron(* * * * ? *)', times: 'once' } as const;

export const FUNCTIONS: Readonly<Record<FunctionName, FunctionDefinition>> = {
  infer: {
    stack: 'inference',
    description: 'Decides one signal per symbol for the bar that has just closed',
    loadsModels: true,
    memoryMb: 1769,
    timeoutS: 120,
    // Scheduler keeps to the minute, not to the second: in the minute that begins with the close of a bar. Which bar has closed
    // the exchange's clock says. A minute later the signals could be over the 120 s after which execute refuses them.
    schedule: { cron: 'cron(0/5 * * * ? *)', times: 'per_shard' },
    retry: { attempts: 2, ageMaxS: 240 },
    environment: ['QT_STAGE', 'QT_EXCHANGE', 'QT_BUCKET', 'QT_SIGNALS_TABLE'],
    grants: ['read_models', 'write_shadow', 'read_universe', 'write_signals'],
    // With the bar it has decided: lib/inference/infer-events.ts.
    onSuccess: 'execute',
  },
  execute: {
    stack: 'trading',
    description: 'Turns the signals of a bar into orders, as far as the gate lets them through',
    loadsModels: false,
    memoryMb: 1024,
    timeoutS: 60,
    retry: { attempts: 2, ageMaxS: 120 },
    environment: ['QT_STAGE', 'QT_EXCHANGE', 'QT_BUCKET', 'QT_SIGNALS_TABLE', 'QT_RISK_TABLE'],
    grants: ['read_ensemble', 'read_signals', 'read_flags', 'read_exchange_keys', 'change_risk'],
  },
  'manage-positions': {
    stack: 'trading',
    description: 'Books, protects, ends and reconciles the positions',
    loadsModels: false,
    memoryMb: 1024,
    timeoutS: 50,
    concurrency: 1,
    schedule: EVERY_MINUTE,
    retry: { attempts: 0, ageMaxS: 60 },
    environment: ['QT_STAGE', 'QT_EXCHANGE', 'QT_RISK_TABLE'],
    grants: ['read_flags', 'read_exchange_keys', 'change_risk', 'close_positions'],
  },
  'circuit-breaker': {
    stack: 'trading',
    description: 'Closes the gate when equity, data or models are not as they must be, and renews its lease',
    loadsModels: false,
    memoryMb: 1024,
    timeoutS: 50,
    concurrency: 1,
    schedule: EVERY_MINUTE,
    retry: { attempts: 0, ageMaxS: 60 },
    environment: ['QT_STAGE', 'QT_SIGNALS_TABLE', 'QT_RISK_TABLE', 'QT_SHARDS', 'QT_ALARM_TOPIC_ARN'],
    grants: ['read_signals', 'read_flags', 'close_flags', 'change_risk', 'notify'],
  },
  'evaluate-rollout': {
    stack: 'trading',
    description:
      'Judges GO or NO-GO with its evidence, steps the rollout down when a bound is broken, and watches drift',
    loadsModels: false,
    memoryMb: 1769,
    timeoutS: 300,
    concurrency: 1,
    schedule: { cron: 'cron(7 * * * ? *)', times: 'once' },
    retry: { attempts: 2, ageMaxS: 1_800 },
    environment: ['QT_STAGE', 'QT_EXCHANGE', 'QT_BUCKET', 'QT_SIGNALS_TABLE', 'QT_RISK_TABLE', 'QT_SHARDS'],
    grants: ['read_universe', 'read_ensemble', 'read_profiles', 'read_signals', 'write_evidence', 'assess'],
  },
  api: {
    stack: 'trading',
    description: 'Emergency stop, status and signals over HTTP, and the dashboard',
    loadsModels: false,
    files: ['dashboard/page.html'],
    servesHttp: true,
    memoryMb: 1024,
    // API Gateway waits for half of it. A stop goes on all the same: with a store silent its retries take longer.
    timeoutS: 60,
    // A flood of calls takes no more than these from the functions that trade.
    concurrency: 10,
    retry: { attempts: 0, ageMaxS: 60 },
    environment: [
      'QT_STAGE',
      'QT_EXCHANGE',
      'QT_SIGNALS_TABLE',
      'QT_RISK_TABLE',
      'QT_SHARDS',
      'QT_ALARM_TOPIC_ARN',
      'QT_API_AUTHORISATION',
    ],
    grants: [
      'read_api_token',
      'read_signals',
      'read_flags',
      'close_flags',
      'declare_emergency',
      'read_exchange_keys',
      'change_risk',
      'notify',
    ],
  },
  'refresh-universe': {
    stack: 'data-jobs',
    description:
      'Chooses the symbols to trade, or keeps those in force when the exchange gives no plausible answer',
    loadsModels: false,
    memoryMb: 512,
    timeoutS: 120,
    concurrency: 1,
    schedule: { cron: 'cron(20 0 * * ? *)', times: 'once' },
    retry: { attempts: 2, ageMaxS: 3_600 },
    environment: ['QT_STAGE', 'QT_EXCHANGE', 'QT_BUCKET', 'QT_SYMBOLS', 'QT_MARKET_CAP_URL'],
    grants: ['read_universe', 'write_universe'],
  },
  'collect-candles': {
    stack: 'data-jobs',
    description: 'Brings the stored candles of the universe up to the last closed bar',
    loadsModels: false,
    memoryMb: 1024,
    // Lambda's longest. What a first collection does not get done in it, the next day does.
    timeoutS: COLLECTION_S + 180,
    concurrency: 1,
    // The exchange has published the files of the day before by then.
    schedule: { cron: 'cron(40 9 * * ? *)', times: 'once' },
    retry: { attempts: 2, ageMaxS: 21_600 },
    environment: ['QT_STAGE', 'QT_EXCHANGE', 'QT_BUCKET'],
    grants: ['read_universe', 'read_candles', 'write_candles'],
  },
};

export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as readonly FunctionName[];
