// What wakes people, and nothing else: every alarm has its runbook in docs/OPERATIONS.md, under a heading that is the alarm's
// name. Where silence is the danger, missing figures sound the alarm; where a figure exists only when something happened, they
// do not.
import { Aws, Duration } from 'aws-cdk-lib';
import {
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { EVERY_MINUTE, FUNCTION_NAMES, FUNCTIONS, type FunctionName } from './functions.ts';
import { failedEventsNameOf, functionNameOf, RETRAINING } from './shared-resources.ts';

export interface AlarmDefinition {
  /** Heading of the runbook. */
  readonly runbook: string;
  /** What the same runbook is about, when several alarms have it. */
  readonly of?: string;
  readonly meaning: string;
  readonly metric: IMetric;
  readonly threshold: number;
  readonly comparison: ComparisonOperator;
  /** Of this many periods in a row all must be over the threshold. @default 1 */
  readonly periods?: number;
  /** @default false */
  readonly soundsWhenMissing?: boolean;
}

const NAMESPACE = 'QuantumTrader';
const BAR = Duration.minutes(5);
const MINUTE = Duration.minutes(1);
const { GREATER_THAN_OR_EQUAL_TO_THRESHOLD: AT_LEAST, LESS_THAN_THRESHOLD: BELOW } = ComparisonOperator;
const SCOPES = ['paper', 'live'] as const;
/** Of the function's memory, above which the next model could be one too many. */
const MEMORY_SHARE_MAX = 0.85;
/** Of 49. Of 68 weekly samples of recorded candles none had more than two, that of 2024-08-05 included. */
const DRIFTED_FEATURES_MIN = 3;
/** Within five minutes: more than a person with an old token calls. */
const API_REFUSALS_MIN = 20;
/** Of the function's time limit. */
const DURATION_SHARE_MAX = 0.8;

interface MetricQuery {
  readonly service: FunctionName;
  readonly name: string;
  readonly statistic: string;
  readonly period: Duration;
  readonly dimensions?: Readonly<Record<string, string>>;
}

/** A metric that a function records, with the dimensions that Powertools gives it. */
export const recordedMetric = (
  stage: string,
  { service, name, statistic, period, dimensions }: MetricQuery,
): Metric =>
  new Metric({
    namespace: NAMESPACE,
    metricName: name,
    statistic,
    period,
    dimensionsMap: { service, stage, ...dimensions },
  });

/** A metric that Lambda keeps of a function. */
export const lambdaMetric = (
  stage: string,
  { service, name, statistic, period }: Omit<MetricQuery, 'dimensions'>,
): Metric =>
  new Metric({
    namespace: 'AWS/Lambda',
    metricName: name,
    statistic,
    period,
    dimensionsMap: { FunctionName: functionNameOf(stage, service) },
  });

/** @param settings.shards of infer */
export function alarmDefinitions({
  stage,
  shards,
  retraining,
}: {
  readonly stage: string;
  readonly shards: number;
  readonly retraining?: object | undefined;
}): readonly AlarmDefinition[] {
  return [
    ...inferAlarms(stage, shards),
    ...tradingAlarms(stage),
    ...rolloutAlarms(stage),
    ...universeAlarms(stage),
    ...candleAlarms(stage),
    ...apiAlarms(stage),
    ...FUNCTION_NAMES.flatMap((name) => functionAlarms(stage, name)),
    ...(retraining === undefined ? [] : retrainingAlarms(stage)),
  ];
}

function inferAlarms(stage: string, shards: number): AlarmDefinition[] {
  const metric = (name: string, statistic: string, period = BAR) =>
    recordedMetric(stage, { service: 'infer', name, statistic, period });
  const anyOf = (name: string) => ({ metric: metric(name, Stats.SUM), threshold: 1, comparison: AT_LEAST });
  return [
    {
      runbook: 'no-signals',
      meaning: 'No signal was decided for two bars',
      metric: metric('SignalsWritten', Stats.SUM),
      threshold: 1,
      comparison: BELOW,
      periods: 2,
      soundsWhenMissing: true,
    },
    {
      runbook: 'shard-silent',
      meaning: `Of the ${shards} shards of infer one did not run for two bars`,
      metric: metric('SignalsWritten', Stats.SAMPLE_COUNT),
      threshold: shards,
      comparison: BELOW,
      periods: 2,
      soundsWhenMissing: true,
    },
    {
      runbook: 'abstentions',
      meaning: 'More than half of the symbols abstain for three bars',
      metric: new MathExpression({
        expression: '100 * abstained / (abstained + decided + repeated)',
        label: 'Abstentions, %',
        period: BAR,
        usingMetrics: {
          abstained: metric('Abstentions', Stats.SUM),
          decided: metric('SignalsWritten', Stats.SUM),
          repeated: metric('SignalsAlreadyDecided', Stats.SUM),
        },
      }),
      threshold: 50,
      comparison: ComparisonOperator.GREATER_THAN_THRESHOLD,
      periods: 3,
    },
    {
      runbook: 'missed-bars',
      meaning: 'For a bar of the last hour infer has left no run',
      metric: recordedMetric(stage, {
        service: 'circuit-breaker',
        name: 'MissedBars',
        statistic: Stats.MAXIMUM,
        period: MINUTE,
        dimensions: { scope: 'paper' },
      }),
      threshold: 1,
      comparison: AT_LEAST,
    },
    { runbook: 'signals-unwritten', meaning: 'Signals could not be stored', ...anyOf('SignalsUnwritten') },
    {
      runbook: 'model-load-failure',
      meaning: 'A model of the ensemble in force does not serve',
      ...anyOf('ModelLoadFailures'),
    },
    {
      runbook: 'feature-mismatch',
      meaning: 'A model was trained on other features than this code computes',
      ...anyOf('FeatureMismatches'),
    },
    {
      runbook: 'latency',
      meaning: 'A symbol takes 100 ms or more',
      metric: metric('LatencyPerSymbol', Stats.MAXIMUM),
      threshold: 100,
      comparison: AT_LEAST,
      periods: 2,
    },
    {
      runbook: 'memory',
      meaning: 'Infer needs nearly all the memory it has',
      metric: metric('ResidentMemory', Stats.MAXIMUM),
      threshold: Math.floor(FUNCTIONS.infer.memoryMb * MEMORY_SHARE_MAX),
      comparison: AT_LEAST,
    },
    {
      runbook: 'consensus',
      meaning: 'For two hours fewer than half of the models agree on average',
      metric: metric('Consensus', Stats.AVERAGE, Duration.hours(1)),
      threshold: 0.5,
      comparison: BELOW,
      periods: 2,
    },
  ];
}

function tradingAlarms(stage: string): AlarmDefinition[] {
  const metric = (service: FunctionName, name: string, statistic: string, scope?: string) =>
    recordedMetric(stage, {
      service,
      name,
      statistic,
      period: MINUTE,
      ...(scope && { dimensions: { scope } }),
    });
  const perScope = SCOPES.flatMap((scope) => [
    {
      runbook: 'breaker-tripped',
      of: scope,
      meaning: `The circuit breaker of ${scope} is tripped: no new exposure`,
      metric: metric('circuit-breaker', 'BreakerTripped', Stats.MAXIMUM, scope),
      threshold: 1,
      comparison: AT_LEAST,
    },
    {
      runbook: 'reconciliation-difference',
      of: scope,
      meaning: `The account of ${scope} holds something else than the records say`,
      metric: metric('manage-positions', 'ReconciliationDifferences', Stats.SUM, scope),
      threshold: 1,
      comparison: AT_LEAST,
    },
  ]);
  return [
    ...perScope,
    {
      runbook: 'versions-differ',
      meaning: 'For 15 minutes the functions have run different versions of the code: no new exposure',
      metric: recordedMetric(stage, {
        service: 'execute',
        name: 'VersionsDiffer',
        statistic: Stats.MAXIMUM,
        period: BAR,
      }),
      threshold: 1,
      comparison: AT_LEAST,
      periods: 3,
    },
    {
      runbook: 'order-troubles',
      meaning: 'Orders were refused, or their outcome is not known',
      metric: metric('execute', 'OrderTroubles', Stats.SUM),
      threshold: 1,
      comparison: AT_LEAST,
    },
  ];
}

function rolloutAlarms(stage: string): AlarmDefinition[] {
  const metric = (name: string, dimensions?: Record<string, string>) =>
    recordedMetric(stage, {
      service: 'evaluate-rollout',
      name,
      statistic: Stats.MAXIMUM,
      period: Duration.hours(1),
      ...(dimensions && { dimensions }),
    });
  const any = { threshold: 1, comparison: AT_LEAST };
  return [
    {
      runbook: 'drawdown',
      meaning: 'The worst daily drawdown of the last day is 5 % or more',
      metric: metric('GoNoGoValue', { criterion: 'daily_drawdown' }),
      threshold: 0.05,
      comparison: AT_LEAST,
    },
    {
      runbook: 'go-no-go-breach',
      meaning: 'A bound of NO-GO is broken',
      metric: metric('GoNoGoBreaches'),
      ...any,
    },
    {
      runbook: 'rollout-stepped-down',
      meaning: 'The rollout was taken back to an earlier stage',
      metric: metric('RolloutSteppedDown'),
      ...any,
    },
    {
      runbook: 'parity-mismatch',
      meaning: 'The same candles gave two different features',
      metric: metric('ParityMismatches'),
      ...any,
    },
    {
      runbook: 'drift',
      meaning: 'For three hours three features or more have been far from what the models were trained on',
      metric: metric('DriftedFeatures'),
      threshold: DRIFTED_FEATURES_MIN,
      comparison: AT_LEAST,
      periods: 3,
    },
  ];
}

function universeAlarms(stage: string): AlarmDefinition[] {
  const metric = (name: string, period: Duration) =>
    recordedMetric(stage, { service: 'refresh-universe', name, statistic: Stats.SUM, period });
  return [
    {
      runbook: 'universe-kept',
      meaning: 'The universe in force stays, because no plausible one could be chosen',
      metric: metric('UniverseKept', BAR),
      threshold: 1,
      comparison: AT_LEAST,
    },
    {
      runbook: 'universe-stale',
      meaning: 'For two days no universe was chosen or confirmed',
      metric: metric('UniverseRefreshed', Duration.days(1)),
      threshold: 1,
      comparison: BELOW,
      periods: 2,
      soundsWhenMissing: true,
    },
  ];
}

function candleAlarms(stage: string): AlarmDefinition[] {
  const metric = (name: string, statistic: string, period: Duration) =>
    recordedMetric(stage, { service: 'collect-candles', name, statistic, period });
  return [
    {
      runbook: 'candles-behind',
      meaning: 'Of some symbols the stored candles do not reach the last closed bar',
      metric: metric('SymbolsBehind', Stats.MAXIMUM, BAR),
      threshold: 1,
      comparison: AT_LEAST,
    },
    {
      runbook: 'candles-stale',
      meaning: 'For two days no symbol was collected',
      metric: metric('SymbolsCollected', Stats.SUM, Duration.days(1)),
      threshold: 1,
      comparison: BELOW,
      periods: 2,
      soundsWhenMissing: true,
    },
  ];
}

function apiAlarms(stage: string): AlarmDefinition[] {
  const metric = (name: string) =>
    recordedMetric(stage, { service: 'api', name, statistic: Stats.SUM, period: BAR });
  return [
    {
      runbook: 'api-failures',
      meaning: 'A call of the HTTP API failed, or an emergency stop could not do everything',
      metric: metric('ApiFailures'),
      threshold: 1,
      comparison: AT_LEAST,
    },
    {
      runbook: 'api-refusals',
      meaning: `${API_REFUSALS_MIN} calls of the HTTP API or more were refused within five minutes`,
      metric: metric('ApiRefused'),
      threshold: API_REFUSALS_MIN,
      comparison: AT_LEAST,
    },
  ];
}

function functionAlarms(stage: string, service: FunctionName): AlarmDefinition[] {
  const { schedule, timeoutS } = FUNCTIONS[service];
  const metric = (name: string, period: Duration, statistic: string = Stats.SUM) =>
    lambdaMetric(stage, { service, name, period, statistic });
  const silence: AlarmDefinition = {
    runbook: service === 'circuit-breaker' ? 'lease-expired' : 'position-manager-silent',
    meaning: `No run of ${service} succeeded for three minutes`,
    metric: new MathExpression({
      expression: 'FILL(invocations, 0) - FILL(errors, 0)',
      label: `Runs of ${service} that succeeded`,
      period: MINUTE,
      usingMetrics: { invocations: metric('Invocations', MINUTE), errors: metric('Errors', MINUTE) },
    }),
    threshold: 1,
    comparison: BELOW,
    periods: 3,
    soundsWhenMissing: true,
  };
  const any = { of: service, threshold: 1, comparison: AT_LEAST };
  return [
    ...(schedule === EVERY_MINUTE ? [silence] : []),
    {
      runbook: 'function-errors',
      meaning: `A run of ${service} failed`,
      metric: metric('Errors', BAR),
      ...any,
    },
    {
      runbook: 'function-throttled',
      meaning: `A run of ${service} could not start: too many at once`,
      metric: metric('Throttles', BAR),
      ...any,
    },
    {
      runbook: 'function-slow',
      of: service,
      meaning: `A run of ${service} came near its time limit`,
      metric: metric('Duration', BAR, Stats.MAXIMUM),
      threshold: timeoutS * 1000 * DURATION_SHARE_MAX,
      comparison: AT_LEAST,
    },
    failedEventsAlarm(stage, service),
  ];
}

const failedEventsAlarm = (stage: string, name: string): AlarmDefinition => ({
  runbook: 'failed-events',
  of: name,
  meaning: `An event for ${name} was given up after its last attempt`,
  metric: new Metric({
    namespace: 'AWS/SQS',
    metricName: 'ApproximateNumberOfMessagesVisible',
    statistic: Stats.MAXIMUM,
    period: BAR,
    dimensionsMap: { QueueName: failedEventsNameOf(stage, name) },
  }),
  threshold: 1,
  comparison: AT_LEAST,
});

function retrainingAlarms(stage: string): AlarmDefinition[] {
  const machine = `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:stateMachine:${functionNameOf(stage, RETRAINING)}`;
  const ended = (metricName: string) =>
    new Metric({
      namespace: 'AWS/States',
      metricName,
      statistic: Stats.SUM,
      period: BAR,
      dimensionsMap: { StateMachineArn: machine },
    });
  return [
    {
      runbook: 'retraining-failed',
      meaning: 'The weekly retraining gave no candidate in shadow',
      metric: new MathExpression({
        expression: 'FILL(failed, 0) + FILL(stopped, 0) + FILL(late, 0)',
        label: 'Retrainings without success',
        period: BAR,
        usingMetrics: {
          failed: ended('ExecutionsFailed'),
          stopped: ended('ExecutionsAborted'),
          late: ended('ExecutionsTimedOut'),
        },
      }),
      threshold: 1,
      comparison: AT_LEAST,
    },
    failedEventsAlarm(stage, RETRAINING),
  ];
}

export const missingDataOf = ({ soundsWhenMissing }: AlarmDefinition): TreatMissingData =>
  soundsWhenMissing ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING;
