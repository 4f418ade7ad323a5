// Reads how many strategies training tried, and the result of each: `training-log.json`, which training writes beside the models.
// Without it nobody knows how lucky the chosen one was, and the deflated Sharpe ratio is undefined.
import * as z from 'zod';
import { messageOf } from '../../core/message-of.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { DAY_MS } from '../../core/units.ts';
import { deflatedSharpe } from '../metrics/deflated-sharpe.ts';

const TRIAL_LOG_KEY = 'training-log.json';

const figure = z.number().nullable().optional();
const trialLogSchema = z.looseObject({
  trials: z.array(
    z.looseObject({
      outOfFold: z.looseObject({ actedNetBps: figure, actedNetStandardErrorBps: figure }),
      folds: z.array(z.looseObject({ fromMs: z.number(), toMs: z.number() })).min(1),
    }),
  ),
});

export interface TrialLog {
  readonly trials: number;
  /**
   * Sharpe ratio per day of each trial's top signals, out of fold, net of costs: their mean over its standard error clustered
   * by day is a t over days, and t / √days is the ratio per day. Days of the folds without a signal count too, as they do in the
   * returns of the strategy. Trials without these figures are missing here.
   */
  readonly dailySharpes: readonly number[];
}

/** Fails with one line of why there is no log to use. */
export async function readTrialLog(store: ObjectStore): Promise<Result<TrialLog, string>> {
  try {
    const stored = await store.get(TRIAL_LOG_KEY);
    if (stored === undefined) return failure(`no ${TRIAL_LOG_KEY} beside the models`);
    const parsed = trialLogSchema.safeParse(JSON.parse(new TextDecoder().decode(stored.body)));
    if (!parsed.success) return failure(`${TRIAL_LOG_KEY} lists no trials as training writes them`);
    const { trials } = parsed.data;
    const dailySharpes = trials.flatMap(({ outOfFold, folds }) => {
      const { actedNetBps: net, actedNetStandardErrorBps: error } = outOfFold;
      const days = folds.reduce((sum, { fromMs, toMs }) => sum + (toMs - fromMs) / DAY_MS, 0);
      return typeof net === 'number' && error && days > 0 ? [net / error / Math.sqrt(days)] : [];
    });
    return success({ trials: trials.length, dailySharpes });
  } catch (error) {
    return failure(`${TRIAL_LOG_KEY} cannot be read: ${messageOf(error)}`);
  }
}

/**
 * How likely the strategy shown is skill, given all that was tried: in training, and since.
 * @param returns per day, of the strategy shown
 * @param tried Sharpe ratios per day of what was tried since, the strategy shown included
 */
export function deflateTrials(
  returns: readonly number[],
  tried: readonly number[],
  log: Result<TrialLog, string>,
): {
  readonly deflatedSharpe: number | undefined;
  readonly trials: number | undefined;
  readonly trialsUnknown: string | undefined;
} {
  const unknown = (why: string) => ({ deflatedSharpe: undefined, trials: undefined, trialsUnknown: why });
  if (!log.ok) return unknown(log.error);
  const { dailySharpes, trials } = log.value;
  if (dailySharpes.length < trials)
    return unknown(`${trials - dailySharpes.length} of ${trials} logged trials have no daily Sharpe ratio`);
  const trialSharpes = [...dailySharpes, ...tried];
  return {
    deflatedSharpe: deflatedSharpe({ returns, trialSharpes }),
    trials: trialSharpes.length,
    trialsUnknown: undefined,
  };
}
