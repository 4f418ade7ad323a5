// The functions of a stage: when each runs, with what means, and everything that it may do. Their settings come from
// lib/runtime/config. A new function is one more entry here and there, and a line in its stack.
import { COLLECTION_S } from '../../lib/runtime/config/collection.ts';
import { FUNCTION_SETTINGS, type FunctionName } from '../../lib/runtime/config/function-settings.ts';
import type { GrantName } from './grants.ts';

export interface FunctionDefinition {
  readonly description: string;
  readonly loadsModels: boolean;
  /** Copied beside its code, each by its name without the folders. @default none */
  readonly files?: readonly string[];
  /** Lambda allots CPU by memory: 1769 MB are one core. */
  readonly memoryMb: number;
  readonly timeoutS: number;
  /** Concurrent runs at most. @default not limited */
  readonly concurrency?: number;
  /** UTC; undefined for a function that another one starts. `per_shard` makes one schedule for each shard, with its number. */
  readonly schedule?: { readonly cron: string; readonly times: 'once' | 'per_shard' };
  /** Of an event whose run failed. An event older than the maximum age is dropped. */
  readonly retry: { readonly attempts: 0 | 1 | 2; readonly ageMaxS: number };
  readonly grants: readonly GrantName[];
  /** Started, with its result, whenever it succeeds. */
  readonly onSuccess?: FunctionName;
}

export const EVERY_MINUTE = { cron: 'cron(* * * * ? *)', times: 'once' } as const;

export const FUNCTIONS: Readonly<Record<FunctionName, FunctionDefinition>> = {
  infer: {
    description: 'Decides one signal per symbol for the bar that has just closed',
    loadsModels: true,
    memoryMb: 1769,
    timeoutS: 120,
    // Scheduler is precise to the minute, not to the second: it starts a run in the minute after a bar closes, and the exchange's
    // clock decides which bar that is. A minute later, signals could exceed the 120 s after which execute rejects them.
    schedule: { cron: 'cron(0/5 * * * ? *)', times: 'per_shard' },
    retry: { attempts: 2, ageMaxS: 240 },
    grants: ['read_models', 'write_shadow', 'read_universe', 'write_signals'],
    // With the bar it has decided: lib/inference/infer-events.ts.
    onSuccess: 'execute',
  },
  execute: {
    description: 'Turns the signals of a bar into orders, within the limits of the gate',
    // The sizing policy, where the ensemble names one.
    loadsModels: true,
    memoryMb: 1024,
    timeoutS: 60,
    retry: { attempts: 2, ageMaxS: 120 },
    grants: [
      'read_ensemble',
      'read_policies',
      'read_signals',
      'read_flags',
      'read_exchange_keys',
      'change_risk',
    ],
  },
  'manage-positions': {
    description: 'Books, protects, closes and reconciles positions',
    loadsModels: false,
    memoryMb: 1024,
    timeoutS: 50,
    concurrency: 1,
    schedule: EVERY_MINUTE,
    retry: { attempts: 0, ageMaxS: 60 },
    grants: ['read_flags', 'read_exchange_keys', 'change_risk', 'close_positions'],
  },
  'circuit-breaker': {
    description: 'Closes the gate when equity, data or models are out of bounds, and renews its lease',
    loadsModels: false,
    memoryMb: 1024,
    timeoutS: 50,
    concurrency: 1,
    schedule: EVERY_MINUTE,
    retry: { attempts: 0, ageMaxS: 60 },
    grants: ['read_signals', 'read_flags', 'close_flags', 'change_risk', 'notify'],
  },
  'evaluate-rollout': {
    description: 'Assesses GO or NO-GO, steps the rollout down when a limit is breached, and measures drift',
    loadsModels: false,
    memoryMb: 1769,
    timeoutS: 300,
    concurrency: 1,
    schedule: { cron: 'cron(7 * * * ? *)', times: 'once' },
    retry: { attempts: 2, ageMaxS: 1_800 },
    grants: ['read_universe', 'read_ensemble', 'read_profiles', 'read_signals', 'write_evidence', 'assess'],
  },
  api: {
    description: 'Emergency stop and what the system knows over HTTP, and the dashboard',
    loadsModels: false,
    files: ['dashboard/page.html'],
    memoryMb: 1024,
    // API Gateway waits for half of it. A stop continues all the same: retries of an unresponsive store take longer.
    timeoutS: 60,
    // A flood of calls cannot take more than these from the functions that trade.
    concurrency: 10,
    retry: { attempts: 0, ageMaxS: 60 },
    grants: [
      'read_api_token',
      'read_models',
      'read_policies',
      'read_universe_changes',
      'read_evidence',
      'read_signals',
      'operate_flags',
      'order_quarantine',
      'read_exchange_keys',
      'change_risk',
      'read_risk_lists',
      'notify',
    ],
  },
  operate: {
    description: 'Acts of operators: trips, requests of resets, levels, declared transfers',
    loadsModels: false,
    memoryMb: 512,
    timeoutS: 30,
    retry: { attempts: 0, ageMaxS: 60 },
    grants: ['read_evidence', 'read_flags', 'close_flags', 'change_risk', 'notify'],
  },
  approve: {
    description: 'The second person: approves a reset, signs off the rollout',
    loadsModels: false,
    memoryMb: 512,
    timeoutS: 30,
    retry: { attempts: 0, ageMaxS: 60 },
    grants: ['read_signals', 'change_risk', 'notify'],
  },
  'emergency-stop': {
    description: 'Everything off: latch, flags, open orders, positions',
    loadsModels: false,
    memoryMb: 1024,
    timeoutS: 120,
    retry: { attempts: 0, ageMaxS: 60 },
    grants: ['read_flags', 'close_flags', 'declare_emergency', 'read_exchange_keys', 'change_risk', 'notify'],
  },
  'refresh-universe': {
    description:
      'Chooses the symbols to trade; keeps the active ones when the exchange gives no plausible answer',
    loadsModels: false,
    memoryMb: 512,
    timeoutS: 120,
    concurrency: 1,
    schedule: { cron: 'cron(20 0 * * ? *)', times: 'once' },
    retry: { attempts: 2, ageMaxS: 3_600 },
    grants: ['read_universe', 'write_universe'],
  },
  'collect-candles': {
    description: 'Collects candles of the universe up to the last closed bar',
    loadsModels: false,
    memoryMb: 1024,
    // Lambda's maximum. The next day's run completes what a first collection does not finish.
    timeoutS: COLLECTION_S + 180,
    concurrency: 1,
    // By then the exchange has published the files of the previous day.
    schedule: { cron: 'cron(40 9 * * ? *)', times: 'once' },
    retry: { attempts: 2, ageMaxS: 21_600 },
    grants: ['read_universe', 'read_candles', 'write_candles'],
  },
  notify: {
    description: 'Tells people of trips, levels, entries, exits and models, from the records',
    loadsModels: false,
    memoryMb: 512,
    // Longer than every receiver may take, all of them at once.
    timeoutS: 40,
    concurrency: 1,
    schedule: EVERY_MINUTE,
    retry: { attempts: 0, ageMaxS: 60 },
    grants: ['read_signals', 'read_flags', 'assess', 'read_receivers', 'find_dashboard', 'notify'],
  },
};

export const FUNCTION_NAMES = Object.keys(FUNCTION_SETTINGS) as readonly FunctionName[];
