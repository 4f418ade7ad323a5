// What a backtest of a year of 100 symbols takes: memory at its most, and time. Candles and answers are made symbol by symbol, as they
// are read from files.
import { invariant } from '../lib/core/invariant.ts';
import { BAR_MS } from '../lib/market/candle.ts';
import { shareSeries } from '../lib/market/candle-series.ts';
import { decideBars } from '../lib/research/replay/decided-bars.ts';
import { replayColumns } from '../lib/runtime/compose/research/backtest.ts';
import { generateMarket } from '../local/market/generated-market.ts';
import { MADE_UP_ENSEMBLE, makeAnswers } from './made-up-answers.ts';

const SYMBOLS = 100;
const HISTORY_BARS = 1_000;
const BARS = 365 * 288;
const ACTS_EVERY = 200;
/** Enough for a year of costs, and little enough that its positions fit into the brackets of the simulated account. */
const DEPOSIT_USDT = 4_000_000;
/** 2023-01-01T00:00Z */
const FIRST_MS = 1_672_531_200_000;
const FROM_MS = FIRST_MS + HISTORY_BARS * BAR_MS;

export interface YearBenchmark {
  /** Of the process, at its most. */
  readonly rssMb: number;
  /** CPU of deciding and trading. */
  readonly cpuS: number;
  readonly symbolBarsPerSecond: number;
  readonly trades: number;
}

export async function benchYear(): Promise<YearBenchmark> {
  const past = { series: new Map(), decided: [] as ReturnType<typeof decideBars>[] };
  let cpuMs = 0;
  for (let index = 0; index < SYMBOLS; index++) {
    // A market of one symbol each: the whole market at once would be what is not measured here.
    const market = generateMarket({
      seed: index + 1,
      symbols: 1,
      fromMs: FIRST_MS,
      bars: HISTORY_BARS + BARS,
    });
    const symbol = `S${String(index).padStart(3, '0')}USDT`;
    const series = shareSeries(market.candles(market.symbols[0]!));
    const answers = makeAnswers(symbol, series, { index, fromMs: FROM_MS, actsEvery: ACTS_EVERY });
    const before = process.cpuUsage();
    past.series.set(symbol, series);
    past.decided.push(decideBars(answers, series, MADE_UP_ENSEMBLE));
    cpuMs += cpuMsSince(before);
  }
  const before = process.cpuUsage();
  const toMs = FROM_MS + BARS * BAR_MS;
  const query = { fromMs: FROM_MS, toMs, depositUsdt: DEPOSIT_USDT };
  const bitcoin = past.series.values().next().value;
  const run = await replayColumns(query, { past: { ...past, bitcoin }, ensemble: MADE_UP_ENSEMBLE });
  cpuMs += cpuMsSince(before);
  invariant(run.ok, 'the year cannot be replayed');
  invariant(run.value.trades.length > 0, 'nothing was traded');
  return {
    rssMb: process.resourceUsage().maxRSS / 1_024,
    cpuS: cpuMs / 1_000,
    symbolBarsPerSecond: (1_000 * SYMBOLS * BARS) / cpuMs,
    trades: run.value.trades.length,
  };
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
