// Laws of protection, with the real broker against the simulated exchange on a bad day: after any mix of odd rows, lags, trades
// by others and outages, every position is protected or closed two minutes after the last fault; nothing is booked twice; the
// ledger equals the exchange after quiet; the emergency stop reduces whatever is held whenever the order route works.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unproven } from '../../../lib/core/actor.ts';
import { differencesOf } from '../../../lib/execution/ledger/booked-ledger.ts';
import type { BrokerPosition } from '../../../lib/execution/ports.ts';
import { emergencyStop } from '../../../lib/execution/use-cases/emergency-stop.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { type FaultRequest, isFalseOfMoney, ODDITIES } from '../../../local/exchange/faults.ts';
import { UNKIND } from '../../../local/exchange/unkindness.ts';
import { expectRows, expectValue } from '../../support/execution/broker-market.ts';
import { LIVE_DEPOSIT_USDT, LiveWorld } from '../../support/trading/live-world.ts';

type ArbitraryValue<T> = T extends fc.Arbitrary<infer Value> ? Value : never;

const SYMBOLS = ['BTCUSDT', 'ETHUSDT'] as const;
const SEED = 20_241;
const RUNS = 14;
/** After a trade by others the wallet is explained within ten minutes; what is open leaves within fifteen. */
const QUIET_MINUTES = 20;

const READS = [
  '/fapi/v1/openOrders',
  '/fapi/v1/openAlgoOrders',
  '/fapi/v3/positionRisk',
  '/fapi/v3/balance',
  '/fapi/v3/account',
  '/fapi/v1/userTrades',
  '/fapi/v1/income',
  '/fapi/v1/exchangeInfo',
  '/fapi/v1/premiumIndex',
  '/fapi/v1/ticker',
] as const;
const SENDS = ['/fapi/v1/order', '/fapi/v1/algoOrder'] as const;

const read = fc.constantFrom(...READS);
const fault: fc.Arbitrary<FaultRequest> = fc.oneof(
  fc
    .record({ kind: fc.constant('odd_row' as const), path: read, how: fc.constantFrom(...ODDITIES) })
    .map((odd) => ({ ...odd, place: isFalseOfMoney(odd) ? ('insert' as const) : ('replace' as const) })),
  fc.record({ kind: fc.constant('late' as const), path: read, seconds: fc.constantFrom(5, 30, 90) }),
  fc.record({
    kind: fc.constantFrom('server_error' as const, 'html' as const, 'reset' as const),
    path: read,
  }),
  fc.record({
    kind: fc.constantFrom('server_error' as const, 'reset' as const),
    path: fc.constantFrom(...SENDS),
  }),
  fc.record({
    kind: fc.constant('accept_then' as const),
    how: fc.constant('reset' as const),
    path: fc.constantFrom(...SENDS),
  }),
  fc.record({
    kind: fc.constant('overloaded' as const),
    path: fc.constantFrom(...SENDS),
    sparesReductions: fc.boolean(),
  }),
);
const symbol = fc.constantFrom(...SYMBOLS);
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('fault' as const), fault }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('trade' as const),
      symbol,
      side: fc.constantFrom('BUY' as const, 'SELL' as const),
      quantity: fc.constantFrom(0.01, 0.03, 0.05),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), symbol }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('bar' as const) }) },
);
type Act = ArbitraryValue<typeof act>;
const mix = fc.record({ isUnkind: fc.boolean(), acts: fc.array(act, { minLength: 1, maxLength: 6 }) });
type Mix = { readonly isUnkind: boolean; readonly acts: readonly Act[] };

async function carryOut(world: LiveWorld, one: Act): Promise<void> {
  switch (one.kind) {
    case 'fault':
      return world.exchange.faults.inject(one.fault);
    case 'trade': {
      const { symbol, side, quantity } = one;
      return void world.exchange.external.marketOrder({ symbol, side, quantity });
    }
    case 'cancel':
      return void world.exchange.external.cancelOrders({ symbol: one.symbol });
    case 'restart':
      return world.restart();
    case 'bar':
      world.nowMs += BAR_MS;
      await world.decide({ BTCUSDT: 'BUY', ETHUSDT: 'SELL' });
      return void (await world.execute());
  }
}

/** Positions and stops as they are once no list lags any more. */
async function expectProtectedOrClosed(world: LiveWorld): Promise<void> {
  world.nowMs += 10_000;
  await world.expectProtected();
  const stops = expectRows(await world.broker.openStops());
  for (const symbol of Object.keys(await world.held()))
    expect(stops.filter((stop) => stop.symbol === symbol)).toHaveLength(1);
}

const priced = (position: BrokerPosition) => ({ ...position, entryPrice: position.entryPrice ?? Number.NaN });

async function expectBookedOnce(world: LiveWorld, isOurs: boolean): Promise<void> {
  const walletMicroUsdt = expectValue(await world.broker.walletMicroUsdt());
  const positions = expectRows(await world.broker.positions()).map(priced);
  const { ledger } = (await executionRecords(world.risk).bookedLedger.get('live'))!.value;
  expect(differencesOf(ledger, { walletMicroUsdt, positions })).toEqual([]);
  // Nothing was taken over: what is in the ledger was booked, and once.
  if (isOurs) expect(ledger.depositMicroUsdt).toBe(LIVE_DEPOSIT_USDT * 1e6);
  for (const { state, bookedQuantity } of await world.orders())
    expect(bookedQuantity).toBeLessThanOrEqual(state.filledQuantity);
}

async function expectLaws({ isUnkind, acts }: Mix): Promise<void> {
  const world = await LiveWorld.open({}, isUnkind ? { ...UNKIND, bnbFees: undefined } : {});
  try {
    await world.decide({ BTCUSDT: 'BUY', ETHUSDT: 'SELL' });
    await world.execute();
    for (const one of acts) {
      await carryOut(world, one);
      await world.minute();
    }
    world.exchange.faults.clear();
    await world.minutes(2);
    await expectProtectedOrClosed(world);
    await world.minutes(QUIET_MINUTES);
    await expectProtectedOrClosed(world);
    await expectBookedOnce(world, !acts.some(({ kind }) => kind === 'trade'));
  } finally {
    await world.exchange.close();
  }
}

describe('protection', () => {
  it('keeps the laws, whatever happens', { timeout: 240_000 }, async () => {
    console.info(`protection laws: seed ${SEED}, ${RUNS} mixes`);
    await fc.assert(fc.asyncProperty(mix, expectLaws), { seed: SEED, numRuns: RUNS, endOnFailure: true });
  });
});

describe('the emergency stop', () => {
  const elsewhere = fc.constantFrom(
    ...READS.filter((path) => path !== '/fapi/v3/positionRisk'),
    '/fapi/v1/algoOrder',
  );
  const isolated = fc.record({
    paths: fc.uniqueArray(elsewhere, { minLength: 1, maxLength: 6 }),
    kind: fc.constantFrom('server_error' as const, 'html' as const, 'reset' as const),
    isStoreDown: fc.boolean(),
    areFlagsDown: fc.boolean(),
    trade: fc.option(fc.record({ symbol, quantity: fc.constantFrom(0.01, 0.05) })),
  });

  it('reduces whatever is held whenever the order route works', { timeout: 120_000 }, async () => {
    const stopAmid = async (given: ArbitraryValue<typeof isolated>) => {
      const world = await LiveWorld.open();
      try {
        await world.decide({ BTCUSDT: 'BUY', ETHUSDT: 'SELL' });
        await world.execute();
        if (given.trade !== null) world.exchange.external.marketOrder({ ...given.trade, side: 'SELL' });
        for (const path of given.paths) world.exchange.faults.inject({ kind: given.kind, path });
        const down = async () => {
          throw new Error('no answer');
        };
        const { risk, flags, clock } = world;
        const steps = await emergencyStop(
          {
            ...world.dependencies(),
            risk: given.isStoreDown
              ? { ...risk, get: down, put: down, list: down, readGate: down, commit: down }
              : risk,
            flags: given.areFlagsDown ? { read: down, write: down } : flags,
            clock,
            openBroker: async () => world.broker,
            stopwatchMs: () => world.nowMs,
            pause: async (ms) => {
              world.nowMs += ms;
            },
            expire: () => new Promise<void>(() => undefined),
          },
          { scopes: ['live'], operator: unproven('ada'), reason: 'law', keepPositions: false },
        );
        world.exchange.faults.clear();
        expect(await world.held()).toEqual({});
        const isWhole = !given.isStoreDown && !given.areFlagsDown;
        if (!isWhole) expect(steps.some(({ failures }) => failures.length > 0)).toBe(true);
      } finally {
        await world.exchange.close();
      }
    };
    await fc.assert(fc.asyncProperty(isolated, stopAmid), { seed: SEED, numRuns: 12, endOnFailure: true });
  });
});
