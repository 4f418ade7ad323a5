// `qt status`: what the system may do now, why, and what it holds.
import type { Command } from 'commander';
import type { SystemStatus } from '../../../lib/execution/use-cases/system-status.ts';
import { addSystemOptions, type SystemOptions, withSystem } from '../../system.ts';

const MICRO = 1_000_000;

export function addStatusCommand(program: Command): void {
  addSystemOptions(program.command('status'))
    .description('the effective mode and why, flags, breaker, last bar, equity, positions')
    .option('--json', 'print JSON', false)
    .action(runStatus);
}

async function runStatus(options: SystemOptions & { readonly json: boolean }): Promise<void> {
  const { readSystemStatus } = await import('../../../lib/execution/use-cases/system-status.ts');
  const { status, nowMs } = await withSystem(options, async (system) => {
    const clock = await system.readClock().catch(() => ({ nowMs: Date.now }));
    return { status: await readSystemStatus({ ...system, clock }), nowMs: clock.nowMs() };
  });
  process.stdout.write(options.json ? `${JSON.stringify(status)}\n` : format(status, nowMs));
}

const usdt = (microUsdt: number): string => `${(microUsdt / MICRO).toFixed(2)} USDT`;
const instant = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19)}Z`;

function format(status: SystemStatus, nowMs: number): string {
  const { breaker, lastBar, equity, leaseUntilMs } = status;
  const lines: [string, string][] = [
    ['mode', `${status.mode} (${status.scope}${status.level === null ? '' : `, stage ${status.level}`})`],
    ...status.reasons.map(({ code, message }): [string, string] => ['  because', `${code}: ${message}`]),
    ...Object.entries(status.flags).map(([name, value]): [string, string] => [name, String(value)]),
    ['breaker', breaker === null ? 'unknown' : `${breaker.latch}, epoch ${status.epoch}`],
    ...(breaker?.latch === 'TRIPPED'
      ? breaker.causes.map(({ code, message }): [string, string] => ['  cause', `${code}: ${message}`])
      : []),
    ['lease', leaseUntilMs === null ? 'none' : describeLease(leaseUntilMs, nowMs)],
    [
      'last bar',
      lastBar === null
        ? 'none'
        : `${instant(lastBar.barOpenTimeMs)}: ${lastBar.actions.BUY} BUY, ${lastBar.actions.SELL} SELL, ${lastBar.actions.HOLD} HOLD (${lastBar.ensembleId ?? 'no ensemble'})`,
    ],
    ...status.missedBars.map((bar): [string, string] => ['missed bar', bar]),
    [
      'equity',
      equity === null ? 'not marked yet' : `${usdt(equity.equityMicroUsdt)} at ${instant(equity.atMs)}`,
    ],
    ['positions', String(status.positions.length)],
    ...status.positions.map(({ symbol, side, quantity, entryPrice, stopPrice }): [string, string] => [
      `  ${symbol}`,
      `${side} ${quantity} at ${entryPrice}, stop ${stopPrice}`,
    ]),
    ...status.unread.map((why): [string, string] => ['unread', why]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('');
}

function describeLease(untilMs: number, nowMs: number): string {
  const leftSeconds = Math.round((untilMs - nowMs) / 1000);
  return leftSeconds > 0 ? `in force, ${leftSeconds} s left` : `expired at ${instant(untilMs)}`;
}
