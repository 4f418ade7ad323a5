// The stops that a study compares: multiples of the average true range of every timeframe a stop may have, and none.
import { STOP_TIMEFRAME_NAMES, type StopTimeframe } from '../../models/stop-timeframe.ts';

/** A stop at a multiple of an ATR, or none: then only the horizon ends the trade. */
export type StopRule =
  | { readonly kind: 'atr'; readonly multiple: number; readonly timeframe: StopTimeframe }
  | { readonly kind: 'none' };

const MULTIPLES = [1, 1.2, 1.5, 2, 3];

/** Every multiple at every timeframe, and no stop; first the active rule, which the others are compared with. */
export function stopRules(active: {
  readonly stopAtrMultiple: number;
  readonly stopAtrTimeframe: StopTimeframe;
}): readonly StopRule[] {
  const multiples = [...new Set([...MULTIPLES, active.stopAtrMultiple])].sort((a, b) => a - b);
  const rules = STOP_TIMEFRAME_NAMES.flatMap((timeframe) =>
    multiples.map((multiple) => ({ kind: 'atr', multiple, timeframe }) as const),
  );
  const isActive = (rule: (typeof rules)[number]) =>
    rule.timeframe === active.stopAtrTimeframe && rule.multiple === active.stopAtrMultiple;
  return [...rules.filter(isActive), ...rules.filter((rule) => !isActive(rule)), { kind: 'none' }];
}

/** `1.2 x ATR 1d` */
export const nameRule = (rule: StopRule): string =>
  rule.kind === 'none' ? 'no stop' : `${rule.multiple} x ATR ${rule.timeframe}`;
