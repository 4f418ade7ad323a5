// The trials of a sweep, side by side on all cores.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Result } from '../../../core/result.ts';
import type { BacktestSettings } from '../../../research/backtest-settings.ts';
import type { SweptRun } from '../../../research/use-cases/report-sweep.ts';
import type { TrialInput } from './play-trial.ts';

const WORKER = new URL('./trial-worker.mjs', import.meta.url);

/**
 * In the order of the settings; a trial that cannot be replayed has its reason instead. Rejects when a thread dies.
 * @param onTrial called after each
 */
export async function playTrials(
  input: TrialInput,
  settings: readonly BacktestSettings[],
  onTrial: (done: number) => void,
): Promise<Result<SweptRun, string>[]> {
  const played = new Array<Result<SweptRun, string>>(settings.length);
  const workers = Array.from(
    { length: Math.min(availableParallelism(), settings.length) },
    () => new Worker(WORKER, { workerData: input }),
  );
  let [next, done] = [0, 0];
  const work = async (worker: Worker) => {
    while (next < settings.length) {
      const trial = next++;
      played[trial] = await ask(worker, settings[trial]!);
      onTrial(++done);
    }
  };
  try {
    await Promise.all(workers.map(work));
    return played;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function ask(worker: Worker, settings: BacktestSettings): Promise<Result<SweptRun, string>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number) => reject(new Error(`a thread of the sweep ended with code ${code}`));
    worker.once('error', reject);
    worker.once('exit', onExit);
    worker.once('message', (answer) => {
      worker.off('error', reject);
      worker.off('exit', onExit);
      resolve(answer);
    });
    worker.postMessage(settings);
  });
}
