// GO/NO-GO replayed over a folder of candles: the backtest's trades and equity, and the signals of its models, day by day.
import type { Result } from '../../../core/result.ts';
import { DAY_MS } from '../../../core/units.ts';
import { SignalTally } from '../../../inference/signal-tally.ts';
import type { Ensemble } from '../../../models/ensemble.ts';
import type { InSample } from '../../../research/evaluation.ts';
import { type GoNoGoReplay, type ReplayedPast, replayDays } from '../../../research/gonogo/replayed-days.ts';
import type { SymbolProblem } from '../../../research/symbol-problem.ts';
import { type Predictions, signalOfRow } from '../../../research/use-cases/predictions.ts';
import { seededDraws } from '../seeded-draws.ts';
import { type BacktestQuery, replayPast } from './backtest.ts';
import { type BacktestError, withPast } from './past.ts';

const DEPOSIT_USDT = 10_000;

export interface GoNoGoReplayReport extends GoNoGoReplay {
  readonly ensembleId: string;
  readonly inSample: InSample;
  readonly trades: number;
  readonly totalReturn: number | undefined;
  readonly symbolProblems: readonly SymbolProblem[];
}

/** @param query.fromMs a multiple of a day, like `toMs` */
export const replayGoNoGo = (
  query: Omit<BacktestQuery, 'depositUsdt' | 'withBreaker' | 'settings'>,
): Promise<Result<GoNoGoReplayReport, BacktestError>> =>
  withPast(query, async (input) => {
    const { fromMs, toMs } = query;
    const report = await replayPast({ fromMs, toMs, depositUsdt: DEPOSIT_USDT, withBreaker: false }, input);
    const replay = replayDays(
      {
        fromMs,
        toMs,
        trades: report.trades,
        equity: report.equity,
        modelLoadFailures: input.quarantined.length,
        signals: tallyDays(await input.past.predictions(), input.ensemble),
      },
      seededDraws(),
    );
    return {
      ...replay,
      ensembleId: report.ensembleId,
      inSample: report.inSample,
      trades: report.trades.length,
      totalReturn: report.summary.totalReturn,
      symbolProblems: report.symbolProblems,
    };
  });

/** Signals by UTC day, decided as serving decides them, and the bars of each day that have any. */
function tallyDays(predictions: readonly Predictions[], ensemble: Ensemble): ReplayedPast['signals'] {
  const days = new Map<number, { tally: SignalTally; bars: Set<number> }>();
  for (const of of predictions) {
    for (let row = 0; row < of.openTimeMs.length; row++) {
      const openTimeMs = of.openTimeMs[row]!;
      const startMs = Math.floor(openTimeMs / DAY_MS) * DAY_MS;
      let day = days.get(startMs);
      if (day === undefined) {
        day = { tally: new SignalTally(), bars: new Set() };
        days.set(startMs, day);
      }
      day.tally.add(signalOfRow(of, row, ensemble));
      day.bars.add(openTimeMs);
    }
  }
  return new Map(
    [...days].map(([startMs, { tally, bars }]) => [startMs, { summary: tally.summary(), bars: bars.size }]),
  );
}
