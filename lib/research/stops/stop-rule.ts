// The stops that a study compares: multiples of the average true range of three timeframes, and none.

export const ATR_TIMEFRAMES = ['5m', '1h', '4h'] as const;
export type AtrTimeframe = (typeof ATR_TIMEFRAMES)[number];

/** A stop at a multiple of an ATR, or none: then only the horizon ends the trade. */
export type StopRule =
  | { readonly kind: 'atr'; readonly multiple: number; readonly timeframe: AtrTimeframe }
  | { readonly kind: 'none' };

const MULTIPLES = [0.8, 1, 1.2, 1.5, 2, 2.5, 3, 4];

/** Every multiple at every timeframe, and no stop; first the active rule, which the others are compared with. */
export function stopRules(activeMultiple: number): readonly StopRule[] {
  const multiples = [...new Set([...MULTIPLES, activeMultiple])].sort((a, b) => a - b);
  const rules = ATR_TIMEFRAMES.flatMap((timeframe) =>
    multiples.map((multiple) => ({ kind: 'atr', multiple, timeframe }) as const),
  );
  const isActive = (rule: (typeof rules)[number]) =>
    rule.timeframe === '5m' && rule.multiple === activeMultiple;
  return [...rules.filter(isActive), ...rules.filter((rule) => !isActive(rule)), { kind: 'none' }];
}

/** `1.2 x ATR 5m` */
export const nameRule = (rule: StopRule): string =>
  rule.kind === 'none' ? 'no stop' : `${rule.multiple} x ATR ${rule.timeframe}`;
