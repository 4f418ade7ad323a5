// A process that dies at any call, before or after the call took effect: the next runs repair what it left behind. Never two
// orders for one decision, no position without a stop once guard has run, nothing held that is not there, and books that balance.
import { describe, expect, it } from 'vitest';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import { Crash, CrashPlan, requestOf, signalOf, TradingWorld } from '../../support/trading/trading-world.ts';

const WHEN = ['before', 'after'] as const;

async function died(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return false;
  } catch (error) {
    if (!(error instanceof Crash)) throw error;
    return true;
  }
}

const open = () => TradingWorld.open(signalOf('BTCUSDT', 'BUY'), signalOf('ETHUSDT', 'SELL'));

function expectProtected({ exchange }: TradingWorld, at: string): void {
  for (const [symbol, quantity] of exchange.held) {
    const covered = Math.max(0, ...exchange.openStops(symbol).map((stop) => stop.quantity ?? 0));
    expect(covered, `${at}: the stop of ${symbol}`).toBeGreaterThanOrEqual(Math.abs(quantity));
  }
}

function expectOneOrderPerDecision({ exchange }: TradingWorld, at: string): void {
  const ids = exchange.sent.map(({ clientOrderId }) => clientOrderId);
  expect(new Set(ids).size, `${at}: every order was sent once`).toBe(ids.length);
  for (const symbol of ['BTCUSDT', 'ETHUSDT'])
    expect(exchange.entries(symbol).length, `${at}: entries of ${symbol}`).toBeLessThanOrEqual(1);
}

/** What must be true once guard has had three minutes. */
async function expectRepaired(world: TradingWorld, at: string): Promise<void> {
  const { exchange } = world;
  expectOneOrderPerDecision(world, at);
  expectProtected(world, at);
  const held = [...exchange.held.keys()].sort();
  const gate = await world.gate();
  expect(Object.keys(gate.reserved).sort(), `${at}: reserved`).toEqual(held);
  expect(gate.positionCount, `${at}: count`).toBe(held.length);
  const sum = Object.values(gate.reserved).reduce(
    (total, { notionalMicroUsdt }) => total + notionalMicroUsdt,
    0,
  );
  expect(gate.exposureMicroUsdt, `${at}: exposure`).toBe(sum);
  const records = executionRecords(world.risk);
  const positions = allValues(await records.positions.all('paper'));
  expect(
    positions.map(({ symbol }) => symbol),
    `${at}: records`,
  ).toEqual(held);
  const { ledger } = await world.bookedLedger();
  const quantities = Object.fromEntries(
    Object.entries(ledger.positions).map(([symbol, { quantity }]) => [symbol, quantity]),
  );
  expect(quantities, `${at}: books`).toEqual(Object.fromEntries(exchange.held));
  const { depositMicroUsdt, realisedMicroUsdt, feesMicroUsdt } = ledger;
  expect(depositMicroUsdt + realisedMicroUsdt - feesMicroUsdt, `${at}: wallet`).toBe(
    exchange.walletMicroUsdt,
  );
  expect(depositMicroUsdt, `${at}: nothing was unexplained`).toBe(10_000_000_000);
  const managePositions = await records.positionManager.get('paper');
  expect(managePositions?.value.differences, `${at}: differences`).toEqual([]);
}

/** Runs the scenario once for every call that it makes, dying there. @returns how many calls that were */
async function dieEverywhere(
  when: 'before' | 'after',
  scenario: (crash: CrashPlan, at: string) => Promise<boolean>,
): Promise<number> {
  for (let call = 1; ; call++) {
    if (!(await scenario(new CrashPlan(call, when), `dead ${when} call ${call}`))) return call - 1;
    if (call > 500) throw new Error('the scenario does not end');
  }
}

describe.each(WHEN)('execute that dies %s a call', (when) => {
  it('is repaired by guard, and its repetition orders nothing twice', async () => {
    const calls = await dieEverywhere(when, async (crash, at) => {
      const world = await open();
      const dead = await died(world.execute(requestOf(), crash));
      world.nowMs += 20_000;
      await world.execute();
      expectOneOrderPerDecision(world, at);
      await world.minute();
      expectProtected(world, `${at}, a minute later`);
      await world.minutes(2);
      await expectRepaired(world, at);
      await world.minutes(20);
      expect(world.exchange.held.size, `${at}: closed at the horizon`).toBe(0);
      await expectRepaired(world, `${at}, at the end`);
      return dead;
    });
    expect(calls).toBeGreaterThan(40);
  });

  it('on an exchange that takes orders and does not answer', async () => {
    await dieEverywhere(when, async (crash, at) => {
      const world = await open();
      world.exchange.answer = () => 'timeout';
      const dead = await died(world.execute(requestOf(), crash));
      world.exchange.answer = () => 'fill';
      await world.execute();
      await world.minute();
      expectProtected(world, `${at}, a minute later`);
      await world.minutes(3);
      await expectRepaired(world, at);
      return dead;
    });
  });
});

describe.each(WHEN)('guard that dies %s a call', (when) => {
  it('while it protects a position is repaired by the next run', async () => {
    const calls = await dieEverywhere(when, async (crash, at) => {
      const world = await open();
      world.exchange.answer = ({ kind }) => (kind === 'entry' ? 'later' : 'fill');
      await world.execute();
      world.exchange.settle();
      world.nowMs += MINUTE_MS;
      const dead = await died(world.managePositions(crash));
      await world.minute();
      expectProtected(world, `${at}, a minute later`);
      await world.minutes(2);
      await expectRepaired(world, at);
      return dead || crash.happened;
    });
    expect(calls).toBeGreaterThan(20);
  });

  it('while it closes a position at its horizon is repaired by the next runs', async () => {
    await dieEverywhere(when, async (crash, at) => {
      const world = await open();
      await world.execute();
      await world.minutes(14);
      expect(world.exchange.held.size).toBe(2);
      world.nowMs += MINUTE_MS;
      const dead = await died(world.managePositions(crash));
      await world.minutes(4);
      expect(world.exchange.held.size, at).toBe(0);
      await expectRepaired(world, at);
      return dead || crash.happened;
    });
  });

  it('after stops were hit is repaired by the next runs', async () => {
    await dieEverywhere(when, async (crash, at) => {
      const world = await open();
      await world.execute();
      await world.minute();
      world.exchange.move('BTCUSDT', 49_000);
      world.nowMs += MINUTE_MS;
      const dead = await died(world.managePositions(crash));
      await world.minutes(4);
      expect([...world.exchange.held.keys()], at).toEqual(['ETHUSDT']);
      await expectRepaired(world, at);
      return dead || crash.happened;
    });
  });
});
