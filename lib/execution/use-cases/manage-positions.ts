// Each minute and per scope: read what the account holds, keep every position behind a stop and end what is over; only then book
// it, compare it with the exchange and record the equity. Nothing of it asks the gate: reducing risk is always possible. A run
// may be cut off anywhere and repeated; its own record comes last, and says whether everything was done.
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { Scope } from '../../risk/gate.ts';
import { dayId, type EquitySnapshot } from '../../risk/records.ts';
import { exposureMicroUsdt, unrealisedMicroUsdt } from '../ledger/account-equity.ts';
import { SEND_MS_MAX } from '../send-window.ts';
import type { AccountView } from './book-account.ts';
import { executionRecords } from './execution-records.ts';
import {
  type AccountReading,
  externalPositionsOf,
  mayBeHeld,
  orphanOrdersOf,
  readAccount,
  type ViewFailure,
} from './observe-account.ts';
import { cancelOpenOrders, isLeftToOthers } from './positions/cancel-orders.ts';
import { finaliseTrade } from './positions/finalise-trade.ts';
import { LEFT, protectSymbol } from './positions/reconcile-position.ts';
import { earliest, type RunsBefore, readRuns, recordRun, unprotectedSince } from './positions/record-run.ts';
import { Work } from './positions/run-work.ts';
import { reconcileAccount } from './reconcile-account.ts';
import type { ExecutionContext } from './send-order.ts';

export interface PositionManagerReport {
  readonly scope: Scope;
  readonly atMs: number;
  /** Only a completed run counts as a sign of life. */
  readonly outcome: 'completed' | 'incomplete' | ViewFailure['code'];
  /** null without a view of the exchange. */
  readonly equity: EquitySnapshot | null;
  readonly differences: readonly string[];
  /** What was done, by symbol. */
  readonly actions: readonly { readonly symbol: string; readonly done: readonly string[] }[];
  /** One line each: what could not be done. */
  readonly faults: readonly string[];
  readonly unprotectedSinceMs: number | null;
}

export interface PositionManagerContext extends ExecutionContext {
  /** Of this function, for its equity snapshots. */
  readonly codeVersion: string;
}

/** Rejects only when nothing of the account can be seen at all and no record of it can be left. */
export async function managePositions(given: PositionManagerContext): Promise<PositionManagerReport> {
  const context = { ...given, cancelledIds: new Set<string>() };
  const work = new Work();
  const before = await work.attempt('record of the runs', () => readRuns(context));
  const first = await observe(() => readAccount(context, { thorough: false }));
  if (!first.ok) return conclude(context, { failure: first.error, before, work });
  await protectAll(context, { reading: first.value, adoptable: new Set(), work });
  const reconciled = await observe(() => reconcileAccount(context, first.value, before?.value));
  if (!reconciled.ok)
    return conclude(context, { failure: reconciled.error, before, work, held: first.value.held });
  const { view, adoptable, walletDifferentSinceMs } = reconciled.value;
  await protectAll(context, { reading: view, adoptable, work });
  // Told in every run, as long as it is there.
  const left = work.symbolsOf(LEFT).map((symbol) => `${symbol}: an external position is left as it is`);
  const differences = [...reconciled.value.differences, ...left];
  await finaliseAll(context, view, work);
  const equity = (await work.attempt('equity', () => snapshot(context, view)))?.value;
  if (equity?.ok === false) work.faults.push(equity.error);
  work.faults.unshift(...view.faults);
  return conclude(context, {
    before,
    work,
    held: view.held,
    differences,
    walletDifferentSinceMs,
    fundingBookedUntilMs: view.bookedLedger?.value.funding.untilMs,
    equity: equity?.ok ? equity.value : null,
  });
}

/** What cannot be read of our records is no more than an account that cannot be seen: the run still leaves its record. */
async function observe<Value>(
  look: () => Promise<Result<Value, ViewFailure>>,
): Promise<Result<Value, ViewFailure>> {
  try {
    return await look();
  } catch (error) {
    return failure({ code: 'records_unavailable', message: messageOf(error) });
  }
}

interface Conclusion {
  /** undefined when it could not be read when the run began. */
  readonly before: { readonly value: RunsBefore } | undefined;
  readonly work: Work;
  /** Why the account could not be seen or booked. */
  readonly failure?: ViewFailure;
  readonly held?: AccountReading['held'];
  readonly differences?: readonly string[];
  readonly walletDifferentSinceMs?: number | null | undefined;
  readonly fundingBookedUntilMs?: number | undefined;
  readonly equity?: EquitySnapshot | null;
}

/** Writes the run's record, as far as that is possible, and reports. */
async function conclude(context: ExecutionContext, run: Conclusion): Promise<PositionManagerReport> {
  const { work, held, differences } = run;
  const isComplete = run.failure === undefined && work.faults.length === 0;
  const recorded = await work.attempt('record of the run', async () => {
    const before = run.before === undefined ? await readRuns(context) : run.before.value;
    const since = held === undefined ? undefined : await unprotectedSince(context, { held, before });
    const told = await recordRun(context, before, {
      isComplete,
      differences,
      unprotectedSince: since,
      walletDifferentSinceMs: run.walletDifferentSinceMs,
      fundingBookedUntilMs: run.fundingBookedUntilMs,
    });
    return { told, since };
  });
  const isOvertaken = recorded !== undefined && recorded.value.told === undefined;
  const written = isComplete && recorded !== undefined ? 'completed' : 'incomplete';
  const faults = [...(run.failure === undefined ? [] : [run.failure.message]), ...work.faults];
  return {
    scope: context.broker.scope,
    atMs: context.clock.nowMs(),
    outcome: run.failure?.code ?? (isOvertaken ? 'overtaken' : written),
    equity: run.equity ?? null,
    differences: (run.failure === undefined ? recorded?.value.told : undefined) ?? differences ?? [],
    actions: work.actions,
    faults: isOvertaken ? [...faults, 'another run has written its record since this one began'] : faults,
    unprotectedSinceMs: recorded?.value.since === undefined ? null : earliest(recorded.value.since),
  };
}

async function protectAll(
  context: ExecutionContext,
  { reading, adoptable, work }: { reading: AccountReading; adoptable: ReadonlySet<string>; work: Work },
): Promise<void> {
  const externalPositions = new Set(externalPositionsOf(reading));
  for (const [symbol, held] of reading.held) {
    if (externalPositions.has(symbol) && !adoptable.has(symbol)) continue;
    await work.once(symbol, () =>
      protectSymbol(context, reading, { held, adoptable: adoptable.has(symbol) }),
    );
  }
}

async function finaliseAll(context: ExecutionContext, view: AccountView, work: Work): Promise<void> {
  const symbols = new Set([...view.entryIds.keys(), ...view.positions.keys()]);
  for (const symbol of symbols)
    if (!view.held.has(symbol)) await work.once(symbol, () => finaliseTrade(context, view, symbol));
  await work.attempt('orphan orders', async () => {
    const orphanOrders = await agedOrphanOrders(context, view);
    work.faults.push(...(await cancelOpenOrders(context, orphanOrders)));
    for (const { symbol } of orphanOrders) work.actions.push({ symbol, done: ['orphan_order_cancelled'] });
  });
}

/** Those that are not just on their way into our records: execute may have sent them after we looked. */
async function agedOrphanOrders(context: ExecutionContext, view: AccountView) {
  const { risk, broker, clock } = context;
  const orphanOrders = orphanOrdersOf(view).filter(
    ({ symbol, clientOrderId }) =>
      !context.cancelledIds?.has(clientOrderId) &&
      // Which orders a record names that cannot be read is not known.
      !view.unreadableRecords.has(symbol) &&
      (view.held.has(symbol) || !view.entryIds.has(symbol)),
  );
  const records = await Promise.all(
    orphanOrders.map(({ clientOrderId }) => executionRecords(risk).orders.get(broker.scope, clientOrderId)),
  );
  const nowMs = clock.nowMs();
  const aged = orphanOrders.filter(
    (_, index) =>
      nowMs - (records[index]?.value.createdAtMs ?? 0) > SEND_MS_MAX &&
      !isLeftToOthers(context, records[index]),
  );
  // Whoever has placed it: a stop may be all that protects a position whose own stop is not there. Which that is, was decided since.
  const { positions } = executionRecords(risk);
  const isNeeded = await Promise.all(
    aged.map(async ({ symbol, kind, clientOrderId }) => {
      if (kind !== 'stop') return false;
      if (mayBeHeld(view.unreadablePositions, symbol)) return true;
      if (!view.held.has(symbol)) return false;
      const position = (await positions.get(broker.scope, symbol))?.value;
      return position?.unprotectedSinceMs !== null || position.stopClientOrderId === clientOrderId;
    }),
  );
  return aged.filter((_, index) => !isNeeded[index]);
}

/** Equity at mark prices: what the account would be worth if it were closed there and then. Fails with one line. */
async function snapshot(
  { risk, broker, clock, codeVersion }: PositionManagerContext,
  { held, walletMicroUsdt, unreadablePositions }: AccountView,
): Promise<Result<EquitySnapshot, string>> {
  if (walletMicroUsdt === undefined || unreadablePositions.length > 0)
    return failure('equity: wallet or positions cannot be read');
  const unmarked = [...held.values()].filter(({ markPrice }) => markPrice === null);
  const last = unmarked.length === 0 ? undefined : await broker.prices(unmarked.map(({ symbol }) => symbol));
  const atMs = clock.nowMs();
  let unrealised = 0;
  let exposure = 0;
  for (const { symbol, quantity, entryPrice, markPrice } of held.values()) {
    const price = markPrice ?? (last?.ok ? last.value.get(symbol) : undefined);
    if (entryPrice === null || price === undefined) return failure(`equity: ${symbol} has no price`);
    unrealised += unrealisedMicroUsdt({ quantity, entryPrice, price });
    exposure += exposureMicroUsdt({ quantity, price });
  }
  const equity: EquitySnapshot = {
    atMs,
    equityMicroUsdt: walletMicroUsdt + unrealised,
    walletMicroUsdt,
    exposureMicroUsdt: exposure,
    positions: held.size,
    codeVersion,
  };
  const records = executionRecords(risk);
  await records.equity.add(broker.scope, equity);
  if ((await records.days.get(broker.scope, dayId(atMs))) === undefined)
    await records.days.add(broker.scope, dayId(atMs), { startMicroUsdt: equity.equityMicroUsdt });
  return success(equity);
}
