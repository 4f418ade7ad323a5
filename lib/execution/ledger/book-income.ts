// What moved the wallet besides our orders: funding, transfers, rebates, and trades of others (by hand, liquidation, settlement). Each
// row of income is booked once, into the column that it belongs to. Rows of our own trades are booked with their orders.
import { microUsdt } from '../../core/money.ts';
import { DAY_MS, MINUTE_MS } from '../../core/units.ts';
import type { BookedLedger } from './booked-ledger.ts';
import type { Income } from './income.ts';
import type { Ledger } from './ledger.ts';

/** Rows may be listed a little late: so far back are they asked for again. */
const LISTED_LATE_MS = 10 * MINUTE_MS;
/** A trade may be one of ours that no list shows yet; after this long it is somebody else's. */
const OWN_TRADE_LATE_MS = MINUTE_MS;

/** From when on income has to be asked for. */
export const incomeSinceMs = ({ funding }: BookedLedger): number =>
  Math.max(funding.fromMs, funding.untilMs - LISTED_LATE_MS);

const isOfTrade = ({ kind, tradeId }: Income): boolean =>
  tradeId !== null && (kind === 'realised' || kind === 'commission');

/**
 * The ledger with the rows that are new; the others change nothing. What is not paid in USDT leaves the USDT wallet as it is.
 * @param about.inDoubt symbols with an order of ours of which not everything is booked: rows of their trades wait
 */
export function bookIncome(
  bookedLedger: BookedLedger,
  rows: readonly Income[],
  about: { readonly inDoubt: Pick<ReadonlySet<string>, 'has'>; readonly nowMs: number },
): BookedLedger {
  const { allKindsFromMs } = bookedLedger;
  if (allKindsFromMs === undefined)
    return bookIncome({ ...bookedLedger, allKindsFromMs: about.nowMs }, rows, about);
  const sinceMs = incomeSinceMs(bookedLedger);
  const known = new Set(bookedLedger.funding.recent.map(({ id }) => id));
  const own = new Set(bookedLedger.ownTrades.map(({ symbol, id }) => `${symbol} ${id}`));
  const isOwn = (row: Income) => isOfTrade(row) && own.has(`${row.symbol} ${row.tradeId}`);
  const mayBecomeOwn = (row: Income) =>
    isOfTrade(row) &&
    !isOwn(row) &&
    (about.inDoubt.has(row.symbol ?? '') || about.nowMs - row.atMs < OWN_TRADE_LATE_MS);
  const unbooked = rows.filter(
    ({ id, kind, atMs }) =>
      !known.has(id) && atMs >= sinceMs && (kind === 'funding' || atMs >= allKindsFromMs),
  );
  const ready = unbooked.filter((row) => !mayBecomeOwn(row));
  if (ready.length === 0) return bookedLedger;
  // What waits must be asked for again.
  const waitsFromMs = Math.min(...unbooked.filter(mayBecomeOwn).map(({ atMs }) => atMs));
  const newestMs = Math.max(...ready.map(({ atMs }) => atMs));
  const untilMs = Math.max(bookedLedger.funding.untilMs, Math.min(newestMs, waitsFromMs));
  const isRecent = ({ atMs }: { readonly atMs: number }) => atMs >= untilMs - LISTED_LATE_MS;
  const recent = [...bookedLedger.funding.recent, ...ready.map(({ id, atMs }) => ({ id, atMs }))];
  const cleared = {
    ...bookedLedger,
    funding: { ...bookedLedger.funding, untilMs, recent: recent.filter(isRecent) },
    ownTrades: bookedLedger.ownTrades.filter(isRecent),
  };
  return ready.filter((row) => !isOwn(row) && row.asset === 'USDT').reduce(bookRow, cleared);
}

/** Into which column of the ledger a row goes; of a type that is not known, into none: it explains nothing. */
function withRow(ledger: Ledger, kind: Income['kind'], amountMicroUsdt: number): Ledger | undefined {
  const cashMicroUsdt = ledger.cashMicroUsdt + amountMicroUsdt;
  switch (kind) {
    case 'funding':
      return { ...ledger, cashMicroUsdt, fundingMicroUsdt: ledger.fundingMicroUsdt + amountMicroUsdt };
    case 'commission':
    case 'rebate':
      return { ...ledger, cashMicroUsdt, feesMicroUsdt: ledger.feesMicroUsdt - amountMicroUsdt };
    case 'realised':
    case 'insurance':
    case 'settlement':
      return { ...ledger, cashMicroUsdt, realisedMicroUsdt: ledger.realisedMicroUsdt + amountMicroUsdt };
    case 'transfer':
    case 'conversion':
      return { ...ledger, cashMicroUsdt, depositMicroUsdt: ledger.depositMicroUsdt + amountMicroUsdt };
    case 'other':
      return undefined;
  }
}

function bookRow(bookedLedger: BookedLedger, { id, kind, type, amount, atMs }: Income): BookedLedger {
  const amountMicroUsdt = microUsdt(amount);
  const ledger = withRow(bookedLedger.ledger, kind, amountMicroUsdt);
  if (ledger === undefined) return bookedLedger;
  const { incomeMicroUsdt, undeclared } = bookedLedger;
  const isTransfer = kind === 'transfer' || kind === 'conversion';
  return {
    ...bookedLedger,
    ledger,
    incomeMicroUsdt: { ...incomeMicroUsdt, [type]: (incomeMicroUsdt[type] ?? 0) + amountMicroUsdt },
    undeclared: isTransfer ? [...undeclared, { id, atMs, amountMicroUsdt }] : undeclared,
  };
}

/** An operator's word that a transfer is wanted. */
export interface TransferDeclaration {
  readonly atMs: number;
  /** Into the account; below zero out of it. */
  readonly amountMicroUsdt: number;
}

/** How long before its transfer a declaration may be made. */
const DECLARED_BEFORE_MS = DAY_MS;
/** How long a transfer may go undeclared before it is told. */
const UNDECLARED_MS_MAX = 10 * MINUTE_MS;

/** A used declaration is remembered for as long as it could be found again by a transfer that is listed late. */
const USED_KEPT_MS = 90 * DAY_MS;

/** From when on declarations matter; undefined while no transfer is undeclared. */
export const declarationsSinceMs = ({ undeclared }: BookedLedger): number | undefined =>
  undeclared.length === 0 ? undefined : Math.min(...undeclared.map(({ atMs }) => atMs)) - DECLARED_BEFORE_MS;

/**
 * The ledger without the transfers that a declaration explains, each by one of its own. A declaration may also come later, and
 * then clears what was told.
 * @returns unexplained: one line for each transfer that has gone undeclared for too long
 */
export function explainTransfers(
  bookedLedger: BookedLedger,
  { declarations, nowMs }: { readonly declarations: readonly TransferDeclaration[]; readonly nowMs: number },
): { readonly bookedLedger: BookedLedger; readonly unexplained: readonly string[] } {
  const used = new Set(bookedLedger.usedDeclarations);
  const unexplained: string[] = [];
  const waiting = bookedLedger.undeclared.filter(({ atMs, amountMicroUsdt }) => {
    const declaration = declarations.find(
      (one) =>
        !used.has(one.atMs) &&
        one.amountMicroUsdt === amountMicroUsdt &&
        one.atMs >= atMs - DECLARED_BEFORE_MS,
    );
    if (declaration !== undefined) used.add(declaration.atMs);
    else if (nowMs - atMs > UNDECLARED_MS_MAX)
      unexplained.push(
        `an unexplained transfer of ${amountMicroUsdt} micro-USDT at ${new Date(atMs).toISOString()}`,
      );
    return declaration === undefined;
  });
  if (waiting.length === bookedLedger.undeclared.length) return { bookedLedger, unexplained };
  const usedDeclarations = [...used].filter((atMs) => nowMs - atMs <= USED_KEPT_MS);
  return { bookedLedger: { ...bookedLedger, undeclared: waiting, usedDeclarations }, unexplained };
}
