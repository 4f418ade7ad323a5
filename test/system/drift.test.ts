// The evaluate function watches drift, on the embedded services and the simulated exchange: a market like that of training has none,
// one of another temper is told, and what cannot be measured has a reason in place of a figure.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEvaluateRolloutHandler } from '../../functions/evaluate-rollout/handler.ts';
import { success } from '../../lib/core/result.ts';
import { HOUR_MS } from '../../lib/core/units.ts';
import { featureProfileKey } from '../../lib/features/feature-profile.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { allocateSeries, type CandleSeries, sliceSeries } from '../../lib/market/candle-series.ts';
import { UNIVERSE_KEY } from '../../lib/market/universe.ts';
import { writeUniverse } from '../../lib/market/use-cases/active-universe.ts';
import { POINTER_KEY } from '../../lib/models/ensemble.ts';
import { writeFeatureProfile } from '../../lib/models/use-cases/write-profile.ts';
import { firstArmed } from '../../lib/risk/breaker/state.ts';
import { newGate } from '../../lib/risk/gate.ts';
import { LEASE_MS } from '../../lib/risk/latch.ts';
import { verifyEvidence } from '../../lib/rollout/use-cases/evidence-bundle.ts';
import {
  composeEvaluateRollout,
  type EvaluateRolloutComposition,
} from '../../lib/runtime/compose/evaluate-rollout.ts';
import { prepareLocalStage } from '../../lib/runtime/compose/local-stage.ts';
import { type OperatorSystem, openLocalStage } from '../../lib/runtime/compose/operator.ts';
import { localTradingSettings } from '../../lib/runtime/config/local-settings.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
import { type SimulatedExchange, startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { type MarketSource, marketOf } from '../../local/market/market-source.ts';
import { toCsv } from '../support/market/candle-csv.ts';
import { qtrader } from '../support/qtrader.ts';

const WEEK_BARS = 7 * 288;
const BARS = WEEK_BARS + 879;
const FROM_MS = Date.UTC(2024, 5, 1);
const END_MS = FROM_MS + BARS * BAR_MS;
const KEY = featureProfileKey('e20240728_205500');

const calm = generateMarket({ seed: 5, symbols: 12, fromMs: FROM_MS, bars: BARS });
const change = (market: MarketSource, of: (series: CandleSeries, index: number) => CandleSeries) =>
  marketOf(new Map(market.symbols.map((symbol, index) => [symbol, of(market.candles(symbol), index)])));

/** Every move five times as large, from one bar to the next and within a bar. */
function agitate(series: CandleSeries): CandleSeries {
  const wild = { ...allocateSeries(series.length), openTimeMs: series.openTimeMs, volume: series.volume };
  const price = (value: number) => Number((value ** 5 / series.close[0]! ** 4).toPrecision(8));
  for (let bar = 0; bar < series.length; bar++)
    for (const column of ['open', 'high', 'low', 'close'] as const)
      wild[column][bar] = price(series[column][bar]!);
  return wild;
}

let stateDir: string;
let aws: EmbeddedAws;
let system: OperatorSystem;
let profile: Uint8Array;
const opened: { composition: EvaluateRolloutComposition; exchange: SimulatedExchange }[] = [];
/** Each test is an hour of its own. */
let nowMs = END_MS + 10_000;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'qt-drift-'));
  await start();
  await prepareLocalStage(aws.endpoints, system.objects);
  // Training was this very week: whatever differs from it was made to.
  const source = { read: async (symbol: string) => success(calm.candles(symbol)) };
  const written = await writeFeatureProfile(
    { source, store: system.objects },
    {
      available: calm.symbols,
      symbols: calm.symbols,
      range: { fromMs: FROM_MS, toMs: END_MS },
      replace: true,
    },
  );
  expect(written).toMatchObject({ ok: true });
  profile = (await system.objects.get(KEY))!.body;
});
beforeEach(async () => {
  nowMs += HOUR_MS;
  await system.objects.put(KEY, profile);
  await universe(calm.symbols);
});
afterAll(async () => {
  for (const { composition, exchange } of opened) {
    await composition.close();
    await exchange.close();
  }
  await system.close();
  await aws.close();
  await rm(stateDir, { recursive: true });
});

async function start(): Promise<void> {
  aws = await startEmbeddedAws({ stateDir });
  system = openLocalStage(aws.endpoints, stateDir);
}

const universe = (symbols: readonly string[]) =>
  writeUniverse(system.objects, { schemaVersion: 1, asOf: '2024-06-11', symbols: [...symbols] });

/** The function on this market, whose last bar has just closed, and what it tells. */
async function open(market: MarketSource) {
  const log: Record<string, unknown>[] = [];
  const logOutput = new PassThrough();
  logOutput.on('data', (chunk) => {
    for (const line of String(chunk).trim().split('\n')) log.push(JSON.parse(line));
  });
  const exchange = await startSimulatedExchange({ market, clock: { nowMs: () => END_MS + 10_000 } });
  const composition = composeEvaluateRollout(
    localTradingSettings({ exchange: 'binanceusdm', exchangeUrl: exchange.url }),
    { endpoints: aws.endpoints, clock: { nowMs: () => nowMs }, logOutput, isReplay: true },
  );
  opened.push({ composition, exchange });
  return { exchange, evaluate: createEvaluateRolloutHandler(composition), log };
}

async function evaluated(market: MarketSource) {
  const { evaluate, log } = await open(market);
  const result = await evaluate();
  const told = log.find(({ message }) => message === 'drift measured') as { level: string; drift: Drift };
  return {
    result,
    log,
    level: told.level,
    drift: told.drift,
    figures: log.find((line) => 'DriftUnmeasured' in line),
  };
}
interface Drift {
  readonly outcome: string;
  readonly code?: string;
  readonly message?: string;
  readonly drifted?: number;
  readonly rows?: number;
  readonly symbols?: readonly string[];
  readonly features?: readonly { name: string; psi: number; low: number }[];
}

describe('evaluate-rollout', () => {
  it('finds no drift in the market of training', async () => {
    const { result, level, drift, figures } = await evaluated(calm);
    expect(drift).toMatchObject({ outcome: 'measured', drifted: 0, rows: 10 * WEEK_BARS });
    expect(new Set(drift.symbols).size).toBe(10);
    expect(level).toBe('INFO');
    expect(figures).toMatchObject({ DriftUnmeasured: 0, DriftedFeatures: 0 });
    expect(result.driftedFeatures).toBe(0);
  });

  it('takes other symbols in the next hour, and all of them in time', async () => {
    const { evaluate, log } = await open(calm);
    for (let hour = 0; hour < 3; hour++) {
      await evaluate();
      nowMs += HOUR_MS;
    }
    const samples = log
      .filter(({ message }) => message === 'drift measured')
      .map(({ drift }) => drift as Drift);
    expect(samples).toHaveLength(3);
    expect(samples[0]!.symbols).not.toEqual(samples[1]!.symbols);
    expect(new Set(samples.flatMap(({ symbols }) => symbols!))).toEqual(new Set(calm.symbols));
  });

  it('tells a market of another temper, with the features that show it, and neither trips nor judges by it', async () => {
    const before = await evaluated(calm);
    nowMs += HOUR_MS;
    const { result, level, drift, figures } = await evaluated(change(calm, agitate));
    expect(drift.drifted).toBeGreaterThanOrEqual(3);
    expect(drift.features!.map(({ name }) => name)).toEqual(
      expect.arrayContaining([expect.stringMatching(/range|atr|volatility/)]),
    );
    for (const { low } of drift.features!) expect(low).toBeGreaterThan(0.25);
    expect(level).toBe('WARN');
    expect(figures).toMatchObject({ DriftUnmeasured: 0, DriftedFeatures: drift.drifted });
    expect([result.verdict, result.criteria, result.breaches]).toEqual([
      before.result.verdict,
      before.result.criteria,
      before.result.breaches,
    ]);
  });

  it('takes two days of seven for chance, although their PSI is significant, and six for drift', async () => {
    const stretched = (days: number) =>
      change(calm, (series) => {
        const factor = (bar: number) => (bar >= BARS - days * 288 ? 0.02 : 0);
        return {
          ...series,
          high: series.high.map((high, bar) => high * (1 + factor(bar))),
          low: series.low.map((low, bar) => low * (1 - factor(bar))),
        };
      });
    const two = await evaluated(stretched(2));
    expect(two.drift).toMatchObject({ outcome: 'measured', drifted: 0 });
    expect(two.drift.features!.some(({ psi }) => psi > 0.25)).toBe(true);
    nowMs += HOUR_MS;
    const six = await evaluated(stretched(6));
    expect(six.drift.drifted).toBeGreaterThan(0);
  });

  it('has the newest measurement in the evidence of the next decision, proven with it', async () => {
    const { drift } = await evaluated(change(calm, agitate));
    nowMs += HOUR_MS;
    const { result } = await evaluated(calm);
    const bundle = await verifyEvidence(system.objects, {
      key: result.evidenceKey,
      sha256: result.evidenceSha256,
    });
    expect(bundle).toMatchObject({ ok: true, value: { drift } });
  });

  it('finds the same where bars are missing: a page reaches back over the hole', async () => {
    const holed = change(calm, (series) => {
      const kept = Array.from({ length: series.length }, (_, bar) => bar).filter(
        (bar) => bar % 400 !== 7 && (bar < 1_900 || bar > 1_930),
      );
      const pick = (column: Float64Array) => Float64Array.from(kept, (bar) => column[bar]!);
      return {
        length: kept.length,
        openTimeMs: pick(series.openTimeMs),
        open: pick(series.open),
        high: pick(series.high),
        low: pick(series.low),
        close: pick(series.close),
        volume: pick(series.volume),
      };
    });
    const { drift } = await evaluated(holed);
    expect(drift).toMatchObject({ outcome: 'measured', drifted: 0 });
    expect(drift.rows).toBeGreaterThan(0.9 * 10 * WEEK_BARS);
  });
});

describe('the commands, on the saved state of a system that does not run', () => {
  it('qtrader drift --state measures against the active ensemble there, and qtrader gonogo names what drifted', async () => {
    const { drift } = await evaluated(change(calm, agitate));
    await system.risk.createGate('paper', { ...newGate(firstArmed(nowMs)), leaseUntilMs: nowMs + LEASE_MS });
    await system.close();
    await aws.close();
    try {
      const data = join(stateDir, 'recorded');
      await mkdir(data);
      for (const symbol of calm.symbols.slice(0, 2))
        await writeFile(join(data, `${symbol}.csv.gz`), toCsv(calm.candles(symbol)));
      const measured = await qtrader('drift', '--data', data, '--state', stateDir, '--json');
      expect(measured).toMatchObject({ exitCode: 0, stderr: '' });
      const report = JSON.parse(measured.stdout);
      expect(report.training).toMatchObject({ fromMs: FROM_MS + 880 * BAR_MS, symbols: calm.symbols });
      expect(report.recent.rows).toBe(2 * WEEK_BARS);
      const both = await qtrader('drift', '--data', data, '--state', stateDir, '--models', 'models/starter');
      expect(both).toMatchObject({ exitCode: 2, stdout: '' });

      const told = await qtrader('gonogo', '--state', stateDir);
      expect(told.stdout).toMatch(
        new RegExp(`^  drift: ${drift.drifted} features drifted, most of all [a-z0-9_, ]+$`, 'm'),
      );
    } finally {
      await start();
    }
  });
});

const edit = (changed: (document: Record<string, unknown>) => unknown) => async () => {
  const document = JSON.parse(Buffer.from(profile).toString());
  await system.objects.put(KEY, Buffer.from(JSON.stringify(changed(document))));
};
type Feature = { bins: { kind: string; edges: number[] }; counts: number[] };
const editFeature = (changed: (feature: Feature) => void) =>
  edit((document) => {
    changed((document.features as Feature[])[0]!);
    return document;
  });

describe('what cannot be measured has its reason and no figure', () => {
  const early = change(calm, (series) => sliceSeries(series, series.length - 998, series.length));
  const mostlyNew = change(calm, (series, index) =>
    index < 3 ? series : early.candles(calm.symbols[index]!),
  );
  it.each<[string, string, () => Promise<unknown>, MarketSource]>([
    ['a profile cut short', 'profile_unusable', () => system.objects.put(KEY, profile.slice(0, 1_000)), calm],
    ['an empty profile', 'profile_unusable', () => system.objects.put(KEY, new Uint8Array()), calm],
    [
      'bytes that are no text',
      'profile_unusable',
      () => system.objects.put(KEY, Buffer.from([0xff, 0xfe, 0])),
      calm,
    ],
    [
      'a profile of another ensemble',
      'profile_unusable',
      edit((it) => ({ ...it, ensembleId: 'e20200101_000000' })),
      calm,
    ],
    ['counts of nothing', 'profile_unusable', editFeature(({ counts }) => counts.fill(0)), calm],
    ['bins in disorder', 'profile_unusable', editFeature(({ bins }) => bins.edges.reverse()), calm],
    ['a history of less than a week', 'too_few_rows', async () => {}, early],
    ['three old symbols among new ones', 'too_few_rows', async () => {}, mostlyNew],
    ['symbols that the exchange does not know', 'no_rows', () => universe(['AUSDT', 'BUSDT']), calm],
    [
      'a universe that cannot be read',
      'no_universe',
      () => system.objects.put(UNIVERSE_KEY, Buffer.from('{')),
      calm,
    ],
  ])('%s', async (_, code, spoil, market) => {
    await spoil();
    const { result, level, drift, figures } = await evaluated(market);
    expect(drift).toMatchObject({ outcome: 'unmeasured', code });
    expect(drift.message).toMatch(/^[^\n]+$/);
    expect(level).toBe('WARN');
    expect(figures).toMatchObject({ DriftUnmeasured: 1 });
    expect(figures).not.toHaveProperty('DriftedFeatures');
    expect(result).toMatchObject({ driftedFeatures: null, level: 'PAPER' });
  });

  it('no profile, and no active ensemble', async () => {
    const pointer = (await system.objects.get(POINTER_KEY))!.body;
    const other = JSON.parse(Buffer.from(pointer).toString());
    await system.objects.put(POINTER_KEY, Buffer.from('{}'));
    expect((await evaluated(calm)).drift).toMatchObject({ code: 'no_ensemble' });
    nowMs += HOUR_MS;
    const ensemble = JSON.parse(
      Buffer.from((await system.objects.get(`ensembles/${other.ensembleId}.json`))!.body).toString(),
    );
    await system.objects.put(
      'ensembles/e20240729_000000.json',
      Buffer.from(JSON.stringify({ ...ensemble, id: 'e20240729_000000' })),
    );
    await system.objects.put(
      POINTER_KEY,
      Buffer.from(JSON.stringify({ ...other, ensembleId: 'e20240729_000000' })),
    );
    expect((await evaluated(calm)).drift).toMatchObject({ code: 'no_profile' });
    await system.objects.put(POINTER_KEY, pointer);
  });

  it('an exchange without answers: judged all the same, and drift is not known', async () => {
    const { exchange, evaluate, log } = await open(calm);
    await exchange.close();
    opened.pop();
    expect(await evaluate()).toMatchObject({ verdict: 'NO_GO', driftedFeatures: null });
    const told = log.findIndex(({ message }) => message === 'drift measured');
    expect(log[told]).toMatchObject({ drift: { code: 'exchange_unavailable' } });
    expect(log.findIndex(({ message }) => message === 'rollout assessed')).toBeLessThan(told);
  });

  it('a store that cannot be read: judged all the same', async () => {
    const { evaluate, log } = await open(calm);
    await evaluate();
    nowMs += HOUR_MS;
    aws.faults.s3.inject({ kind: 'error', times: 10_000, operation: 'GetObject' });
    await evaluate().finally(() => aws.faults.s3.clear());
    const drifts = log.filter(({ message }) => message === 'drift measured');
    expect(drifts.at(-1)).toMatchObject({ drift: { outcome: 'unmeasured', code: 'store_unavailable' } });
    expect(log.filter(({ message }) => message === 'rollout assessed')).toHaveLength(2);
  });
});
