// Laws of trading, under any sequence of bars, minutes, trips, resets, flag flips, deaths and faults of the exchange: no entry
// leaves while anything is closed, exposure and positions stay in their limits, an order is sent once, and once the faults are
// over everything that is held is protected, reserved and booked to the cent.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { markLedger } from '../../lib/execution/ledger/ledger.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../lib/market/candle.ts';
import { FLAGS } from '../../lib/risk/flags.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import type { Answer } from '../support/trading/scripted-exchange.ts';
import { Crash, CrashPlan, PRICES, requestOf, TradingWorld } from '../support/trading/trading-world.ts';

type Symbol = keyof typeof PRICES;
const SYMBOLS = Object.keys(PRICES) as Symbol[];
const ANSWERS: readonly Answer[] = ['fill', 'half', 'later', 'slow', 'timeout', 'lost', 'reject'];

const action = fc.constantFrom('BUY', 'SELL', 'HOLD');
/** Whether guard and breaker ran before the bar. */
const alive = fc.constantFrom(true, true, true, false);
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('minutes' as const),
      count: fc.integer({ min: 1, max: 6 }),
      lease: fc.boolean(),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('bar' as const),
      actions: fc.tuple(action, action, action),
      alive,
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('execute_dies' as const),
      actions: fc.tuple(action, action, action),
      alive,
      call: fc.integer({ min: 1, max: 80 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('position_manager_dies' as const),
      call: fc.integer({ min: 1, max: 40 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('latch' as const), latch: fc.constantFrom('ARMED', 'TRIPPED') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('flag' as const),
      name: fc.constantFrom(
        'QT_ENABLE_AI_TRADING',
        'QT_PAPER_TRADING',
        'EMERGENCY_MODE',
        'CIRCUIT_BREAKER_TRIGGERED',
      ),
      text: fc.constantFrom('true', 'false', 'True ', undefined),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'opened' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('allocation' as const),
      text: fc.constantFrom('0', '0.05', '0.2', '1'),
      positions: fc.constantFrom('0', '1', '2', '10'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('answers' as const),
      answers: fc.array(fc.constantFrom(...ANSWERS), { maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('price' as const),
      symbol: fc.constantFrom(...SYMBOLS),
      factor: fc.double({ min: 0.98, max: 1.02, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('down' as const), isDown: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('deploy' as const),
      part: fc.constantFrom('infer', 'execute', 'manage-positions', 'breaker'),
      version: fc.constantFrom('v1', 'v2'),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Whether everything that an entry needs is open, said independently of the code under test. */
async function isOpen(world: TradingWorld): Promise<boolean> {
  const text = (name: keyof typeof FLAGS) => world.flagTexts.get(name);
  const gate = await world.gate();
  const snapshot = await riskRecords(world.risk).equity.latest('paper');
  const signals = await world.signals.ofBar(lastClosedOpenTimeMs(world.nowMs));
  const versions = [gate.leaseCodeVersion, snapshot?.codeVersion, signals[0]?.codeVersion];
  return (
    versions.every((version) => version === world.versions.execute) &&
    text('QT_ENABLE_AI_TRADING') === 'true' &&
    text('QT_PAPER_TRADING') === 'true' &&
    text('EMERGENCY_MODE') === 'false' &&
    text('CIRCUIT_BREAKER_TRIGGERED') === 'false' &&
    gate.latch === 'ARMED' &&
    gate.leaseUntilMs > world.nowMs
  );
}

class Run {
  readonly world: TradingWorld;
  constructor(world: TradingWorld) {
    this.world = world;
  }

  async take(taken: Step): Promise<void> {
    const { world } = this;
    switch (taken.kind) {
      case 'minutes':
        for (let minute = 0; minute < taken.count; minute++) {
          world.nowMs += MINUTE_MS;
          if (taken.lease) await world.renewLease();
          await world.managePositions();
        }
        return;
      case 'bar':
        await this.decide(taken);
        await Promise.all(Array.from({ length: taken.times }, () => this.execute()));
        return;
      case 'execute_dies':
        await this.decide(taken);
        return this.execute(new CrashPlan(taken.call, 'after'));
      case 'position_manager_dies':
        world.nowMs += MINUTE_MS;
        await world.managePositions(new CrashPlan(taken.call, 'after')).catch(ignoreCrash);
        return;
      case 'latch':
        return world.setLatch(taken.latch as 'ARMED' | 'TRIPPED');
      case 'flag':
        return world.setFlag(taken.name as keyof typeof FLAGS, taken.text);
      case 'opened':
        for (const name of [
          'QT_ENABLE_AI_TRADING',
          'QT_PAPER_TRADING',
          'EMERGENCY_MODE',
          'CIRCUIT_BREAKER_TRIGGERED',
        ] as const)
          world.setFlag(name, FLAGS[name].local);
        for (const part of ['infer', 'execute', 'managePositions', 'breaker'] as const)
          world.versions[part] = 'v1';
        return world.setLatch('ARMED');
      case 'deploy':
        world.versions[taken.part as keyof typeof world.versions] = taken.version;
        return;
      case 'allocation':
        world.setFlag('QT_MAX_CAPITAL_ALLOCATION', taken.text);
        return world.setFlag('QT_MAX_POSITIONS', taken.positions);
      case 'answers': {
        const queue = [...taken.answers];
        world.exchange.answer = () => queue.shift() ?? 'fill';
        return;
      }
      case 'price':
        return world.exchange.move(taken.symbol, world.exchange.prices.get(taken.symbol)! * taken.factor);
      case 'down':
        world.exchange.isDown = taken.isDown;
        return;
    }
  }

  /** The next bar: its close is now, or was just now. */
  async decide({ actions, alive }: { actions: readonly string[]; alive: boolean }): Promise<void> {
    const { world } = this;
    world.nowMs = Math.ceil((world.nowMs + 1) / BAR_MS) * BAR_MS + 2_000;
    if (alive) {
      await world.renewLease();
      await world.managePositions();
    }
    const barOpenTimeMs = lastClosedOpenTimeMs(world.nowMs);
    for (const [index, symbol] of SYMBOLS.entries()) {
      const close = world.exchange.prices.get(symbol)!;
      const decided = actions[index] as 'BUY' | 'SELL' | 'HOLD';
      await world.signals.put(
        world.signalOf(symbol, decided, { barOpenTimeMs, close, atr: close * 0.002, stopAtr: close * 0.002 }),
      );
    }
  }

  async execute(crash?: CrashPlan): Promise<void> {
    const { world } = this;
    const barOpenTimeMs = lastClosedOpenTimeMs(world.nowMs);
    const before = world.exchange.entries().length;
    const open = await isOpen(world);
    await world.execute(requestOf({ barOpenTimeMs }), crash).catch(ignoreCrash);
    if (!open) expect(world.exchange.entries().length, 'entries while closed').toBe(before);
  }

  /** Holds after every single step. */
  async expectLimits(): Promise<void> {
    const { exchange } = this.world;
    const ids = exchange.sent.map(({ clientOrderId }) => clientOrderId);
    expect(new Set(ids).size, 'orders sent once').toBe(ids.length);
    const gate = await this.world.gate();
    expect(gate.positionCount).toBe(Object.keys(gate.reserved).length);
    for (const { symbol, quantity, referencePrice, notionalMicroUsdt } of exchange.entries()) {
      expect(notionalMicroUsdt).toBeLessThanOrEqual(0.1 * 10_100_000_000);
      expect(Math.ceil(quantity * referencePrice * 1e6), symbol).toBeLessThanOrEqual(notionalMicroUsdt + 1);
    }
    // A position is never larger than what was entered, and never without a reservation.
    for (const [symbol, quantity] of exchange.held) {
      const reserved = gate.reserved[symbol];
      const entry = exchange
        .entries(symbol)
        .find(({ clientOrderId }) => clientOrderId === reserved?.clientOrderId);
      expect(Math.abs(quantity), `${symbol} is reserved`).toBeLessThanOrEqual((entry?.quantity ?? 0) + 1e-9);
    }
  }

  /** With the faults over and the gate shut, a few minutes put everything in order. */
  async expectOrderInTheEnd(): Promise<void> {
    const { world } = this;
    const { exchange } = world;
    exchange.isDown = false;
    exchange.answer = () => 'fill';
    exchange.settle();
    world.setFlag('QT_ENABLE_AI_TRADING', 'false');
    await world.minutes(5);
    for (const [symbol, quantity] of exchange.held) {
      const covered = Math.max(0, ...exchange.openStops(symbol).map((stop) => stop.quantity ?? 0));
      expect(covered, `stop of ${symbol}`).toBeGreaterThanOrEqual(Math.abs(quantity));
    }
    await this.expectBalance();
    await world.minutes(20);
    expect(exchange.held.size, 'closed at the horizon').toBe(0);
    expect(await world.gate()).toMatchObject({ exposureMicroUsdt: 0, positionCount: 0, reserved: {} });
    await this.expectBalance();
  }

  async expectBalance(): Promise<void> {
    const { world } = this;
    const { ledger } = await world.bookedLedger();
    const marked = markLedger(ledger, world.exchange.prices);
    if (!marked.ok) throw new Error('a symbol has no price');
    const { equityMicroUsdt, unrealisedMicroUsdt } = marked.value;
    const { depositMicroUsdt, realisedMicroUsdt, feesMicroUsdt, fundingMicroUsdt } = ledger;
    expect(depositMicroUsdt, 'nothing was unexplained').toBe(10_000_000_000);
    expect(
      depositMicroUsdt + realisedMicroUsdt + unrealisedMicroUsdt - feesMicroUsdt + fundingMicroUsdt,
    ).toBe(equityMicroUsdt);
    const told = (await riskRecords(world.risk).equity.latest('paper'))!.equityMicroUsdt;
    expect(Math.abs(told - equityMicroUsdt)).toBeLessThan(10_000);
  }
}

const ignoreCrash = (error: unknown): undefined => {
  if (!(error instanceof Crash)) throw error;
  return undefined;
};

describe('any sequence of events', () => {
  it('keeps the laws', { timeout: 120_000 }, async () => {
    let entries = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        const run = new Run(await TradingWorld.open());
        for (const taken of steps) {
          await run.take(taken);
          await run.expectLimits();
        }
        await run.expectOrderInTheEnd();
        entries += run.world.exchange.entries().length;
      }),
      { numRuns: 150 },
    );
    expect(entries, 'the sequences do trade').toBeGreaterThan(50);
  });
});
