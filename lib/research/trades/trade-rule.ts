// The ways into a trade and out of it that a study compares. Each has a last bar; what is nearer ends the trade before it.
import { STOP_TIMEFRAME_NAMES, type StopTimeframe } from '../../models/stop-timeframe.ts';

/** A multiple of the average true range of a timeframe. */
export interface AtrDistance {
  readonly multiple: number;
  readonly timeframe: StopTimeframe;
}

/** An order that rests instead of taking what is offered. */
interface Rest {
  /** From the next bar's open, on the better side; undefined: at it. */
  readonly away?: AtrDistance;
  /** Bars that it rests, ≥ 1 and < `holdBars`. */
  readonly bars: number;
  /** What follows when it is not filled in them: not entered, or entered at the open that follows. */
  readonly unfilled: 'nothing' | 'taker';
}

export interface TradeRule {
  readonly name: string;
  /** undefined: entered at the next bar's open. A bar that fills it may hold what came before: of the exits only stop and time go with it. */
  readonly rest?: Rest;
  /** From the entry price, against the position; undefined: without a stop. */
  readonly stop: AtrDistance | undefined;
  /** From the entry price, in favour of the position. */
  readonly target?: AtrDistance;
  /** From the best price of the bars before, against the position. */
  readonly trail?: AtrDistance;
  /** Leaves at the open after a bar whose expected move points against the position. */
  readonly fades?: boolean;
  /** Leaves at the close of this bar after the signal's at the latest, ≥ 1. */
  readonly holdBars: number;
}

/** What of an ensemble the rules start from. */
export interface ActiveRule {
  readonly stopAtrMultiple: number;
  readonly stopAtrTimeframe: StopTimeframe;
  readonly holdBars: number;
}

const nameDistance = ({ multiple, timeframe }: AtrDistance): string => `${multiple} x ATR ${timeframe}`;

const activeStop = ({ stopAtrMultiple, stopAtrTimeframe }: ActiveRule): AtrDistance => ({
  multiple: stopAtrMultiple,
  timeframe: stopAtrTimeframe,
});

const STOP_MULTIPLES = [1, 1.2, 1.5, 2, 3];

/** Every multiple at every timeframe, and no stop; first the active rule, which the others are compared with. */
export function stopRules(active: ActiveRule): readonly TradeRule[] {
  const own = activeStop(active);
  const { holdBars } = active;
  const multiples = [...new Set([...STOP_MULTIPLES, own.multiple])].sort((a, b) => a - b);
  const others = STOP_TIMEFRAME_NAMES.flatMap((timeframe) =>
    multiples.map((multiple) => ({ multiple, timeframe })),
  ).filter(({ multiple, timeframe }) => multiple !== own.multiple || timeframe !== own.timeframe);
  return [
    ...[own, ...others].map((stop) => ({ name: nameDistance(stop), stop, holdBars })),
    { name: 'no stop', stop: undefined, holdBars },
  ];
}

const HELD_BARS = [1, 2, 3, 6, 12, 24];
const FADED_BARS = [3, 6, 12, 24];
const TARGETS: readonly AtrDistance[] = [
  { multiple: 0.5, timeframe: '1h' },
  { multiple: 1, timeframe: '1h' },
  { multiple: 2, timeframe: '1h' },
  { multiple: 0.5, timeframe: '1d' },
  { multiple: 1, timeframe: '1d' },
];
const TRAILS: readonly AtrDistance[] = [
  { multiple: 1, timeframe: '1h' },
  { multiple: 2, timeframe: '1h' },
  { multiple: 3, timeframe: '1h' },
  { multiple: 0.5, timeframe: '1d' },
  { multiple: 1, timeframe: '1d' },
];

/** The active stop with another time, a target, a trailing stop, or until the signal fades; first the active rule. */
export function exitRules(active: ActiveRule): readonly TradeRule[] {
  const stop = activeStop(active);
  const { holdBars } = active;
  const others = HELD_BARS.filter((bars) => bars !== holdBars);
  return [
    ...[holdBars, ...others].map((bars) => ({ name: `${bars} bars`, stop, holdBars: bars })),
    ...TARGETS.map((target) => ({ name: `target ${nameDistance(target)}`, stop, target, holdBars })),
    ...TRAILS.map((trail) => ({ name: `trail ${nameDistance(trail)}`, stop, trail, holdBars })),
    ...FADED_BARS.map((bars) => ({ name: `fade, ${bars} bars`, stop, fades: true, holdBars: bars })),
  ];
}

const RESTED_BARS = [1, 2, 3];
const RESTED_AT = [
  undefined,
  { multiple: 0.25, timeframe: '5m' },
  { multiple: 0.5, timeframe: '5m' },
] as const satisfies readonly (AtrDistance | undefined)[];

/** The active exit, entered at the next open or by an order that rests; first the active rule. */
export function entryRules(active: ActiveRule): readonly TradeRule[] {
  const stop = activeStop(active);
  const { holdBars } = active;
  const rests = RESTED_AT.flatMap((away) =>
    RESTED_BARS.filter((bars) => bars < holdBars).flatMap((bars) =>
      (['nothing', 'taker'] as const).map((unfilled) => ({ ...(away && { away }), bars, unfilled })),
    ),
  );
  return [
    { name: 'next open', stop, holdBars },
    ...rests.map((rest) => ({ name: nameRest(rest), stop, holdBars, rest })),
  ];
}

function nameRest({ away, bars, unfilled }: Rest): string {
  const time = `${bars} ${bars === 1 ? 'bar' : 'bars'}`;
  return `${time}${away === undefined ? '' : ` at ${away.multiple} ATR`}, ${unfilled}`;
}
