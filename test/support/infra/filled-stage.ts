// What a stage's functions need to run: a generated market, a clock ten seconds after the close of a bar, an exchange that serves
// it, and a bucket with models, a profile and a universe.
import { createS3ObjectStore } from '../../../lib/adapters/aws/s3/s3-object-store.ts';
import type { ObjectStore } from '../../../lib/core/ports.ts';
import { success } from '../../../lib/core/result.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { ROW_WINDOW_BARS } from '../../../lib/market/grid.ts';
import { writeUniverse } from '../../../lib/market/use-cases/active-universe.ts';
import { writeFeatureProfile } from '../../../lib/models/use-cases/write-profile.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../../local/market/generated-market.ts';
import type { AwsTarget } from '../aws-target.ts';
import { buildModelFolder } from '../models/build-model-folder.ts';
import { ACCOUNT, REGION } from './synthesised-stage.ts';

export const BUCKET = `qt-dev-${ACCOUNT}-${REGION}`;
/** A week of rows, which drift is measured on. */
export const HISTORY_BARS = ROW_WINDOW_BARS - 1 + 7 * 288;
export const market = generateMarket({
  seed: 3,
  symbols: 4,
  fromMs: Date.UTC(2024, 0, 1),
  bars: HISTORY_BARS + 60,
});
export const startMs = market.firstOpenTimeMs + HISTORY_BARS * BAR_MS + 10_000;
/** Newest bar that is closed at the start. */
export const FIRST_BAR_MS = startMs - 10_000 - BAR_MS;

export const objectsOf = ({ clients }: AwsTarget): ObjectStore =>
  createS3ObjectStore({ client: clients.s3, bucket: BUCKET });

/** Models that always trade, the profile of their training, and the market's symbols as the universe. */
export async function fillBucket(store: ObjectStore): Promise<void> {
  await buildModelFolder({ store, ensemble: { edgeThresholdBps: -1_000 } });
  const profile = await writeFeatureProfile(
    { source: { read: async (symbol) => success(market.candles(symbol)) }, store },
    {
      available: market.symbols,
      symbols: market.symbols,
      range: { fromMs: market.firstOpenTimeMs, toMs: startMs },
      replace: false,
    },
  );
  if (!profile.ok) throw new Error(JSON.stringify(profile.error));
  await writeUniverse(store, { schemaVersion: 1, asOf: '2024-01-01', symbols: [...market.symbols] });
}

/** @param offsetMs from the machine's clock, at this moment */
export const startExchange = (offsetMs: () => number): Promise<SimulatedExchange> =>
  startSimulatedExchange({ market, clock: { nowMs: () => Date.now() + offsetMs() } });
