// At which prices an order trades: at one, or through several levels of a book, each a few ticks worse than the one before.
import { type Contract, floorTo, roundTo } from '../contracts.ts';
import type { Depth } from '../unkindness.ts';
import { exact, type Side } from './positions.ts';

export interface Level {
  readonly price: number;
  readonly quantity: number;
}

/** One level without a depth, at `price` itself; with one, on whole ticks, as many levels as the step of the quantity allows. */
export function levelsOf(
  order: { side: Side; quantity: number; price: number },
  contract: Contract,
  depth: Depth | undefined,
): Level[] {
  const { side, quantity, price } = order;
  if (depth === undefined) return [{ price, quantity }];
  const { tickSize, stepSize } = contract;
  const each = Math.max(floorTo(quantity / depth.levels, stepSize), stepSize);
  const best = roundTo(price, tickSize);
  const away = (side === 'BUY' ? 1 : -1) * depth.ticks * tickSize;
  const levels: Level[] = [];
  for (let left = quantity; left > 0; ) {
    const last = levels.length === depth.levels - 1 || left <= each;
    const taken = last ? left : each;
    const worse = roundTo(best + away * levels.length, tickSize);
    levels.push({ price: Math.max(worse, tickSize), quantity: taken });
    left = exact(left - taken);
  }
  return levels;
}
