// The account booked and compared with the ledger, and what follows from a difference.
import { systemActor } from '../../core/actor.ts';
import { type Result, success } from '../../core/result.ts';
import { mayBeIncome, takeOver } from '../ledger/booked-ledger.ts';
import { type AccountView, bookAccount, writeLedger } from './book-account.ts';
import { executionRecords } from './execution-records.ts';
import {
  type AccountReading,
  externalPositionsOf,
  readAccount,
  type ViewFailure,
} from './observe-account.ts';
import type { RunsBefore } from './positions/record-run.ts';
import type { ExecutionContext } from './send-order.ts';

interface Reconciled {
  readonly view: AccountView;
  /** Held by the exchange and known to nobody here, in both looks. */
  readonly adoptable: ReadonlySet<string>;
  readonly differences: readonly string[];
  /** Since when the wallet differs from the ledger; null while it does not, undefined where it was not compared. */
  readonly walletDifferentSinceMs: number | null | undefined;
}

/** Lists and lookups need not show for so long what the account holds since: a stop that was hit, above all. */
const LAG_MS = 5_000;

/**
 * The account, booked and compared. What differs is looked at a second time, seconds later: only what then still differs by the same
 * is a difference, for an order may be filled between two questions. The exchange is then right: what it holds is taken over.
 */
export async function reconcileAccount(
  context: ExecutionContext,
  reading: AccountReading,
  before: RunsBefore,
): Promise<Result<Reconciled, ViewFailure>> {
  const first = await bookAccount(context, reading);
  if (!first.ok) return first;
  const externalPositions = new Set(externalPositionsOf(first.value));
  const { differences, walletDifference } = first.value;
  const isAlike = differences.length === 0 && typeof walletDifference !== 'string';
  if (isAlike && externalPositions.size === 0)
    return success({
      view: first.value,
      adoptable: externalPositions,
      differences: first.value.anomalies,
      // Not compared is not known to be alike: a difference of before stands, and goes on to age.
      walletDifferentSinceMs: walletDifference,
    });
  if (differences.length > 0 || externalPositions.size > 0) await context.pause?.(LAG_MS);
  const again = await readAccount(context, { thorough: true });
  if (!again.ok) return again;
  const second = await bookAccount(context, again.value);
  if (!second.ok) return second;
  const adoptable = new Set(
    externalPositionsOf(second.value).filter((symbol) => externalPositions.has(symbol)),
  );
  const anomalies = new Set([...first.value.anomalies, ...second.value.anomalies]);
  const known = { before, nowMs: context.clock.nowMs() };
  const { confirmed, isWhole, walletDifferentSinceMs } = confirm(first.value, second.value, known);
  // What could not be looked up may be what differs: then the exchange is not trusted over the ledger in this run.
  const isKnown = [first.value, second.value].every(
    ({ faults, hasLateTrades }) => faults.length === 0 && !hasLateTrades,
  );
  const isTrusted = isKnown && isWhole && confirmed.length > 0;
  const view = isTrusted ? await trustExchange(context, second.value, confirmed) : second.value;
  return success({ view, adoptable, differences: [...confirmed, ...anomalies], walletDifferentSinceMs });
}

/** What both looks differ in alike. A difference of the wallet has minutes to be explained by income. */
function confirm(
  first: AccountView,
  second: AccountView,
  { before, nowMs }: { before: RunsBefore; nowMs: number },
): { confirmed: readonly string[]; isWhole: boolean } & Pick<Reconciled, 'walletDifferentSinceMs'> {
  const positions = second.differences.filter((line) => first.differences.includes(line));
  const arePositionsWhole = positions.length === second.differences.length;
  const wallet = second.walletDifference;
  if (typeof wallet !== 'string')
    return { confirmed: positions, isWhole: arePositionsWhole, walletDifferentSinceMs: wallet };
  const sinceMs = before?.value?.walletDifferentSinceMs ?? nowMs;
  const isConfirmed = !mayBeIncome(sinceMs, nowMs) && wallet === first.walletDifference;
  return {
    confirmed: isConfirmed ? [...positions, wallet] : positions,
    isWhole: arePositionsWhole,
    walletDifferentSinceMs: sinceMs,
  };
}

async function trustExchange(
  context: ExecutionContext,
  view: AccountView,
  differences: readonly string[],
): Promise<AccountView> {
  const { risk, broker, clock } = context;
  const { bookedLedger: before, statement } = view;
  if (before === undefined || statement === undefined) return view;
  const { walletDifference } = view;
  const keepsWallet = typeof walletDifference !== 'string' || !differences.includes(walletDifference);
  const ledger = takeOver(before.value.ledger, statement, { keepsWallet });
  const bookedLedger = await writeLedger(context, before, { ...before.value, ledger });
  if (bookedLedger === undefined) return view;
  const atMs = clock.nowMs();
  await executionRecords(risk).audit.add(broker.scope, `position-manager#${atMs}#reconciled`, {
    atMs,
    what: 'reconciled',
    by: systemActor('manage-positions'),
    message: differences.join('; '),
  });
  return { ...view, bookedLedger, walletDifference: keepsWallet ? walletDifference : null };
}
