// Each minute and per scope: look up what is open, book it, keep every position behind a stop, end what is over, compare with
// the exchange, mark the equity. Nothing of it asks the gate for leave: reducing risk is always possible. A run may be cut off
// anywhere and repeated; its own record comes last, so that a guard that does not finish is a silent one.

import { microUsdt } from '../../core/money.ts';
import type { Scope } from '../../risk/gate.ts';
import type { Versioned } from '../../risk/ports.ts';
import {
  type AuditRecord,
  auditKey,
  type DayRecord,
  dayKey,
  dayRecordSchema,
  type EquityRecord,
  equityKey,
  GUARD_KEY,
  type GuardRecord,
  guardRecordSchema,
  orderKey,
  orderRecordSchema,
  positionRecordSchema,
} from '../../risk/records.ts';
import { takeOver } from '../booked-ledger.ts';
import {
  type AccountView,
  observeAccount,
  strangersOf,
  straysOf,
  type ViewFailure,
  writeBooks,
} from './observe-account.ts';
import { cancelOpenOrders, tendSymbol } from './reconcile-position.ts';
import { type Desk, SEND_MS_MAX } from './send-order.ts';

export interface GuardReport {
  readonly scope: Scope;
  readonly atMs: number;
  /** Only a completed run counts as a sign of life. */
  readonly outcome: 'completed' | 'incomplete' | ViewFailure['code'];
  /** null without a view of the exchange. */
  readonly equity: EquityRecord | null;
  readonly differences: readonly string[];
  /** What was done, by symbol. */
  readonly actions: readonly { readonly symbol: string; readonly done: readonly string[] }[];
  /** One line each: what could not be done. */
  readonly faults: readonly string[];
  readonly nakedSinceMs: number | null;
}

export interface GuardDesk extends Desk {
  /** Of this function, for its marks. */
  readonly codeVersion: string;
}

/** Throws StoreError when the risk table cannot be used. */
export async function guard(desk: GuardDesk): Promise<GuardReport> {
  const { broker, clock } = desk;
  const reconciled = await reconcile(desk);
  if (!reconciled.ok) {
    const { code, detail } = reconciled.error;
    return {
      scope: broker.scope,
      atMs: clock.nowMs(),
      outcome: code,
      equity: null,
      differences: [],
      actions: [],
      faults: [detail],
      nakedSinceMs: null,
    };
  }
  const { view, adoptable, differences } = reconciled.value;
  const { actions, faults: failed } = await tendAll(desk, view, adoptable);
  const faults = [...view.faults, ...failed];
  const nakedSinceMs = await nakedSince(desk, view);
  const equity = await mark(desk, view);
  const report = {
    scope: broker.scope,
    atMs: equity.atMs,
    equity,
    actions,
    faults,
    nakedSinceMs,
  };
  if (faults.length > 0) return { ...report, outcome: 'incomplete', differences };
  const standing = await complete(desk, { view, differences, nakedSinceMs });
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
  desk: Desk,
): Promise<{ ok: true; value: Reconciled } | { ok: false; error: ViewFailure }> {
  const first = await observeAccount(desk, { thorough: false });
  if (!first.ok) return first;
  const strangers = new Set(strangersOf(first.value));
  if (first.value.differences.length === 0 && strangers.size === 0) {
    const { anomalies } = first.value;
    return { ok: true, value: { view: first.value, adoptable: strangers, differences: anomalies } };
  }
  const second = await observeAccount(desk, { thorough: true });
  if (!second.ok) return second;
  const adoptable = new Set(strangersOf(second.value).filter((symbol) => strangers.has(symbol)));
  const confirmed = second.value.differences.filter((line) => first.value.differences.includes(line));
  const differences = [...confirmed, ...new Set([...first.value.anomalies, ...second.value.anomalies])];
  const settled = confirmed.length === second.value.differences.length;
  const view = settled && confirmed.length > 0 ? await trustExchange(desk, second.value) : second.value;
  return { ok: true, value: { view, adoptable, differences } };
}

async function trustExchange(desk: Desk, view: AccountView): Promise<AccountView> {
  const { risk, broker, clock } = desk;
  const ledger = takeOver(view.books.value.ledger, {
    walletMicroUsdt: view.walletMicroUsdt,
    positions: [...view.held.values()],
  });
  const books = await writeBooks(desk, view.books, { ...view.books.value, ledger });
  if (books === undefined) return view;
  const record: AuditRecord = {
    atMs: clock.nowMs(),
    what: 'reconciled',
    by: 'guard',
    detail: view.differences.join('; '),
  };
  await risk.put(broker.scope, auditKey(`guard#${record.atMs}#reconciled`), record, { ifAbsent: true });
  return { ...view, books };
}

/** One symbol's trouble is not the others': what fails is reported, and the run then does not count as completed. */
async function tendAll(desk: Desk, view: AccountView, adoptable: ReadonlySet<string>) {
  const symbols = new Set([
    ...Object.keys(view.gate?.reserved ?? {}),
    ...view.positions.keys(),
    ...view.held.keys(),
  ]);
  const actions: { symbol: string; done: readonly string[] }[] = [];
  const faults: string[] = [];
  for (const symbol of symbols) {
    try {
      const done = await tendSymbol(desk, view, { symbol, adoptable: adoptable.has(symbol) });
      if (done.length > 0) actions.push({ symbol, done });
    } catch (error) {
      faults.push(`${symbol}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const strays = await oldStrays(desk, view);
  faults.push(...(await cancelOpenOrders(desk, strays)));
  for (const { symbol } of strays) actions.push({ symbol, done: ['stray_cancelled'] });
  return { actions, faults };
}

/** Strays that are not just on their way into our records: execute may have sent them after we looked. */
async function oldStrays({ risk, broker, clock }: Desk, view: AccountView) {
  const strays = straysOf(view).filter(
    ({ symbol }) => view.held.has(symbol) || !(symbol in (view.gate?.reserved ?? {})),
  );
  const records = await Promise.all(
    strays.map(({ clientOrderId }) => risk.get(broker.scope, orderKey(clientOrderId), orderRecordSchema)),
  );
  const nowMs = clock.nowMs();
  return strays.filter((_, index) => nowMs - (records[index]?.value.createdAtMs ?? 0) > SEND_MS_MAX);
}

/** Since when the position longest without a stop has had none, among those still held. */
async function nakedSince({ risk, broker, clock }: Desk, { held }: AccountView): Promise<number | null> {
  if (held.size === 0) return null;
  const positions = await risk.list({ scope: broker.scope, prefix: 'position#' }, positionRecordSchema);
  const known = new Map(positions.map(({ value }) => [value.symbol, value]));
  const since = [...held.keys()].flatMap((symbol) => {
    const position = known.get(symbol);
    if (position === undefined) return [clock.nowMs()];
    return position.nakedSinceMs === null ? [] : [position.nakedSinceMs];
  });
  return since.length === 0 ? null : Math.min(...since);
}

/** Equity at the exchange's marks: what the account would be worth if it were closed there and then. */
async function mark(
  { risk, broker, clock, codeVersion }: GuardDesk,
  view: AccountView,
): Promise<EquityRecord> {
  const atMs = clock.nowMs();
  let unrealisedMicroUsdt = 0;
  let exposureMicroUsdt = 0;
  for (const { quantity, entryPrice, markPrice } of view.held.values()) {
    unrealisedMicroUsdt += microUsdt(quantity * (markPrice - entryPrice));
    exposureMicroUsdt += microUsdt(Math.abs(quantity) * markPrice);
  }
  const equity: EquityRecord = {
    atMs,
    equityMicroUsdt: view.walletMicroUsdt + unrealisedMicroUsdt,
    walletMicroUsdt: view.walletMicroUsdt,
    exposureMicroUsdt,
    positions: view.held.size,
    codeVersion,
  };
  await risk.put(broker.scope, equityKey(atMs), equity, { ifAbsent: true });
  if ((await risk.get(broker.scope, dayKey(atMs), dayRecordSchema)) === undefined) {
    const day: DayRecord = { startMicroUsdt: equity.equityMicroUsdt };
    await risk.put(broker.scope, dayKey(atMs), day, { ifAbsent: true });
  }
  return equity;
}

const CARRIED = 'settled: ';

/** The guard's last words. A difference is told in two runs, so that the breaker, which ticks as often, cannot miss it. */
async function complete(
  { risk, broker, clock }: Desk,
  run: { view: AccountView; differences: readonly string[]; nakedSinceMs: number | null },
): Promise<readonly string[]> {
  const before: Versioned<GuardRecord> | undefined = await risk.get(
    broker.scope,
    GUARD_KEY,
    guardRecordSchema,
  );
  const carried = (before?.value.differences ?? [])
    .filter((line) => !line.startsWith(CARRIED) && !run.differences.includes(line))
    .map((line) => CARRIED + line);
  const record: GuardRecord = {
    completedAtMs: clock.nowMs(),
    differences: [...run.differences, ...carried],
    nakedSinceMs: run.nakedSinceMs,
    fundingBookedUntilMs: run.view.books.value.funding.untilMs,
  };
  const condition = before === undefined ? { ifAbsent: true as const } : { ifRevision: before.revision };
  await risk.put(broker.scope, GUARD_KEY, record, condition);
  return record.differences;
}
