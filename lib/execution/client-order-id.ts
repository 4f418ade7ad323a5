// The name of an order, made from the decision alone: the same decision always has the same id, so that a repeated event, a
// second process or a restart after a crash cannot order twice.

import { hash } from 'node:crypto';
import type { Scope } from '../risk/gate.ts';
import type { OrderSide } from './order.ts';

/** The decision's entry, its protective stop, or its exit before the stop. */
export type OrderLeg = 'entry' | 'stop' | 'exit';

export interface OrderDecision {
  readonly scope: Scope;
  readonly symbol: string;
  readonly barOpenTimeMs: number;
  readonly side: OrderSide;
  readonly ensembleId: string;
  readonly leg: OrderLeg;
  /** Counts the leg's orders when one came to nothing: a rejected stop, a partly filled exit. @default 0 */
  readonly sequence?: number;
}

/** 36 characters of [A-Za-z0-9_-], the most that Binance takes: `qt-` and 198 bits of SHA-256. */
export function clientOrderId(decision: OrderDecision): string {
  const { scope, symbol, barOpenTimeMs, side, ensembleId, leg, sequence = 0 } = decision;
  // A JSON array keeps the parts apart, so that no two decisions run together to the same text.
  const text = JSON.stringify([
    scope,
    symbol,
    barOpenTimeMs,
    side,
    ensembleId,
    leg,
    ...(sequence > 0 ? [sequence] : []),
  ]);
  return `qt-${hash('sha256', text, 'base64url').slice(0, 33)}`;
}
