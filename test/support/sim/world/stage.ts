// What a stage of the product is made of while it is simulated: one exchange, the stores, what is deployed, and who watches.
import { createMemoryRiskStore } from '../../../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../../../lib/adapters/memory/memory-signal-store.ts';
import type { ObjectStore } from '../../../../lib/core/ports.ts';
import type { Signal } from '../../../../lib/inference/signal.ts';
import { UNIVERSE_KEY } from '../../../../lib/market/universe.ts';
import type { Ensemble } from '../../../../lib/models/ensemble.ts';
import { FLAG_NAMES } from '../../../../lib/risk/flags.ts';
import type { GateItem, Scope } from '../../../../lib/risk/gate.ts';
import type { RiskStore } from '../../../../lib/risk/ports.ts';
import { ExchangeCore } from '../../../../local/exchange/exchange-core.ts';
import { KIND, UNKIND } from '../../../../local/exchange/unkindness.ts';
import type { MarketSource } from '../../../../local/market/market-source.ts';
import { OPEN_FLAGS } from '../../../../local/rehearsal/open-flags.ts';
import { createMemoryObjectStore, type MemoryObjectStore } from '../../models/memory-object-store.ts';
import { ENSEMBLE_ID, ensemble, putEnsemble } from '../../trading/trading-world.ts';
import type { Environment, Kernel } from '../kernel/environment.ts';
import type { Timeline } from '../kernel/timeline.ts';
import { CandleBook } from './candle-book.ts';
import type { ExchangeWatch } from './exchange-port.ts';
import { IncomeBook } from './income-book.ts';
import { FlagTable } from './store-ports.ts';
import { STUB_MEMBERS, stubEnsemble } from './stub-models.ts';

export const SCOPE: Scope = 'live';
export const DEPOSIT_USDT = 10_000;
const COSTS = { impactBps: 5, takerFeeBps: 4, fundingRatePer8h: 0.0001 };

/** What is told of a run, at the moment at which it happens. */
export interface StageWatch extends ExchangeWatch {
  gateMoved(before: GateItem | undefined, after: GateItem, by: string): void;
  flagsMoved(name: string): void;
  recordWritten(key: string, value: unknown): void;
  /** @param by whose run has decided it */
  signalStored(signal: Signal, by: Environment): void;
}

export interface Deployment {
  readonly codeVersion: string;
  readonly shards: number;
}

export interface Stage extends Kernel {
  readonly timeline: Timeline;
  readonly seed: number;
  readonly market: MarketSource;
  readonly symbols: readonly string[];
  readonly core: ExchangeCore;
  readonly risk: RiskStore;
  readonly signals: ReturnType<typeof createMemorySignalStore>;
  /** By `<symbol or #shard/shards>@<bar>`. */
  readonly signalsWrittenAtMs: Map<string, number>;
  readonly objects: MemoryObjectStore;
  readonly flags: FlagTable;
  watch: StageWatch;
  deployed: Deployment;
  /** As the keys stand in the parameter store. */
  keys: { apiKey: string; secret: string };
  /** Symbols whose filters have become coarser. */
  readonly coarsened: Set<string>;
  /** When the exchange is down as a whole, as it was on the day. */
  readonly outages: readonly { readonly fromMs: number; readonly untilMs: number }[];
  /** Paths that do not answer, until when. */
  outage: { readonly paths: readonly string[]; readonly untilMs: number };
  /** The risk table takes and gives nothing until then. */
  tableOutUntilMs: number;
  /** How infer decides: by the seed, or by candles and models. */
  readonly decides: 'by_seed' | 'on_candles';
  readonly candles: CandleBook;
  readonly income: IncomeBook;
  /** Contracts that are announced to end. */
  readonly endsAtMs: Map<string, { readonly announcedAtMs: number; readonly deliveryDateMs: number }>;
  /** Since when the account is in hedge mode; undefined: it is not. */
  hedgedSinceMs: number | undefined;
  /** Contracts whose prices are on another scale since. */
  readonly rescaledAtMs: Map<string, number>;
  /** The one of the signals. */
  readonly ensemble: Ensemble;
  /** Which ensemble is active; undefined: none can be read. */
  active: { readonly id: string | undefined; readonly sinceMs: number; readonly before: string | undefined };
  /** Whose objects are not those that the ensemble names, since when; and until when no model computes anything. */
  readonly models: { readonly unsoundSinceMs: Map<string, number>; brokenUntilMs: number };
}

/** Beside the flags, so that its past is kept as theirs is: the capital level. */
export const LEVEL = 'level';

const KEYS = { apiKey: 'key-1', secret: 'secret-1' };
const SILENT: StageWatch = {
  sent: () => undefined,
  answered: () => undefined,
  gateMoved: () => undefined,
  flagsMoved: () => undefined,
  recordWritten: () => undefined,
  signalStored: () => undefined,
};

/** Positions lag the lookups of orders, or are ahead of them. */
const unkindBy = (seed: number) => ({
  ...UNKIND,
  bnbFees: undefined,
  positionLagMs: seed % 4 === 1 ? 0 : UNKIND.positionLagMs,
});

export async function openStage(
  kernel: Pick<Stage, 'timeline' | 'faults'>,
  {
    seed,
    market,
    outages,
    isUnkind,
    decides,
  }: Pick<Stage, 'seed' | 'market' | 'outages' | 'decides'> & { readonly isUnkind: boolean },
): Promise<Stage> {
  const { timeline } = kernel;
  const clock = { nowMs: () => timeline.nowMs };
  const core = new ExchangeCore({
    ...{ market, clock, faultSeed: seed, unkind: isUnkind ? unkindBy(seed) : KIND },
    account: { ...KEYS, depositUsdt: DEPOSIT_USDT, costs: COSTS },
  });
  const flags = new FlagTable();
  for (const name of FLAG_NAMES) flags.texts.set(name, OPEN_FLAGS[name]);
  flags.texts.set(LEVEL, 'FULL');
  const objects = createMemoryObjectStore({ versioned: false });
  const active = decides === 'on_candles' ? stubEnsemble : ensemble;
  await putEnsemble(objects, active);
  if (decides === 'on_candles') await putModels(objects, market.symbols);
  return {
    ...kernel,
    ...{ seed, market, outages, symbols: market.symbols, core, flags, objects, keys: KEYS },
    risk: createMemoryRiskStore(),
    signals: createMemorySignalStore(),
    signalsWrittenAtMs: new Map(),
    watch: SILENT,
    deployed: { codeVersion: 'v1', shards: 1 },
    coarsened: new Set(),
    outage: { paths: [], untilMs: 0 },
    tableOutUntilMs: 0,
    ...{ decides, candles: new CandleBook(market), ensemble: active },
    ...{ income: new IncomeBook(), endsAtMs: new Map(), rescaledAtMs: new Map() },
    hedgedSinceMs: undefined,
    active: { id: ENSEMBLE_ID, sinceMs: 0, before: ENSEMBLE_ID },
    models: { unsoundSinceMs: new Map(), brokenUntilMs: 0 },
  };
}

/** What infer reads beside the ensemble: the models, and the universe. */
async function putModels(objects: ObjectStore, symbols: readonly string[]): Promise<void> {
  for (const { model, manifest } of STUB_MEMBERS)
    for (const { key, body } of [model, manifest]) await objects.put(key, body);
  const universe = { schemaVersion: 1, asOf: '2024-08-05', symbols };
  await objects.put(UNIVERSE_KEY, Buffer.from(JSON.stringify(universe)));
}

/** Whether the exchange is down, or in part, at any time from then until now. */
export const wasOutSince = ({ outage, outages, timeline }: Stage, sinceMs: number): boolean =>
  outage.untilMs > sinceMs ||
  outages.some(({ fromMs, untilMs }) => fromMs <= timeline.nowMs && untilMs > sinceMs);

/** The risk table as one environment writes it, told to whoever watches. */
export function watchedRisk(stage: Stage, environment: Environment): RiskStore {
  const { risk, watch } = stage;
  const told = async <T>(scope: Scope, write: () => Promise<T>): Promise<T> => {
    const before = await risk.readGate(scope);
    const result = await write();
    const after = await risk.readGate(scope);
    if (scope === SCOPE && after !== undefined && after !== before)
      watch.gateMoved(before, after, environment.name);
    return result;
  };
  return {
    ...risk,
    createGate: (scope, gate) => told(scope, () => risk.createGate(scope, gate)),
    closeLatch: (scope) => told(scope, () => risk.closeLatch(scope)),
    commit: (scope, plan) => told(scope, () => risk.commit(scope, plan)),
    put: async (scope, key, value, how) => {
      const outcome = await risk.put(scope, key, value, how);
      if (outcome === 'written') watch.recordWritten(key, value);
      return outcome;
    },
  };
}
