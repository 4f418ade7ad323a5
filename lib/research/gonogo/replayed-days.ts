// GO/NO-GO judged on the past: what would have been decided at the end of every day of a backtest, by the criteria that decide a rollout,
// and what the account did on the day after. A criterion is worth something when GO days are followed by better days.
import { blockBootstrap, type DrawIndex, type Interval } from '../../core/statistics/block-bootstrap.ts';
import { DAY_MS } from '../../core/units.ts';
import type { SignalSummary } from '../../inference/signal-tally.ts';
import { BAR_MS } from '../../market/candle.ts';
import { worstDailyDrawdown } from '../../risk/drawdown.ts';
import type { EquityCurve } from '../../risk/equity-curve.ts';
import { decideGoNoGo, type GoCriterion, type GoNoGoEvidence } from '../../rollout/go-no-go.ts';

/** Of the function on AWS, which a replay does not run. They are left out of its verdicts, and said to be. */
export const UNMEASURED_CRITERIA: readonly GoCriterion[] = ['memory', 'latency'];

export interface ReplayedTrade {
  readonly openedAtMs: number;
  readonly closedAtMs: number;
  readonly reason: string;
  readonly profitUsdt: number;
}

/** What a backtest over whole UTC days leaves to judge. */
export interface ReplayedPast {
  /** Multiples of a day. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly trades: readonly ReplayedTrade[];
  /** At every bar's close, the first at `fromMs`. */
  readonly equity: EquityCurve;
  /** Models of the ensemble that cannot be served. */
  readonly modelLoadFailures: number;
  /** Signals of each day, and how many of its bars have any; by the day's start. */
  readonly signals: ReadonlyMap<number, { readonly summary: SignalSummary; readonly bars: number }>;
}

export interface ReplayedDay {
  readonly startMs: number;
  readonly verdict: 'GO' | 'NO_GO';
  /** Not met, of those that are measured. */
  readonly criteria: readonly GoCriterion[];
  readonly evidence: GoNoGoEvidence;
  /** Return of the account over the day after; undefined for the last day. */
  readonly nextDayReturn: number | undefined;
}

/** Of the days that follow days with one verdict. */
export interface FollowingDays {
  readonly days: number;
  /** Undefined without days. */
  readonly meanReturn: number | undefined;
  readonly profitable: number | undefined;
  /** 95 % of the mean, days drawn with replacement; undefined below 5 days. */
  readonly interval: Interval | undefined;
}

export interface GoNoGoReplay {
  readonly days: readonly ReplayedDay[];
  readonly afterGo: FollowingDays;
  readonly afterNoGo: FollowingDays;
  /** Days on which each criterion was not met. */
  readonly unmet: Readonly<Partial<Record<GoCriterion, number>>>;
}

const DRAWS = 2_000;
const LEVEL = 0.95;

export function replayDays(past: ReplayedPast, drawIndex: DrawIndex): GoNoGoReplay {
  const days: ReplayedDay[] = [];
  for (let startMs = past.fromMs; startMs < past.toMs; startMs += DAY_MS) {
    const evidence = evidenceOf(past, startMs);
    const unmet = decideGoNoGo(evidence).results.filter(
      ({ criterion, status }) => status !== 'met' && !UNMEASURED_CRITERIA.includes(criterion),
    );
    days.push({
      startMs,
      verdict: unmet.length === 0 ? 'GO' : 'NO_GO',
      criteria: unmet.map(({ criterion }) => criterion),
      evidence,
      nextDayReturn: returnOver(past.equity, startMs + DAY_MS),
    });
  }
  const unmet: Partial<Record<GoCriterion, number>> = {};
  for (const criterion of days.flatMap(({ criteria }) => criteria))
    unmet[criterion] = (unmet[criterion] ?? 0) + 1;
  const after = (verdict: ReplayedDay['verdict']) =>
    summarise(
      days.flatMap((day) =>
        day.verdict === verdict && day.nextDayReturn !== undefined ? [day.nextDayReturn] : [],
      ),
      drawIndex,
    );
  return { days, afterGo: after('GO'), afterNoGo: after('NO_GO'), unmet };
}

/** As collect-evidence.ts gathers it from the records of a stage. */
function evidenceOf(past: ReplayedPast, startMs: number): GoNoGoEvidence {
  const { trades, equity, signals } = past;
  const endMs = startMs + DAY_MS;
  const day = signals.get(startMs);
  const closed = trades.filter(({ closedAtMs }) => closedAtMs > startMs && closedAtMs <= endMs);
  const open = trades.filter(({ openedAtMs, closedAtMs }) => openedAtMs < endMs && closedAtMs > endMs);
  const curve = sliceOf(equity, startMs, endMs);
  const gained = curve.equityUsdt.at(-1)! - curve.equityUsdt[0]!;
  return {
    windowHours: 24,
    barsExpected: DAY_MS / BAR_MS,
    barsDecided: day?.bars ?? 0,
    positionsOpened: closed.length + open.length,
    stopLossHits: closed.filter(({ reason }) => reason === 'stop').length,
    // The replay computes features and answers by the code that serves, from the same candles.
    featureMismatches: 0,
    modelLoadFailures: past.modelLoadFailures,
    agreementXgbLgbm: day?.summary.agreementXgbLgbm,
    actingSignals: day === undefined ? undefined : day.summary.actions.BUY + day.summary.actions.SELL,
    meanConfidence: day?.summary.meanConfidence,
    worstDailyDrawdown: worstDailyDrawdown(curve),
    profitUsdt: Math.min(
      gained,
      closed.reduce((sum, { profitUsdt }) => sum + profitUsdt, 0),
    ),
    memoryBytesMax: undefined,
    latencyMsPerSymbol: undefined,
  };
}

function sliceOf({ timeMs, equityUsdt }: EquityCurve, fromMs: number, toMs: number) {
  const times = Array.from(timeMs);
  const [first, last] = [times.indexOf(fromMs), times.indexOf(toMs)];
  return { timeMs: times.slice(first, last + 1), equityUsdt: Array.from(equityUsdt).slice(first, last + 1) };
}

/** Of the day that begins then; undefined beyond the end. */
function returnOver({ timeMs, equityUsdt }: EquityCurve, startMs: number): number | undefined {
  const times = Array.from(timeMs);
  const [first, last] = [times.indexOf(startMs), times.indexOf(startMs + DAY_MS)];
  return first < 0 || last < 0 ? undefined : equityUsdt[last]! / equityUsdt[first]! - 1;
}

function summarise(returns: readonly number[], drawIndex: DrawIndex): FollowingDays {
  const days = returns.length;
  const sum = returns.reduce((total, value) => total + value, 0);
  return {
    days,
    meanReturn: days === 0 ? undefined : sum / days,
    profitable: days === 0 ? undefined : returns.filter((value) => value > 0).length / days,
    interval: blockBootstrap({
      blocks: returns.map((value) => [value, 1]),
      statistic: ([total, count]) => total! / count!,
      draws: DRAWS,
      level: LEVEL,
      drawIndex,
    }),
  };
}
