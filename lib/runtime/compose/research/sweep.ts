// A sweep of backtests over folders: the models are asked once, then every combination of settings is replayed.
import { failure, type Result, success } from '../../../core/result.ts';
import { DAY_MS } from '../../../core/units.ts';
import { type BacktestSettings, releasedSettings } from '../../../research/backtest-settings.ts';
import { expandGrid, type VariedSetting } from '../../../research/sweep/grid.ts';
import type { BacktestReport } from '../../../research/use-cases/backtest-report.ts';
import {
  reportSweep,
  type SweepReport,
  type SweptRun,
  sweptRun,
} from '../../../research/use-cases/report-sweep.ts';
import { readTrialLog } from '../../../research/use-cases/trial-log.ts';
import { seededDraws } from '../seeded-draws.ts';
import { type BacktestQuery, replayPast } from './backtest.ts';
import { type BacktestError, type ReplayInput, withPast } from './past.ts';

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
  const runs: SweptRun[] = [];
  let last: BacktestReport | undefined;
  for (const settings of grid.value) {
    last = await replayPast({ ...query, withBreaker: false, settings }, input);
    runs.push(sweptRun(last));
    query.onTrial({ done: runs.length, of: grid.value.length });
  }
  const { ensembleId, range, inSample, symbols, symbolProblems } = last!;
  return success(
    reportSweep(runs, {
      ...{ ensembleId, range, inSample, symbols, symbolProblems },
      chooseDays: query.chooseDays,
      judgeDays: query.judgeDays,
      log: await readTrialLog(input.objects),
      drawIndex: seededDraws(),
    }),
  );
}
