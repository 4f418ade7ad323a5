// Composes the collector: for the daily function, and for `qtrader collect` into a folder or a stage's bucket.

import { mkdir } from 'node:fs/promises';
import { createDataClients } from '../../adapters/aws/create-data-clients.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { createBinanceArchive } from '../../adapters/binance/market/binance-archive.ts';
import { createCcxtMarketData } from '../../adapters/binance/market/ccxt-market-data.ts';
import { candleParquet } from '../../adapters/files/candle-parquet.ts';
import { createFolderObjectStore } from '../../adapters/files/folder-object-store.ts';
import { recordCollection } from '../../adapters/telemetry/record-collection.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result } from '../../core/result.ts';
import { MINUTE_MS } from '../../core/units.ts';
import { readUniverse } from '../../market/use-cases/active-universe.ts';
import {
  type CollectionReport,
  type CollectRequest,
  collectCandles,
} from '../../market/use-cases/collect-candles.ts';
import { COLLECTION_DAYS } from '../config/collection.ts';
import type { CollectCandlesSettings, Exchange } from '../config/function-settings.ts';
import { openFunctionRuntime, type RuntimeOverrides } from './function-runtime.ts';

/** Half of the smaller limit; trading from the same address needs the rest. */
const WEIGHT_PER_MINUTE = 1_200;
/** Long enough to wait for the request budget of the next minute. */
const DEADLINE_MS = 2 * MINUTE_MS;

interface CandleOrigin {
  readonly exchange: Exchange;
  readonly exchangeUrl: string | undefined;
  /** @default the exchange's address, or the real archive's */
  readonly archiveUrl?: string | undefined;
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
  /** One daily collection. Rejects when nothing could be started. */
  collect(isTimeUp: () => boolean): Promise<CollectionReport>;
  /** Writes the report to logs and metrics. */
  record(report: CollectionReport): void;
  close(): Promise<void>;
}

export function composeCollectCandles(
  settings: CollectCandlesSettings,
  overrides?: RuntimeOverrides,
): CollectCandlesComposition {
  const { stage, bucket, exchange } = settings;
  const runtime = openFunctionRuntime(createDataClients, 'collect-candles', stage, overrides);
  const objects = createS3ObjectStore({ client: runtime.clients.s3, bucket });
  const sources = openSources(settings);
  return {
    async collect(isTimeUp) {
      const { symbols } = await readUniverse(objects);
      const request = { symbols, days: COLLECTION_DAYS, source: exchange, isTimeUp, onProgress: () => {} };
      const collected = await collectCandles({ ...sources, objects }, request);
      if (!collected.ok) throw new Error(`the exchange does not answer: ${collected.error.message}`);
      return collected.value;
    },
    record: (report) => recordCollection(runtime.telemetry, report),
    close: runtime.close,
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
