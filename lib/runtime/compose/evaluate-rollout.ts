// Composes the evaluate-rollout function.

import { createDataClients } from '../../adapters/aws/create-data-clients.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { recordDrift } from '../../adapters/telemetry/record-drift.ts';
import { recordRolloutAssessment } from '../../adapters/telemetry/record-rollout-assessment.ts';
import { createBarTallies } from '../../inference/use-cases/tally-bars.ts';
import type { DriftRecord } from '../../models/drift-record.ts';
import type { DriftLog } from '../../models/ports.ts';
import { watchDrift } from '../../models/use-cases/watch-drift.ts';
import type { RecordStore } from '../../risk/ports.ts';
import {
  type AssessDependencies,
  assessRollout,
  type RolloutAssessment,
} from '../../rollout/use-cases/assess-rollout.ts';
import { rolloutRecords } from '../../rollout/use-cases/rollout-records.ts';
import type { EvaluateRolloutSettings } from '../config/function-settings.ts';
import { openMarketData } from './exchange/market-data.ts';
import { openFunctionRuntime, type RuntimeOverrides } from './function-runtime.ts';
import { seededDraws } from './seeded-draws.ts';
import { openRiskStore, openSignalStore } from './stores.ts';

export interface EvaluateRolloutComposition {
  /** One hourly assessment. */
  assess(): Promise<RolloutAssessment>;
  /** Writes an assessment to logs and metrics. */
  record(assessment: RolloutAssessment): void;
  /** Measures drift, and writes it to logs and metrics. */
  watchDrift(): Promise<DriftRecord>;
  close(): Promise<void>;
}

export function composeEvaluateRollout(
  settings: EvaluateRolloutSettings,
  overrides?: RuntimeOverrides,
): EvaluateRolloutComposition {
  const runtime = openFunctionRuntime(createDataClients, 'evaluate-rollout', settings.stage, overrides);
  const signals = openSignalStore(runtime, settings);
  const dependencies: AssessDependencies = {
    risk: openRiskStore(runtime, settings),
    objects: createS3ObjectStore({ client: runtime.clients.s3, bucket: settings.bucket }),
    market: openMarketData(settings, runtime),
    signals,
    tallies: createBarTallies(signals),
    clock: runtime.clock,
    shards: settings.shards,
  };
  return {
    assess: () => assessRollout(dependencies),
    record: (assessment) => recordRolloutAssessment(runtime.telemetry, assessment),
    async watchDrift() {
      const drift = await watchDrift({
        ...dependencies,
        log: driftLogOf(dependencies.risk),
        draws: seededDraws,
      });
      recordDrift(runtime.telemetry, drift);
      return drift;
    },
    close: runtime.close,
  };
}

/** Drift is kept beside the other evidence of paper trading. */
const driftLogOf = (risk: RecordStore): DriftLog => ({
  append: (record) => rolloutRecords(risk).drift.add('paper', record),
});
