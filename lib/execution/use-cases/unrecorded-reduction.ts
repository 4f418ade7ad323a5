// An order that takes off a position of which no record is used: on the other side of what is held.
import type { Scope } from '../../risk/gate.ts';
import { clientOrderId } from '../client-order-id.ts';
import type { ReduceOrder } from '../order.ts';
import type { BrokerPosition } from '../ports.ts';

/**
 * A market order; a stop once it is given a price. Reduce-only, so that one too many finds nothing to reduce, and none turns the
 * position around.
 * @param order.quantity null, of a stop alone: it closes whatever is held when it triggers
 * @param order.ensembleId with `atMs` what the order's id is made of
 */
export function unrecordedReduction(
  scope: Scope,
  { symbol, quantity: held, hedgeSide }: BrokerPosition,
  order: { readonly quantity: number | null; readonly atMs: number; readonly ensembleId: string },
): ReduceOrder {
  const { quantity, atMs, ensembleId } = order;
  const side = held > 0 ? 'SELL' : 'BUY';
  const decision = { scope, symbol, barOpenTimeMs: atMs, side, ensembleId, leg: 'exit' } as const;
  return {
    kind: 'reduce',
    scope,
    clientOrderId: clientOrderId(decision),
    symbol,
    side,
    quantity,
    reduceOnly: true,
    stopPrice: null,
    ...(hedgeSide && { hedgeSide }),
  };
}
