// A day of 500 symbols through `npm start`: the embedded services, the simulated exchange with the request limit of one address, all
// functions at their times. Afterwards the tables are read from outside: every symbol of every bar has one signal, or one reason why
// it has none, and the process is no larger at the end of the day than in its first half.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { invariant } from '../lib/core/invariant.ts';
import { BAR_MS } from '../lib/market/candle.ts';
import { openLocalStage } from '../lib/runtime/compose/operator.ts';
import { startEmbeddedAws } from '../local/aws/embedded-aws.ts';
import { median } from './median.ts';
import { runSystem } from './start.ts';

const SYMBOLS = 500;
const BARS = 288;

export interface DayBenchmark {
  readonly symbolBars: number;
  readonly signals: number;
  readonly abstained: number;
  /** Of them in the first bar, in which an address may not ask for 500 whole windows. */
  readonly abstainedFirstBar: number;
  /** Symbol-bars with neither a signal nor a reason. */
  readonly lost: number;
  /** Symbol-bars with more than one of both, and signals that were written again. */
  readonly doubled: number;
  readonly rssMb: number;
  /** Median memory of the last quarter of the day over that of the second. */
  readonly memoryGrowth: number;
  readonly wallS: number;
}

export async function benchDay(): Promise<DayBenchmark> {
  const stateDir = mkdtempSync(join(tmpdir(), 'qt-day-'));
  try {
    const startedMs = performance.now();
    runSystem(stateDir, ['--generated', '--symbols', `${SYMBOLS}`, '--bars', `${BARS}`]);
    const wallS = (performance.now() - startedMs) / 1_000;
    return { ...(await readDay(stateDir)), wallS };
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function readDay(stateDir: string): Promise<Omit<DayBenchmark, 'wallS'>> {
  const aws = await startEmbeddedAws({ stateDir });
  const system = openLocalStage(aws.inProcess, stateDir);
  try {
    const runs = (await system.signals.lastRuns({ shard: 0, shardCount: 1, count: BARS + 1 })).toReversed();
    const firstBarMs = runs[0]!.barOpenTimeMs;
    const isWhole = runs.every(({ barOpenTimeMs }, index) => barOpenTimeMs === firstBarMs + index * BAR_MS);
    invariant(isWhole && runs.length === BARS, `${runs.length} bars in a row, not ${BARS}`);
    let [signals, abstained, lost, doubled, written] = [0, 0, 0, 0, 0];
    for (const run of runs) {
      const decided = (await system.signals.ofBar(run.barOpenTimeMs)).map(({ symbol }) => symbol);
      const accounted = [...decided, ...run.abstentions.map(({ symbol }) => symbol)];
      const distinct = new Set(accounted).size;
      signals += decided.length;
      abstained += run.abstentions.length;
      lost += SYMBOLS - distinct;
      doubled += accounted.length - distinct;
      written += run.written;
    }
    const memoryMb = runs.map(({ residentBytes }) => residentBytes / 2 ** 20);
    const quarter = (index: number) => median(memoryMb.slice((index * BARS) / 4, ((index + 1) * BARS) / 4));
    return {
      symbolBars: SYMBOLS * BARS,
      signals,
      abstained,
      abstainedFirstBar: runs[0]!.abstentions.length,
      lost,
      doubled: doubled + Math.max(0, written - signals),
      rssMb: Math.max(...memoryMb),
      memoryGrowth: quarter(3) / quarter(1),
    };
  } finally {
    await system.close();
    await aws.close();
  }
}
