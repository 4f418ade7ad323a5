// Which way in and out survives costs: every signal is followed once per rule, so that all rules are compared on the same signals; where
// a rule does not enter, the signal counts with nothing earned. The control enters at the same bars with a random side: it shows what a
// rule does to a trade without information.
import { blockBootstrap, type DrawIndex, type Interval } from '../../core/statistics/block-bootstrap.ts';
import { DAY_MS } from '../../core/units.ts';
import type { CandleSeries } from '../../market/candle-series.ts';

import type { TradingCosts } from '../labels/triple-barrier.ts';
import { busiestOf } from '../metrics/busiest-day.ts';
import { followTrade, type StudiedSignal, type TradeOutcome } from './follow-trade.ts';
import type { TradeRule } from './trade-rule.ts';

/** Enough for the tails of a family-wise interval. */
const DRAWS = 10_000;
const LEVEL = 0.95;

/** Mean of paired differences per trade, bps. `family` is wide enough for all rules of the study at once (Bonferroni). */
interface PairedDifference {
  readonly meanBps: number | undefined;
  readonly interval: Interval | undefined;
  readonly family: Interval | undefined;
}

/** Undefined without trades; intervals below 5 days. */
export interface TradeFigures {
  /** Signals followed, entered or not. */
  readonly trades: number;
  /** Share of them that were entered. */
  readonly enteredRate: number | undefined;
  readonly stopHitRate: number | undefined;
  readonly grossBps: number | undefined;
  readonly netBps: number | undefined;
  /** Mean net of what was entered. */
  readonly enteredNetBps: number | undefined;
  /** 95 % interval of the mean net, UTC days drawn with replacement. */
  readonly netInterval: Interval | undefined;
  /** The same, so wide that the intervals of all rules contain their means at once with 95 % (Bonferroni). */
  readonly netFamily: Interval | undefined;
  /** Of net results; undefined when nothing was lost. */
  readonly profitFactor: number | undefined;
  readonly adverseBps: number | undefined;
  /** Mean net without the day that has most trades. */
  readonly otherDaysNetBps: number | undefined;
}

export interface BusiestDay {
  readonly startMs: number;
  readonly trades: number;
}

export interface RuleReport {
  readonly name: string;
  readonly signals: TradeFigures;
  /** The same entries with a random side. */
  readonly control: TradeFigures;
  /** Net of the signals: this rule less the active rule; all undefined for the active rule itself. */
  readonly versusActive: PairedDifference;
  /** Net: the signals less the control. */
  readonly versusControl: PairedDifference;
}

const COLUMNS = ['trades', 'entered', 'gross', 'net', 'stopped', 'adverse', 'won', 'lost'] as const;
type Sums = Record<(typeof COLUMNS)[number], number>;
const newSums = (): Sums => ({
  trades: 0,
  entered: 0,
  gross: 0,
  net: 0,
  stopped: 0,
  adverse: 0,
  won: 0,
  lost: 0,
});

function addOutcome(sums: Sums, { entered, grossBps, netBps, stopped, adverseBps }: TradeOutcome): void {
  sums.trades++;
  sums.entered += entered ? 1 : 0;
  sums.gross += grossBps;
  sums.net += netBps;
  sums.stopped += stopped ? 1 : 0;
  sums.adverse += adverseBps;
  if (netBps > 0) sums.won += netBps;
  else sums.lost -= netBps;
}

/** Sums by rule and UTC day; memory does not grow with the signals. */
export class TradeStudyTally {
  readonly #rules: readonly TradeRule[];
  readonly #costs: TradingCosts;
  readonly #days = new Map<number, { signals: readonly Sums[]; control: readonly Sums[] }>();

  constructor(study: { readonly rules: readonly TradeRule[]; readonly costs: TradingCosts }) {
    this.#rules = study.rules;
    this.#costs = study.costs;
  }

  /** @param coin the random side of the control's entry at the same bar */
  add(series: CandleSeries, signal: StudiedSignal, coin: 'BUY' | 'SELL'): void {
    const dayNumber = Math.floor(series.openTimeMs[signal.bar]! / DAY_MS);
    let day = this.#days.get(dayNumber);
    if (day === undefined) {
      day = { signals: this.#rules.map(newSums), control: this.#rules.map(newSums) };
      this.#days.set(dayNumber, day);
    }
    for (const [index, rule] of this.#rules.entries()) {
      const own = followTrade(series, signal, { rule, costs: this.#costs });
      addOutcome(day.signals[index]!, own);
      const tossed =
        coin === signal.side
          ? own
          : followTrade(series, { ...signal, side: coin }, { rule, costs: this.#costs });
      addOutcome(day.control[index]!, tossed);
    }
  }

  summary(drawIndex: DrawIndex): {
    readonly days: number;
    /** The first of equal ones; undefined without trades. */
    readonly busiestDay: BusiestDay | undefined;
    readonly rules: readonly RuleReport[];
  } {
    // In order of days, so that the order in which symbols came does not change the draws.
    const dated = [...this.#days].sort(([a], [b]) => a - b);
    const days = dated.map(([, day]) => day);
    const trades = days.map((day) => day.signals[0]!.trades);
    const busiest = busiestOf(trades);
    const busiestDay =
      busiest < 0 ? undefined : { startMs: dated[busiest]![0] * DAY_MS, trades: trades[busiest]! };
    const estimate = (rows: readonly (readonly [sum: number, trades: number])[]): PairedDifference => {
      const total = rows.reduce(([sum, trades], row) => [sum + row[0], trades + row[1]], [0, 0]);
      const interval = (level: number) =>
        blockBootstrap({ blocks: rows, statistic: ratio, draws: DRAWS, level, drawIndex });
      return {
        meanBps: ratio(total),
        interval: interval(LEVEL),
        family: interval(1 - (1 - LEVEL) / this.#rules.length),
      };
    };
    return {
      days: days.length,
      busiestDay,
      rules: this.#rules.map((rule, index) => {
        const signals = days.map((day) => day.signals[index]!);
        const control = days.map((day) => day.control[index]!);
        const less = (other: (day: number) => Sums) =>
          estimate(signals.map((sums, day) => [sums.net - other(day).net, sums.trades]));
        return {
          name: rule.name,
          signals: figuresOf(signals, { busiest, estimate }),
          control: figuresOf(control, { busiest, estimate }),
          versusActive: index === 0 ? NO_DIFFERENCE : less((day) => days[day]!.signals[0]!),
          versusControl: less((day) => control[day]!),
        };
      }),
    };
  }
}

const NO_DIFFERENCE: PairedDifference = { meanBps: undefined, interval: undefined, family: undefined };

const ratio = (sums: ArrayLike<number>): number | undefined =>
  sums[1]! > 0 ? sums[0]! / sums[1]! : undefined;

function figuresOf(
  days: readonly Sums[],
  {
    busiest,
    estimate,
  }: { busiest: number; estimate: (rows: readonly (readonly [number, number])[]) => PairedDifference },
): TradeFigures {
  const total = newSums();
  for (const day of days) for (const column of COLUMNS) total[column] += day[column];
  const mean = (column: keyof Sums) => ratio([total[column], total.trades]);
  const net = estimate(days.map((day) => [day.net, day.trades]));
  return {
    trades: total.trades,
    enteredRate: mean('entered'),
    stopHitRate: mean('stopped'),
    grossBps: mean('gross'),
    netBps: net.meanBps,
    enteredNetBps: ratio([total.net, total.entered]),
    netInterval: net.interval,
    netFamily: net.family,
    profitFactor: total.lost > 0 ? total.won / total.lost : undefined,
    adverseBps: mean('adverse'),
    otherDaysNetBps: ratio([
      total.net - (days[busiest]?.net ?? 0),
      total.trades - (days[busiest]?.trades ?? 0),
    ]),
  };
}
