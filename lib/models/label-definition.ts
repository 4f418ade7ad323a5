// How far the barriers of a label lie from the close: the one distance that training and serving share.
import type { LabelDefinition } from './manifest.ts';

/**
 * Distance of either barrier from the close, as a fraction of the close.
 * @param atrPct the feature `atr_14_pct` as stored, float32: the one number that training and serving both have
 */
export function barrierFraction(atrPct: number, definition: LabelDefinition): number {
  return Math.max(definition.atrMultiple * atrPct, definition.minBarrierBps / 10_000);
}
