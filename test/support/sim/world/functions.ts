// The functions of the product as they are composed for AWS, over the simulated ports: handlers, use cases and the exchange's client
// are the real ones. Infer decides by the seed, which costs nothing, or on the exchange's candles with models that do.
import { createCircuitBreakerHandler } from '../../../../functions/circuit-breaker/handler.ts';
import { createExecuteHandler } from '../../../../functions/execute/handler.ts';
import { createInferHandler } from '../../../../functions/infer/handler.ts';
import { createManagePositionsHandler } from '../../../../functions/manage-positions/handler.ts';
import { createLiveBroker } from '../../../../lib/adapters/binance/account/live-broker.ts';
import { createCcxtMarketData } from '../../../../lib/adapters/binance/market/ccxt-market-data.ts';
import { RequestBudget } from '../../../../lib/adapters/binance/request-budget.ts';
import { createLazyModelRuntime } from '../../../../lib/adapters/onnx/lazy-model-runtime.ts';
import { createPaperBroker } from '../../../../lib/adapters/paper/paper-broker.ts';
import type { OperatorAct, StopAct } from '../../../../lib/api/operator/operator-acts.ts';
import { performAct } from '../../../../lib/api/operator/perform-act.ts';
import { performStop } from '../../../../lib/api/operator/perform-stop.ts';
import type { Actor } from '../../../../lib/core/actor.ts';
import { MICRO } from '../../../../lib/core/units.ts';
import type { Broker } from '../../../../lib/execution/ports.ts';
import { FULL_SIZE } from '../../../../lib/execution/use-cases/enter-position.ts';
import { execute } from '../../../../lib/execution/use-cases/execute.ts';
import { managePositions } from '../../../../lib/execution/use-cases/manage-positions.ts';
import { createSizingPolicies } from '../../../../lib/models/use-cases/sizing-policies.ts';
import { BREAKER_LIMITS } from '../../../../lib/risk/breaker/limits.ts';
import type { Scope } from '../../../../lib/risk/gate.ts';
import { tickBreaker } from '../../../../lib/risk/use-cases/circuit-breaker.ts';
import { openKeyedBroker } from '../../../../lib/runtime/compose/exchange/keyed-broker.ts';
import type { Environment } from '../kernel/environment.ts';
import { EXCHANGE_ORIGIN, exchangeTransport } from './exchange-port.ts';
import { inferBySeed } from './infer-by-seed.ts';
import { openInferOnCandles } from './infer-on-candles.ts';
import { DEPOSIT_USDT, SCOPE, type Stage, watchedRisk } from './stage.ts';
import { flagPort, signalPort, throughSteps, unlessOut } from './store-ports.ts';

export type FunctionName =
  | 'infer'
  | 'execute'
  | 'manage-positions'
  | 'circuit-breaker'
  | 'operate'
  | 'emergency-stop';
export type Handler = (event: unknown) => Promise<unknown>;

export interface OperatorEvent {
  readonly act: OperatorAct;
  readonly by: Actor;
}
export interface StopEvent {
  readonly act: StopAct;
  readonly by: Actor;
}

/** No fault of a simulation waits for a real timer. */
const NO_TIMER_MS = 2 ** 30;
const PAPER_COSTS = { halfSpreadBps: 1, slippageBps: 2, takerFeeBps: 5, fundingRatePer8h: 0.0001 };
const nothing = () => undefined;
const closed = { record: nothing, close: async () => undefined };

/** A cold start: everything that the function keeps while it is warm is made anew. */
export function openFunction(stage: Stage, name: FunctionName, environment: Environment): Handler {
  const ports = openPorts(stage, environment);
  const { risk, flags, signals, objects, clock, market, brokerOf } = ports;
  const { codeVersion } = environment;
  const { shards } = stage.deployed;
  const notify = () =>
    environment.step(
      'notify',
      () => undefined,
      (draw, share) =>
        draw() < share
          ? { kind: 'store_refuses', error: { when: 'before', of: () => new Error('nobody could be told') } }
          : undefined,
    );
  const breaker = {
    ...{ risk, signals, flags, clock, codeVersion, shards, limits: BREAKER_LIMITS },
    notifier: { notify },
    unlatched: new Map(),
  };
  const paper = () =>
    createPaperBroker({
      records: risk,
      market,
      clock,
      costs: PAPER_COSTS,
      depositMicroUsdt: DEPOSIT_USDT * MICRO,
    });
  switch (name) {
    case 'infer':
      return createInferHandler({
        ...closed,
        inferShard:
          stage.decides === 'on_candles'
            ? openInferOnCandles(stage, ports, environment)
            : (shard) => inferBySeed(stage, ports, environment, shard),
      });
    case 'execute': {
      const dependencies = {
        ...{ signals, objects, flags, risk, clock, codeVersion, brokerOf, policy: FULL_SIZE },
        policies: createSizingPolicies({ store: objects, runtime: createLazyModelRuntime() }),
        ...{ stopwatchMs: environment.stopwatchMs, sleep: environment.sleep },
      };
      const handler = createExecuteHandler({
        ...closed,
        executeBar: (request) => execute(dependencies, request),
      });
      return (event) => handler(event as Parameters<typeof handler>[0]);
    }
    case 'manage-positions':
      return createManagePositionsHandler({
        ...closed,
        manageScopes: async () => [
          await managePositions({
            ...{ risk, broker: await brokerOf(), clock, codeVersion, pause: environment.sleep },
          }),
        ],
      });
    case 'circuit-breaker':
      return createCircuitBreakerHandler({
        ...closed,
        tick: async () => [await tickBreaker(breaker, SCOPE)],
      });
    case 'operate': {
      const dependencies = { ...breaker, objects, venueRefusal: undefined };
      return (event) => {
        const { act, by } = event as OperatorEvent;
        return performAct(dependencies, act, by);
      };
    }
    case 'emergency-stop': {
      const dependencies = {
        ...{ ...breaker, stopwatchMs: environment.stopwatchMs, pause: environment.sleep },
        openBroker: async (scope: Scope) => (scope === SCOPE ? brokerOf() : paper()),
        expire: environment.sleep,
      };
      return (event) => {
        const { act, by } = event as StopEvent;
        return performStop(dependencies, act, by);
      };
    }
  }
}

function openPorts(stage: Stage, environment: Environment) {
  const { timeline } = stage;
  const nowMs = () => timeline.nowMs;
  const clock = { nowMs: environment.nowMs };
  const isOut = (method: string, path: string) =>
    stage.outages.some(({ fromMs, untilMs }) => nowMs() >= fromMs && nowMs() < untilMs) ||
    (nowMs() < stage.outage.untilMs &&
      stage.outage.paths.some((out) => out === '*' || out === path || out === `${method} ${path}`));
  const watch = {
    sent: (request: Parameters<Stage['watch']['sent']>[0]) => stage.watch.sent(request),
    answered: (...about: Parameters<Stage['watch']['answered']>) => stage.watch.answered(...about),
  };
  const connection = {
    ...{
      baseUrl: EXCHANGE_ORIGIN,
      timeoutMs: NO_TIMER_MS,
      nowMs: environment.nowMs,
      sleep: environment.sleep,
    },
    random: stage.faults.drawAt(`retries of ${environment.name}`),
    address: new RequestBudget(2_400),
    transport: exchangeTransport(environment, stage, watch, isOut),
  };
  const market = createCcxtMarketData({ ...connection, exchange: 'binanceusdm' });
  let opened: Promise<Broker> | undefined;
  const brokerOf = (): Promise<Broker> => {
    opened ??= openKeyedBroker({
      readKeys: () => environment.step('keys.read', () => stage.keys, nothing),
      openWith: (credentials) => createLiveBroker({ ...connection, market, credentials }),
      onRefused: nothing,
    });
    return opened;
  };
  const flagsMoved = { nowMs, written: (name: string) => stage.watch.flagsMoved(name) };
  const told = {
    ...stage.signals,
    put: async (signal: Parameters<Stage['signals']['put']>[0]) => {
      stage.signalsWrittenAtMs.set(`${signal.symbol}@${signal.barOpenTimeMs}`, nowMs());
      const outcome = await stage.signals.put(signal);
      if (outcome === 'written') stage.watch.signalStored(signal, environment);
      return outcome;
    },
    putRun: (run: Parameters<Stage['signals']['putRun']>[0]) => {
      stage.signalsWrittenAtMs.set(`#${run.shard}/${run.shardCount}@${run.barOpenTimeMs}`, nowMs());
      return stage.signals.putRun(run);
    },
  };
  return {
    ...{ clock, market, brokerOf },
    risk: unlessOut(
      environment,
      throughSteps(environment, 'risk', watchedRisk(stage, environment)),
      () => nowMs() < stage.tableOutUntilMs,
    ),
    flags: flagPort(environment, stage.flags, flagsMoved),
    signals: signalPort(environment, told, stage.signalsWrittenAtMs, nowMs),
    objects: throughSteps(environment, 'objects', objectsOf(stage)),
  };
}

const objectsOf = ({ objects }: Stage) => ({
  head: objects.head,
  get: objects.get,
  put: objects.put,
  list: objects.list,
});
