// What a run has come to, in one paragraph for somebody who has just watched it.
import { formatInstant, formatNumber, formatPercent, formatUsdt } from '../../lib/core/format-figure.ts';
import type { OrderRecord } from '../../lib/execution/records.ts';
import type { AuditRecord, EquitySnapshot, TradeRecord } from '../../lib/risk/records.ts';

export interface AccountHistory {
  readonly orders: readonly OrderRecord[];
  /** Oldest first. */
  readonly trades: readonly TradeRecord[];
  /** Oldest first. */
  readonly snapshots: readonly EquitySnapshot[];
  readonly audits: readonly AuditRecord[];
}

/** Since the account was opened. Empty when nobody has valued it yet. */
export function tellStory(history: AccountHistory): string {
  const first = history.snapshots[0];
  const last = history.snapshots.at(-1);
  if (first === undefined || last === undefined) return '';
  return [
    `From ${formatInstant(first.atMs)} to ${formatInstant(last.atMs)} UTC:`,
    [tellEntries(history), ...tellExits(history, last), ...tellBreaker(history)].join(' '),
    tellMoney(first, last),
  ]
    .join(' ')
    .replaceAll(/ +/g, ' ');
}

function tellEntries({ orders }: AccountHistory): string {
  const entries = orders
    .filter(({ leg, state }) => leg === 'entry' && state.filledQuantity > 0)
    .sort((a, b) => a.createdAtMs - b.createdAtMs);
  const [first] = entries;
  if (first === undefined)
    return 'no position was entered: a signal acts only if it is expected to earn more than its costs.';
  const bought = first.side === 'BUY' ? 'bought' : 'sold short';
  const price = first.state.averagePrice === null ? '' : ` at ${formatNumber(first.state.averagePrice)}`;
  return `${count(entries.length, 'position was', 'positions were')} entered, the first at ${clock(first.createdAtMs)} (${first.symbol}, ${bought}${price}).`;
}

function tellExits({ trades }: AccountHistory, { positions }: EquitySnapshot): string[] {
  const open = positions === 0 ? [] : [`${count(positions, 'is', 'are')} still open.`];
  if (trades.length === 0) return open;
  const stopped = trades.filter(({ reason }) => reason === 'stop').length;
  const profit = trades.reduce((sum, trade) => sum + trade.profitMicroUsdt, 0);
  const fees = trades.reduce((sum, trade) => sum + trade.feesMicroUsdt, 0);
  const how =
    stopped === 0 ? '' : stopped === trades.length ? ', all by the stop' : `, ${stopped} by the stop`;
  const result = `a ${profit < 0 ? 'loss' : 'profit'} of ${formatUsdt(Math.abs(profit))} after fees of ${formatUsdt(fees)}`;
  return [
    `${count(trades.length, 'was', 'were')} closed${how}, the last at ${clock(trades.at(-1)!.closedAtMs)}, with ${result}.`,
    ...open,
  ];
}

function tellBreaker({ audits }: AccountHistory): string[] {
  const moves = audits
    .filter(({ what }) => what === 'tripped' || what === 'reset')
    .sort((a, b) => a.atMs - b.atMs);
  const last = moves.at(-1);
  if (last === undefined) return ['The circuit breaker never tripped.'];
  if (last.what === 'reset') return [`The circuit breaker tripped and was reset at ${clock(last.atMs)}.`];
  return [
    `The circuit breaker tripped at ${clock(last.atMs)} (${last.message}): since then nothing is entered.`,
  ];
}

function tellMoney(first: EquitySnapshot, last: EquitySnapshot): string {
  const change = last.equityMicroUsdt / first.equityMicroUsdt - 1;
  const compared =
    last.equityMicroUsdt === first.equityMicroUsdt
      ? 'as at the start'
      : `${formatPercent(Math.abs(change), 2)} ${change < 0 ? 'less' : 'more'} than at the start`;
  return `The paper account is worth ${formatUsdt(last.equityMicroUsdt)}, ${compared}.`;
}

const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`;

/** `01:15` */
const clock = (ms: number): string => formatInstant(ms).slice('2024-08-05 '.length);
