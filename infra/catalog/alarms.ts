// The alarms of a stage: what calls people, and nothing else. Each has its runbook in docs/OPERATIONS.md, under a heading that is its
// name.
import { Duration } from 'aws-cdk-lib';
import { MathExpression, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { type AlarmDefinition, above, alarm, atLeast, below, noneFor } from './alarm.ts';
import { failedEventsAlarm, functionAlarms, retrainingAlarm } from './function-alarms.ts';
import { FUNCTION_NAMES, FUNCTIONS } from './functions.ts';
import { recordedBy, recordedMetric } from './metrics.ts';
import { RETRAINING } from './shared-resources.ts';

const MINUTE = Duration.minutes(1);
const BAR = Duration.minutes(5);
const HOUR = Duration.hours(1);
const DAY = Duration.days(1);
const SCOPES = ['paper', 'live'] as const;
/** Share of infer's memory above which there is no room for one more model. */
const MEMORY_SHARE_MAX = 0.85;
/** Of 49. In 68 weekly samples of recorded candles, 2024-08-05 included, never more than two drifted. */
const DRIFTED_FEATURES_MIN = 3;
/** Within five minutes: more than one person with an outdated token causes. */
const API_REFUSALS_MIN = 20;

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
    ...inferenceAlarms(stage, shards),
    ...tradingAlarms(stage),
    ...rolloutAlarms(stage),
    ...dataAlarms(stage),
    ...apiAlarms(stage),
    ...notificationAlarms(stage),
    ...FUNCTION_NAMES.flatMap((name) => functionAlarms(stage, name)),
    ...(retraining === undefined ? [] : [retrainingAlarm(stage), failedEventsAlarm(stage, RETRAINING)]),
  ];
}

function inferenceAlarms(stage: string, shards: number): AlarmDefinition[] {
  const { sum, maximum, samples } = recordedBy(stage, 'infer', { period: BAR });
  const { average: hourly } = recordedBy(stage, 'infer', { period: HOUR });
  const breaker = recordedBy(stage, 'circuit-breaker', { period: MINUTE, dimensions: { scope: 'paper' } });
  const abstentions = new MathExpression({
    expression: '100 * abstained / (abstained + decided + repeated)',
    label: 'Abstentions, %',
    period: BAR,
    usingMetrics: {
      abstained: sum('Abstentions'),
      decided: sum('SignalsWritten'),
      repeated: sum('SignalsAlreadyDecided'),
    },
  });
  const shardsMissing = below(shards, { periods: 2, missingData: TreatMissingData.BREACHING });
  const memoryMb = Math.floor(FUNCTIONS.infer.memoryMb * MEMORY_SHARE_MAX);
  return [
    alarm('no-signals', 'No signals for two bars', sum('SignalsWritten'), noneFor(2)),
    alarm(
      'shard-silent',
      'A shard of infer did not run for two bars',
      samples('SignalsWritten'),
      shardsMissing,
    ),
    alarm(
      'abstentions',
      'More than half of the symbols abstain for three bars',
      abstentions,
      above(50, { periods: 3 }),
    ),
    alarm('missed-bars', 'Infer recorded no run for a bar of the last hour', breaker.maximum('MissedBars')),
    alarm('signals-unwritten', 'Signals could not be stored', sum('SignalsUnwritten')),
    alarm('model-load-failure', 'A model of the active ensemble does not serve', sum('ModelLoadFailures')),
    alarm(
      'feature-mismatch',
      'A model was trained on other features than this code computes',
      sum('FeatureMismatches'),
    ),
    alarm('window-mismatch', 'Kept candles were others than the exchange gives now', sum('WindowMismatches')),
    alarm(
      'latency',
      'A symbol takes 100 ms or more',
      maximum('LatencyPerSymbol'),
      atLeast(100, { periods: 2 }),
    ),
    alarm('memory', 'Infer uses nearly all of its memory', maximum('ResidentMemory'), atLeast(memoryMb)),
    alarm(
      'consensus',
      'On average fewer than half of the models agree for two hours',
      hourly('Consensus'),
      below(0.5, { periods: 2 }),
    ),
  ];
}

function tradingAlarms(stage: string): AlarmDefinition[] {
  const execute = recordedBy(stage, 'execute', { period: MINUTE });
  const perScope = SCOPES.flatMap((scope) => {
    const ofScope = { period: MINUTE, dimensions: { scope } };
    const breaker = recordedBy(stage, 'circuit-breaker', ofScope);
    const positions = recordedBy(stage, 'manage-positions', ofScope);
    return [
      alarm(
        ['breaker-tripped', scope],
        `The circuit breaker of the ${scope} account is tripped: no new exposure`,
        breaker.maximum('BreakerTripped'),
      ),
      alarm(
        ['reconciliation-difference', scope],
        `The ${scope} account does not match the records`,
        positions.sum('ReconciliationDifferences'),
      ),
    ];
  });
  return [
    ...perScope,
    alarm(
      'versions-differ',
      'For 15 minutes functions have run different versions of the code: no new exposure',
      recordedBy(stage, 'execute', { period: BAR }).maximum('VersionsDiffer'),
      atLeast(1, { periods: 3 }),
    ),
    alarm(
      'exchange-keys-refused',
      "The exchange refuses the account's keys, and there are no others",
      recordedBy(stage, 'manage-positions', { period: MINUTE }).sum('ExchangeKeysRefused'),
    ),
    alarm(
      'signals-missing',
      'Execute could not read signals that infer had stored',
      execute.sum('SignalsMissing'),
    ),
    alarm(
      'order-problems',
      'Orders were rejected or never left, or their outcome is unknown',
      execute.sum('OrderProblems'),
    ),
  ];
}

function rolloutAlarms(stage: string): AlarmDefinition[] {
  const { maximum } = recordedBy(stage, 'evaluate-rollout', { period: HOUR });
  const drawdown = recordedMetric(stage, {
    service: 'evaluate-rollout',
    name: 'GoNoGoValue',
    statistic: Stats.MAXIMUM,
    period: HOUR,
    dimensions: { criterion: 'daily_drawdown' },
  });
  return [
    alarm('drawdown', 'The largest daily drawdown of the last day is 5 % or more', drawdown, atLeast(0.05)),
    alarm('go-no-go-breach', 'A NO-GO limit is breached', maximum('GoNoGoBreaches')),
    alarm('rollout-stepped-down', 'The rollout stepped down to a lower level', maximum('RolloutSteppedDown')),
    alarm('parity-mismatch', 'The same candles gave different features', maximum('ParityMismatches')),
    alarm(
      'drift',
      `${DRIFTED_FEATURES_MIN} features or more have differed from training for three hours`,
      maximum('DriftedFeatures'),
      atLeast(DRIFTED_FEATURES_MIN, { periods: 3 }),
    ),
  ];
}

function dataAlarms(stage: string): AlarmDefinition[] {
  const universe = (period: Duration) => recordedBy(stage, 'refresh-universe', { period });
  const candles = (period: Duration) => recordedBy(stage, 'collect-candles', { period });
  return [
    alarm(
      'universe-kept',
      'The active universe is kept, because no plausible one could be chosen',
      universe(BAR).sum('UniverseKept'),
    ),
    alarm(
      'universe-stale',
      'No universe was chosen or confirmed for two days',
      universe(DAY).sum('UniverseRefreshed'),
      noneFor(2),
    ),
    alarm(
      'candles-behind',
      'Stored candles of some symbols do not reach the last closed bar',
      candles(BAR).maximum('SymbolsBehind'),
    ),
    alarm(
      'candles-stale',
      'No symbol was collected for two days',
      candles(DAY).sum('SymbolsCollected'),
      noneFor(2),
    ),
  ];
}

function apiAlarms(stage: string): AlarmDefinition[] {
  const { sum } = recordedBy(stage, 'api', { period: BAR });
  return [
    alarm('api-failures', 'An HTTP API call failed, or an emergency stop was incomplete', sum('ApiFailures')),
    alarm(
      'api-refusals',
      `${API_REFUSALS_MIN} HTTP API calls or more were refused within five minutes`,
      sum('ApiRefused'),
      atLeast(API_REFUSALS_MIN),
    ),
  ];
}

function notificationAlarms(stage: string): AlarmDefinition[] {
  const { sum } = recordedBy(stage, 'notify', { period: BAR });
  return [
    alarm(
      'notifications-failing',
      'For 15 minutes a receiver of notifications takes no message, or its setting cannot be used',
      sum('NotificationsFailed'),
      atLeast(1, { periods: 3 }),
    ),
    alarm(
      'notifications-lost',
      'A receiver of notifications was never told of something',
      sum('NotificationsLost'),
    ),
  ];
}
