// Where the protective stop of an entry lies.

import { failure, type Result, success } from '../core/result.ts';
import type { OrderSide } from './order.ts';
import { roundToStep } from './round-to-step.ts';

export interface StopRequest {
  /** Of the entry. */
  readonly side: OrderSide;
  readonly entryPrice: number;
  /** Average true range of the ensemble's stop timeframe, price units. */
  readonly atr: number;
  /** Distance in multiples of ATR; fixed by the ensemble. */
  readonly atrMultiple: number;
  readonly tickSize: number;
}

/**
 * Entry ∓ multiple × ATR, rounded to a tick towards the entry: the loss is never larger than decided. Fails with `stop_invalid`
 * where there is no such price: no ATR, a distance under one tick, or below zero.
 */
export function stopPrice(request: StopRequest): Result<number, 'stop_invalid'> {
  const { side, entryPrice, atr, atrMultiple, tickSize } = request;
  if (!(entryPrice > 0)) return failure('stop_invalid');
  const distance = atr * atrMultiple;
  const exact = side === 'BUY' ? entryPrice - distance : entryPrice + distance;
  const price = roundToStep(exact, tickSize, side === 'BUY' ? 'up' : 'down');
  if (price === undefined || price <= 0) return failure('stop_invalid');
  const protects = side === 'BUY' ? price < entryPrice : price > entryPrice;
  return protects ? success(price) : failure('stop_invalid');
}
