// Answers the reading routes from the read model. Loaded at the first read: an emergency stop in a new process does not wait for it.
import type { Clock, ObjectStore } from '../core/ports.ts';
import { readSystemStatus } from '../execution/use-cases/system-status.ts';
import type { SignalStore } from '../inference/ports.ts';
import type { MarketData } from '../market/ports.ts';
import type { FlagStore, RiskStore } from '../risk/ports.ts';
import { type ApiAnswer, type ApiRequest, answerJson, answerWith } from './api-call.ts';
import type { ApiInput } from './api-contract.ts';
import { readDays, readEquity, readOrders, readTrades } from './read-model/account.ts';
import { readAudit } from './read-model/audit.ts';
import { readBars } from './read-model/bars.ts';
import { readCandles } from './read-model/candles.ts';
import { formatMetrics, METRICS_CONTENT_TYPE } from './read-model/metrics.ts';
import { readModels } from './read-model/models.ts';
import { readPositions } from './read-model/positions.ts';
import { readRolloutState } from './read-model/rollout.ts';
import { readSignals } from './read-model/signals.ts';
import { readUniverseState } from './read-model/universe.ts';
import { readInput } from './read-request.ts';
import type { ReadRouteName } from './read-routes.ts';

export interface ReadDependencies {
  readonly risk: RiskStore;
  readonly flags: FlagStore;
  readonly signals: SignalStore;
  readonly objects: ObjectStore;
  readonly market: MarketData;
  readonly clock: Clock;
  /** Of infer. */
  readonly shards: number;
}

const readStatus = (sources: ReadDependencies) =>
  readSystemStatus({ ...sources, readShards: async () => sources.shards });

const READERS: {
  readonly [Name in ReadRouteName]: (sources: ReadDependencies, input: ApiInput<Name>) => Promise<unknown>;
} = {
  status: readStatus,
  metrics: async (sources) => formatMetrics(await readStatus(sources), sources.clock.nowMs()),
  signals: readSignals,
  bars: readBars,
  trades: readTrades,
  positions: readPositions,
  orders: readOrders,
  equity: readEquity,
  days: readDays,
  candles: ({ market }, input) => readCandles(market, input),
  universe: ({ objects }) => readUniverseState(objects),
  models: readModels,
  rollout: readRolloutState,
  audit: readAudit,
};

/** Throws ApiRefusal and StoreError. */
export async function serveRead<Name extends ReadRouteName>(
  sources: ReadDependencies,
  name: Name,
  request: ApiRequest,
): Promise<ApiAnswer> {
  const read = await READERS[name](sources, readInput(name, request));
  if (typeof read !== 'string') return answerJson(200, read);
  return answerWith({ status: 200, headers: { 'content-type': METRICS_CONTENT_TYPE }, body: read });
}
