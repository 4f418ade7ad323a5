// The emergency stop: latch, flags, open orders, positions, in this order and each on its own. With any one service down it does
// what the others allow and says what it could not do. Repeating it is harmless: it goes on with what is left.
//
// A stop stays on the exchange until its position is gone, so that an emergency stop cut short leaves none unprotected.

import type { Result } from '../../core/result.ts';
import { approveReduction, type Scope } from '../../risk/gate.ts';
import { type BreakerDependencies, tripBreaker, writeFlags } from '../../risk/use-cases/circuit-breaker.ts';
import { clientOrderId } from '../client-order-id.ts';
import type { ReduceOrder } from '../order.ts';
import type { Broker, BrokerError, BrokerPosition } from '../ports.ts';
import { executionRecords } from './execution-records.ts';
import { sendExit } from './protect-position.ts';
import type { ExecutionContext } from './send-order.ts';

export interface EmergencyStopDependencies extends BreakerDependencies {
  /** Rejects when the account cannot be reached at all. */
  readonly openBroker: (scope: Scope) => Promise<Broker>;
  /** Monotonic, ms: for durations only. */
  readonly stopwatchMs: () => number;
}

export interface EmergencyStopRequest {
  /** Flags are closed before it is known which: finding out may need a service that is down. */
  readonly scopes: readonly Scope[] | Promise<readonly Scope[]>;
  readonly operator: string;
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
  const closed = await Promise.all([
    ...scopes.map((scope) =>
      step('latch', scope, (progress) => latch(dependencies, { ...request, scope }, progress)),
    ),
    flags,
  ]);
  const accounts = await Promise.all(
    scopes.map(async (scope) => {
      const broker = remembered(() => dependencies.openBroker(scope));
      const cancelled = await step('cancel_orders', scope, async (progress) =>
        cancelEntries(await broker(), progress),
      );
      if (request.keepPositions) return [cancelled];
      const flattened = await step('flatten', scope, async (progress) =>
        flatten({ ...dependencies, broker: await broker() }, progress),
      );
      return [cancelled, flattened];
    }),
  );
  return [...closed, ...accounts.flat()];
}

function timed(stopwatchMs: () => number) {
  return async (
    step: EmergencyStep['step'],
    scope: Scope | undefined,
    work: (progress: Progress) => Promise<void>,
  ): Promise<EmergencyStep> => {
    const startedMs = stopwatchMs();
    const progress: Progress = { done: [], failures: [] };
    await work(progress).catch((error: unknown) => void progress.failures.push(describe(error)));
    return { step, scope, ...progress, tookMs: stopwatchMs() - startedMs };
  };
}

const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function remembered(open: () => Promise<Broker>): () => Promise<Broker> {
  let opened: Promise<Broker> | undefined;
  return () => {
    opened ??= open();
    return opened;
  };
}

async function latch(
  dependencies: BreakerDependencies,
  request: { scope: Scope; operator: string; reason: string },
  { done, failures }: Progress,
): Promise<void> {
  const outcome = await tripBreaker(dependencies, request);
  failures.push(...outcome.failures);
  if (outcome.latched) done.push(`the latch is TRIPPED, epoch ${outcome.transition?.current.epoch}`);
}

function answered<T>(answer: Result<T, BrokerError>): T {
  if (answer.ok) return answer.value;
  throw new Error(`${answer.error.code}: ${answer.error.message}`);
}

/** Everything that may still open a position. */
async function cancelEntries(broker: Broker, { done, failures }: Progress): Promise<void> {
  for (const order of answered(await broker.openOrders())) {
    if (order.kind === 'stop') continue;
    const cancelled = await broker.cancel(order);
    if (cancelled.ok) done.push(`${order.symbol}: order ${order.clientOrderId} cancelled`);
    else failures.push(`${order.symbol}: order ${order.clientOrderId}: ${cancelled.error.message}`);
  }
}

async function flatten(context: ExecutionContext, { done, failures }: Progress): Promise<void> {
  const { broker } = context;
  const positions = answered(await broker.positions());
  const stops = answered(await broker.openOrders()).map(({ symbol }) => symbol);
  const sent = await Promise.all(positions.map((position) => close(context, position)));
  positions.forEach(({ symbol }, index) => {
    done.push(`${symbol}: ${sent[index]}`);
  });
  const left = new Set(answered(await broker.positions()).map(({ symbol }) => symbol));
  for (const symbol of left) failures.push(`${symbol}: the position is still open; its stop stays`);
  for (const symbol of new Set([...stops, ...positions.map((position) => position.symbol)])) {
    if (left.has(symbol)) continue;
    const cancelled = await broker.cancelAll(symbol);
    if (!cancelled.ok) failures.push(`${symbol}: its stops are still there: ${cancelled.error.message}`);
  }
}

/** Through the records when they can be used, so that the books follow; else straight to the exchange. */
async function close(context: ExecutionContext, position: BrokerPosition): Promise<string> {
  const recorded = await closeRecorded(context, position).catch((error: unknown) => describe(error));
  if (typeof recorded === 'object') return `exit ${recorded.outcome}`;
  const submission = await context.broker.submit(approveReduction(unrecordedExit(context, position)));
  const message =
    submission.outcome === 'rejected'
      ? `: ${submission.reason}`
      : submission.outcome === 'unknown'
        ? `: ${submission.why}`
        : '';
  return `exit ${submission.outcome}${message}, not in the records (${recorded})`;
}

async function closeRecorded(context: ExecutionContext, { symbol, quantity }: BrokerPosition) {
  const { risk, broker } = context;
  const { positions, orders } = executionRecords(risk);
  const position = await positions.get(broker.scope, symbol);
  if (position === undefined) return 'there is no record of the position';
  const entry = await orders.get(broker.scope, position.value.entryClientOrderId);
  if (entry === undefined) return 'there is no record of the entry';
  const sent = await sendExit(context, position, {
    entry: entry.value,
    quantity: Math.abs(quantity),
    reason: 'emergency',
  });
  // Someone else is closing it, or was until it died: a second exit can only find less to reduce.
  if (sent.outcome === 'already_submitted' || sent.outcome === 'conflict')
    return `another exit: ${sent.outcome}`;
  return sent;
}

/** Repeated within the minute it is the same order; reduce-only, so that a later one cannot turn the position around. */
function unrecordedExit(
  { broker, clock }: ExecutionContext,
  { symbol, quantity }: BrokerPosition,
): ReduceOrder {
  const { scope } = broker;
  const side = quantity > 0 ? 'SELL' : 'BUY';
  const minuteMs = Math.floor(clock.nowMs() / 60_000) * 60_000;
  const decision = { scope, symbol, barOpenTimeMs: minuteMs, side, leg: 'exit' } as const;
  return {
    kind: 'reduce',
    scope,
    clientOrderId: clientOrderId({ ...decision, ensembleId: `emergency stop of ${quantity}` }),
    symbol,
    side,
    quantity: Math.abs(quantity),
    reduceOnly: true,
    stopPrice: null,
  };
}
