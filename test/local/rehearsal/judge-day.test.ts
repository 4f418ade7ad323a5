// What the judge of a rehearsed day takes for a cause of a trip: what the rehearsal has done, and nothing beside it.
import { describe, expect, it } from 'vitest';
import { createMemoryRiskStore } from '../../../lib/adapters/memory/memory-risk-store.ts';
import { MINUTE_MS, SECOND_MS } from '../../../lib/core/units.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { newOrderRecord } from '../../../lib/execution/use-cases/send-order.ts';
import type { DayReport, Trip } from '../../../local/rehearsal/day-report.ts';
import { problemsOfDay } from '../../../local/rehearsal/judge-day.ts';
import { unexplainedRefusals } from '../../../local/rehearsal/refused-orders.ts';

const NOW_MS = Date.UTC(2024, 7, 5, 12);

const judged = (trip: Partial<Trip>, ordersOutAtMs: readonly number[] = []) =>
  problemsOfDay({
    ...{ acts: [], longestUnprotectedMs: 0, differencesAtEnd: [], unexplainedMicroUsdt: 0, ordersOutAtMs },
    trips: [...[{ atMs: NOW_MS, causes: ['order_rejections: 3 within 15 min'], differences: [], ...trip }]],
  } as unknown as DayReport);

describe('a trip for refused orders', () => {
  it('is explained when the rehearsal had all of them refused, or no order could arrive', () => {
    expect(judged({ unexplainedRefusals: [] })).toEqual([]);
    expect(judged({ unexplainedRefusals: ['one'] }, [NOW_MS - MINUTE_MS])).toEqual([]);
  });

  it('is a problem that names those which it did not', () => {
    expect(judged({ unexplainedRefusals: ['SOLUSDT exit'] })).toEqual([
      expect.stringMatching(/no act explains: order_rejections: 3 within 15 min; SOLUSDT exit$/),
    ]);
    const causes = ['order_rejections: 3 within 15 min', 'signals_stale: silent for 690 s'];
    expect(judged({ causes, unexplainedRefusals: [] })).toHaveLength(1);
  });
});

describe('a refusal', () => {
  const SENT_MS = NOW_MS - 10 * MINUTE_MS;
  const PLANNED = 'the exchange refused: -2019 Margin is insufficient.';
  const causes = {
    plannedAtMs: [SENT_MS],
    changes: [
      { atMs: SENT_MS - MINUTE_MS, what: 'step × 10', symbol: 'ETHUSDT' },
      { atMs: SENT_MS - MINUTE_MS, what: 'mark 60 bps from last', symbol: 'BTCUSDT' },
    ],
    contract: () => ({ stepSize: 0.01, tickSize: 0.1 }),
  };
  /** Whether it is explained. */
  async function isExplained(
    symbol: string,
    { quantity = 1, note = '', afterMs = SECOND_MS }: { quantity?: number; note?: string; afterMs?: number },
  ): Promise<boolean> {
    const records = executionRecords(createMemoryRiskStore());
    const order = {
      ...{ clientOrderId: 'qt-1', symbol, side: 'SELL', quantity },
      kind: 'reduce',
      stopPrice: null,
    };
    const about = {
      leg: 'exit',
      barOpenTimeMs: null,
      ensembleId: null,
      exitDueMs: null,
      authorisedEpoch: null,
    };
    const record = newOrderRecord(order as never, { ...about, note, nowMs: SENT_MS } as never);
    await records.orders.put('live', record, { ifAbsent: true });
    await records.rejections.add('live', { clientOrderId: 'qt-1', atMs: SENT_MS + afterMs });
    return (await unexplainedRefusals(records, NOW_MS, causes)).length === 0;
  }

  it('is explained by the plan, in the run of which it had an order refused', async () => {
    expect(await isExplained('BTCUSDT', { note: PLANNED })).toBe(true);
    expect(await isExplained('BTCUSDT', { note: PLANNED, afterMs: MINUTE_MS })).toBe(false);
    expect(await isExplained('BTCUSDT', { note: 'the exchange refused: -4003 Quantity' })).toBe(false);
  });

  it('is explained by a filter that was changed, of the very contract, and does not take it', async () => {
    expect(await isExplained('ETHUSDT', { quantity: 1.005 })).toBe(true);
    expect(await isExplained('ETHUSDT', { quantity: 1.05 })).toBe(false);
    expect(await isExplained('BTCUSDT', { quantity: 1.005 })).toBe(false);
  });
});
