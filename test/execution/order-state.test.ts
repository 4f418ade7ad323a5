import { describe, expect, it } from 'vitest';
import {
  ARRIVAL_MS_MAX,
  advanceOrder,
  newOrderState,
  type OrderAnomaly,
  type OrderEvent,
  type OrderState,
  type OrderStatus,
} from '../../lib/execution/order-state.ts';

const fill = (filledQuantity: number): OrderEvent => ({ kind: 'filled', filledQuantity, averagePrice: 100 });
const notFound = (sinceSubmitMs: number): OrderEvent => ({ kind: 'not_found', sinceSubmitMs });
const acknowledged: OrderEvent = { kind: 'acknowledged' };
const rejected: OrderEvent = { kind: 'rejected' };
const cancelled: OrderEvent = { kind: 'cancelled' };
const unknown: OrderEvent = { kind: 'outcome_unknown' };

describe('advanceOrder', () => {
  const lives: [string, OrderEvent[], OrderStatus, number, OrderAnomaly | undefined][] = [
    ['acknowledged', [acknowledged], 'acknowledged', 0, undefined],
    ['filled in parts', [acknowledged, fill(4), fill(10)], 'filled', 10, undefined],
    ['filled before it is acknowledged', [fill(4), acknowledged], 'partially_filled', 4, undefined],
    ['reports out of order', [acknowledged, fill(7), fill(4)], 'partially_filled', 7, undefined],
    ['timeout, then found', [unknown, acknowledged], 'acknowledged', 0, undefined],
    ['timeout, then found filled', [unknown, fill(10)], 'filled', 10, undefined],
    ['timeout, not found yet', [unknown, notFound(ARRIVAL_MS_MAX)], 'unknown', 0, undefined],
    ['timeout, never arrived', [unknown, notFound(ARRIVAL_MS_MAX + 1)], 'rejected', 0, undefined],
    ['crash before sending, not found', [notFound(ARRIVAL_MS_MAX + 1)], 'rejected', 0, undefined],
    ['not found after an unknown time', [unknown, notFound(Number.NaN)], 'unknown', 0, undefined],
    ['doubt after an answer', [acknowledged, unknown], 'acknowledged', 0, undefined],
    ['cancelled with a part filled', [acknowledged, fill(4), cancelled], 'cancelled', 4, undefined],
    ['rest rejected', [fill(4), rejected], 'cancelled', 4, undefined],
    ['cancelled twice', [cancelled, cancelled], 'cancelled', 0, undefined],
    ['cancelled too late', [fill(10), cancelled], 'filled', 10, undefined],
    ['filled while it was being cancelled', [cancelled, fill(10)], 'filled', 10, 'fill_after_end'],
    ['filled in part while it was being cancelled', [cancelled, fill(3)], 'cancelled', 3, 'fill_after_end'],
    ['filled after a rejection', [rejected, fill(3)], 'cancelled', 3, 'fill_after_end'],
    ['overfilled', [acknowledged, fill(11)], 'filled', 11, 'overfilled'],
    ['vanished', [acknowledged, notFound(90_000)], 'unknown', 0, 'vanished'],
    ['rejected, then acknowledged', [rejected, acknowledged], 'rejected', 0, 'end_contradicted'],
    ['cancelled, then rejected', [cancelled, rejected], 'cancelled', 0, 'end_contradicted'],
    ['a fill of nothing', [acknowledged, fill(0)], 'acknowledged', 0, 'fill_invalid'],
    ['a fill that is no number', [acknowledged, fill(Number.NaN)], 'acknowledged', 0, 'fill_invalid'],
  ];
  it.each(lives)('%s', (_name, events, status, filledQuantity, anomaly) => {
    let state: OrderState = newOrderState(10);
    let seen: OrderAnomaly | undefined;
    for (const event of events) {
      const step = advanceOrder(state, event);
      state = step.current;
      seen = step.anomaly;
    }
    expect(state).toMatchObject({ status, filledQuantity });
    expect(seen).toBe(anomaly);
  });
});
