// What computing features costs, beside what the npm indicator libraries cost for the standard indicators among them.
// Everything runs in the same process on the same generated candles, the candidates take turns, and medians are compared,
// so that a busy machine slows all of them alike.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { invariant } from '../lib/core/invariant.ts';
import { computeFeatures } from '../lib/features/compute-features.ts';
import { FEATURE_COUNT } from '../lib/features/feature-set.ts';
import { type CandleSeries, sliceSeries } from '../lib/market/candle-series.ts';
import { REQUEST_BARS } from '../lib/market/grid.ts';
import { generateMarket } from '../local/market/generated-market.ts';

/** 90 days of 5-minute bars. */
const BARS = 25_920;
const SYMBOLS = 100;
const TURNS = 3;
const RUNS_PER_TURN = 7;
/** 2024-01-01T00:00Z */
const FROM_MS = 1_704_067_200_000;

interface PeerLibrary {
  readonly name: string;
  /** How many of the standard indicators it computes. */
  readonly indicators: number;
  compute(columns: Record<string, number[]>): unknown[];
}

export interface FeatureBenchmark {
  /** All 49 features, one thread, ns per bar. */
  readonly batchNsPerBar: number;
  /** Of these: the result's fresh memory, which the system clears page by page, and a copy into it. */
  readonly freshMemoryNsPerBar: number;
  /** The newest row of 998 bars, as serving reads it. */
  readonly lastRowUs: number;
  /**
   * Time of the fastest library for one indicator over our time for one feature: its total divided by the standard
   * indicators it computes (16 to 18, MACD, stochastic, bands and DI counting as one each although they have several
   * outputs), ours by 49. Work without a counterpart, such as the 96-bar windows, counts on our side.
   */
  readonly speedupVsFastestLibrary: number;
  /** The hardest comparison: the fastest library's total for its 16 to 18 indicators over ours for all 49 features. */
  readonly wholeSetVsFastestLibrary: number;
  readonly libraries: readonly {
    readonly name: string;
    readonly indicators: number;
    readonly nsPerBar: number;
  }[];
  /** 100 symbols × 25,920 bars on two worker threads, candles already in memory, copying them to the workers included. */
  readonly twoWorkersMs100Symbols: number;
}

/** Installs the libraries into bench/peers at the first call: they are no dependency of the project. */
export async function benchFeatures(): Promise<FeatureBenchmark> {
  const market = generateMarket({ seed: 1, symbols: SYMBOLS, fromMs: FROM_MS, bars: BARS });
  const series = market.symbols.map((symbol) => market.candles(symbol));
  const libraries = await loadPeers();
  const first = series[0];
  invariant(first !== undefined, 'the generated market has no symbol');

  const columns = {
    open: Array.from(first.open),
    high: Array.from(first.high),
    low: Array.from(first.low),
    close: Array.from(first.close),
    volume: Array.from(first.volume),
  };
  const kept = computeFeatures(first);
  const copied = () => {
    const fresh = new Float32Array(kept.length);
    fresh.set(kept);
    return fresh.length;
  };
  const [own = 0, memory = 0, ...others] = medianTimesMs([
    () => computeFeatures(first).length,
    copied,
    ...libraries.map((library) => () => library.compute(columns).length),
  ]);
  const nsPerBar = (ms: number) => (ms * 1e6) / BARS;
  const measured = libraries.map(({ name, indicators }, i) => ({
    name,
    indicators,
    nsPerBar: nsPerBar(others[i]!),
  }));
  return {
    batchNsPerBar: nsPerBar(own),
    freshMemoryNsPerBar: nsPerBar(memory),
    lastRowUs: timeLastRowUs(series),
    speedupVsFastestLibrary:
      Math.min(...measured.map((library) => library.nsPerBar / library.indicators)) /
      (nsPerBar(own) / FEATURE_COUNT),
    wholeSetVsFastestLibrary: Math.min(...measured.map((library) => library.nsPerBar)) / nsPerBar(own),
    libraries: measured,
    twoWorkersMs100Symbols: await timeTwoWorkersMs(series),
  };
}

/** Median over symbols and runs. */
function timeLastRowUs(series: readonly CandleSeries[]): number {
  const windows = series.map((candles) => sliceSeries(candles, 0, REQUEST_BARS));
  const durationsUs: number[] = [];
  for (let run = 0; run < RUNS_PER_TURN; run++)
    for (const window of windows) {
      const startedMs = performance.now();
      computeFeatures(window, { from: window.length - 1, to: window.length });
      durationsUs.push(1_000 * (performance.now() - startedMs));
    }
  return durationsUs.toSorted((a, b) => a - b)[Math.floor(durationsUs.length / 2)]!;
}

async function loadPeers(): Promise<readonly PeerLibrary[]> {
  const folder = fileURLToPath(new URL('./peers/', import.meta.url));
  if (!existsSync(`${folder}node_modules`)) {
    execFileSync('npm', ['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  const module = (await import(new URL('./peers/libraries.mjs', import.meta.url).href)) as {
    libraries: readonly PeerLibrary[];
  };
  return module.libraries;
}

/** Median of each candidate over the turns after the first, which lets the engine compile it. */
function medianTimesMs(candidates: readonly (() => number)[]): number[] {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const times: number[][] = candidates.map(() => []);
  for (let turn = 0; turn <= TURNS; turn++) {
    for (const [index, compute] of candidates.entries()) {
      // No candidate pays for another one's garbage.
      collectGarbage();
      for (let run = 0; run < RUNS_PER_TURN; run++) {
        const startMs = performance.now();
        invariant(compute() > 0, 'a candidate computed nothing');
        if (turn > 0) times[index]!.push(performance.now() - startMs);
      }
    }
  }
  return times.map((list) => list.sort((a, b) => a - b)[list.length >> 1]!);
}

async function timeTwoWorkersMs(series: readonly CandleSeries[]): Promise<number> {
  const workers = [0, 1].map(() => new Worker(new URL('./features-worker.mjs', import.meta.url)));
  await Promise.all(workers.map(nextMessage));
  const startMs = performance.now();
  const rows = await Promise.all(
    workers.map((worker, index) => {
      const answer = nextMessage(worker);
      worker.postMessage(series.filter((_, i) => i % 2 === index));
      return answer;
    }),
  );
  const elapsedMs = performance.now() - startMs;
  invariant(
    rows.every((count) => typeof count === 'number' && count > 0),
    'a worker computed nothing',
  );
  await Promise.all(workers.map((worker) => worker.terminate()));
  return elapsedMs;
}

function nextMessage(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
