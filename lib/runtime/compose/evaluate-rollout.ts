// The hourly evaluate function, composed: adapters from settings, one use case, and its logs and metrics.
import { createClients } from '../../adapters/aws/create-clients.ts';
import { createDynamoRiskStore } from '../../adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createDynamoSignalStore } from '../../adapters/aws/dynamodb/dynamo-signal-store.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { createCcxtMarketData } from '../../adapters/binance/ccxt-market-data.ts';
import { createTelemetry } from '../../adapters/telemetry/powertools-telemetry.ts';
import { recordDrift } from '../../adapters/telemetry/record-drift.ts';
import { recordRolloutAssessment } from '../../adapters/telemetry/record-rollout-assessment.ts';
import { createBarTallies } from '../../inference/use-cases/tally-bars.ts';
import type { DriftRecord } from '../../models/drift-record.ts';
import type { DriftLog } from '../../models/ports.ts';
import { watchDrift } from '../../models/use-cases/watch-drift.ts';
import type { RiskStore } from '../../risk/ports.ts';
import {
  type AssessDependencies,
  assessRollout,
  type RolloutAssessment,
} from '../../rollout/use-cases/assess-rollout.ts';
import { rolloutRecords } from '../../rollout/use-cases/rollout-records.ts';
import type { EvaluateRolloutConfiguration } from '../config/configuration.ts';
import type { RuntimeOverrides } from '../config/runtime-overrides.ts';
import { seededDraws } from './seeded-draws.ts';

export interface EvaluateRolloutComposition {
  /** One hourly evaluation. */
  assess(): Promise<RolloutAssessment>;
  /** Writes a judgement to logs and metrics. */
  record(assessment: RolloutAssessment): void;
  /** Measures drift, and writes it to logs and metrics. */
  watchDrift(): Promise<DriftRecord>;
  close(): Promise<void>;
}

export function composeEvaluateRollout(
  configuration: EvaluateRolloutConfiguration,
  { endpoints, clock = { nowMs: Date.now }, logOutput, unlimitedRequests = false }: RuntimeOverrides = {},
): EvaluateRolloutComposition {
  const { stage, bucket, signalsTable, signalRetentionDays, riskTable, shards } = configuration;
  const clients = createClients(endpoints);
  const telemetry = createTelemetry({
    service: 'evaluate-rollout',
    stage,
    ...(logOutput && { output: logOutput }),
  });
  const signals = createDynamoSignalStore({
    client: clients.dynamodb,
    table: signalsTable,
    retentionDays: signalRetentionDays,
    clock,
  });
  const dependencies: AssessDependencies = {
    risk: createDynamoRiskStore({ client: clients.dynamodb, table: riskTable, clock }),
    objects: createS3ObjectStore({ client: clients.s3, bucket }),
    market: createCcxtMarketData({
      exchange: configuration.exchange,
      baseUrl: configuration.exchangeUrl,
      ...(unlimitedRequests && { weightPerMinute: Number.MAX_SAFE_INTEGER }),
    }),
    signals,
    tallies: createBarTallies(signals),
    clock,
    shards,
  };
  return {
    assess: () => assessRollout(dependencies),
    record: (assessment) => recordRolloutAssessment(telemetry, assessment),
    async watchDrift() {
      const drift = await watchDrift({
        ...dependencies,
        log: driftLogIn(dependencies.risk),
        draws: seededDraws,
      });
      recordDrift(telemetry, drift);
      return drift;
    },
    async close() {
      clients.close();
    },
  };
}

/** The measurements of drift in the risk table. */
const driftLogIn = (risk: RiskStore): DriftLog => ({
  add: async (record) => {
    await rolloutRecords(risk).drift.add('paper', record);
  },
});
