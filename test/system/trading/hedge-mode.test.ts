// An account that a person has switched to hedge mode: nothing is entered, what is held there is told and trips, and an emergency
// stop closes both sides of a symbol.
import { afterEach, expect, it } from 'vitest';
import { unproven } from '../../../lib/core/actor.ts';
import { emergencyStop } from '../../../lib/execution/use-cases/emergency-stop.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { expectRows } from '../../support/execution/broker-market.ts';
import { LiveWorld } from '../../support/trading/live-world.ts';

let world: LiveWorld;
afterEach(() => world.exchange.close());

const hedge = async () => {
  world = await LiveWorld.open();
  world.exchange.external.changeModes({ dualSidePosition: true });
};
const open = (symbol: string, positionSide: 'LONG' | 'SHORT', quantity: number) =>
  world.exchange.external.marketOrder({
    ...{ symbol, positionSide, quantity, side: positionSide === 'LONG' ? 'BUY' : 'SELL' },
  });
const stopAll = () => {
  const { risk, clock } = world;
  return emergencyStop(
    {
      ...{ ...world.dependencies(), risk, clock, openBroker: async () => world.broker },
      ...{ stopwatchMs: () => world.nowMs, expire: () => new Promise<void>(() => undefined) },
      pause: async (durationMs) => {
        world.nowMs += durationMs;
      },
    },
    { scopes: ['live'], operator: unproven('somebody'), reason: 'hedge mode', keepPositions: false },
  );
};

it('enters nothing, and says what to do', async () => {
  await hedge();
  await world.decide({ BTCUSDT: 'BUY', ETHUSDT: 'SELL' });
  const { decisions } = await world.execute();
  for (const { outcomes, message } of decisions) {
    expect(outcomes).toEqual(['exchange_unavailable']);
    expect(message).toBe('the account is in hedge mode: switch it to one-way mode');
  }
  await world.minutes(5);
  expect(await world.latch()).toBe('ARMED');
  expect(await world.orders()).toEqual([]);
  world.exchange.external.changeModes({ dualSidePosition: false });
  await world.decide({ BTCUSDT: 'BUY' });
  await world.execute();
  expect(Object.keys(await world.held())).toEqual(['BTCUSDT']);
});

it('takes neither side of a symbol for the other: both are told, left alone, and trip', async () => {
  await hedge();
  open('BTCUSDT', 'LONG', 0.02);
  open('BTCUSDT', 'SHORT', 0.01);
  expect(expectRows(await world.broker.positions())).toMatchObject([
    { symbol: 'BTCUSDT', quantity: 0.02, hedgeSide: 'LONG' },
    { symbol: 'BTCUSDT', quantity: -0.01, hedgeSide: 'SHORT' },
  ]);
  const told = (side: string) =>
    `BTCUSDT: the ${side} position is one of hedge mode: an emergency stop closes it; then switch the account to one-way mode`;
  const report = await world.minute();
  expect(report).toMatchObject({ differences: [told('LONG'), told('SHORT')], actions: [], equity: null });
  expect(await world.latch()).toContain('reconciliation');
  expect(await world.orders()).toEqual([]);
});

it('has both sides of every symbol closed by an emergency stop', async () => {
  await hedge();
  open('BTCUSDT', 'LONG', 0.02);
  open('BTCUSDT', 'SHORT', 0.01);
  open('ETHUSDT', 'SHORT', 1);
  await world.minute();
  const steps = await stopAll();
  expect(world.exchange.truth()!.positions).toEqual([]);
  expect(steps.flatMap(({ failures }) => failures)).toEqual([]);
  expect(steps.find(({ step }) => step === 'flatten')!.done).toEqual([
    'BTCUSDT LONG: exit acknowledged, not in the records (the account is in hedge mode)',
    'BTCUSDT SHORT: exit acknowledged, not in the records (the account is in hedge mode)',
    'ETHUSDT SHORT: exit acknowledged, not in the records (the account is in hedge mode)',
  ]);
  world.exchange.external.changeModes({ dualSidePosition: false });
  await world.minutes(12);
  const { ledger } = (await executionRecords(world.risk).bookedLedger.get('live'))!.value;
  expect(ledger.positions).toEqual({});
  expect(await world.minute()).toMatchObject({ outcome: 'completed', differences: [] });
});

it('has a rest that is too small for a market order left to a stop of its own side', async () => {
  await hedge();
  open('BTCUSDT', 'LONG', 0.025);
  open('BTCUSDT', 'SHORT', 0.015);
  world.exchange.external.changeFilters({
    symbol: 'BTCUSDT',
    stepSize: 0.01,
    minQty: 0.01,
    marketMinQty: 0.01,
  });
  await stopAll();
  const { positions, stops } = world.exchange.truth()!;
  expect(positions.map(({ quantity }) => quantity)).toEqual([0.005, -0.005]);
  expect(stops.map(({ side, quantity }) => [side, quantity])).toEqual([
    ['SELL', null],
    ['BUY', null],
  ]);
});
