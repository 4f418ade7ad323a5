// Each minute and per scope: look up what is open, book it, keep every position behind a stop, end what is over, compare with
// the exchange, mark the equity. Nothing of it asks the gate for leave: reducing risk is always possible. A run may be cut off
// anywhere and repeated; its own record comes last, so that a guard that does not finish is a silent one.

import { microUsdt } from '../../core/money.ts';
import type { Scope } from '../../risk/gate.ts';
import { dayId, type EquitySnapshot, type PositionManagerRecord } from '../../risk/records.ts';
import { allValues } from '../../risk/use-cases/typed-records.ts';
import { takeOver } from '../booked-ledger.ts';
import { executionRecords } from './execution-records.ts';
import {
  type AccountView,
  externalPositionsOf,
  observeAccount,
  orphanOrdersOf,
  type ViewFailure,
  writeLedger,
} from './observe-account.ts';
import { cancelOpenOrders, reconcileSymbol } from './reconcile-position.ts';
import { type ExecutionContext, SEND_MS_MAX } from './send-order.ts';

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
  /** Of this function, for its marks. */
  readonly codeVersion: string;
}

/** Throws StoreError when the risk table cannot be used. */
export async function managePositions(context: PositionManagerContext): Promise<PositionManagerReport> {
  const { broker, clock } = context;
  const reconciled = await reconcile(context);
  if (!reconciled.ok) {
    const { code, message } = reconciled.error;
    return {
      scope: broker.scope,
      atMs: clock.nowMs(),
      outcome: code,
      equity: null,
      differences: [],
      actions: [],
      faults: [message],
      unprotectedSinceMs: null,
    };
  }
  const { view, adoptable, differences } = reconciled.value;
  const { actions, faults: failed } = await reconcileAll(context, view, adoptable);
  const faults = [...view.faults, ...failed];
  const unprotectedSinceMs = await unprotectedSince(context, view);
  const equity = await snapshot(context, view);
  const report = {
    scope: broker.scope,
    atMs: equity.atMs,
    equity,
    actions,
    faults,
    unprotectedSinceMs,
  };
  if (faults.length > 0) return { ...report, outcome: 'incomplete', differences };
  const standing = await complete(context, { view, differences, unprotectedSinceMs });
  return { ...report, outcome: 'completed', differences: standing };
}

interface Reconciled {
  readonly view: AccountView;
  /** Held by the exchange and known to nobody here, in both looks. */
  readonly adoptable: ReadonlySet<string>;
  readonly differences: readonly string[];
}

/**
 * The account, booked and compared. What differs is looked at a second time: only what then still differs by the same is a
 * difference, for an order may be filled between two questions. The exchange is then right: what it holds is taken over.
 */
async function reconcile(
  context: ExecutionContext,
): Promise<{ ok: true; value: Reconciled } | { ok: false; error: ViewFailure }> {
  const first = await observeAccount(context, { thorough: false });
  if (!first.ok) return first;
  const externalPositions = new Set(externalPositionsOf(first.value));
  if (first.value.differences.length === 0 && externalPositions.size === 0) {
    const { anomalies } = first.value;
    return { ok: true, value: { view: first.value, adoptable: externalPositions, differences: anomalies } };
  }
  const second = await observeAccount(context, { thorough: true });
  if (!second.ok) return second;
  const adoptable = new Set(
    externalPositionsOf(second.value).filter((symbol) => externalPositions.has(symbol)),
  );
  const confirmed = second.value.differences.filter((line) => first.value.differences.includes(line));
  const differences = [...confirmed, ...new Set([...first.value.anomalies, ...second.value.anomalies])];
  const settled = confirmed.length === second.value.differences.length;
  const view = settled && confirmed.length > 0 ? await trustExchange(context, second.value) : second.value;
  return { ok: true, value: { view, adoptable, differences } };
}

async function trustExchange(context: ExecutionContext, view: AccountView): Promise<AccountView> {
  const { risk, broker, clock } = context;
  const ledger = takeOver(view.bookedLedger.value.ledger, {
    walletMicroUsdt: view.walletMicroUsdt,
    positions: [...view.held.values()],
  });
  const bookedLedger = await writeLedger(context, view.bookedLedger, { ...view.bookedLedger.value, ledger });
  if (bookedLedger === undefined) return view;
  const atMs = clock.nowMs();
  await executionRecords(risk).audit.add(broker.scope, `guard#${atMs}#reconciled`, {
    atMs,
    what: 'reconciled',
    by: 'manage-positions',
    message: view.differences.join('; '),
  });
  return { ...view, bookedLedger };
}

/** One symbol's trouble is not the others': what fails is reported, and the run then does not count as completed. */
async function reconcileAll(context: ExecutionContext, view: AccountView, adoptable: ReadonlySet<string>) {
  const symbols = new Set([
    ...Object.keys(view.gate?.reserved ?? {}),
    ...view.positions.keys(),
    ...view.held.keys(),
  ]);
  const actions: { symbol: string; done: readonly string[] }[] = [];
  const faults: string[] = [];
  for (const symbol of symbols) {
    try {
      const done = await reconcileSymbol(context, view, { symbol, adoptable: adoptable.has(symbol) });
      if (done.length > 0) actions.push({ symbol, done });
    } catch (error) {
      faults.push(`${symbol}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const orphanOrders = await agedOrphanOrders(context, view);
  faults.push(...(await cancelOpenOrders(context, orphanOrders)));
  for (const { symbol } of orphanOrders) actions.push({ symbol, done: ['orphan_order_cancelled'] });
  return { actions, faults };
}

/** Strays that are not just on their way into our records: execute may have sent them after we looked. */
async function agedOrphanOrders({ risk, broker, clock }: ExecutionContext, view: AccountView) {
  const orphanOrders = orphanOrdersOf(view).filter(
    ({ symbol }) => view.held.has(symbol) || !(symbol in (view.gate?.reserved ?? {})),
  );
  const records = await Promise.all(
    orphanOrders.map(({ clientOrderId }) => executionRecords(risk).orders.get(broker.scope, clientOrderId)),
  );
  const nowMs = clock.nowMs();
  return orphanOrders.filter((_, index) => nowMs - (records[index]?.value.createdAtMs ?? 0) > SEND_MS_MAX);
}

/** Since when the position longest without a stop has had none, among those still held. */
async function unprotectedSince(
  { risk, broker, clock }: ExecutionContext,
  { held }: AccountView,
): Promise<number | null> {
  if (held.size === 0) return null;
  const positions = allValues(await executionRecords(risk).positions.all(broker.scope));
  const known = new Map(positions.map((position) => [position.symbol, position]));
  const since = [...held.keys()].flatMap((symbol) => {
    const position = known.get(symbol);
    if (position === undefined) return [clock.nowMs()];
    return position.unprotectedSinceMs === null ? [] : [position.unprotectedSinceMs];
  });
  return since.length === 0 ? null : Math.min(...since);
}

/** Equity at the exchange's marks: what the account would be worth if it were closed there and then. */
async function snapshot(
  { risk, broker, clock, codeVersion }: PositionManagerContext,
  view: AccountView,
): Promise<EquitySnapshot> {
  const atMs = clock.nowMs();
  let unrealisedMicroUsdt = 0;
  let exposureMicroUsdt = 0;
  for (const { quantity, entryPrice, markPrice } of view.held.values()) {
    unrealisedMicroUsdt += microUsdt(quantity * (markPrice - entryPrice));
    exposureMicroUsdt += microUsdt(Math.abs(quantity) * markPrice);
  }
  const equity: EquitySnapshot = {
    atMs,
    equityMicroUsdt: view.walletMicroUsdt + unrealisedMicroUsdt,
    walletMicroUsdt: view.walletMicroUsdt,
    exposureMicroUsdt,
    positions: view.held.size,
    codeVersion,
  };
  const records = executionRecords(risk);
  await records.equity.add(broker.scope, equity);
  if ((await records.days.get(broker.scope, dayId(atMs))) === undefined)
    await records.days.add(broker.scope, dayId(atMs), { startMicroUsdt: equity.equityMicroUsdt });
  return equity;
}

const CARRIED = 'settled: ';

/** The guard's last words. A difference is told in two runs, so that the breaker, which ticks as often, cannot miss it. */
async function complete(
  { risk, broker, clock }: ExecutionContext,
  run: { view: AccountView; differences: readonly string[]; unprotectedSinceMs: number | null },
): Promise<readonly string[]> {
  const { positionManager } = executionRecords(risk);
  const before = await positionManager.get(broker.scope);
  const carried = (before?.value.differences ?? [])
    .filter((line) => !line.startsWith(CARRIED) && !run.differences.includes(line))
    .map((line) => CARRIED + line);
  const record: PositionManagerRecord = {
    completedAtMs: clock.nowMs(),
    differences: [...run.differences, ...carried],
    unprotectedSinceMs: run.unprotectedSinceMs,
    fundingBookedUntilMs: run.view.bookedLedger.value.funding.untilMs,
  };
  const condition = before === undefined ? { ifAbsent: true as const } : { ifRevision: before.revision };
  await positionManager.put(broker.scope, record, condition);
  return record.differences;
}
