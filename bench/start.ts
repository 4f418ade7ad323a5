// How long `npm start -- --bars 12 --speed max` takes after an install, from the start of its process to its end.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const QTRADER = resolve(import.meta.dirname, '../bin/qtrader.mjs');
const RUNS = 3;

export interface StartBenchmark {
  /** Median; the first run builds the dashboard's page where that is not built yet, and is not counted. */
  readonly twelveBarsMs: number;
}

export function benchStart(): StartBenchmark {
  const durationsMs: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const state = mkdtempSync(join(tmpdir(), 'qt-start-'));
    try {
      const startedMs = performance.now();
      runSystem(state, ['--bars', '12']);
      if (run > 0) durationsMs.push(performance.now() - startedMs);
    } finally {
      rmSync(state, { recursive: true, force: true });
    }
  }
  return { twelveBarsMs: durationsMs.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)]! };
}

/** `npm start` as fast as it goes, to its end. */
export function runSystem(stateDir: string, options: readonly string[]): void {
  const command = [QTRADER, 'start', ...options, '--speed', 'max', '--state', stateDir];
  execFileSync(process.execPath, command, { stdio: ['ignore', 'ignore', 'inherit'] });
}
