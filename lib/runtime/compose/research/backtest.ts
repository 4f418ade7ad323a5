// A backtest over folders of recorded candles and stored models. All stores are in memory; only a file of predictions is written, if
// requested.
import { createRecordedMarket } from '../../../adapters/files/folder-market-data.ts';
import { createMemoryFlagStore } from '../../../adapters/memory/memory-flag-store.ts';
import { createMemoryRiskStore } from '../../../adapters/memory/memory-risk-store.ts';
import { createLazyModelRuntime } from '../../../adapters/onnx/lazy-model-runtime.ts';
import { createPaperBroker } from '../../../adapters/paper/paper-broker.ts';
import { microUsdt } from '../../../core/money.ts';
import type { ObjectStore } from '../../../core/ports.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import type { PaperOrder } from '../../../execution/paper/paper-account.ts';
import { betaToBitcoin } from '../../../market/beta.ts';
import { type Ensemble, ensembleKey } from '../../../models/ensemble.ts';
import { createSizingPolicies } from '../../../models/use-cases/sizing-policies.ts';
import type { BacktestRun } from '../../../research/backtest-run.ts';
import {
  applySettings,
  type BacktestSettings,
  releasedSettings,
} from '../../../research/backtest-settings.ts';
import { replayBars } from '../../../research/replay/replay-bars.ts';
import type { BacktestReport } from '../../../research/use-cases/backtest-report.ts';
import { createPredictedSignals } from '../../../research/use-cases/predicted-signals.ts';
import { reportBacktest } from '../../../research/use-cases/report-backtest.ts';
import { runBacktest, type SimulatedClock } from '../../../research/use-cases/run-backtest.ts';
import { FLAG_NAMES, parseFlags } from '../../../risk/flags.ts';
import type { RiskStore } from '../../../risk/ports.ts';
import { seededDraws } from '../seeded-draws.ts';
import { type BacktestError, type Past, type PastQuery, type ReplayInput, withPast } from './past.ts';

export interface BacktestQuery extends PastQuery {
  readonly depositUsdt: number;
  readonly withBreaker: boolean;
  /** As released where not given. */
  readonly settings?: Partial<BacktestSettings>;
}

/** `replayMs` is the duration of the trading, without reading candles and running models. */
export const backtestFolder = (
  query: BacktestQuery,
): Promise<
  Result<{ readonly report: BacktestReport; readonly past: Past; readonly replayMs: number }, BacktestError>
> =>
  withPast(query, async (input) => {
    const startedMs = performance.now();
    const report = await replayPast(query, input);
    return { report, past: input.past, replayMs: performance.now() - startedMs };
  });

type ReplayQuery = Pick<BacktestQuery, 'fromMs' | 'toMs' | 'depositUsdt' | 'settings'>;

/**
 * Replays trading on the past: in one loop over columns, or by the use cases themselves where the breaker evaluates every bar or an
 * order is refused. Both give the same. Everything but the input is created here, so that the same input gives the same report.
 */
export async function replayPast(
  query: ReplayQuery & Pick<BacktestQuery, 'withBreaker'>,
  input: ReplayInput,
): Promise<BacktestReport> {
  const { fromMs, toMs, withBreaker } = query;
  const { past, ensemble: released, trainedToMs } = input;
  const settings = { ...releasedSettings(released), ...query.settings };
  const { ensemble, costs } = applySettings(settings, released);
  const quick = withBreaker
    ? failure('the circuit breaker evaluates every bar')
    : await replayColumns(query, input);
  const run = quick.ok ? quick.value : await replayUseCases(query, input);
  return reportBacktest(run, {
    ensembleId: ensemble.id,
    range: { fromMs, toMs },
    settings,
    releasedSettings: releasedSettings(released),
    decisions: past.decided.reduce((sum, { candle }) => sum + candle.length, 0),
    costs,
    withBreaker,
    slowReplay: quick.ok ? undefined : quick.error,
    abstentions: past.abstentions,
    symbolProblems: past.symbolProblems,
    trainedToMs,
    series: past.series,
    drawIndex: seededDraws(),
  });
}

/** Fails with one line where the use cases have to trade the range. */
export async function replayColumns(
  { fromMs, toMs, depositUsdt, settings }: ReplayQuery,
  {
    past,
    ensemble: released,
  }: Pick<ReplayInput, 'ensemble'> & { readonly past: Pick<Past, 'series' | 'bitcoin' | 'decided'> },
  onOrder?: (order: PaperOrder) => void,
): Promise<Result<BacktestRun, string>> {
  if (released.sizingPolicy !== null) return failure('the entries are sized by a policy');
  const { flags, ...applied } = applySettings({ ...releasedSettings(released), ...settings }, released);
  const readings = await createMemoryFlagStore(flags).read(FLAG_NAMES);
  const candles = [...past.series.values()];
  const symbols = past.decided.map((decided, index) => ({ decided, series: candles[index]! }));
  const depositMicroUsdt = microUsdt(depositUsdt);
  return replayBars(symbols, {
    ...{ ...applied, flags: parseFlags(readings), fromMs, toMs, depositMicroUsdt, onOrder },
    bitcoin: past.bitcoin,
  });
}

/** @param risk empty; keeps the records of the run */
export async function replayUseCases(
  { withBreaker = false, ...query }: ReplayQuery & Partial<Pick<BacktestQuery, 'withBreaker'>>,
  { past, ensemble: released, objects, servedModels, quarantined }: ReplayInput,
  risk: RiskStore = createMemoryRiskStore(),
): Promise<BacktestRun> {
  const { fromMs, toMs } = query;
  const settings = { ...releasedSettings(released), ...query.settings };
  const { ensemble, costs, flags, limits, policy } = applySettings(settings, released);
  const clock = createSimulatedClock(fromMs);
  const symbols = [...past.series.keys()];
  const candles = { symbols, read: async (symbol: string) => success(past.series.get(symbol)!) };
  const broker = createPaperBroker({
    records: risk,
    market: createRecordedMarket(candles, clock),
    clock,
    costs,
    depositMicroUsdt: microUsdt(query.depositUsdt),
  });
  const signals = createPredictedSignals(await past.predictions(), {
    ensemble,
    servedModels,
    quarantined: [...quarantined],
    betas: (symbol, barOpenTimeMs) =>
      past.bitcoin === undefined
        ? null
        : betaToBitcoin(past.series.get(symbol)!, past.bitcoin, barOpenTimeMs),
  });
  const policies = createSizingPolicies({ store: objects, runtime: createLazyModelRuntime() });
  return runBacktest(
    {
      ...{ signals, risk, broker, clock, policies },
      objects: servingEnsemble(objects, ensemble),
      flags: createMemoryFlagStore(flags),
    },
    {
      ...{ ensembleId: ensemble.id, holdBars: ensemble.holdBars },
      ...{ fromMs, toMs, withBreaker, limits, policy },
    },
  ).finally(policies.close);
}

/** The store with the ensemble as the settings change it: decisions and orders then follow the same one. */
function servingEnsemble(objects: ObjectStore, ensemble: Ensemble): ObjectStore {
  const body = new TextEncoder().encode(JSON.stringify(ensemble));
  return {
    ...objects,
    async get(key, versionId) {
      const stored = await objects.get(key, versionId);
      return stored === undefined || key !== ensembleKey(ensemble.id) ? stored : { ...stored, body };
    },
  };
}

function createSimulatedClock(startMs: number): SimulatedClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    set: (to) => {
      nowMs = to;
    },
  };
}
