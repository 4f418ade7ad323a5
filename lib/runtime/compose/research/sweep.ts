// A sweep of backtests over folders: the models are asked once, then every combination of settings is replayed.
import { failure, type Result, success } from '../../../core/result.ts';
import { DAY_MS } from '../../../core/units.ts';
import { type BacktestSettings, releasedSettings } from '../../../research/backtest-settings.ts';
import { expandGrid, type VariedSetting } from '../../../research/sweep/grid.ts';
import { inSampleOf } from '../../../research/use-cases/report-backtest.ts';
import {
  reportSweep,
  type SweepReport,
  type SweptRun,
  sweptRun,
} from '../../../research/use-cases/report-sweep.ts';
import { readTrialLog } from '../../../research/use-cases/trial-log.ts';
import { seededDraws } from '../seeded-draws.ts';
import { type BacktestQuery, replayUseCases } from './backtest.ts';
import { type BacktestError, type ReplayInput, withPast } from './past.ts';
import { playTrials } from './play-trials.ts';

export interface SweepQuery extends Omit<BacktestQuery, 'withBreaker' | 'settings'> {
  /** Of every trial, where the grid does not say otherwise. */
  readonly settings: Partial<BacktestSettings>;
  readonly varied: readonly VariedSetting[];
  readonly chooseDays: number;
  readonly judgeDays: number;
  readonly onTrial: (progress: { done: number; of: number }) => void;
}

export async function sweepFolder(query: SweepQuery): Promise<Result<SweepReport, BacktestError>> {
  const days = (query.toMs - query.fromMs) / DAY_MS;
  if (days < query.chooseDays + query.judgeDays) {
    const message = `the range has ${days.toFixed(1)} days: to choose on ${query.chooseDays} and to judge on ${query.judgeDays} it must have at least ${query.chooseDays + query.judgeDays}`;
    return failure({ code: 'input_unusable', message });
  }
  const swept = await withPast(query, (input) => sweepPast(query, input));
  return swept.ok ? swept.value : swept;
}

/** The first trial is the base. */
async function sweepPast(
  query: Pick<
    SweepQuery,
    'fromMs' | 'toMs' | 'depositUsdt' | 'settings' | 'varied' | 'chooseDays' | 'judgeDays' | 'onTrial'
  >,
  input: ReplayInput,
): Promise<Result<SweepReport, BacktestError>> {
  const base = { ...releasedSettings(input.ensemble), ...query.settings };
  const grid = expandGrid(base, query.varied);
  if (!grid.ok) return failure({ code: 'input_unusable', message: grid.error });
  const { fromMs, toMs, depositUsdt } = query;
  const { past, ensemble, trainedToMs } = input;
  const { series, bitcoin, decided, symbolProblems } = past;
  const trials = { fromMs, toMs, depositUsdt, past: { series, bitcoin, decided }, ensemble };
  const played = await playTrials(trials, grid.value, (done) =>
    query.onTrial({ done, of: grid.value.length }),
  );
  const runs: SweptRun[] = [];
  for (const [index, settings] of grid.value.entries()) {
    const trial = played[index]!;
    if (trial.ok) runs.push(trial.value);
    else runs.push(sweptRun(await replayUseCases({ ...query, settings }, input), settings));
  }
  const about = {
    ensembleId: ensemble.id,
    range: { fromMs, toMs },
    inSample: inSampleOf({ fromMs, toMs }, trainedToMs),
    symbols: [...series.keys()],
    symbolProblems,
  };
  return success(
    reportSweep(runs, {
      ...about,
      chooseDays: query.chooseDays,
      judgeDays: query.judgeDays,
      log: await readTrialLog(input.objects),
      drawIndex: seededDraws(),
    }),
  );
}
