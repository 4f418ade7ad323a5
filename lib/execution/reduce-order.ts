// The orders that take a position off again: the protective stop that goes with every entry, and the exit before it.

import { clientOrderId } from './client-order-id.ts';
import type { EntryOrder, ReduceOrder, SizedOrder } from './order.ts';

/** What a reduction needs to know of the entry it belongs to. */
export type ReducibleEntry = Pick<
  EntryOrder,
  'scope' | 'symbol' | 'side' | 'barOpenTimeMs' | 'ensembleId' | 'stopPrice'
>;

/**
 * The reduce-only order against what was filled of an entry, as a stop at the entry's own trigger or as a market exit. Its id
 * follows from the entry's decision: asked for again, it is the same order.
 * @param sequence 0 for the leg's first order, then one more for each that came to nothing
 */
export function reduceOrder(
  entry: ReducibleEntry,
  leg: 'stop' | 'exit',
  filledQuantity: number,
  sequence = 0,
): ReduceOrder & SizedOrder {
  const { scope, symbol, barOpenTimeMs, ensembleId, stopPrice } = entry;
  const side = entry.side === 'BUY' ? 'SELL' : 'BUY';
  return {
    kind: 'reduce',
    scope,
    clientOrderId: clientOrderId({ scope, symbol, barOpenTimeMs, side, ensembleId, leg, sequence }),
    symbol,
    side,
    quantity: filledQuantity,
    reduceOnly: true,
    stopPrice: leg === 'stop' ? stopPrice : null,
  };
}
