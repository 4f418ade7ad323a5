// One entry, from a signal to a protected position. Nothing is entered that is not proven allowed at that moment: flags, latch,
// lease and stage are read again before every single authorisation, and the gate's one conditional write decides.
//
// Between any two steps the process may die, run a second time, or run twice at once:
//   after …                           left behind                         repaired by
//   1 authorise (gate write)          a reservation, id spent             position manager: released after 60 s, nothing was sent
//   2 record `authorised`             the same, and a record              position manager: looked up, not found for 60 s → released
//   3 submit                          an order at the exchange            position manager: looked up by its id, booked, protected
//   4 record acknowledged / filled    an open position, no stop           position manager: stop within its next run
//   5 position record                 the same, named unprotected since then    position manager: the same
//   6 stop named, recorded, sent      a stop, known or looked up          position manager: confirmed, or the next one placed
// A repetition is denied by step 1 (`duplicate`), for the id follows from the decision alone; steps 2 to 6 are only ever
// taken by the process that won step 1, or by the position manager. After step 1 flags, latch, lease and level are read once
// more, and a process held up for more than 2 s between asking and the wire does not send (send-window.ts).

import { failure, type Result, success } from '../../core/result.ts';
import { FEATURE_SET_HASH } from '../../features/feature-set.ts';
import type { Signal } from '../../inference/signal.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { SymbolFilters } from '../../market/symbol-filters.ts';
import { versionDifferences } from '../../risk/code-version.ts';
import {
  authorise,
  type BookLimits,
  type GateItem,
  planRelease,
  prunableIds,
  type RiskApproved,
} from '../../risk/gate.ts';
import type { EquitySnapshot } from '../../risk/records.ts';
import { type ModeNow, type ModeSources, readMode } from '../../risk/use-cases/read-mode.ts';
import type { FlagReader } from '../../risk/use-cases/recent-flags.ts';
import { allowance, exitDueMs, usage, volatilityPerBar } from '../entry-account.ts';
import type { DecisionOutcome } from '../execute-report.ts';
import type { LeverageBrackets } from '../leverage-brackets.ts';
import { bookLimits, type TradingLimits } from '../limits.ts';
import type { EntryOrder } from '../order.ts';
import { planEntry } from '../plan-entry.ts';
import type { OrderRecord } from '../records.ts';
import { SEND_WINDOW_MS } from '../send-window.ts';
import { type EntrySizing, entryShare } from './entry-share.ts';
import { executionRecords } from './execution-records.ts';
import { openPosition, protect } from './positions/protect-position.ts';
import { type ExecutionContext, newOrderRecord, refreshOrder, sendOrder } from './send-order.ts';

export type ActingSignal = Signal & { readonly action: 'BUY' | 'SELL' };

/** Scales an entry, 0…1, beside the ensemble's sizing policy: a backtest may ask what others would have done. */
export type Policy = (signal: Signal) => number;

/** Entries have the size that limits and sizing policy give them. */
export const FULL_SIZE: Policy = () => 1;

/** What all entries of a run have in common. */
export interface EntrySession {
  readonly modes: ModeSources;
  /** Shared by the plans of a run; an approval is checked against a reading of its own. */
  readonly flagsOf: FlagReader;
  readonly policy: Policy;
  readonly sizing: EntrySizing;
  readonly limits: TradingLimits;
  /** Of this function. */
  readonly codeVersion: string;
  readonly context: ExecutionContext;
  /** Monotonic, ms: for durations only. */
  readonly stopwatchMs: () => number;
  readonly ensemble: { readonly id: string; readonly stopAtrMultiple: number; readonly holdBars: number };
  /** undefined when there is no fresh mark. */
  readonly equity: EquitySnapshot | undefined;
  readonly filters: ReadonlyMap<string, SymbolFilters>;
  /** Of the symbols that may be entered; one whose table the exchange has not said is not among them. */
  readonly brackets: LeverageBrackets;
  /** As they were when the run began. */
  readonly prices: ReadonlyMap<string, number>;
}

interface EntryOutcome {
  readonly outcomes: readonly DecisionOutcome[];
  readonly message: string;
}

const outcome = (code: DecisionOutcome, message = ''): EntryOutcome => ({ outcomes: [code], message });

/** Why a signal may not act, on whichever side: it is not of this code and ensemble, or too old. */
export function originDenial(
  { ensemble, context, limits }: Pick<EntrySession, 'ensemble' | 'context' | 'limits'>,
  signal: Signal,
): DecisionOutcome | undefined {
  if (signal.featureSetHash !== FEATURE_SET_HASH) return 'feature_set_mismatch';
  if (signal.ensembleId !== ensemble.id) return 'ensemble_mismatch';
  const ageMs = context.clock.nowMs() - (signal.barOpenTimeMs + BAR_MS);
  return ageMs <= limits.signalAgeMsMax ? undefined : 'signal_stale';
}

export async function enterPosition(session: EntrySession, signal: ActingSignal): Promise<EntryOutcome> {
  const { context } = session;
  const denial = originDenial(session, signal);
  if (denial !== undefined) return outcome(denial);
  // Planned once at the prices at hand, so that most denials cost the exchange nothing, then again at a fresh one.
  const first = await planNow(session, signal, session.prices.get(signal.symbol));
  if (!first.ok) return first.error;
  const prepared = await context.broker.prepare(signal.symbol);
  if (!prepared.ok) return outcome('exchange_unavailable', prepared.error.message);
  const fresh = await context.broker.prices([signal.symbol]);
  if (!fresh.ok) return outcome('exchange_unavailable', fresh.error.message);
  const planned = await planNow(session, signal, fresh.value.get(signal.symbol));
  if (!planned.ok) return planned.error;

  const { order, gate, now, limits } = planned.value;
  const nowMs = context.clock.nowMs();
  const askedAtMs = session.stopwatchMs();
  const approved = await authorise(
    order,
    {
      mode: now.mode,
      flagsReadAtMs: now.flagsReadAtMs,
      epoch: gate.epoch,
      codeVersion: session.codeVersion,
      limits,
      forget: prunableIds(gate, nowMs),
      nowMs,
    },
    (scope, plan) => context.risk.commit(scope, plan),
  );
  if (!approved.ok) return outcome(approved.error);
  const withdrawn = await findWithdrawal(session, gate.epoch);
  if (withdrawn !== undefined) {
    await context.risk.commit(context.broker.scope, planRelease(order));
    return outcome('entry_withdrawn', withdrawn);
  }
  const stillWanted = () => session.stopwatchMs() - askedAtMs <= SEND_WINDOW_MS;
  return send(session, approved.value, { authorisedAtMs: nowMs, epoch: gate.epoch, stillWanted });
}

/** Why an approval no longer stands: flags, latch, lease and level are read once more before the order leaves. */
async function findWithdrawal(session: EntrySession, epoch: number): Promise<string | undefined> {
  const now = await readMode(session.modes, () => session.flagsOf('now'));
  const { scope } = session.context.broker;
  if (now.mode !== (scope === 'live' ? 'LIVE' : 'PAPER') || now.scope !== scope)
    return `the mode became ${now.mode}: ${now.reasons.map(({ code }) => code).join(', ')}`;
  return now.gate?.epoch === epoch ? undefined : 'the circuit breaker has tripped or been reset since';
}

interface PlannedEntry {
  readonly order: EntryOrder;
  readonly now: ModeNow;
  readonly gate: GateItem;
  readonly limits: BookLimits;
}

/** The entry as flags, gate and rollout allow it now, or everything that stands against it. */
async function planNow(
  session: EntrySession,
  signal: ActingSignal,
  price: number | undefined,
): Promise<Result<PlannedEntry, EntryOutcome>> {
  const { context, equity, filters: allFilters, ensemble, policy } = session;
  const { risk, broker, clock } = context;
  const filters = allFilters.get(signal.symbol);
  if (equity === undefined) return failure(outcome('equity_unknown'));
  if (filters === undefined) return failure(outcome('not_listed'));
  // A position without a reservation: one that the position manager has adopted.
  const position = await executionRecords(risk).positions.get(broker.scope, signal.symbol);
  if (position !== undefined) return failure(outcome('position_open'));
  const now = await readMode(session.modes, () => session.flagsOf('recent'));
  const account = allowance(now, equity.equityMicroUsdt);
  const { gate } = now;
  if (account === undefined || gate === undefined || now.scope !== broker.scope)
    return failure(outcome('mode_off'));
  const differences = versionDifferences(session.codeVersion, [
    ['infer', signal.codeVersion],
    ['manage-positions', equity.codeVersion],
    ['circuit-breaker', gate.leaseCodeVersion],
  ]);
  if (differences.length > 0) return failure(outcome('version_mismatch'));
  const moment = { account, gate, limits: session.limits, nowMs: clock.nowMs() };
  const share = await entryShare(session.sizing, signal, moment);
  if (!share.ok) return failure(outcome('policy_unavailable', share.error));
  const planned = planEntry({
    scope: broker.scope,
    signal,
    price: price ?? Number.NaN,
    volatilityPerBar: volatilityPerBar(signal),
    policy: policy(signal) * share.value,
    stopAtrMultiple: ensemble.stopAtrMultiple,
    filters,
    brackets: session.brackets.get(signal.symbol),
    account: { ...account, ...usage(gate, clock.nowMs()) },
    limits: session.limits,
    nowMs: clock.nowMs(),
  });
  if (!planned.ok) return failure({ outcomes: planned.error, message: '' });
  return success({ order: planned.value, now, gate, limits: bookLimits(account, session.limits) });
}

/** From here on only the process that the gate has let through acts, or the position manager after it. */
async function send(
  session: EntrySession,
  approved: RiskApproved<EntryOrder>,
  authorised: {
    readonly authorisedAtMs: number;
    readonly epoch: number;
    readonly stillWanted: () => boolean;
  },
): Promise<EntryOutcome> {
  const { context, ensemble } = session;
  const { order } = approved;
  const { barOpenTimeMs, ensembleId } = order;
  const record = newOrderRecord(order, {
    leg: 'entry',
    barOpenTimeMs,
    ensembleId,
    exitDueMs: exitDueMs(barOpenTimeMs, ensemble.holdBars),
    authorisedEpoch: authorised.epoch,
    note: '',
    // The time allowed for sending runs from the gate's write.
    nowMs: authorised.authorisedAtMs,
  });
  const sent = await sendOrder(context, approved, record, authorised);
  switch (sent.outcome) {
    case 'acknowledged':
      await protectFilled(context, sent.record);
      return outcome('entered');
    case 'unknown': {
      // Its answer was lost; what it has opened may need a stop now. Otherwise the position manager looks it up.
      const looked = await refreshOrder(context, sent.record);
      if (looked !== undefined) await protectFilled(context, looked.record);
      return outcome('entry_unknown', sent.message);
    }
    case 'already_submitted':
      return outcome('duplicate');
    case 'rejected':
    case 'unsent': {
      await context.risk.commit(context.broker.scope, planRelease(order));
      return outcome(`entry_${sent.outcome}`, sent.message);
    }
  }
}

async function protectFilled(context: ExecutionContext, entry: OrderRecord): Promise<void> {
  const { filledQuantity } = entry.state;
  // Not filled yet: the position manager protects what will be.
  if (filledQuantity === 0) return;
  const position = await openPosition(context, entry);
  if (position.value.entryClientOrderId !== entry.clientOrderId) return;
  await protect(context, position, { entry, quantity: filledQuantity, replace: false });
}
