// An emergency stop whose order comes to nothing sends another one: the id of an order is never used for a second.
import { afterEach, describe, expect, it } from 'vitest';
import { unproven } from '../../../lib/core/actor.ts';
import type { Broker } from '../../../lib/execution/ports.ts';
import { emergencyStop } from '../../../lib/execution/use-cases/emergency-stop.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { LiveWorld } from '../../support/trading/live-world.ts';

let world: LiveWorld;
afterEach(() => world.exchange.close());

/** A position of which there is no record, so that its exits are in none either. */
async function openUnrecorded(): Promise<void> {
  world = await LiveWorld.open();
  await world.minute(BAR_MS);
  await world.decide({ BTCUSDT: 'BUY' });
  await world.execute();
  const { positions } = executionRecords(world.risk);
  await positions.remove('live', (await positions.get('live', 'BTCUSDT'))!);
}

/** @returns ids of the orders that were sent */
async function stopEverything(): Promise<readonly string[]> {
  const ids: string[] = [];
  const submit: Broker['submit'] = (approved, options) => {
    ids.push(approved.order.clientOrderId);
    return world.broker.submit(approved, options);
  };
  await emergencyStop(
    {
      ...world.dependencies(),
      openBroker: async () => ({ ...world.broker, submit }),
      stopwatchMs: () => world.nowMs,
      pause: async (durationMs) => {
        world.nowMs += durationMs;
      },
      expire: () => new Promise(() => {}),
    },
    { scopes: ['live'], operator: unproven('ada'), reason: 'a test', keepPositions: false },
  );
  return ids;
}

const ORDER = { path: '/fapi/v1/order', method: 'POST' } as const;

describe('an order of the emergency stop', () => {
  it('that expires with nothing filled is followed by another within the minute', async () => {
    await openUnrecorded();
    world.exchange.faults.inject({ kind: 'partial_fill', share: 0, ...ORDER, count: 3 });
    const ids = await stopEverything();
    expect(await world.held()).toEqual({});
    expect(ids).toHaveLength(4);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is none of a stop before it', async () => {
    await openUnrecorded();
    world.exchange.faults.inject({ kind: 'partial_fill', share: 0, ...ORDER });
    const first = await stopEverything();
    world.exchange.faults.clear();
    const second = await stopEverything();
    expect(await world.held()).toEqual({});
    expect(new Set([...first, ...second]).size).toBe(first.length + second.length);
  });
});
