// Live trading as far as it can go without money: execute, guard and breaker in scope `live` with the real broker over ccxt,
// against the simulated exchange's signed endpoints. The stores are in memory, and time is the test's.
import { expect } from 'vitest';
import { z } from 'zod';
import { BinanceAccount } from '../../../lib/adapters/binance/account/binance-account.ts';
import { createLiveBroker } from '../../../lib/adapters/binance/account/live-broker.ts';
import { createCcxtMarketData } from '../../../lib/adapters/binance/market/ccxt-market-data.ts';
import { RequestBudget } from '../../../lib/adapters/binance/request-budget.ts';
import { createMemoryRiskStore } from '../../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../../lib/adapters/memory/memory-signal-store.ts';
import { createLazyModelRuntime } from '../../../lib/adapters/onnx/lazy-model-runtime.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import type { ExecuteReport } from '../../../lib/execution/execute-report.ts';
import type { ExternalPositions } from '../../../lib/execution/external-positions.ts';
import { differencesOf } from '../../../lib/execution/ledger/booked-ledger.ts';
import type { Broker, BrokerPosition } from '../../../lib/execution/ports.ts';
import { FULL_SIZE } from '../../../lib/execution/use-cases/enter-position.ts';
import { execute } from '../../../lib/execution/use-cases/execute.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import {
  managePositions,
  type PositionManagerReport,
} from '../../../lib/execution/use-cases/manage-positions.ts';
import type { Signal } from '../../../lib/inference/signal.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../../lib/market/candle.ts';
import { seriesFromCandles } from '../../../lib/market/candle-series.ts';
import { createSizingPolicies } from '../../../lib/models/use-cases/sizing-policies.ts';
import { BREAKER_LIMITS } from '../../../lib/risk/breaker/limits.ts';
import { initialRollout } from '../../../lib/risk/level.ts';
import type { FlagStore, RiskStore } from '../../../lib/risk/ports.ts';
import { type BreakerOutcome, tickBreaker } from '../../../lib/risk/use-cases/circuit-breaker.ts';
import { allValues } from '../../../lib/risk/use-cases/typed-records.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import type { Unkindness } from '../../../local/exchange/unkindness.ts';
import { marketOf } from '../../../local/market/market-source.ts';
import { expectRows, expectValue } from '../execution/broker-market.ts';
import { runOf } from '../inference/sample-signals.ts';
import { createMemoryObjectStore } from '../models/memory-object-store.ts';
import {
  type CrashPlan,
  PRICES,
  putEnsemble,
  requestOf,
  START_MS,
  signalOf,
  VERSION,
} from './trading-world.ts';

type Symbol = keyof typeof PRICES;
export const LIVE_KEYS = { apiKey: 'live-key', secret: 'live-secret' } as const;
export const LIVE_DEPOSIT_USDT = 10_000;
const COSTS = { impactBps: 5, takerFeeBps: 4, fundingRatePer8h: 0.0001 };
const BARS = 200;

/** Bars after the start in which the price falls by 2 % and comes back. */
export type Dips = Partial<Record<Symbol, readonly number[]>>;

/** Every symbol at its price, within a hundredth of a per cent, but for the dips. */
export function calmMarket(dips: Dips = {}) {
  const seriesOf = (symbol: Symbol) => {
    const price = PRICES[symbol];
    const candles = Array.from({ length: BARS }, (_, index) => ({
      openTimeMs: START_MS + (index - BARS / 2) * BAR_MS,
      open: price,
      // Decimals are what the exchange derives tick and step from.
      high: price + 0.1,
      low: dips[symbol]?.includes(index - BARS / 2) ? price * 0.98 : price,
      close: price,
      volume: 12.345,
    }));
    const series = seriesFromCandles(candles);
    if (!series.ok) throw new Error(series.error.problem);
    return series.value;
  };
  return marketOf(new Map((Object.keys(PRICES) as Symbol[]).map((symbol) => [symbol, seriesOf(symbol)])));
}

/** The simulated exchange always names a price. */
const pricedPosition = (position: BrokerPosition) => ({
  ...position,
  entryPrice: position.entryPrice ?? Number.NaN,
});

export class LiveWorld {
  nowMs = START_MS + 3_000;
  readonly clock = { nowMs: () => this.nowMs };
  risk: RiskStore = createMemoryRiskStore();
  readonly signals = createMemorySignalStore();
  readonly objects = createMemoryObjectStore({ versioned: false });
  readonly policies = createSizingPolicies({ store: this.objects, runtime: createLazyModelRuntime() });
  readonly told: string[] = [];
  readonly flagTexts = new Map([
    ['QT_ENABLE_EXECUTION', 'true'],
    ['QT_ENABLE_AI_TRADING', 'true'],
    ['QT_PAPER_TRADING', 'false'],
    ['EMERGENCY_MODE', 'false'],
    ['CIRCUIT_BREAKER_TRIGGERED', 'false'],
    ['QT_MAX_CAPITAL_ALLOCATION', '1'],
    ['QT_MAX_POSITIONS', '10'],
  ]);
  readonly flags: FlagStore = {
    read: async (names) =>
      new Map(
        names.map((name) => {
          const text = this.flagTexts.get(name);
          return [name, text === undefined ? { kind: 'missing' as const } : { kind: 'text' as const, text }];
        }),
      ),
    write: async (name, text) => void this.flagTexts.set(name, text),
  };
  exchange!: SimulatedExchange;
  externalPositions: ExternalPositions = 'adopt-and-close';
  broker!: Broker;
  /** What the operator would see on the exchange's own pages: no fault befalls it, for the tests clear them first. */
  #account!: BinanceAccount;
  #waitedMs = 0;
  /** Whether what waits lets time pass for the exchange too. */
  waitingTakesTime = false;

  /**
   * @param unkind in which ways the exchange is; kind by default
   * @param risk in memory by default
   */
  static async open(
    dips: Dips = {},
    unkind: Partial<Unkindness> = {},
    risk: RiskStore | undefined = undefined,
  ): Promise<LiveWorld> {
    const world = new LiveWorld();
    if (risk !== undefined) world.risk = risk;
    world.exchange = await startSimulatedExchange({
      market: calmMarket(dips),
      clock: world.clock,
      account: { ...LIVE_KEYS, depositUsdt: LIVE_DEPOSIT_USDT, costs: COSTS },
      rateLimits: { weightPerMinute: 1e9 },
      unkind,
    });
    world.restart();
    const rollout = { ...initialRollout(START_MS), level: 'FULL' as const };
    await executionRecords(world.risk).rollout.put('live', rollout, { ifAbsent: true });
    await putEnsemble(world.objects);
    await world.minutes(1);
    world.nowMs = START_MS + 3_000 + BAR_MS;
    await world.minute(0);
    return world;
  }

  /** A new process: nothing of the old one's memory is left. */
  restart(): void {
    const connection = {
      baseUrl: this.exchange.url,
      credentials: LIVE_KEYS,
      timeoutMs: 400,
      weightPerMinute: 1e9,
      // A new process has a budget of its own, whatever another test's exchange on the same port has asked for.
      address: new RequestBudget(1e9),
      nowMs: () => this.nowMs + this.#waitedMs,
      sleep: async (durationMs: number) => {
        if (this.waitingTakesTime) this.nowMs += Math.ceil(durationMs);
        else this.#waitedMs += Math.ceil(durationMs);
      },
    };
    const market = createCcxtMarketData({ ...connection, exchange: 'binanceusdm' });
    this.broker = createLiveBroker({ ...connection, market });
    this.#account = new BinanceAccount(connection);
  }

  dependencies() {
    const { risk, signals, flags, clock } = this;
    const notifier = { notify: async ({ text }: { text: string }) => void this.told.push(text) };
    return { risk, signals, flags, clock, notifier, shards: 1, limits: BREAKER_LIMITS, codeVersion: VERSION };
  }

  managePositions(crash?: CrashPlan): Promise<PositionManagerReport> {
    const { risk, broker, clock, externalPositions } = this;
    const over = <Port extends object>(port: Port): Port => crash?.over(port) ?? port;
    const pause = async (durationMs: number) => {
      if (this.waitingTakesTime) this.nowMs += durationMs;
    };
    const about = { codeVersion: VERSION, externalPositions, pause };
    return managePositions({ risk, broker: over(broker), clock, ...about });
  }

  tick = (): Promise<BreakerOutcome> => tickBreaker(this.dependencies(), 'live');

  /** A minute of the running system: infer's run is on record, guard, then the breaker. */
  async minute(ms = MINUTE_MS): Promise<PositionManagerReport> {
    this.nowMs += ms;
    await this.signals.putRun(runOf(lastClosedOpenTimeMs(this.nowMs)));
    const report = await this.managePositions();
    await this.tick();
    return report;
  }

  async minutes(count: number): Promise<void> {
    for (let minute = 0; minute < count; minute++) await this.minute();
  }

  /** Signals of the bar that has just closed. */
  async decide(actions: Partial<Record<Symbol, Signal['action']>>): Promise<void> {
    const barOpenTimeMs = lastClosedOpenTimeMs(this.nowMs);
    for (const [symbol, action] of Object.entries(actions))
      await this.signals.put(signalOf(symbol as Symbol, action, { barOpenTimeMs }));
  }

  execute(crash?: CrashPlan): Promise<ExecuteReport> {
    const { signals, objects, flags, risk, clock, broker } = this;
    const over = <Port extends object>(port: Port): Port => crash?.over(port) ?? port;
    return execute(
      {
        signals,
        objects,
        flags,
        risk,
        clock,
        brokerOf: () => over(broker),
        policy: FULL_SIZE,
        policies: this.policies,
        codeVersion: VERSION,
        stopwatchMs: () => 0,
      },
      requestOf({ barOpenTimeMs: lastClosedOpenTimeMs(this.nowMs) }),
    );
  }

  /** Quantities that the exchange holds, by symbol. */
  async held(): Promise<Record<string, number>> {
    const positions = expectRows(await this.broker.positions());
    return Object.fromEntries(positions.map(({ symbol, quantity }) => [symbol, quantity]));
  }

  async latch() {
    const breaker = (await this.risk.readGate('live'))!.breaker;
    return breaker.latch === 'ARMED' ? breaker.latch : breaker.causes.map(({ code }) => code);
  }

  async orders() {
    return allValues(await executionRecords(this.risk).orders.all('live'));
  }

  /** Every position is behind one stop of at least its size. */
  async expectProtected(at = ''): Promise<void> {
    const stops = expectRows(await this.broker.openStops());
    for (const [symbol, quantity] of Object.entries(await this.held())) {
      const own = stops.filter((stop) => stop.symbol === symbol && stop.kind === 'stop');
      expect(own.length, `${at}: stops of ${symbol}`).toBeGreaterThan(0);
      expect(
        Math.max(...own.map((stop) => stop.quantity ?? Number.POSITIVE_INFINITY)),
        at,
      ).toBeGreaterThanOrEqual(Math.abs(quantity));
    }
  }

  /** What must be true whenever guard has had its minutes: exchange, books, gate and records say the same, and no order more. */
  async expectSettled(at = ''): Promise<void> {
    await this.expectProtected(at);
    const positions = expectRows(await this.broker.positions());
    const walletMicroUsdt = expectValue(await this.broker.walletMicroUsdt());
    const records = executionRecords(this.risk);
    const { ledger } = (await records.bookedLedger.get('live'))!.value;
    expect(differencesOf(ledger, { walletMicroUsdt, positions: positions.map(pricedPosition) }), at).toEqual(
      [],
    );
    expect(ledger.depositMicroUsdt, `${at}: nothing was unexplained`).toBe(LIVE_DEPOSIT_USDT * 1e6);
    const record = await records.positionManager.get('live');
    expect(record?.value, at).toMatchObject({ differences: [], unprotectedSinceMs: null });
    const gate = (await this.risk.readGate('live'))!;
    expect(Object.keys(gate.reserved).sort(), at).toEqual(positions.map(({ symbol }) => symbol).sort());
    expect(gate.positionCount, at).toBe(positions.length);
    const reserved = Object.values(gate.reserved).reduce((sum, one) => sum + one.notionalMicroUsdt, 0);
    expect(gate.exposureMicroUsdt, at).toBe(reserved);
    await this.expectOneOrderPerDecision(at);
  }

  /** One entry at most per symbol and bar; and the exchange has filled no order that our records do not know. */
  async expectOneOrderPerDecision(at = ''): Promise<void> {
    const orders = await this.orders();
    const decisions = orders
      .filter(({ leg }) => leg === 'entry')
      .map(({ symbol, barOpenTimeMs }) => `${symbol} ${barOpenTimeMs}`);
    expect(new Set(decisions).size, at).toBe(decisions.length);
    const fees = await this.#account.ask(
      { method: 'GET', path: 'income', parameters: { incomeType: 'COMMISSION', limit: 1_000 }, weight: 30 },
      (body) => z.array(z.unknown()).parse(body),
    );
    const filled = orders.filter(({ state }) => state.filledQuantity > 0);
    if (!fees.ok) throw new Error(fees.error.message);
    expect(fees.value.length, `${at}: orders filled by the exchange`).toBe(filled.length);
  }
}
