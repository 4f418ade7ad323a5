// The ways out of a trade that a study compares. Each has a last bar; what is nearer ends the trade before it.
import { STOP_TIMEFRAME_NAMES, type StopTimeframe } from '../../models/stop-timeframe.ts';

/** A multiple of the average true range of a timeframe. */
export interface AtrDistance {
  readonly multiple: number;
  readonly timeframe: StopTimeframe;
}

export interface ExitRule {
  readonly name: string;
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
export interface ActiveExit {
  readonly stopAtrMultiple: number;
  readonly stopAtrTimeframe: StopTimeframe;
  readonly holdBars: number;
}

const nameDistance = ({ multiple, timeframe }: AtrDistance): string => `${multiple} x ATR ${timeframe}`;

const activeStop = ({ stopAtrMultiple, stopAtrTimeframe }: ActiveExit): AtrDistance => ({
  multiple: stopAtrMultiple,
  timeframe: stopAtrTimeframe,
});

const STOP_MULTIPLES = [1, 1.2, 1.5, 2, 3];

/** Every multiple at every timeframe, and no stop; first the active rule, which the others are compared with. */
export function stopRules(active: ActiveExit): readonly ExitRule[] {
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
export function exitRules(active: ActiveExit): readonly ExitRule[] {
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
