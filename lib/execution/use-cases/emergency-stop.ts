// The emergency stop: the gate is closed and the account is flattened at the same time, each part on its own. With any one service
// down it does what the others allow and reports what it could not do. Safe to repeat.
//
// An order authorised just before the gate closed may still be on its way: the account is looked at again after the longest
// time that such an order can take, and whatever was entered meanwhile is closed too. A protective stop stays on the exchange
// until its position is gone.
import type { Actor } from '../../core/actor.ts';
import { messageOf } from '../../core/message-of.ts';
import type { Scope } from '../../risk/gate.ts';
import { type BreakerDependencies, tripBreaker, writeFlags } from '../../risk/use-cases/circuit-breaker.ts';
import type { Broker } from '../ports.ts';
import { ARRIVAL_AFTER_AUTHORISATION_MS } from '../send-window.ts';
import { type FlattenContext, flattenAccount } from './flatten-account.ts';
import { mayBeHeld } from './observe-account.ts';

export interface EmergencyStopDependencies
  extends BreakerDependencies,
    Pick<FlattenContext, 'stopwatchMs' | 'pause' | 'expire'> {
  /** Rejects when the account cannot be reached at all. */
  readonly openBroker: (scope: Scope) => Promise<Broker>;
}

export interface EmergencyStopRequest {
  /** Flags are closed before it is known which: finding out may need a service that is down. */
  readonly scopes: readonly Scope[] | Promise<readonly Scope[]>;
  readonly operator: Actor;
  readonly reason: string;
  /** Positions stay, with their stops. */
  readonly keepPositions: boolean;
}

export interface EmergencyStep {
  readonly step: 'latch' | 'flags' | 'cancel_orders' | 'flatten';
  /** undefined: of all scopes. */
  readonly scope: Scope | undefined;
  /** One line each. */
  readonly done: readonly string[];
  /** One line each: what could not be done. Empty when the step is complete. */
  readonly failures: readonly string[];
  readonly tookMs: number;
}

interface Progress {
  readonly done: string[];
  readonly failures: string[];
}

/** What the operator's flags say after an emergency stop; the breaker closes its own. */
export const EMERGENCY_FLAGS = { EMERGENCY_MODE: 'true' } as const;

/** Every step, in the order in which they were begun. Never throws. */
export async function emergencyStop(
  dependencies: EmergencyStopDependencies,
  request: EmergencyStopRequest,
): Promise<readonly EmergencyStep[]> {
  const step = timed(dependencies.stopwatchMs);
  // Both close the gate, through different services: neither waits for the other's retries.
  const flags = step('flags', undefined, async ({ done, failures }) => {
    failures.push(...(await writeFlags(dependencies.flags, EMERGENCY_FLAGS)));
    if (failures.length === 0) done.push('EMERGENCY_MODE is true');
  });
  const scopes = await request.scopes;
  const latches = scopes.map((scope) =>
    step('latch', scope, (progress) => latch(dependencies, { ...request, scope }, progress)),
  );
  const closed = Promise.all([...latches, flags]);
  const nothingArrives = closed.then(() => dependencies.pause(ARRIVAL_AFTER_AUTHORISATION_MS));
  const accounts = await Promise.all(
    scopes.map(async (scope) => {
      const open = remembered(() => dependencies.openBroker(scope));
      const twice = (work: (broker: Broker, progress: Progress) => Promise<void>) => {
        return async (progress: Progress) => {
          await work(await open(), progress);
          await nothingArrives;
          progress.failures.length = 0;
          await work(await open(), progress);
        };
      };
      const parts = [step('cancel_orders', scope, twice(cancelEntries))];
      if (!request.keepPositions) {
        const flatten = twice((broker, progress) => flattenScope({ ...dependencies, broker }, progress));
        parts.push(step('flatten', scope, flatten));
      }
      return Promise.all(parts);
    }),
  );
  return [...(await closed), ...accounts.flat()];
}

function timed(stopwatchMs: () => number) {
  return async (
    step: EmergencyStep['step'],
    scope: Scope | undefined,
    work: (progress: Progress) => Promise<void>,
  ): Promise<EmergencyStep> => {
    const startedMs = stopwatchMs();
    const progress: Progress = { done: [], failures: [] };
    await work(progress).catch((error: unknown) => void progress.failures.push(messageOf(error)));
    return { step, scope, ...progress, tookMs: stopwatchMs() - startedMs };
  };
}

function remembered(open: () => Promise<Broker>): () => Promise<Broker> {
  let opened: Promise<Broker> | undefined;
  return () => {
    opened ??= open();
    return opened;
  };
}

async function latch(
  dependencies: BreakerDependencies,
  request: { scope: Scope; operator: Actor; reason: string },
  { done, failures }: Progress,
): Promise<void> {
  const outcome = await tripBreaker(dependencies, request);
  failures.push(...outcome.failures);
  if (outcome.latched) done.push(`the latch is TRIPPED, epoch ${outcome.transition?.current.epoch}`);
}

/** Everything that may still open a position. */
async function cancelEntries(broker: Broker, { done, failures }: Progress): Promise<void> {
  const orders = await broker.openOrders();
  if (!orders.ok) {
    failures.push(`${orders.error.code}: ${orders.error.message}`);
    return;
  }
  failures.push(...orders.value.problems.map(({ message }) => message));
  for (const order of orders.value.rows) {
    if (order.reducesOnly) continue;
    const cancelled = await broker.cancel(order);
    if (cancelled.ok) done.push(`${order.symbol}: order ${order.clientOrderId} cancelled`);
    else failures.push(`${order.symbol}: order ${order.clientOrderId}: ${cancelled.error.message}`);
  }
}

/** Positions first; stops of what is then flat are taken away afterwards. */
async function flattenScope(context: FlattenContext, { done, failures }: Progress): Promise<void> {
  const flattened = await flattenAccount(context);
  done.push(...flattened.done);
  failures.push(...flattened.problems);
  if (flattened.isBlind) return;
  const { broker } = context;
  const [stops, held] = await Promise.all([broker.openStops(), broker.positions()]);
  if (!stops.ok || !held.ok) {
    const unread = [stops, held].flatMap((answer) => (answer.ok ? [] : [answer.error.message]));
    failures.push(`stops of closed positions were not looked for: ${unread.join('; ')}`);
    return;
  }
  const open = new Set(held.value.rows.map(({ symbol }) => symbol));
  for (const symbol of new Set(stops.value.rows.map((stop) => stop.symbol))) {
    if (open.has(symbol) || mayBeHeld(held.value.problems, symbol)) continue;
    const cancelled = await broker.cancelAll(symbol);
    if (!cancelled.ok) failures.push(`${symbol}: its stops are still there: ${cancelled.error.message}`);
  }
}
