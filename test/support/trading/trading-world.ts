// Execute and guard on stores in memory and an exchange that the test decides, on a clock that it moves. Every port can be made
// to die before or after any of its calls, as a process does.
import { createMemoryRiskStore } from '../../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../../lib/adapters/memory/memory-signal-store.ts';
import { createLazyModelRuntime } from '../../../lib/adapters/onnx/lazy-model-runtime.ts';
import type { ObjectStore } from '../../../lib/core/ports.ts';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import type { ExecuteReport } from '../../../lib/execution/execute-report.ts';
import type { BookedLedger } from '../../../lib/execution/ledger/booked-ledger.ts';
import { FULL_SIZE } from '../../../lib/execution/use-cases/enter-position.ts';
import { type ExecuteRequest, execute } from '../../../lib/execution/use-cases/execute.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import {
  managePositions,
  type PositionManagerReport,
} from '../../../lib/execution/use-cases/manage-positions.ts';
import { FEATURE_SET_HASH } from '../../../lib/features/feature-set.ts';
import type { Signal } from '../../../lib/inference/signal.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { ensembleKey, POINTER_KEY } from '../../../lib/models/ensemble.ts';
import { createSizingPolicies } from '../../../lib/models/use-cases/sizing-policies.ts';
import { firstArmed } from '../../../lib/risk/breaker/state.ts';
import { FLAG_NAMES, FLAGS, type FlagName } from '../../../lib/risk/flags.ts';
import { newGate, planBreakerWrite } from '../../../lib/risk/gate.ts';
import { LEASE_MS } from '../../../lib/risk/latch.ts';
import type { FlagStore } from '../../../lib/risk/ports.ts';
import { createMemoryObjectStore } from '../models/memory-object-store.ts';
import { ensembleOf, memberOf } from '../models/sample-ensemble.ts';
import { ScriptedExchange } from './scripted-exchange.ts';

export const ENSEMBLE_ID = 'e20240728_000000';
const HORIZON_BARS = 3;
/** Close of a bar. */
export const START_MS = Date.UTC(2024, 7, 5, 12, 0, 0);
export const BAR = START_MS - BAR_MS;
export const PRICES = { BTCUSDT: 50_000, ETHUSDT: 2_500, SOLUSDT: 140 } as const;

export const ensemble = ensembleOf([memberOf('xgboost')], {
  id: ENSEMBLE_ID,
  label: { kind: 'triple_barrier', horizonBars: HORIZON_BARS, atrMultiple: 2, minBarrierBps: 30 },
  costs: { feeBps: 4, slippageBps: 2 },
  confidence: { scores: [-1, 1], probabilities: [0.2, 0.8], rows: 1000, days: 30 },
  stopAtrMultiple: 1.2,
  holdBars: HORIZON_BARS,
});

/** Of all functions, as long as the test does not say otherwise. */
export const VERSION = 'v1';

export function signalOf(
  symbol: keyof typeof PRICES,
  action: Signal['action'],
  over: Partial<Signal> = {},
): Signal {
  const close = PRICES[symbol];
  const atr = close * 0.004;
  return {
    symbol,
    barOpenTimeMs: BAR,
    action,
    confidence: 0.7,
    probabilities: { sell: 0.1, hold: 0.2, buy: 0.7 },
    expectedMoveBps: 30,
    moveDeviationBps: 40,
    expectedEdgeBps: 30,
    votes: [],
    consensusFraction: 1,
    activeModels: 4,
    close,
    atr,
    stopAtr: atr,
    atrRatio: 1,
    spreadBps: 2,
    betaToBitcoin: action === 'HOLD' ? null : 1,
    stopPrice: action === 'HOLD' ? null : close,
    ensembleId: ENSEMBLE_ID,
    featureSetHash: FEATURE_SET_HASH,
    codeVersion: VERSION,
    reasons: [],
    ...over,
  };
}

export const requestOf = (over: Partial<ExecuteRequest> = {}): ExecuteRequest => ({
  barOpenTimeMs: BAR,
  shard: 0,
  shardCount: 1,
  ensembleId: ENSEMBLE_ID,
  featureSetHash: FEATURE_SET_HASH,
  symbols: [],
  ...over,
});

/** Activates the ensemble of the signals. */
export async function putEnsemble(objects: ObjectStore, active = ensemble): Promise<void> {
  const put = (key: string, value: unknown) => objects.put(key, Buffer.from(JSON.stringify(value)));
  await put(ensembleKey(ENSEMBLE_ID), active);
  await put(POINTER_KEY, { ensembleId: ENSEMBLE_ID });
}

export class Crash extends Error {
  override readonly name = 'Crash';
}

/** Dies at one call of all that are made through it: before the call does anything, or after it has done everything. */
export class CrashPlan {
  calls = 0;
  readonly #at: number;
  readonly #when: 'before' | 'after';
  constructor(at: number, when: 'before' | 'after') {
    this.#at = at;
    this.#when = when;
  }

  get happened(): boolean {
    return this.calls >= this.#at;
  }

  over<Port extends object>(port: Port): Port {
    return new Proxy(port, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== 'function') return member;
        return async (...given: unknown[]) => {
          const call = ++this.calls;
          // A dead process does nothing more, whatever was under way in it.
          if (call > this.#at) throw new Crash('dead');
          if (call === this.#at && this.#when === 'before') throw new Crash('before');
          const answer: unknown = await Reflect.apply(member, target, given);
          if (call === this.#at) throw new Crash('after');
          return answer;
        };
      },
    });
  }
}

export class TradingWorld {
  nowMs = START_MS + 3_000;
  /** Which code each function runs. */
  readonly versions = { infer: VERSION, execute: VERSION, managePositions: VERSION, breaker: VERSION };
  readonly clock = { nowMs: () => this.nowMs };
  /** Monotonic clock of execute. */
  stopwatchMs = this.clock.nowMs;
  readonly risk = createMemoryRiskStore();
  readonly signals = createMemorySignalStore();
  readonly objects = createMemoryObjectStore({ versioned: false });
  readonly policies = createSizingPolicies({ store: this.objects, runtime: createLazyModelRuntime() });
  readonly exchange = new ScriptedExchange(this.clock);
  readonly flagTexts = new Map<string, string>(FLAG_NAMES.map((name) => [name, FLAGS[name].local]));
  /** Runs just after the flags were read. */
  afterFlagsRead: () => void | Promise<void> = () => undefined;

  readonly flags: FlagStore = {
    read: async (names) => {
      const readings = new Map(
        names.map((name) => {
          const text = this.flagTexts.get(name);
          return [name, text === undefined ? { kind: 'missing' as const } : { kind: 'text' as const, text }];
        }),
      );
      await this.afterFlagsRead();
      return readings;
    },
    write: async (name, text) => void this.flagTexts.set(name, text),
  };

  /** Armed, marked, with an active ensemble and the signals given. */
  static async open(...signals: readonly Signal[]): Promise<TradingWorld> {
    const world = new TradingWorld();
    for (const [symbol, price] of Object.entries(PRICES)) world.exchange.prices.set(symbol, price);
    await putEnsemble(world.objects);
    await world.risk.createGate('paper', newGate(firstArmed(START_MS)));
    await world.renewLease();
    for (const signal of signals) await world.signals.put(signal);
    await world.managePositions();
    return world;
  }

  setFlag(name: FlagName, text: string | undefined): void {
    if (text === undefined) this.flagTexts.delete(name);
    else this.flagTexts.set(name, text);
  }

  async gate() {
    return (await this.risk.readGate('paper'))!;
  }

  /** A signal by infer as it is deployed now. */
  signalOf(...about: Parameters<typeof signalOf>): Signal {
    return { ...signalOf(...about), codeVersion: this.versions.infer };
  }

  /** The breaker's sign of life. */
  async renewLease(): Promise<void> {
    const { breaker } = await this.gate();
    const current = { ...breaker, revision: breaker.revision + 1 };
    const lease = { untilMs: this.nowMs + LEASE_MS, codeVersion: this.versions.breaker };
    await this.risk.commit('paper', planBreakerWrite({ previous: breaker, current, lease }));
  }

  async setLatch(latch: 'ARMED' | 'TRIPPED'): Promise<void> {
    const { breaker } = await this.gate();
    if (breaker.latch === latch) return;
    const { revision, epoch, armedAtMs, highWaterMicroUsdt } = breaker;
    const next = { revision: revision + 1, epoch: epoch + 1, armedAtMs, highWaterMicroUsdt };
    const current =
      latch === 'ARMED'
        ? { ...next, latch }
        : { ...next, latch, trippedAtMs: this.nowMs, causes: [], notified: true, resetRequest: null };
    await this.risk.commit('paper', planBreakerWrite({ previous: breaker, current, lease: undefined }));
  }

  /** Between the reading of the gate and its write. */
  tripAtNextWrite(): void {
    const { commit } = this.risk;
    this.risk.commit = async (scope, plan) => {
      this.risk.commit = commit;
      await this.setLatch('TRIPPED');
      return commit(scope, plan);
    };
  }

  execute(request = requestOf(), crash?: CrashPlan): Promise<ExecuteReport> {
    const over = <Port extends object>(port: Port): Port => crash?.over(port) ?? port;
    const broker = over(this.exchange.broker);
    return execute(
      {
        signals: over(this.signals),
        objects: over(this.objects),
        flags: over(this.flags),
        risk: over(this.risk),
        clock: this.clock,
        brokerOf: () => broker,
        policy: FULL_SIZE,
        policies: this.policies,
        codeVersion: this.versions.execute,
        stopwatchMs: () => this.stopwatchMs(),
      },
      request,
    );
  }

  managePositions(crash?: CrashPlan): Promise<PositionManagerReport> {
    const over = <Port extends object>(port: Port): Port => crash?.over(port) ?? port;
    return managePositions({
      risk: over(this.risk),
      broker: over(this.exchange.broker),
      clock: this.clock,
      codeVersion: this.versions.managePositions,
    });
  }

  /** A minute of the running system: the breaker's sign of life, then guard. */
  async minute(): Promise<PositionManagerReport> {
    this.nowMs += MINUTE_MS;
    await this.renewLease();
    return this.managePositions();
  }

  async minutes(count: number): Promise<void> {
    for (let minute = 0; minute < count; minute++) await this.minute();
  }

  async bookedLedger(): Promise<BookedLedger> {
    return (await executionRecords(this.risk).bookedLedger.get('paper'))!.value;
  }

  /** Outcomes of one symbol, or none. */
  static outcomes(report: ExecuteReport, symbol: string): readonly string[] {
    return report.decisions.find((decision) => decision.symbol === symbol)?.outcomes ?? [];
  }
}
