// `qtrader status`: what the system may do now, why, and what it holds.
import type { Command } from 'commander';
import { formatDuration, formatNumber, formatSecond, formatUsdt } from '../../../lib/core/format-figure.ts';
import type { SystemStatus } from '../../../lib/execution/use-cases/system-status.ts';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { formatTable } from '../../format/text-table.ts';
import { print, printJson } from '../../output.ts';
import {
  addSystemOptions,
  describeSaved,
  type SystemOptions,
  type SystemOrigin,
  withSystem,
} from '../../system.ts';

export function addStatusCommand(program: Command): void {
  addSystemOptions(program.command('status'))
    .description('mode and reasons, flags, circuit breaker, last bar, equity, positions')
    .option('--json', 'print JSON', false)
    .action(runStatus);
}

async function runStatus(options: SystemOptions & { readonly json: boolean }): Promise<void> {
  const { readSystemStatus } = await import('../../../lib/execution/use-cases/system-status.ts');
  await withSystem(options, async (system, origin) => {
    const clock = await system.readClock().catch(() => ({ nowMs: Date.now }));
    const status = await readSystemStatus({ ...system, clock });
    if (options.json) printJson({ ...status, origin });
    else print(format(status, { origin, nowMs: clock.nowMs() }));
  });
}

interface Seen {
  readonly origin: SystemOrigin;
  readonly nowMs: number;
}

function format(status: SystemStatus, seen: Seen): string {
  const { lastBar, equity } = status;
  const rows: [name: string, text: string][] = [
    ...describeMode(status, seen.origin),
    ...status.reasons.map(({ code, message }): [string, string] => ['  because', `${code}: ${message}`]),
    ...Object.entries(status.flags).map(([name, value]): [string, string] => [name, String(value)]),
    ...describeBreaker(status),
    ['lease', describeLease(status, seen)],
    [
      'last bar',
      lastBar === null
        ? 'none'
        : `${formatSecond(lastBar.barOpenTimeMs)} UTC${describeAge(lastBar.barOpenTimeMs + BAR_MS, seen)}: ${lastBar.actions.BUY} BUY, ${lastBar.actions.SELL} SELL, ${lastBar.actions.HOLD} HOLD (${lastBar.ensembleId ?? 'no ensemble'})`,
    ],
    ...status.missedBars.map((bar): [string, string] => ['missed bar', bar]),
    [
      'equity',
      equity === null
        ? 'no snapshot yet'
        : `${formatUsdt(equity.equityMicroUsdt)} at ${formatSecond(equity.atMs)} UTC${describeAge(equity.atMs, seen)}`,
    ],
    ['capital', describeAllowance(status)],
    ['book', describeBook(status)],
    ['positions', String(status.positions.length)],
    ...status.positions.map(({ symbol, side, quantity, entryPrice, stopPrice }): [string, string] => [
      `  ${symbol}`,
      `${side} ${formatNumber(quantity)} at ${formatNumber(entryPrice)}, stop ${formatNumber(stopPrice)}`,
    ]),
    ...status.unread.map((why): [string, string] => ['unreadable', why]),
  ];
  return formatTable({ head: [], rows, left: [0, 1] });
}

/** `, 3 min ago`, by the system's clock; empty of a saved state, whose clock stands still. */
const describeAge = (atMs: number, { origin, nowMs }: Seen): string =>
  origin.kind === 'saved' ? '' : `, ${formatDuration(Math.max(0, nowMs - atMs))} ago`;

function describeMode(status: SystemStatus, origin: SystemOrigin): [string, string][] {
  const level = status.level === null ? '' : `, level ${status.level}`;
  const mode = `${status.mode} (${status.scope}${level})`;
  if (origin.kind !== 'saved') return [['mode', mode]];
  return [
    ['system', `NOT RUNNING: this is its last state${describeSaved(origin)}; start it with npm start`],
    ['last mode', mode],
  ];
}

function describeBreaker({ breaker, epoch, reasons }: SystemStatus): [string, string][] {
  if (breaker === null)
    return [['breaker', reasons.some(({ code }) => code === 'latch_missing') ? 'NOT_STARTED' : 'unknown']];
  const causes = breaker.latch === 'TRIPPED' ? breaker.causes : [];
  return [
    ['breaker', `${breaker.latch}, epoch ${epoch}`],
    ...causes.map(({ code, message }): [string, string] => ['  cause', `${code}: ${message}`]),
  ];
}

const describeAllowance = ({ allowance }: SystemStatus): string =>
  allowance === null
    ? 'unknown'
    : `${formatUsdt(allowance.capitalMicroUsdt)} to trade with, in ${allowance.positions} positions at most`;

function describeBook({ book, allowance }: SystemStatus): string {
  if (book === null) return 'unknown';
  const most = (microUsdt: number | undefined) =>
    microUsdt === undefined ? '' : ` of ${formatUsdt(microUsdt)} at most`;
  const sides = `long ${formatUsdt(book.longMicroUsdt)}, short ${formatUsdt(book.shortMicroUsdt)}`;
  const netBeta = `net beta to Bitcoin ${formatUsdt(book.netBetaMicroUsdt)}`;
  return `${sides}${most(allowance?.sideMicroUsdt)}; ${netBeta}${most(allowance?.netBetaMicroUsdt)}`;
}

function describeLease({ leaseUntilMs }: SystemStatus, { origin, nowMs }: Seen): string {
  if (leaseUntilMs === null) return 'none';
  if (origin.kind === 'saved') return 'not renewed: the system does not run';
  const leftSeconds = Math.round((leaseUntilMs - nowMs) / 1000);
  return leftSeconds > 0 ? `active, ${leftSeconds} s left` : `expired at ${formatSecond(leaseUntilMs)} UTC`;
}
