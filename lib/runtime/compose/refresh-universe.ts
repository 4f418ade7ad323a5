// The refresh-universe function, composed: adapters from settings, one use case, and its logs and metrics.
import { createClients } from '../../adapters/aws/create-clients.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { createCcxtMarketData } from '../../adapters/binance/ccxt-market-data.ts';
import { createTelemetry } from '../../adapters/telemetry/powertools-telemetry.ts';
import { recordUniverseRefresh } from '../../adapters/telemetry/record-universe-refresh.ts';
import { refreshUniverse, type UniverseRefresh } from '../../market/use-cases/refresh-universe.ts';
import type { RefreshUniverseConfiguration } from '../config/configuration.ts';
import type { RuntimeOverrides } from '../config/runtime-overrides.ts';

export interface RefreshUniverseComposition {
  refresh(): Promise<UniverseRefresh>;
  /** Writes the refresh to logs and metrics. */
  record(refresh: UniverseRefresh): void;
  close(): Promise<void>;
}

export function composeRefreshUniverse(
  configuration: RefreshUniverseConfiguration,
  { endpoints, clock = { nowMs: Date.now }, logOutput, unlimitedRequests = false }: RuntimeOverrides = {},
): RefreshUniverseComposition {
  const { stage, exchange, exchangeUrl, bucket, symbols } = configuration;
  const clients = createClients(endpoints);
  const telemetry = createTelemetry({
    service: 'refresh-universe',
    stage,
    ...(logOutput && { output: logOutput }),
  });
  const dependencies = {
    market: createCcxtMarketData({
      exchange,
      baseUrl: exchangeUrl,
      ...(unlimitedRequests && { weightPerMinute: Number.MAX_SAFE_INTEGER }),
    }),
    objects: createS3ObjectStore({ client: clients.s3, bucket }),
    clock,
  };
  return {
    refresh: () => refreshUniverse(dependencies, { size: symbols, afresh: false }),
    record: (refresh) => recordUniverseRefresh(telemetry, refresh),
    async close() {
      clients.close();
    },
  };
}
