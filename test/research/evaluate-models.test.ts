// Judging goes through the code that serves: proven here by asking both about the same bars. Real ONNX Runtime, small nets.
import { describe, expect, test } from 'vitest';
import { createFolderMarketData } from '../../lib/adapters/files/folder-market-data.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import { failure, success } from '../../lib/core/result.ts';
import type { Signal } from '../../lib/inference/signal.ts';
import { infer } from '../../lib/inference/use-cases/infer.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import type { CandleSeries } from '../../lib/market/candle-series.ts';
import { createCandleWindows } from '../../lib/market/use-cases/candle-windows.ts';
import { createEnsembleProvider } from '../../lib/models/use-cases/load-ensemble.ts';
import type { Evaluation } from '../../lib/research/evaluation.ts';
import { deflatedSharpe } from '../../lib/research/metrics/deflated-sharpe.ts';
import { dailySharpe } from '../../lib/research/metrics/performance.ts';
import { type EvaluateRequest, evaluateModels } from '../../lib/research/use-cases/evaluate-models.ts';
import { randomWalk, WALK_START_MS } from '../support/market/random-walk.ts';
import {
  buildModelFolder,
  DEFAULT_MEMBERS,
  type MemberPlan,
  toJson,
} from '../support/models/build-model-folder.ts';
import { createMemoryObjectStore } from '../support/models/memory-object-store.ts';

const BARS = 1_400;
/** Symbol B has a hole of 3 bars, so that some of its rows have no sequence. */
const HOLE_BAR = 1_100;
const MARKET: Readonly<Record<string, CandleSeries>> = {
  AUSDT: randomWalk({ seed: 1, bars: BARS }),
  BUSDT: randomWalk({ seed: 2, bars: BARS, missing: (bar) => bar >= HOLE_BAR && bar < HOLE_BAR + 3 }),
  CUSDT: randomWalk({ seed: 3, bars: BARS }),
  DUSDT: randomWalk({ seed: 4, bars: BARS }),
  EUSDT: randomWalk({ seed: 5, bars: BARS }),
};
const FROM_MS = WALK_START_MS + 1_000 * BAR_MS;
const LAST_MS = WALK_START_MS + (BARS - 1) * BAR_MS;
const LABEL = { kind: 'triple_barrier', horizonBars: 3, atrMultiple: 1, minBarrierBps: 21 } as const;

const DAYS_25 = { fromMs: 0, toMs: 25 * 86_400_000 };

const source = {
  read: async (symbol: string) => {
    const series = MARKET[symbol];
    return series === undefined ? failure(`line 7: broken`) : success(series);
  },
};

const trainedOn = (fromMs: number, toMs: number): readonly MemberPlan[] =>
  DEFAULT_MEMBERS.map((member) => ({
    ...member,
    manifest: (manifest) => ({ ...manifest, training: { ...manifest.training, fromMs, toMs } }),
  }));

async function buildStore(
  plan: {
    members?: readonly MemberPlan[];
    edgeThresholdBps?: number;
    log?: unknown;
    ensemble?: { holdBars?: number; stopAtrMultiple?: number };
  } = {},
) {
  const store = createMemoryObjectStore({ versioned: false });
  await buildModelFolder({
    store,
    ...(plan.members && { members: plan.members }),
    ensemble: {
      ...{ label: LABEL, holdBars: LABEL.horizonBars, edgeThresholdBps: plan.edgeThresholdBps ?? 2 },
      ...plan.ensemble,
    },
  });
  if (plan.log !== undefined) await store.put('training-log.json', toJson(plan.log));
  return store;
}

async function evaluate(
  store: Awaited<ReturnType<typeof buildStore>>,
  request: Partial<EvaluateRequest> = {},
) {
  const ensembles = createEnsembleProvider({ store, runtime: createOnnxModelRuntime() });
  try {
    return await evaluateModels(
      { source, ensembles, store, drawIndex: () => 0 },
      {
        symbols: Object.keys(MARKET),
        range: { fromMs: FROM_MS, toMs: undefined },
        everyBars: 1,
        onProgress: () => {},
        ...request,
      },
    );
  } finally {
    await ensembles.close();
  }
}

async function evaluated(...call: Parameters<typeof evaluate>): Promise<Evaluation> {
  const result = await evaluate(...call);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

async function inferAt(store: Awaited<ReturnType<typeof buildStore>>, barOpenTimeMs: number) {
  const ensembles = createEnsembleProvider({ store, runtime: createOnnxModelRuntime() });
  const atMs = barOpenTimeMs + BAR_MS;
  const market = createFolderMarketData({ symbols: Object.keys(MARKET), read: source.read }, atMs);
  const { signals } = await infer(
    {
      market,
      windows: createCandleWindows(market),
      ensembles,
      signals: createMemorySignalStore(),
      clock: { nowMs: () => atMs },
      stopwatchMs: () => 0,
      residentBytes: () => 0,
      codeVersion: 'local',
    },
    { symbols: Object.keys(MARKET), shard: 0, shardCount: 1 },
  );
  await ensembles.close();
  return signals;
}

describe('the code that serves', () => {
  test('decides every judged bar exactly as infer does: votes, probabilities, action, stop', async () => {
    const store = await buildStore();
    const decided = new Map<string, Signal>();
    await evaluated(store, {
      onSignal: (signal) => decided.set(`${signal.symbol} ${signal.barOpenTimeMs}`, signal),
    });
    // The first and the last judged bar, the bars around the hole (B has no row at 1113), batch borders.
    const bars = [1_000, 1_096, 1_113, 1_114, 1_150, 1_208, 1_209, 1_255, 1_256, 1_396];
    let compared = 0;
    let withoutSequence = 0;
    for (const bar of bars) {
      for (const { codeVersion, ...signal } of await inferAt(store, WALK_START_MS + bar * BAR_MS)) {
        expect(codeVersion).toBe('local');
        expect(decided.get(`${signal.symbol} ${signal.barOpenTimeMs}`)).toEqual(signal);
        compared++;
        if (signal.activeModels === 2) withoutSequence++;
      }
    }
    expect(compared).toBe(bars.length * 5 - 1);
    expect(withoutSequence).toBeGreaterThan(2);
  });

  test('counts what has no row by its reason, and a model without a sequence by its own', async () => {
    const evaluation = await evaluated(await buildStore());
    // Missing bars and the 12 after each; the 3 before the hole whose path it breaks; the horizon at the end.
    expect(evaluation.abstentions).toMatchObject({ gap_recent: 14, gap_ahead: 3, no_future: 15 });
    expect(evaluation.rows).toBe(5 * 400 - 14 - 3 - 15);
    const { nhits, xgboost } = evaluation.models;
    expect(nhits!.abstentions).toEqual({ sequence_incomplete: 95 });
    expect(nhits!.rows).toBe(evaluation.rows - 95);
    expect(xgboost!.abstentions).toEqual({});
    const { actions } = evaluation.ensemble;
    expect(actions.BUY + actions.HOLD + actions.SELL).toBe(evaluation.rows);
    expect(actions.BUY + actions.SELL).toBe(evaluation.ensemble.edge.signals);
  });

  test('nets that all follow the RSI agree wholly, and are equally far from foreseeing a random walk', async () => {
    const { models, ensemble } = await evaluated(await buildStore());
    expect(ensemble.agreementXgbLgbm).toBe(1);
    expect(models.xgboost!.agreementXgbLgbm).toBe(1);
    expect(models.nhits!.agreementXgbLgbm).toBeUndefined();
    expect(ensemble.consensusRate).toBe(1);
    expect(ensemble.logLoss!).toBeGreaterThan(ensemble.priorLogLoss!);
    expect(Math.abs(ensemble.rankIc!)).toBeLessThan(0.2);
    expect(ensemble.logLoss!).toBeCloseTo(ensemble.volatilityLogLoss! + ensemble.directionLogLoss!, 10);
  });

  test('every n-th bar means the same bars of all symbols', async () => {
    const times = new Set<number>();
    const evaluation = await evaluated(await buildStore(), {
      everyBars: 7,
      onSignal: ({ barOpenTimeMs }) => times.add(barOpenTimeMs / BAR_MS),
    });
    expect([...times].every((bar) => bar % 7 === 0)).toBe(true);
    expect(evaluation.rows).toBeGreaterThan(5 * (400 / 7 - 4));
  });

  test('reads nothing from the end of the range on', async () => {
    const toMs = FROM_MS + 50 * BAR_MS;
    const evaluation = await evaluated(await buildStore(), { range: { fromMs: FROM_MS, toMs } });
    expect(evaluation.range).toMatchObject({
      fromMs: FROM_MS,
      toMs: toMs - (1 + LABEL.horizonBars) * BAR_MS,
    });
    expect(evaluation.strategy.equity.timeMs[evaluation.strategy.equity.timeMs.length - 1]).toBe(toMs);
  });
});

describe('training range', () => {
  const inSampleOf = async (fromMs: number, toMs: number) =>
    (await evaluated(await buildStore({ members: trainedOn(fromMs, toMs) }))).inSample;

  test('all judged bars inside it are in sample', async () => {
    expect(await inSampleOf(WALK_START_MS, LAST_MS)).toBe(true);
  });
  test('one judged bar inside it makes the range partly in sample', async () => {
    expect(await inSampleOf(WALK_START_MS, FROM_MS)).toBe('partly');
  });
  test('a range that ended one bar before is out of sample', async () => {
    expect(await inSampleOf(WALK_START_MS, FROM_MS - BAR_MS)).toBe(false);
  });
  test('a range that begins after the judged bars is out of sample', async () => {
    expect(await inSampleOf(LAST_MS + BAR_MS, LAST_MS + 2 * BAR_MS)).toBe(false);
  });
  test('what one member has seen, the ensemble has seen', async () => {
    const members = DEFAULT_MEMBERS.map((member) =>
      member.name === 'nhits' ? trainedOn(WALK_START_MS, LAST_MS)[2]! : member,
    );
    const evaluation = await evaluated(await buildStore({ members }));
    expect(evaluation.inSample).toBe(true);
    expect(evaluation.models.nhits!.inSample).toBe(true);
    expect(evaluation.models.patchtst!.inSample).toBe(false);
  });
});

test('confidence is judged by net profits, acting signals apart from all that lean', async () => {
  const signals: Signal[] = [];
  const { ensemble } = await evaluated(await buildStore(), { onSignal: (signal) => signals.push(signal) });
  const { acting, leaning } = ensemble.confidence;
  const acted = signals.filter(({ action }) => action !== 'HOLD');
  expect(acting.signals).toBe(acted.length);
  expect(acting.meanConfidence).toBeCloseTo(
    acted.reduce((sum, { confidence }) => sum + confidence, 0) / acted.length,
    12,
  );
  expect(ensemble.meanConfidence).toBeCloseTo(acting.meanConfidence!, 12);
  expect(leaning.signals).toBeGreaterThan(acting.signals);
  const closes = new Map(
    Object.entries(MARKET).map(([symbol, { openTimeMs, close }]) => [
      symbol,
      new Map(Array.from(openTimeMs, (ms, index) => [ms, close[index]!])),
    ]),
  );
  const profitable = acted.filter(({ symbol, barOpenTimeMs, action, close }) => {
    const later = closes.get(symbol)!.get(barOpenTimeMs + LABEL.horizonBars * BAR_MS)!;
    return (action === 'BUY' ? 1 : -1) * (later / close - 1) * 10_000 > ensemble.edge.costsBps;
  });
  expect(acting.profitable).toBeCloseTo(profitable.length / acted.length, 12);
});

test.each([
  ['after the bars that the ensemble holds', { holdBars: 5, stopAtrMultiple: 100 }],
  ['at its stop', { holdBars: 50, stopAtrMultiple: 0.5 }],
] as const)('the simulated account leaves %s', async (_, ensemble) => {
  const signals: Signal[] = [];
  const { strategy } = await evaluated(await buildStore({ ensemble }), {
    symbols: ['AUSDT'],
    onSignal: (signal) => signals.push(signal),
  });
  const { open, low, high, close } = MARKET.AUSDT!;
  const moves: number[] = [];
  let [stopped, free] = [0, 0];
  for (const { action, barOpenTimeMs, stopAtr } of signals) {
    const bar = (barOpenTimeMs - WALK_START_MS) / BAR_MS;
    if (action === 'HOLD' || bar + ensemble.holdBars >= BARS || bar + 1 < free) continue;
    const sign = action === 'BUY' ? 1 : -1;
    const entered = open[bar + 1]!;
    const stop = entered - sign * ensemble.stopAtrMultiple * stopAtr;
    let at = bar + 1;
    while (at < bar + ensemble.holdBars && sign * ((sign > 0 ? low : high)[at]! - stop) > 0) at++;
    const isStopped = sign * ((sign > 0 ? low : high)[at]! - stop) <= 0;
    const left = isStopped ? sign * Math.min(sign * stop, sign * open[at]!) : close[at]!;
    moves.push(sign * 10_000 * (left / entered - 1));
    stopped += isStopped ? 1 : 0;
    free = at + 1;
  }
  expect(moves.length).toBeGreaterThan(3);
  expect(strategy).toMatchObject({ trades: moves.length, stopped });
  expect(stopped > 0).toBe(ensemble.stopAtrMultiple < 1);
  expect(strategy.tradedGrossBps).toBeCloseTo(moves.reduce((sum, move) => sum + move, 0) / moves.length, 6);
});

describe('what cannot be known', () => {
  test('no acted-on signal: edge, Sharpe and profit factor are undefined, trades are 0', async () => {
    const { ensemble, strategy } = await evaluated(await buildStore({ edgeThresholdBps: 1e6 }));
    expect(ensemble.actions).toMatchObject({ BUY: 0, SELL: 0 });
    expect(ensemble.edge).toMatchObject({ signals: 0, grossBps: undefined, netBps: undefined });
    expect(ensemble.meanConfidence).toBeUndefined();
    expect(strategy).toMatchObject({
      trades: 0,
      sharpe: undefined,
      sortino: undefined,
      calmar: undefined,
      profitFactor: undefined,
      maxDrawdown: undefined,
      deflatedSharpe: undefined,
      tradedGrossBps: undefined,
    });
  });

  test('fewer than five symbols: the rank correlation is undefined', async () => {
    const { ensemble } = await evaluated(await buildStore(), { symbols: ['AUSDT', 'CUSDT'] });
    expect(ensemble).toMatchObject({ rankIc: undefined, rankIcT: undefined, rankIcBars: 0 });
  });

  test('a quarantined model has figures that are undefined, and the others are judged', async () => {
    const members = DEFAULT_MEMBERS.map((member) =>
      member.name === 'xgboost' ? { ...member, bytes: new Uint8Array([1, 2, 3]) } : member,
    );
    const { models, ensemble, rows } = await evaluated(await buildStore({ members }));
    expect(models.xgboost).toMatchObject({
      rows: 0,
      logLoss: undefined,
      meanConfidence: undefined,
      inSample: undefined,
      quarantined: { reason: 'session_failed' },
      abstentions: { session_failed: rows },
    });
    expect(models.lightgbm!.logLoss).toBeGreaterThan(0);
    expect(models.lightgbm!.agreementXgbLgbm).toBeUndefined();
    // Without a sequence LightGBM is alone, and one model decides nothing.
    expect(ensemble.abstained).toBe(95);
  });

  test('without a log of trials the deflated Sharpe ratio is undefined, and says why', async () => {
    const { strategy } = await evaluated(await buildStore());
    expect(strategy.deflatedSharpe).toBeUndefined();
    expect(strategy.trialsUnknown).toMatch(/no training-log.json/);
  });

  test.each([
    ['{', /cannot be read/],
    [{ trials: [{ key: 'a' }] }, /lists no trials/],
    [{ trials: [{ outOfFold: { actedNetBps: 1 }, folds: [] }] }, /lists no trials/],
    [{ trials: [{ outOfFold: { actedNetBps: null }, folds: [DAYS_25] }] }, /1 of 1 logged trials/],
  ])('a log of trials that does not say enough (%j) is named', async (log, why) => {
    const store = await buildStore();
    await store.put(
      'training-log.json',
      typeof log === 'string' ? new TextEncoder().encode(log) : toJson(log),
    );
    const { strategy } = await evaluated(store);
    expect(strategy.deflatedSharpe).toBeUndefined();
    expect(strategy.trialsUnknown).toMatch(why);
  });

  test("the deflated Sharpe ratio reckons with every logged trial's ratio per day, and with the strategy's own", async () => {
    // Net 3 ± 2 over 25 days, on whichever of them it acted: t 1.5, and 0.3 a day.
    const folds = [DAYS_25];
    const outOfFold = { actedNetBps: 3, actedNetStandardErrorBps: 2, actedDays: 9 };
    const log = {
      trials: [
        { outOfFold, folds },
        { outOfFold: { ...outOfFold, actedNetBps: -1 }, folds },
      ],
    };
    const { strategy } = await evaluated(await buildStore({ log }));
    const returns = strategy.daily.map(({ value }) => value);
    const trialSharpes = [0.3, -0.1, dailySharpe(returns)!];
    expect(strategy.trials).toBe(3);
    expect(strategy.deflatedSharpe).toBeCloseTo(deflatedSharpe({ returns, trialSharpes })!, 12);
    expect(strategy.trialsUnknown).toBeUndefined();
  });
});

describe('what cannot be judged at all', () => {
  test('no active ensemble', async () => {
    const result = await evaluate(createMemoryObjectStore({ versioned: false }));
    expect(result).toMatchObject({ ok: false, error: { code: 'no_ensemble' } });
  });

  test('no model that may serve', async () => {
    const members = DEFAULT_MEMBERS.map((member) => ({ ...member, bytes: new Uint8Array([0]) }));
    const result = await evaluate(await buildStore({ members }));
    expect(result).toMatchObject({ ok: false, error: { code: 'no_models' } });
  });

  test('a range without a bar that has a row', async () => {
    const range = { fromMs: undefined, toMs: WALK_START_MS + 500 * BAR_MS };
    const result = await evaluate(await buildStore(), { range });
    expect(result).toMatchObject({ ok: false, error: { code: 'no_rows' } });
    expect(!result.ok && result.error.message).toMatch(/insufficient_history/);
  });

  test('a symbol whose candles are broken is left out by name, and the others are judged', async () => {
    const progress: string[] = [];
    const evaluation = await evaluated(await buildStore(), {
      symbols: ['AUSDT', 'BROKENUSDT'],
      onProgress: ({ done, of, symbol, outcome }) => progress.push(`${done}/${of} ${symbol} ${outcome.ok}`),
    });
    expect(evaluation.symbols).toEqual(['AUSDT']);
    expect(evaluation.symbolProblems).toEqual([{ symbol: 'BROKENUSDT', message: 'line 7: broken' }]);
    expect(progress).toEqual(['1/2 AUSDT true', '2/2 BROKENUSDT false']);
  });
});
