// The same work here and in Python's libraries for it, pair by pair in alternation: each ratio is of two runs one after the other, as CPU of
// one core, so that a busy machine slows both alike.
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { messageOf } from '../../lib/core/message-of.ts';
import { computeFeatures } from '../../lib/features/compute-features.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { type CandleSeries, sliceSeries } from '../../lib/market/candle-series.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { pastOf } from '../backtest.ts';
import { MADE_UP_ENSEMBLE, makeAnswers } from '../made-up-answers.ts';

const FOLDER = import.meta.dirname;
const ENVIRONMENTS = resolve(import.meta.dirname, '../../.qt/bench-peers');
const PYTHON = 'python3.11';
const PAIRS = 7;
/** Runs of ours before the first pair, in which the engine compiles them. */
const WARM_UP_RUNS = 20;
/** 90 days for the features; ten days of 20 symbols for the backtests. */
const FEATURE_BARS = 25_920;
const SYMBOLS = 20;
const HISTORY_BARS = 976;
const BARS = 2_880;
const ACTS_EVERY = 50;
const FIRST_MS = Date.UTC(2024, 0, 1);
const FROM_MS = FIRST_MS + HISTORY_BARS * BAR_MS;

const FEATURE_PEERS = ['TA-Lib', 'vector-ta'];
const BACKTEST_PEERS = ['backtesting', 'vectorbt', 'NautilusTrader', 'freqtrade'];
/** By the file of requirements: what cannot be installed together has an environment of its own. */
const PEERS_OF: Readonly<Record<string, readonly string[]>> = {
  requirements: ['TA-Lib', 'vector-ta', 'backtesting', 'vectorbt'],
  'requirements-nautilus': ['NautilusTrader'],
  'requirements-freqtrade': ['freqtrade'],
};
const reportSchema = z.record(
  z.string(),
  z.union([z.strictObject({ version: z.string() }), z.strictObject({ missing: z.string() })]),
);

/**
 * The peer's time over ours, by peer: median, lowest and highest of the pairs; above 1 is faster here. Indicators: 18 of theirs against all
 * 49 features, which hold those 18. Backtests: the peers follow signals with an order each, here gate, sizes, limits and stops act as well.
 */
export async function benchPeers(): Promise<Record<string, number> | { skipped: string }> {
  const problems: string[] = [];
  const ratios: Record<string, number> = {};
  const folder = mkdtempSync(join(tmpdir(), 'qt-peers-'));
  try {
    const markets = writeMarkets(folder);
    for (const [requirements, names] of Object.entries(PEERS_OF)) {
      const problem = prepareEnvironment(requirements);
      if (problem === undefined) Object.assign(ratios, await comparePeers({ requirements, names }, markets));
      else {
        process.stderr.write(`left out ${names.join(', ')}: ${problem}\n`);
        problems.push(problem);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return Object.keys(ratios).length > 0 ? ratios : { skipped: problems.join('; ') };
}

const pythonOf = (requirements: string): string => join(ENVIRONMENTS, requirements, 'bin/python');

/** @returns why there is none */
function prepareEnvironment(requirements: string): string | undefined {
  const run = (command: string, ...parameters: string[]) =>
    execFileSync(command, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
  // Nothing is compiled: of the one that is published as source alone, freqtrade's sdnotify, all is Python.
  const wheels = ['--only-binary', ':all:', '--no-binary', 'sdnotify'];
  const install = ['-m', 'pip', 'install', '--quiet', ...wheels, '--requirement'];
  try {
    run(PYTHON, '-m', 'venv', join(ENVIRONMENTS, requirements));
    run(pythonOf(requirements), ...install, join(FOLDER, `${requirements}.txt`));
    return undefined;
  } catch (error) {
    return messageOf(error).split('\n').at(-2) ?? messageOf(error);
  }
}

async function comparePeers(
  environment: Environment,
  { series, replay, parameters }: ReturnType<typeof writeMarkets>,
): Promise<Record<string, number>> {
  const peers = await startPeers(environment, parameters);
  const ratios: Record<string, number> = {};
  try {
    for (const [names, own] of [
      [FEATURE_PEERS, async () => void computeFeatures(series)],
      [BACKTEST_PEERS, async () => void (await replay())],
    ] as const)
      for (const name of names) if (peers.has(name)) Object.assign(ratios, await compare(peers, name, own));
  } finally {
    peers.end();
  }
  return ratios;
}

interface Environment {
  readonly requirements: string;
  readonly names: readonly string[];
}

/** Pairs after a first one, in which the peer compiles what it needs. */
async function compare(
  peers: Peers,
  name: string,
  own: () => Promise<void>,
): Promise<Record<string, number>> {
  const pairs: number[] = [];
  for (let run = 0; run < WARM_UP_RUNS; run++) await own();
  for (let pair = 0; pair <= PAIRS; pair++) {
    const before = process.cpuUsage();
    await own();
    const { user, system } = process.cpuUsage(before);
    const ratio = (await peers.run(name)) / 1_000 / (user + system);
    if (pair > 0) pairs.push(ratio);
  }
  const [lowest, median, highest] = [0, PAIRS >> 1, PAIRS - 1].map(
    (place) => pairs.toSorted((a, b) => a - b)[place]!,
  );
  return { [`${name}.ratio`]: median!, [`${name}.lowest`]: lowest!, [`${name}.highest`]: highest! };
}

interface Peers {
  has(name: string): boolean;
  /** ns of CPU. */
  run(name: string): Promise<number>;
  end(): void;
}

async function startPeers(environment: Environment, parameters: readonly string[]): Promise<Peers> {
  const oneThread = { OMP_NUM_THREADS: '1', NUMBA_NUM_THREADS: '1', RAYON_NUM_THREADS: '1' };
  const child: ChildProcessWithoutNullStreams = spawn(
    pythonOf(environment.requirements),
    ['-W', 'ignore', join(FOLDER, 'python_peers.py'), environment.names.join(), ...parameters],
    { env: { ...process.env, ...oneThread, TQDM_DISABLE: '1' } },
  );
  child.stderr.pipe(process.stderr);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the Python peers ended: their reason is above');
    return value;
  };
  const report = reportSchema.parse(JSON.parse(await next()));
  for (const [name, about] of Object.entries(report))
    process.stderr.write(`${name}: ${'version' in about ? about.version : `left out, ${about.missing}`}\n`);
  return {
    has: (name) => 'version' in (report[name] ?? {}),
    run: async (name) => {
      child.stdin.write(`${name}\n`);
      return z.coerce
        .number()
        .positive()
        .parse(await next());
    },
    end: () => child.stdin.end(),
  };
}

/** The same candles and the same signals for both sides. */
function writeMarkets(folder: string) {
  const one = generateMarket({ seed: 1, symbols: 1, fromMs: FIRST_MS, bars: FEATURE_BARS });
  const series = one.candles(one.symbols[0]!);
  write(join(folder, 'candles.f64'), columnsOf(series));
  const generated = generateMarket({
    seed: 3,
    symbols: SYMBOLS,
    fromMs: FIRST_MS,
    bars: HISTORY_BARS + BARS,
  });
  const { symbols } = generated;
  const all = new Map(symbols.map((symbol) => [symbol, generated.candles(symbol)]));
  const traded = [...all.values()].map((candles) => sliceSeries(candles, HISTORY_BARS, HISTORY_BARS + BARS));
  for (const name of ['open', 'high', 'low', 'close'] as const)
    write(
      join(folder, `${name}.f64`),
      traded.map((candles) => candles[name]),
    );
  const sides = symbols.map((symbol, index) => sidesOf(symbol, { candles: traded[index]!, index }));
  write(join(folder, 'side.f64'), sides);
  const replay = pastOf(
    { symbols, series: all },
    { symbols: SYMBOLS, bars: BARS, actsEvery: ACTS_EVERY, fromMs: FROM_MS },
  );
  const { horizonBars } = MADE_UP_ENSEMBLE.label;
  const numbers = [SYMBOLS, BARS, horizonBars].map(String);
  return {
    series,
    replay,
    parameters: [join(folder, 'candles.f64'), String(FEATURE_BARS), folder, ...numbers],
  };
}

/** 1 where the models answer to buy, −1 to sell, else 0. */
function sidesOf(symbol: string, about: { candles: CandleSeries; index: number }): Float64Array {
  const { candles, index } = about;
  const { answers } = makeAnswers(symbol, candles, { index, fromMs: FROM_MS, actsEvery: ACTS_EVERY });
  const width = answers.length / BARS;
  return Float64Array.from({ length: BARS }, (_, bar) => {
    const [sell = 0, , buy = 0] = answers.subarray(bar * width);
    return buy > 0.5 ? 1 : sell > 0.5 ? -1 : 0;
  });
}

const columnsOf = ({ open, high, low, close, volume }: CandleSeries) => [open, high, low, close, volume];

function write(file: string, columns: readonly Float64Array[]): void {
  const bytes = columns.map(({ buffer, byteOffset, byteLength }) =>
    Buffer.from(buffer, byteOffset, byteLength),
  );
  writeFileSync(file, Buffer.concat(bytes));
}
