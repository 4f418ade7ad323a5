// The settings of every function, one table each. A missing or malformed setting stops the function at its start, with one line that
// names it; a setting that the stack does not set does not compile (infra/constructs/function-stack.ts).
import * as z from 'zod';
import { externalPositionsSchema } from '../../execution/external-positions.ts';
import { SYMBOLS_MAX } from '../../market/universe.ts';
import { defineSettings, override, required, type SettingsOf, text } from './define-settings.ts';
import { stageNameSchema } from './stage.ts';

export const exchangeSchema = z.enum(['binanceusdm', 'binance']);
export type Exchange = z.infer<typeof exchangeSchema>;

/** Where notifications go: an SNS topic, or a file of the local run. */
export type NotificationTarget = { readonly topicArn: string } | { readonly file: string };

const stage = required('QT_STAGE', stageNameSchema);
const bucket = text('QT_BUCKET');
const signalsTable = text('QT_SIGNALS_TABLE');
const riskTable = text('QT_RISK_TABLE');
/** Of infer. */
const shards = required('QT_SHARDS', z.coerce.number().int().min(1).max(100));
const market = {
  exchange: required('QT_EXCHANGE', exchangeSchema),
  /** Origin that replaces the exchange's own: a simulated exchange. */
  exchangeUrl: override('QT_EXCHANGE_URL', z.url()),
};
const notify = required(
  'QT_ALARM_TOPIC_ARN',
  z
    .string()
    .startsWith('arn:')
    .transform((topicArn): NotificationTarget => ({ topicArn })),
);

export const inferSettings = defineSettings({ stage, ...market, bucket, signalsTable });
export type InferSettings = SettingsOf<typeof inferSettings>;

export const executeSettings = defineSettings({ stage, ...market, bucket, signalsTable, riskTable });
export type ExecuteSettings = SettingsOf<typeof executeSettings>;

export const managePositionsSettings = defineSettings({
  stage,
  ...market,
  riskTable,
  externalPositions: required('QT_EXTERNAL_POSITIONS', externalPositionsSchema),
});
export type ManagePositionsSettings = SettingsOf<typeof managePositionsSettings>;

export const circuitBreakerSettings = defineSettings({ stage, signalsTable, riskTable, shards, notify });
export type CircuitBreakerSettings = SettingsOf<typeof circuitBreakerSettings>;

export const evaluateRolloutSettings = defineSettings({
  stage,
  ...market,
  bucket,
  signalsTable,
  riskTable,
  shards,
});
export type EvaluateRolloutSettings = SettingsOf<typeof evaluateRolloutSettings>;

/** Of all functions through which people act. */
const acting = { stage, ...market, signalsTable, riskTable, shards, notify };

export const apiSettings = defineSettings({
  ...acting,
  bucket,
  /** Who may call: whoever has the token, or whom AWS lets through by signature. */
  authorisation: required('QT_API_AUTHORISATION', z.enum(['token', 'iam'])),
});
export type ApiSettings = SettingsOf<typeof apiSettings>;

/** Whose principals the operators' functions believe. */
const account = required('QT_ACCOUNT', z.string().regex(/^\d{12}$/, 'must be an account id'));

export const emergencyStopSettings = defineSettings({ ...acting, account });
export type EmergencyStopSettings = SettingsOf<typeof emergencyStopSettings>;

/** Of operate and approve. */
export const operateSettings = defineSettings({ ...acting, bucket, account });
export type OperateSettings = SettingsOf<typeof operateSettings>;

export const refreshUniverseSettings = defineSettings({
  stage,
  ...market,
  bucket,
  /** Size of the universe. */
  symbols: required('QT_SYMBOLS', z.coerce.number().int().min(1).max(SYMBOLS_MAX)),
});
export type RefreshUniverseSettings = SettingsOf<typeof refreshUniverseSettings>;

export const collectCandlesSettings = defineSettings({ stage, ...market, bucket });
export type CollectCandlesSettings = SettingsOf<typeof collectCandlesSettings>;

export const notifySettings = defineSettings({ stage, signalsTable, riskTable, shards, notify });
export type NotifySettings = SettingsOf<typeof notifySettings>;

/** By folder in functions/. */
export const FUNCTION_SETTINGS = {
  infer: inferSettings,
  execute: executeSettings,
  'manage-positions': managePositionsSettings,
  'circuit-breaker': circuitBreakerSettings,
  'evaluate-rollout': evaluateRolloutSettings,
  api: apiSettings,
  operate: operateSettings,
  approve: operateSettings,
  'emergency-stop': emergencyStopSettings,
  'refresh-universe': refreshUniverseSettings,
  'collect-candles': collectCandlesSettings,
  notify: notifySettings,
} as const;

export type FunctionName = keyof typeof FUNCTION_SETTINGS;
type Tables = (typeof FUNCTION_SETTINGS)[FunctionName];

/** A value for every name that any function's table asks infra for. */
export type FunctionEnvironment = Readonly<Record<Tables['required'][number], string>>;
