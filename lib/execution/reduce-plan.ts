// How a holding is taken off in orders that the exchange's filters let pass: rounded to the step, split where one order may not
// be that large. What is smaller than any order may be is left to a close-position stop.
import type { SymbolFilters } from '../market/symbol-filters.ts';
import { roundToStep } from './round-to-step.ts';

export interface ReductionPlan {
  /** Base asset, each within the filters; they add up to the holding less `rest`. */
  readonly quantities: readonly number[];
  /** Base asset: no market order of this size would pass. */
  readonly rest: number;
}

/** How far from the market the stop of a rest is put. */
const REST_STOP_FRACTION = 0.0005;

/** A holding of more orders than this is reduced by as many now, and by the rest when the account is read again. */
const ORDERS_MAX = 20;

/**
 * @param quantity what is held, base asset, ≥ 0
 * @param filters as the exchange has them now; undefined: not known, then the holding goes as it is
 */
export function planReduction(quantity: number, filters: SymbolFilters | undefined): ReductionPlan {
  if (filters === undefined) return { quantities: [quantity], rest: 0 };
  const { stepSize, minQuantity, maxQuantity } = filters;
  const largest = roundToStep(maxQuantity, stepSize, 'down') ?? 0;
  const quantities: number[] = [];
  let left = roundToStep(quantity, stepSize, 'down') ?? 0;
  while (left > 0 && left >= minQuantity && largest > 0 && quantities.length < ORDERS_MAX) {
    const next = Math.min(left, largest);
    quantities.push(next);
    left = roundToStep(subtract(left, next), stepSize, 'down') ?? 0;
  }
  const planned = quantities.reduce((sum, part) => sum + part, 0);
  return { quantities, rest: Math.max(0, subtract(quantity, planned)) };
}

/**
 * Trigger of the close-position stop that a rest is left to: the next small move reaches it.
 * @param price of the market
 * @param tickSize undefined: not known, then it goes unrounded
 * @returns undefined where there is no such price, as below the lowest tick
 */
export function restStopPrice(
  price: number,
  { isLong, tickSize }: { readonly isLong: boolean; readonly tickSize: number | undefined },
): number | undefined {
  const near = price * (1 + (isLong ? -REST_STOP_FRACTION : REST_STOP_FRACTION));
  const rounded = tickSize === undefined ? undefined : roundToStep(near, tickSize, isLong ? 'down' : 'up');
  const trigger = rounded ?? near;
  return Number.isFinite(trigger) && trigger > 0 ? trigger : undefined;
}

/** Without the dust of binary fractions: quantities have 8 decimals at most, and a small rest of much keeps them. */
const subtract = (a: number, b: number): number => Number((a - b).toFixed(8));
