// The record of an order that cannot be read for one run: its trades are ours all the same, and are booked once.
import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../lib/core/store-error.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { ORDERS } from '../../../lib/execution/records.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { keyOf } from '../../../lib/risk/record-kind.ts';
import { LiveWorld } from '../../support/trading/live-world.ts';

describe('an exit whose record cannot be read in a run that sees its trades', { timeout: 60_000 }, () => {
  it('is booked once, and leaves no difference', async () => {
    const world = await LiveWorld.open();
    try {
      await world.decide({ BTCUSDT: 'BUY' });
      await world.execute();
      await world.minutes(5);
      // Against the position: execute closes it, and the position manager has not yet seen that.
      world.nowMs += BAR_MS - 5 * MINUTE_MS;
      await world.decide({ BTCUSDT: 'SELL' });
      const report = await world.execute();
      expect(outcomesOf(report)).toEqual(['exited']);
      const exit = (await world.orders()).find(({ leg }) => leg === 'exit')!;
      const { risk } = world;
      let unread = 0;
      world.risk = {
        ...risk,
        get: async (scope, key, schema) => {
          if (key === keyOf(ORDERS, exit.clientOrderId) && unread++ === 0)
            throw new StoreError('throttled', { retryable: true });
          return risk.get(scope, key, schema);
        },
      };
      // Later than a trade of ours may go unlisted.
      await world.minute(2 * MINUTE_MS);
      expect(unread).toBeGreaterThan(0);
      await world.minutes(12);
      expect(await world.latch()).toBe('ARMED');
      await world.expectSettled();
    } finally {
      await world.exchange.close();
    }
  });
});

const outcomesOf = (report: Awaited<ReturnType<LiveWorld['execute']>>) =>
  report.decisions.find(({ symbol }) => symbol === 'BTCUSDT')?.outcomes;
