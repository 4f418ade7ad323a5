// What a stage costs per month on AWS, to know before a deploy and to notice an expensive change. Quantities come from the code and
// from runs of it; prices are list prices, without free tiers and taxes.
import { SIGNAL_RETENTION_DAYS } from '../../lib/runtime/config/stage.ts';

/** When the prices were noted; `qtrader cost` says it. docs/COST.md tells how to refresh them. */
export const PRICES_AS_OF = '2025-01';

/** On demand, Tokyo (ap-northeast-1: Binance refuses requests from the United States), in USD. */
export const PRICES_USD = {
  lambdaGbS: 0.0000166667,
  lambdaRequest: 0.2e-6,
  schedulerCall: 1.25e-6,
  dynamoWriteUnit: 0.715e-6,
  dynamoReadUnit: 0.1425e-6,
  dynamoGbMonth: 0.285,
  dynamoRecoveryGbMonth: 0.228,
  s3GbMonth: 0.025,
  s3Write: 4.7e-6,
  s3Read: 0.37e-6,
  metricMonth: 0.3,
  alarmMetricMonth: 0.1,
  dashboardMonth: 3,
  logGb: 0.76,
  logGbMonth: 0.033,
  trace: 5e-6,
  natHour: 0.062,
  natGb: 0.062,
  addressHour: 0.005,
} as const;

const HOURS_PER_MONTH = 730;
const BARS_PER_HOUR = 12;
const GB = 1e9;
const LAMBDA_GB_MB = 1024;
const READ_UNIT_BYTES = 4_096;
/** Of logs and risk records. */
const RETENTION_DAYS = 90;
const BARS_PER_DAY = 288;

interface FunctionLoad {
  readonly runsPerHour: number;
  /** Of one warm run. */
  readonly durationMs: number;
  /** Of the function's own lines and Lambda's three (400 bytes), per run. */
  readonly logBytes: number;
  /** One per name and set of dimensions that a day of paper trading records. */
  readonly metrics: number;
}

/**
 * Log bytes are measured on the local system; they are the same for 20 and 100 symbols. Infer's duration is what
 * `npm run bench -- cold` measured for a warm run on one core, exchange and stores included, rounded up; the others are estimated as twice
 * their AWS calls at 5 ms each.
 */
function functionLoads({ symbols, shards }: StageSize): Readonly<Record<string, FunctionLoad>> {
  const perBar = BARS_PER_HOUR * shards;
  const daily = 1 / 24;
  return {
    infer: { runsPerHour: perBar, durationMs: 150 + (6 * symbols) / shards, logBytes: 2_300, metrics: 15 },
    execute: { runsPerHour: perBar, durationMs: 250, logBytes: 1_250, metrics: 8 },
    'manage-positions': { runsPerHour: 60, durationMs: 200, logBytes: 1_300, metrics: 4 },
    'circuit-breaker': { runsPerHour: 60, durationMs: 200, logBytes: 1_100, metrics: 3 },
    'evaluate-rollout': { runsPerHour: 1, durationMs: 6_000 + 30 * symbols, logBytes: 4_100, metrics: 20 },
    api: { runsPerHour: 0, durationMs: 0, logBytes: 0, metrics: 0 },
    operate: { runsPerHour: 0, durationMs: 0, logBytes: 0, metrics: 0 },
    approve: { runsPerHour: 0, durationMs: 0, logBytes: 0, metrics: 0 },
    'emergency-stop': { runsPerHour: 0, durationMs: 0, logBytes: 0, metrics: 0 },
    'refresh-universe': { runsPerHour: daily, durationMs: 3_000, logBytes: 5_000, metrics: 6 * daily },
    'collect-candles': {
      runsPerHour: daily,
      durationMs: 1_000 * symbols,
      logBytes: 5_000,
      metrics: 5 * daily,
    },
    notify: { runsPerHour: 60, durationMs: 150, logBytes: 800, metrics: 3 },
  };
}

/** DynamoDB's size of a signal with four votes: 824 to 867 bytes measured; storage is charged for 100 more per item. */
const SIGNAL_BYTES = 840;
const ITEM_OVERHEAD_BYTES = 100;
/** One in the table and one in its index by bar, both charged. */
const SIGNAL_COPIES = 2;
/** Gate, equity snapshot and the position manager's record, each below 1 KB, with only the paper scope active. */
const RISK_WRITES_PER_MINUTE = 3;
/** Gate, account, day, runs, equity snapshots, positions, trades, and again for notify; an empty result counts as one. */
const RISK_READS_PER_MINUTE = 40;
const RISK_BYTES_PER_MINUTE = 400 + ITEM_OVERHEAD_BYTES;
/** Pointer, ensemble, shadow name, universe, and identity and quarantine of four models. */
const S3_READS_PER_INFER = 12;
/** 5-minute candles as compressed Parquet, approximately, per symbol and day; and models with their versions. */
const CANDLE_BYTES_PER_DAY = 9_000;
const MODELS_BYTES = 50e6;
const CANDLE_DAYS = 365;
/** Bars that evaluate-rollout reads each hour: a whole day, since its process does not survive the hour. */
const EVALUATED_BARS = BARS_PER_DAY;

/** Of a run of a function in the network, both ways: answers of the exchange, flags, keys. An estimate. */
const NAT_BYTES_PER_RUN = 100_000;

/** Metrics that the alarms of infra/catalog/alarms.ts watch. */
export const ALARM_METRICS = 96;

export interface StageSize {
  /** 1…1000 */
  readonly symbols: number;
  /** Of infer, 1…100. */
  readonly shards: number;
}

export interface CostLine {
  readonly service: string;
  readonly what: string;
  /** Per month. */
  readonly quantity: number;
  readonly unit: string;
  readonly usd: number;
}

/**
 * Per month of 730 hours, on paper, when signals fill their 90 days.
 * @param size.memoryMb of each function by name, as deployed
 */
export function monthlyCost(
  size: StageSize & {
    readonly memoryMb: Readonly<Record<string, number>>;
    /** With the fixed address of the stack `network`. @default false */
    readonly network?: boolean;
  },
): readonly CostLine[] {
  return [
    ...lambdaCost(size),
    ...storeCost(size),
    ...watchCost(size),
    ...(size.network ? networkCost(size) : []),
  ];
}

const line = (
  service: string,
  what: string,
  [quantity, unit, priceUsd]: readonly [quantity: number, unit: string, priceUsd: number],
): CostLine => ({ service, what, quantity, unit, usd: quantity * priceUsd });

function lambdaCost(size: Parameters<typeof monthlyCost>[0]): CostLine[] {
  const loads = Object.entries(functionLoads(size));
  const runs = loads.reduce((sum, [, { runsPerHour }]) => sum + runsPerHour * HOURS_PER_MONTH, 0);
  return [
    ...loads.map(([name, { runsPerHour, durationMs }]) => {
      const gb = (size.memoryMb[name] ?? 0) / LAMBDA_GB_MB;
      const gbS = (gb * runsPerHour * HOURS_PER_MONTH * durationMs) / 1_000;
      return line('Lambda', name, [gbS, 'GB-s', PRICES_USD.lambdaGbS]);
    }),
    line('Lambda', 'requests', [runs, 'runs', PRICES_USD.lambdaRequest]),
    // Infer starts execute itself, without Scheduler.
    line('EventBridge Scheduler', 'calls', [
      runs - BARS_PER_HOUR * size.shards * HOURS_PER_MONTH,
      'calls',
      PRICES_USD.schedulerCall,
    ]),
    line('X-Ray', 'traces, every run', [runs, 'traces', PRICES_USD.trace]),
  ];
}

function storeCost({ symbols, shards }: StageSize): CostLine[] {
  const bars = BARS_PER_HOUR * HOURS_PER_MONTH;
  const minutes = 60 * HOURS_PER_MONTH;
  const signalGb =
    (symbols * BARS_PER_DAY * SIGNAL_RETENTION_DAYS * (SIGNAL_BYTES + ITEM_OVERHEAD_BYTES)) / GB;
  const riskGb = (60 * 24 * RETENTION_DAYS * RISK_BYTES_PER_MINUTE) / GB;
  // Eventually consistent reads: half a unit per 4 KB. Every shard's execute reads the whole bar.
  const readsPerBar = Math.ceil((symbols * SIGNAL_BYTES) / READ_UNIT_BYTES) / 2;
  const reads =
    bars * shards * readsPerBar +
    HOURS_PER_MONTH * EVALUATED_BARS * readsPerBar +
    minutes * RISK_READS_PER_MINUTE;
  const { dynamoWriteUnit, dynamoReadUnit, dynamoGbMonth, dynamoRecoveryGbMonth } = PRICES_USD;
  const candleGb = (symbols * CANDLE_DAYS * CANDLE_BYTES_PER_DAY + MODELS_BYTES) / GB;
  return [
    line('DynamoDB', 'signals written', [bars * symbols * SIGNAL_COPIES, 'units', dynamoWriteUnit]),
    line('DynamoDB', 'runs and risk records written', [
      minutes * RISK_WRITES_PER_MINUTE + bars * shards * (SIGNAL_COPIES + 1),
      'units',
      dynamoWriteUnit,
    ]),
    line('DynamoDB', 'reads', [reads, 'units', dynamoReadUnit]),
    line('DynamoDB', 'storage', [signalGb * SIGNAL_COPIES + riskGb, 'GB', dynamoGbMonth]),
    line('DynamoDB', 'point-in-time recovery', [signalGb + riskGb, 'GB', dynamoRecoveryGbMonth]),
    line('S3', 'a year of candles, and models', [candleGb, 'GB', PRICES_USD.s3GbMonth]),
    line('S3', 'reads', [bars * shards * S3_READS_PER_INFER, 'reads', PRICES_USD.s3Read]),
    line('S3', 'writes', [symbols * (HOURS_PER_MONTH / 24) + HOURS_PER_MONTH, 'writes', PRICES_USD.s3Write]),
  ];
}

function watchCost(size: StageSize): CostLine[] {
  const loads = Object.values(functionLoads(size));
  const metrics = loads.reduce((sum, load) => sum + load.metrics, 0);
  const logGb = loads.reduce(
    (sum, { runsPerHour, logBytes }) => sum + (runsPerHour * HOURS_PER_MONTH * logBytes) / GB,
    0,
  );
  const keptMonths = RETENTION_DAYS / (HOURS_PER_MONTH / 24);
  return [
    line('CloudWatch', 'metrics', [metrics, 'metrics', PRICES_USD.metricMonth]),
    line('CloudWatch', 'alarms', [ALARM_METRICS, 'metrics', PRICES_USD.alarmMetricMonth]),
    line('CloudWatch', 'dashboard', [1, 'dashboard', PRICES_USD.dashboardMonth]),
    line('CloudWatch', 'logs written', [logGb, 'GB', PRICES_USD.logGb]),
    line('CloudWatch', 'logs kept', [logGb * keptMonths, 'GB', PRICES_USD.logGbMonth]),
  ];
}

/** Tables and objects are reached by gateway endpoints, which are free. */
function networkCost(size: StageSize): CostLine[] {
  const loads = functionLoads(size);
  const runs = (loads.execute!.runsPerHour + loads['manage-positions']!.runsPerHour) * HOURS_PER_MONTH;
  return [
    line('VPC', 'NAT gateway', [HOURS_PER_MONTH, 'hours', PRICES_USD.natHour]),
    line('VPC', 'traffic of the NAT gateway', [(runs * NAT_BYTES_PER_RUN) / GB, 'GB', PRICES_USD.natGb]),
    line('VPC', 'fixed address', [HOURS_PER_MONTH, 'hours', PRICES_USD.addressHour]),
  ];
}
