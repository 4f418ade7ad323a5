// What others do to the account (the exchange itself, a person, a transfer) is explained by the exchange's rows of income, booked
// once, and told when nothing explains it: the real broker against the simulated exchange.

import { afterEach, describe, expect, it } from 'vitest';
import { unproven } from '../../../lib/core/actor.ts';
import { declareTransfer } from '../../../lib/execution/use-cases/declare-transfer.ts';
import { emergencyStop } from '../../../lib/execution/use-cases/emergency-stop.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import type { Unkindness } from '../../../local/exchange/unkindness.ts';
import { expectRows, expectValue } from '../../support/execution/broker-market.ts';
import { LIVE_DEPOSIT_USDT, LiveWorld } from '../../support/trading/live-world.ts';

let world: LiveWorld;
const open = async (unkind?: Partial<Unkindness>) => {
  world = await LiveWorld.open({}, unkind);
  return world;
};
afterEach(() => world.exchange.close());

const enter = async () => {
  await world.decide({ BTCUSDT: 'BUY' });
  await world.execute();
  await world.minute();
  expect(await world.held()).toHaveProperty('BTCUSDT');
};
const bookedLedger = async () => (await executionRecords(world.risk).bookedLedger.get('live'))!.value;
const trades = async () => allValues(await executionRecords(world.risk).trades.all('live'));
const incidents = async () => allValues(await executionRecords(world.risk).incidents.since('live', 0));
const told = async () => (await incidents()).flatMap(({ differences }) => differences);
const declare = async (amountMicroUsdt: number) => {
  const { nowMs, risk } = world;
  const said = { scope: 'live', by: unproven('ann'), reason: 'capital', nowMs } as const;
  expect(await declareTransfer(risk, { ...said, amountMicroUsdt })).toMatchObject({ ok: true });
};
/** What the wallet lost or won by rows, in micro-USDT. */
const rowsOf = async (...kinds: string[]) =>
  expectRows(await world.broker.incomeSince(0))
    .filter(({ kind, asset }) => kinds.includes(kind) && asset === 'USDT')
    .reduce((sum, { amount }) => sum + Math.round(amount * 1e6), 0);
/** The ledger's wallet is the exchange's, and nothing of it went unexplained into the deposit. */
const expectExplained = async (depositUsdt = LIVE_DEPOSIT_USDT) => {
  const { ledger } = await bookedLedger();
  const { depositMicroUsdt, realisedMicroUsdt, feesMicroUsdt, fundingMicroUsdt } = ledger;
  const wallet = depositMicroUsdt + realisedMicroUsdt - feesMicroUsdt + fundingMicroUsdt;
  expect(Math.abs(wallet - expectValue(await world.broker.walletMicroUsdt()))).toBeLessThanOrEqual(10_000);
  expect(depositMicroUsdt).toBe(depositUsdt * 1e6);
};

describe('a position that the exchange closes', () => {
  it.each([
    { act: 'liquidate', reason: 'liquidated' },
    { act: 'deleverage', reason: 'auto_deleveraged' },
    { act: 'settle', reason: 'settled' },
  ] as const)('is told with its true profit and its reason: $reason', async ({ act, reason }) => {
    await open({ incomeLagMs: 90_000 });
    await enter();
    world.nowMs += 20_000;
    if (act === 'liquidate') world.exchange.external.liquidate({ symbol: 'BTCUSDT', lossBps: 1_400 });
    else world.exchange.external[act]({ symbol: 'BTCUSDT' });
    await world.minutes(6);
    expect(await world.held()).toEqual({});
    const [trade, ...others] = await trades();
    expect(others).toEqual([]);
    const lost = await rowsOf('realised', 'insurance', 'settlement', 'commission');
    expect(trade).toMatchObject({ symbol: 'BTCUSDT', reason, profitMicroUsdt: lost });
    expect(trade!.feesMicroUsdt).toBe(-(await rowsOf('commission')));
    if (act === 'liquidate') expect(lost).toBeLessThan(-100_000_000);
    await expectExplained();
    // It is a difference between account and records all the same.
    expect(await world.latch()).toContain('reconciliation');
  });
});

describe('rows of income', () => {
  it.each(['COMMISSION_REBATE', 'REFERRAL_KICKBACK', 'API_REBATE', 'WELCOME_BONUS'] as const)(
    'of a rebate never trip: %s',
    async (incomeType) => {
      await open({ incomeLagMs: 90_000 });
      await enter();
      world.exchange.external.income({ incomeType, amount: 0.02 });
      await world.minutes(12);
      expect(await world.latch()).toBe('ARMED');
      expect((await bookedLedger()).incomeMicroUsdt).toMatchObject({ [incomeType]: 20_000 });
      await expectExplained();
    },
  );

  it('in another asset leave the wallet of USDT as it is', async () => {
    await open();
    await enter();
    world.exchange.external.income({
      incomeType: 'FUNDING_FEE',
      asset: 'USDC',
      amount: -3,
      symbol: 'BTCUSDC',
    });
    world.exchange.external.transfer({ asset: 'BNB', amount: 1 });
    await world.minutes(12);
    expect(await world.latch()).toBe('ARMED');
    await world.expectSettled();
    await expectExplained();
  });

  it('of a type that nobody knows explain nothing', async () => {
    await open();
    world.exchange.external.income({ incomeType: 'OPTIONS_PREMIUM_FEE', amount: -3 });
    await world.minutes(12);
    expect(await world.latch()).toContain('reconciliation');
  });
});

describe('a transfer', () => {
  it.each([500, -500])('that was declared is booked and does not trip: %d USDT', async (usdt) => {
    await open();
    await enter();
    await declare(usdt * 1e6);
    await world.minutes(2);
    world.exchange.external.transfer({ amount: usdt });
    await world.minutes(16);
    expect(await world.latch()).toBe('ARMED');
    expect(await told()).toEqual([]);
    await expectExplained(LIVE_DEPOSIT_USDT + usdt);
  });

  it('that nobody declares is booked, trips, and is told until somebody does', async () => {
    await open();
    world.exchange.external.transfer({ amount: 500 });
    await world.minutes(9);
    expect(await world.latch()).toBe('ARMED');
    await world.minutes(3);
    expect(await world.latch()).toContain('reconciliation');
    expect((await world.minute()).differences).toEqual([expect.stringContaining('an unexplained transfer')]);
    await expectExplained(LIVE_DEPOSIT_USDT + 500);
    await declare(500_000_000);
    await world.minutes(2);
    expect((await world.minute()).differences).toEqual([]);
  });

  it('is not explained by the declaration of another amount, nor two by one', async () => {
    await open();
    await declare(500_000_000);
    await world.minute();
    world.exchange.external.transfer({ amount: 500 });
    await world.minute();
    world.exchange.external.transfer({ amount: 500 });
    world.exchange.external.transfer({ amount: 499 });
    await world.minutes(12);
    const { undeclared } = await bookedLedger();
    expect(undeclared.map(({ amountMicroUsdt }) => amountMicroUsdt)).toEqual([500_000_000, 499_000_000]);
    expect(await world.latch()).toContain('reconciliation');
  });
});

describe('trades by hand', () => {
  it('are explained by their own rows, our orders being booked once', async () => {
    await open({ incomeLagMs: 90_000, tradeLagMs: 4_000 });
    await enter();
    const { BTCUSDT: quantity } = await world.held();
    world.exchange.external.marketOrder({ symbol: 'BTCUSDT', side: 'SELL', quantity: quantity! });
    await world.minutes(6);
    expect(await world.held()).toEqual({});
    await expectExplained();
    const [trade] = await trades();
    expect(trade).toMatchObject({
      reason: 'unknown',
      profitMicroUsdt: await rowsOf('realised', 'commission'),
    });
  });

  it('that opened a position are adopted and closed', async () => {
    await open();
    world.exchange.external.marketOrder({ symbol: 'SOLUSDT', side: 'BUY', quantity: 3 });
    await world.minutes(8);
    expect(await world.held()).toEqual({});
    expect(await world.latch()).toContain('reconciliation');
    await expectExplained();
  });

  it('that opened a position again within the bar are closed by the run that adopts it', async () => {
    await open();
    await world.minute();
    for (const quantity of [3, 4]) {
      world.exchange.external.marketOrder({ symbol: 'SOLUSDT', side: 'BUY', quantity });
      const { actions } = await world.minute();
      expect(actions).toEqual([{ symbol: 'SOLUSDT', done: ['adopted', 'exit_acknowledged'] }]);
      expect(await world.held()).toEqual({});
      await world.minute();
    }
    const adopted = (await world.orders()).filter(({ leg }) => leg === 'entry');
    expect(adopted.map(({ quantity }) => quantity).sort()).toEqual([3, 4]);
  });

  it('that opened a position are left alone and halt, with the stop of their owner, where the setting says so', async () => {
    await open();
    world.externalPositions = 'leave-and-halt';
    await enter();
    const { external } = world.exchange;
    external.marketOrder({ symbol: 'SOLUSDT', side: 'BUY', quantity: 3 });
    external.closePositionStop({ symbol: 'SOLUSDT', triggerPrice: 100 });
    external.closePositionStop({ symbol: 'BTCUSDT', triggerPrice: 40_000 });
    await world.minutes(12);
    expect(await world.held()).toMatchObject({ SOLUSDT: 3 });
    const stops = expectRows(await world.broker.openStops());
    const theirs = stops.filter(({ closesPosition }) => closesPosition).map(({ symbol }) => symbol);
    expect(theirs.sort()).toEqual(['BTCUSDT', 'SOLUSDT']);
    // Theirs is no protection of ours.
    expect(stops.filter((stop) => stop.symbol === 'BTCUSDT' && !stop.closesPosition)).toHaveLength(1);
    expect(await world.latch()).toContain('reconciliation');
    expect((await world.minute()).differences).toContain('SOLUSDT: an external position is left as it is');
    await world.decide({ ETHUSDT: 'BUY' });
    const { decisions, mode } = await world.execute();
    expect([decisions.flatMap(({ outcomes }) => outcomes), mode]).toEqual([[], 'OFF']);
    await world.minutes(6);
    expect(await world.held()).toEqual({ SOLUSDT: 3 });
    external.marketOrder({ symbol: 'SOLUSDT', side: 'SELL', quantity: 3 });
    await world.minutes(5);
    expect((await world.minute()).differences).toEqual([]);
    await expectExplained();
  });

  it.each(['adopt-and-close', 'leave-and-halt'] as const)(
    'leave nothing behind an emergency stop: %s',
    async (setting) => {
      await open();
      world.externalPositions = setting;
      await enter();
      world.exchange.external.marketOrder({ symbol: 'SOLUSDT', side: 'SELL', quantity: 3 });
      world.exchange.external.closePositionStop({ symbol: 'SOLUSDT', triggerPrice: 200 });
      expect(await world.held()).toMatchObject({ SOLUSDT: -3 });
      const steps = await emergencyStop(
        {
          ...world.dependencies(),
          openBroker: async () => world.broker,
          stopwatchMs: () => world.nowMs,
          pause: async (durationMs) => {
            world.nowMs += durationMs;
          },
          expire: () => new Promise(() => {}),
        },
        { scopes: ['live'], operator: unproven('ann'), reason: 'a test', keepPositions: false },
      );
      expect(steps.flatMap(({ failures }) => failures)).toEqual([]);
      expect(await world.held()).toEqual({});
      expect(expectRows(await world.broker.openStops())).toEqual([]);
    },
  );

  it('do not make a position of ours, whose entry is on no record any more, somebody else’s', async () => {
    await open();
    world.externalPositions = 'leave-and-halt';
    await enter();
    const { orders, positions } = executionRecords(world.risk);
    const { entryClientOrderId } = (await positions.get('live', 'BTCUSDT'))!.value;
    await orders.remove('live', (await orders.get('live', entryClientOrderId))!);
    await world.minutes(3);
    expect(await world.held()).toEqual({});
    expect(await trades()).toMatchObject([{ symbol: 'BTCUSDT', reason: 'adopted' }]);
  });

  it('of a stop of somebody else on our symbol: it is no protection, and is cancelled when positions are adopted', async () => {
    await open();
    await enter();
    world.exchange.external.closePositionStop({ symbol: 'BTCUSDT', triggerPrice: 40_000 });
    await world.minutes(3);
    const stops = expectRows(await world.broker.openStops());
    expect(stops.map(({ closesPosition }) => closesPosition)).toEqual([false]);
    await world.expectProtected();
  });
});

describe('the stop of a position by hand whose row cannot be read', () => {
  const odd = async (how: 'null_quantity' | 'null_row') => {
    await open();
    world.exchange.external.marketOrder({ symbol: 'BTCUSDT', side: 'BUY', quantity: 0.02 });
    world.exchange.external.closePositionStop({ symbol: 'BTCUSDT', triggerPrice: 40_000 });
    world.exchange.faults.inject({ kind: 'odd_row', how, path: '/fapi/v3/positionRisk' });
  };

  it.each(['null_quantity', 'null_row'] as const)(
    'stays (%s): it may be all that protects it',
    async (how) => {
      await odd(how);
      await world.minutes(2);
      expect(world.exchange.truth()!.stops).toHaveLength(1);
    },
  );

  it.each(['null_quantity', 'null_row'] as const)(
    'stays at an emergency stop too (%s), which says so',
    async (how) => {
      await odd(how);
      const pause = async (durationMs: number) => {
        world.nowMs += durationMs;
      };
      const steps = await emergencyStop(
        {
          ...{ ...world.dependencies(), openBroker: async () => world.broker, pause },
          ...{ stopwatchMs: () => world.nowMs, expire: () => new Promise<void>(() => undefined) },
        },
        { scopes: ['live'], operator: unproven('ann'), reason: 'a test', keepPositions: false },
      );
      expect(world.exchange.truth()!.stops).toHaveLength(1);
      const { failures } = steps.find(({ step }) => step === 'flatten')!;
      expect(failures).toEqual([expect.stringContaining('cannot be read')]);
    },
  );
});

describe('a fee in BNB', () => {
  it('is in no amount of USDT while BNB has no price, and the trade says so', async () => {
    await open({ bnbFees: { share: 1, balanceBnb: 1, priceUsdt: 600 } });
    await enter();
    await world.minutes(17);
    const [trade] = await trades();
    expect(trade).toMatchObject({ reason: 'horizon', feesMicroUsdt: 0 });
    expect(trade!.unpricedFees?.BNB).toBeGreaterThan(0);
    await expectExplained();
    expect(await world.latch()).toBe('ARMED');
  });
});
