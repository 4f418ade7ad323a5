// What the person who runs the system sees: on a terminal one screen that changes, elsewhere one line per bar.
import Table from 'cli-table3';
import { createLogUpdate } from 'log-update';
import colours from 'picocolors';
import type { SystemStatus } from '../../lib/execution/use-cases/system-status.ts';
import type { InferRun } from '../../lib/inference/infer-run.ts';
import type { Signal } from '../../lib/inference/signal.ts';
import type { Vote } from '../../lib/models/vote.ts';

export interface BarView {
  readonly bar: number;
  readonly bars: number | undefined;
  readonly run: InferRun;
  readonly signals: readonly Signal[];
  readonly status: SystemStatus;
  /** One line when the function failed on this bar. */
  readonly failed: string | undefined;
  /** Where the dashboard is, and its token. */
  readonly dashboard: string;
}

export interface LiveView {
  /** What is going on before the first bar. */
  progress(text: string): void;
  show(view: BarView): void;
  /** Leaves the last screen standing. */
  end(): void;
}

export function createLiveView(output: NodeJS.WriteStream): LiveView {
  if (!output.isTTY)
    return {
      progress: (text) => output.write(`${text}\n`),
      show: (view) => output.write(`${formatBarLine(view)}\n`),
      end: () => {},
    };
  const screen = createLogUpdate(output);
  return {
    progress: (text) => screen(text),
    show: (view) => screen(formatScreen(view, { rows: output.rows, columns: output.columns })),
    end: () => screen.done(),
  };
}

/** `2024-08-05 00:00 [3/12] 20 signals: 1 BUY, 0 SELL, 19 HOLD; 0 abstained; 812 ms` */
export function formatBarLine({ bar, bars, run, status, failed }: BarView): string {
  const { actions, abstentions, quarantined, timingsMs } = run;
  const count = run.written + run.alreadyDecided;
  return [
    `${formatInstant(run.barOpenTimeMs)} [${bar}${bars === undefined ? '' : `/${bars}`}] ${count} signals`,
    `: ${actions.BUY} BUY, ${actions.SELL} SELL, ${actions.HOLD} HOLD; ${abstentions.length} abstained`,
    abstentions.length > 0 ? ` (${formatCounts(abstentions.map(({ abstained }) => abstained))})` : '',
    quarantined.length > 0 ? `; models out: ${formatQuarantine(run)}` : '',
    `; ${status.mode}, ${status.positions.length} positions`,
    status.equity === null ? '' : `, ${(status.equity.equityMicroUsdt / 1_000_000).toFixed(2)} USDT`,
    `; ${Math.round(timingsMs.total)} ms`,
    failed === undefined ? '' : `; FAILED ${failed}`,
  ].join('');
}

/** @param size of the terminal: what does not fit is counted instead of shown */
export function formatScreen(view: BarView, size: { rows: number; columns: number }): string {
  const { run, signals, status } = view;
  const head = [
    `${colours.bold('Quantum Trader')}  bar ${colours.bold(formatInstant(run.barOpenTimeMs))} UTC  #${view.bar}${
      view.bars === undefined ? '' : ` of ${view.bars}`
    }  ensemble ${run.ensembleId ?? colours.red('none')}`,
    `mode   ${formatMode(status)}`,
    `web    ${view.dashboard}`,
    `flags  ${Object.entries(status.flags)
      .map(([name, value]) => `${name}=${value}`)
      .join('  ')}`,
    `money  ${formatAccount(status)}`,
    `models ${run.quarantined.length === 0 ? colours.green('all verified') : colours.red(formatQuarantine(run))}`,
    `timing fetch ${ms(run.timingsMs.fetch)}, features ${ms(run.timingsMs.features)}, inference ${ms(run.timingsMs.inference)}, store ${ms(run.timingsMs.store)}, total ${ms(run.timingsMs.total)}`,
  ].map((line) => wrap(line, size.columns));
  const room = Math.max(3, size.rows - head.join('\n').split('\n').length - 6);
  const lines = [
    ...signals.map((signal) => signalRow(signal)),
    ...run.abstentions.map(({ symbol, abstained }) => [
      symbol,
      colours.yellow('abstained'),
      '',
      '',
      '',
      abstained,
    ]),
  ];
  const table = new Table({
    head: ['symbol', 'action', 'confidence', 'edge bps', 'votes', 'why'],
    style: { head: [], border: [], compact: true },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  table.push(...lines.slice(0, room));
  const hidden = lines.length - room;
  return [
    ...head,
    table.toString(),
    hidden > 0 ? `… and ${hidden} more: npx qt signals` : '',
    colours.dim('Ctrl-C stops; the state stays.'),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

function signalRow(signal: Signal): string[] {
  const paint = { BUY: colours.green, SELL: colours.red, HOLD: colours.dim }[signal.action];
  return [
    signal.symbol,
    paint(signal.action),
    signal.confidence.toFixed(3),
    signal.expectedEdgeBps?.toFixed(1) ?? 'undefined',
    signal.votes.map(formatVote).join(' '),
    signal.reasons.join(', '),
  ];
}

const formatVote = (vote: Vote): string =>
  'abstained' in vote ? colours.yellow(`${vote.model}:${vote.abstained}`) : `${vote.model}:${vote.action}`;

function formatMode({ mode, reasons, breaker }: SystemStatus): string {
  const latch =
    breaker?.latch === 'TRIPPED'
      ? colours.red(`breaker TRIPPED: ${breaker.causes[0]?.message}`)
      : 'breaker armed';
  const why = mode === 'OFF' ? `  ${reasons.map(({ code }) => code).join(', ')}` : '';
  return `${mode === 'OFF' ? colours.yellow(mode) : colours.green(mode)}${why}  ${breaker === null ? 'breaker unknown' : latch}`;
}

function formatAccount({ equity, positions }: SystemStatus): string {
  if (equity === null) return 'not marked yet';
  const held = positions.map(({ symbol, side, quantity }) => `${side} ${quantity} ${symbol}`);
  return `equity ${(equity.equityMicroUsdt / 1_000_000).toFixed(2)} USDT  ${held.length === 0 ? 'no position' : held.join('  ')}`;
}

const formatQuarantine = ({ quarantined }: InferRun): string =>
  quarantined.map(({ model, reason }) => `${model} ${reason}`).join(', ');

/** `stale 3, illiquid 1` */
export function formatCounts(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${reason} ${count}`).join(', ');
}

const ms = (value: number): string => `${Math.round(value)} ms`;

/** `2024-08-05 00:00` */
export const formatInstant = (timeMs: number): string =>
  new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ');

/** Breaks between words, so that a long list of flags never pushes the table off the screen unnoticed. */
function wrap(line: string, columns: number): string {
  const lines = [''];
  for (const word of line.split('  ')) {
    const last = lines[lines.length - 1]!;
    if (last !== '' && last.length + word.length + 2 > columns) lines.push(`       ${word}`);
    else lines[lines.length - 1] = last === '' ? word : `${last}  ${word}`;
  }
  return lines.join('\n');
}
