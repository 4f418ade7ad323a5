// The product as it trades live, on one simulated clock: the use cases of the four functions with the real broker and market data
// over ccxt, the starter models, and stores in memory that keep the contract of the AWS ones. Only the exchange is simulated.
import { createLiveBroker } from '../../lib/adapters/binance/account/live-broker.ts';
import { createCcxtMarketData } from '../../lib/adapters/binance/market/ccxt-market-data.ts';
import { RequestBudget } from '../../lib/adapters/binance/request-budget.ts';
import { createFolderObjectStore } from '../../lib/adapters/files/folder-object-store.ts';
import { createMemoryFlagStore } from '../../lib/adapters/memory/memory-flag-store.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { createLazyModelRuntime } from '../../lib/adapters/onnx/lazy-model-runtime.ts';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import { unproven } from '../../lib/core/actor.ts';
import type { ExecuteReport } from '../../lib/execution/execute-report.ts';
import { FULL_SIZE } from '../../lib/execution/use-cases/enter-position.ts';
import { execute } from '../../lib/execution/use-cases/execute.ts';
import { executionRecords } from '../../lib/execution/use-cases/execution-records.ts';
import { managePositions } from '../../lib/execution/use-cases/manage-positions.ts';
import { type InferOutcome, infer } from '../../lib/inference/use-cases/infer.ts';
import { createCandleWindows } from '../../lib/market/use-cases/candle-windows.ts';
import { createEnsembleProvider } from '../../lib/models/use-cases/load-ensemble.ts';
import { createSizingPolicies } from '../../lib/models/use-cases/sizing-policies.ts';
import { BREAKER_LIMITS } from '../../lib/risk/breaker/limits.ts';
import { CLOSED_FLAGS } from '../../lib/risk/breaker/transition-types.ts';
import type { FlagName } from '../../lib/risk/flags.ts';
import { initialRollout } from '../../lib/risk/level.ts';
import {
  approveBreakerReset,
  requestBreakerReset,
  tickBreaker,
  writeFlags,
} from '../../lib/risk/use-cases/circuit-breaker.ts';
import { CODE_VERSION } from '../../lib/runtime/config/code-version.ts';
import { STARTER_MODELS_FOLDER } from '../../lib/runtime/config/starter-models.ts';
import type { SimulatedExchange } from '../exchange/simulated-exchange.ts';
import { withActingEnsemble } from './acting-ensemble.ts';
import type { Draw } from './fault-plan.ts';
import { OPEN_FLAGS } from './open-flags.ts';
import type { SimulatedClock } from './simulated-clock.ts';

export const REHEARSAL_KEYS = { apiKey: 'rehearsal-key', secret: 'rehearsal-secret' } as const;

const FLAGS = { ...OPEN_FLAGS, QT_MAX_POSITIONS: '20' };
/** Real time; no fault of a rehearsal waits for it. */
const TIMEOUT_MS = 10_000;
const SCOPE = 'live';
/** Stops that are hit are the market's doing, and this ensemble has no edge: only what the faults bring about may trip here. */
const LIMITS = { ...BREAKER_LIMITS, stopHits: 1_000 };
/** Costs of 14 bps are taken off before: signals act from 2.5 bps on. */
const EDGE_THRESHOLD_BPS = -11.5;

export interface RehearsedSystemOptions {
  readonly exchange: SimulatedExchange;
  readonly clock: SimulatedClock;
  readonly symbols: readonly string[];
  /** For the pauses between retries. */
  readonly draw: Draw;
}

export async function openRehearsedSystem({ exchange, clock, symbols, draw }: RehearsedSystemOptions) {
  const codeVersion = CODE_VERSION;
  const risk = createMemoryRiskStore();
  const signals = createMemorySignalStore();
  const flags = createMemoryFlagStore(FLAGS);
  const objects = await withActingEnsemble(
    createFolderObjectStore(STARTER_MODELS_FOLDER),
    EDGE_THRESHOLD_BPS,
  );
  const ensembles = createEnsembleProvider({ store: objects, runtime: createOnnxModelRuntime() });
  const connection = {
    ...{ baseUrl: exchange.url, timeoutMs: TIMEOUT_MS, random: draw },
    ...{ nowMs: clock.nowMs, sleep: clock.sleep },
    // Not the one of its host: a pause from the day of another rehearsal, whose exchange had the same port, would hold this one.
    address: new RequestBudget(Number.MAX_SAFE_INTEGER),
  };
  const market = createCcxtMarketData({ ...connection, exchange: 'binanceusdm' });
  const broker = createLiveBroker({ ...connection, credentials: REHEARSAL_KEYS, market });
  const records = executionRecords(risk);
  await records.rollout.put(SCOPE, { ...initialRollout(clock.nowMs()), level: 'FULL' }, { ifAbsent: true });
  const inferring = {
    ...{ market, windows: createCandleWindows(market), ensembles, signals, clock, codeVersion },
    ...{ stopwatchMs: clock.nowMs, sleep: clock.sleep, residentBytes: process.memoryUsage.rss },
  };
  const executing = {
    ...{ signals, objects, flags, risk, clock, codeVersion, policy: FULL_SIZE },
    policies: createSizingPolicies({ store: objects, runtime: createLazyModelRuntime() }),
    ...{ brokerOf: () => broker, stopwatchMs: clock.nowMs },
  };
  const breaker = {
    ...{ risk, signals, flags, clock, codeVersion, shards: 1, limits: LIMITS },
    notifier: { notify: async () => undefined },
  };
  return {
    records,
    infer: () => infer(inferring, { symbols, shard: 0, shardCount: 1 }),
    execute: ({ run, signals: decided }: InferOutcome): Promise<ExecuteReport | undefined> =>
      run.ensembleId === null
        ? Promise.resolve(undefined)
        : execute(executing, {
            ...{ barOpenTimeMs: run.barOpenTimeMs, shard: 0, shardCount: 1 },
            ...{ ensembleId: run.ensembleId, featureSetHash: run.featureSetHash },
            symbols: decided.map(({ symbol }) => symbol),
          }),
    managePositions: () => managePositions({ risk, broker, clock, codeVersion, pause: clock.sleep }),
    tick: () => tickBreaker(breaker, SCOPE),
    latch: async () => (await risk.readGate(SCOPE))?.breaker,
    /** Both steps of a reset, by two operators, and the flags reopened. False while it is refused. */
    async reset(): Promise<boolean> {
      const asked = {
        scope: SCOPE,
        operator: unproven('first operator'),
        reason: 'the cause is known',
      } as const;
      await requestBreakerReset(breaker, asked);
      const approved = await approveBreakerReset(breaker, {
        scope: SCOPE,
        operator: unproven('second operator'),
      });
      if (approved.transition?.current.latch !== 'ARMED') return false;
      const reopened = Object.keys(CLOSED_FLAGS).map((name) => [name, FLAGS[name as FlagName]]);
      await writeFlags(flags, Object.fromEntries(reopened));
      return true;
    },
    close: () => ensembles.close(),
  };
}

export type RehearsedSystem = Awaited<ReturnType<typeof openRehearsedSystem>>;
