// The collector, composed: for the daily function, and for the `qt collect` command into a folder or a stage's bucket.
import { mkdir } from 'node:fs/promises';
import { createClients } from '../../adapters/aws/create-clients.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { createBinanceArchive } from '../../adapters/binance/binance-archive.ts';
import { createCcxtMarketData } from '../../adapters/binance/ccxt-market-data.ts';
import { candleParquet } from '../../adapters/files/candle-parquet.ts';
import { createFolderObjectStore } from '../../adapters/files/folder-object-store.ts';
import { createTelemetry } from '../../adapters/telemetry/powertools-telemetry.ts';
import { recordCollection } from '../../adapters/telemetry/record-collection.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result } from '../../core/result.ts';
import { readUniverse } from '../../market/use-cases/active-universe.ts';
import {
  type CollectionReport,
  type CollectRequest,
  collectCandles,
} from '../../market/use-cases/collect-candles.ts';
import type { CollectCandlesConfiguration, Exchange } from '../config/configuration.ts';
import type { RuntimeOverrides } from '../config/runtime-overrides.ts';

/** Half of the smaller limit: the rest is for those who trade from the same address. */
const WEIGHT_PER_MINUTE = 1_200;
/** Long enough to wait for the next minute's weight. */
const DEADLINE_MS = 120_000;

interface CandleOrigin {
  readonly exchange: Exchange;
  readonly exchangeUrl: string | undefined;
  /** @default where the exchange is, or the real archive's */
  readonly archiveUrl: string | undefined;
}

const openSources = ({ exchange, exchangeUrl, archiveUrl }: CandleOrigin) => ({
  market: createCcxtMarketData({
    exchange,
    baseUrl: exchangeUrl,
    weightPerMinute: WEIGHT_PER_MINUTE,
    deadlineMs: DEADLINE_MS,
  }),
  archive: createBinanceArchive({ exchange, baseUrl: archiveUrl ?? exchangeUrl }),
  codec: candleParquet,
});

export interface CollectCandlesComposition {
  /** One daily collection. Rejects when nothing could be begun. */
  collect(isTimeUp: () => boolean): Promise<CollectionReport>;
  /** Writes the report to logs and metrics. */
  record(report: CollectionReport): void;
  close(): Promise<void>;
}

export function composeCollectCandles(
  configuration: CollectCandlesConfiguration,
  { endpoints, logOutput }: Pick<RuntimeOverrides, 'endpoints' | 'logOutput'> = {},
): CollectCandlesComposition {
  const { stage, bucket, exchange, days } = configuration;
  const clients = createClients(endpoints);
  const telemetry = createTelemetry({
    service: 'collect-candles',
    stage,
    ...(logOutput && { output: logOutput }),
  });
  const objects = createS3ObjectStore({ client: clients.s3, bucket });
  const sources = openSources(configuration);
  return {
    async collect(isTimeUp) {
      const { symbols } = await readUniverse(objects);
      const request = { symbols, days, source: exchange, isTimeUp, onProgress: () => {} };
      const collected = await collectCandles({ ...sources, objects }, request);
      if (!collected.ok) throw new Error(`the exchange does not answer: ${collected.error.message}`);
      return collected.value;
    },
    record: (report) => recordCollection(telemetry, report),
    async close() {
      clients.close();
    },
  };
}

export interface CollectQuery
  extends CandleOrigin,
    Pick<CollectRequest, 'symbols' | 'days' | 'source' | 'onProgress'> {
  readonly into: { readonly folder: string } | { readonly objects: ObjectStore };
}

/** Fails with one line when the folder cannot be made, or the exchange does not answer. */
export async function collect({ into, ...query }: CollectQuery): Promise<Result<CollectionReport, string>> {
  if ('folder' in into) {
    const made = await mkdir(into.folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => error);
    if (made instanceof Error)
      return failure(`cannot write to the folder ${into.folder} (${made.code}): check the path`);
  }
  const objects = 'folder' in into ? createFolderObjectStore(into.folder) : into.objects;
  const collected = await collectCandles(
    { ...openSources(query), objects },
    { ...query, isTimeUp: () => false },
  );
  return collected.ok ? collected : failure(collected.error.message);
}

export const readStageUniverse = readUniverse;
