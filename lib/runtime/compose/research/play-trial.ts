// One trial of a sweep: the past replayed under its settings. Runs in a worker thread or beside it, on the same shared columns.
import { type Result, success } from '../../../core/result.ts';
import type { BacktestSettings } from '../../../research/backtest-settings.ts';
import { type SweptRun, sweptRun } from '../../../research/use-cases/report-sweep.ts';
import { type BacktestQuery, replayColumns } from './backtest.ts';
import type { ReplayInput } from './past.ts';

export interface TrialInput extends Pick<BacktestQuery, 'fromMs' | 'toMs' | 'depositUsdt'> {
  readonly past: Pick<ReplayInput['past'], 'series' | 'bitcoin' | 'decided'>;
  readonly ensemble: ReplayInput['ensemble'];
}

/** Fails with one line where the use cases have to trade the range. */
export async function playTrial(
  { past, ensemble, ...query }: TrialInput,
  settings: BacktestSettings,
): Promise<Result<SweptRun, string>> {
  const run = await replayColumns({ ...query, settings }, { past, ensemble });
  return run.ok ? success(sweptRun(run.value, settings)) : run;
}
