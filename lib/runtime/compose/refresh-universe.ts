// Composes the refresh-universe function.
import { createDataClients } from '../../adapters/aws/create-data-clients.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { recordUniverseRefresh } from '../../adapters/telemetry/record-universe-refresh.ts';
import { refreshUniverse, type UniverseRefresh } from '../../market/use-cases/refresh-universe.ts';
import type { RefreshUniverseSettings } from '../config/function-settings.ts';
import { openMarketData } from './exchange/market-data.ts';
import { openFunctionRuntime, type RuntimeOverrides } from './function-runtime.ts';

export interface RefreshUniverseComposition {
  refresh(): Promise<UniverseRefresh>;
  /** Writes the refresh to logs and metrics. */
  record(refresh: UniverseRefresh): void;
  close(): Promise<void>;
}

export function composeRefreshUniverse(
  settings: RefreshUniverseSettings,
  overrides?: RuntimeOverrides,
): RefreshUniverseComposition {
  const { stage, bucket, symbols } = settings;
  const runtime = openFunctionRuntime(createDataClients, 'refresh-universe', stage, overrides);
  const dependencies = {
    market: openMarketData(settings, runtime),
    objects: createS3ObjectStore({ client: runtime.clients.s3, bucket }),
    clock: runtime.clock,
  };
  return {
    refresh: () => refreshUniverse(dependencies, { size: symbols, afresh: false }),
    record: (refresh) => recordUniverseRefresh(runtime.telemetry, refresh),
    close: runtime.close,
  };
}
