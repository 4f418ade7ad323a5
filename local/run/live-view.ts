// What a local run shows while it runs: on a terminal one screen that changes, elsewhere one line per bar.
import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';
import { createLogUpdate } from 'log-update';
import colours from 'picocolors';
import {
  formatCounts,
  formatFigure,
  formatInstant,
  formatNumber,
  formatUsdt,
} from '../../lib/core/format-figure.ts';
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
  /** One line when a function failed on this bar. */
  readonly failed: string | undefined;
  /** URL of the dashboard, and where its token is. */
  readonly dashboard: string;
}

export interface LiveView {
  /** What happens before the first bar. */
  progress(text: string): void;
  show(view: BarView): void;
  /** Keeps the last screen. */
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
    quarantined.length > 0 ? `; quarantined: ${formatQuarantine(run)}` : '',
    `; ${status.mode}, ${status.positions.length} positions`,
    status.equity === null ? '' : `, ${formatUsdt(status.equity.equityMicroUsdt)}`,
    `; ${Math.round(timingsMs.total)} ms`,
    failed === undefined ? '' : `; FAILED ${failed}`,
  ].join('');
}

/** @param size of the terminal; rows that do not fit are counted instead of shown */
export function formatScreen(view: BarView, size: { rows: number; columns: number }): string {
  const { run, status } = view;
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
  const rows = tableRows(view, size.columns);
  const table = new Table({
    head: ['symbol', 'action', 'confidence', 'edge bps', 'votes', 'why'],
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 1 },
    chars: FRAMELESS,
  });
  table.push(...rows.slice(0, room));
  const hidden = rows.length - room;
  return [
    ...head,
    table.toString(),
    hidden > 0 ? `… and ${hidden} more: npx --no-install qtrader signals` : '',
    colours.dim('Ctrl-C stops; the state stays.'),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

/** From so many columns on every vote has its model's name, and every reason is shown. */
const WIDE_COLUMNS = 130;
const FRAMELESS = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
  ].map((name) => [name, '']),
);

/** First what acts, then what abstains: among a hundred symbols these are what an operator looks for. */
function tableRows({ signals, run }: BarView, columns: number): string[][] {
  const row = (signal: Signal) => signalRow(signal, columns >= WIDE_COLUMNS);
  return [
    ...signals.filter(({ action }) => action !== 'HOLD').map(row),
    ...run.abstentions.map(({ symbol, abstained }) => [
      symbol,
      colours.yellow('abstained'),
      '',
      '',
      '',
      abstained,
    ]),
    ...signals.filter(({ action }) => action === 'HOLD').map(row),
  ];
}

function signalRow({ symbol, action, confidence, expectedEdgeBps, votes, reasons }: Signal, isWide: boolean) {
  const paint = { BUY: colours.green, SELL: colours.red, HOLD: colours.dim }[action];
  const more = reasons.length > 1 ? ` +${reasons.length - 1}` : '';
  return [
    symbol,
    paint(action),
    confidence.toFixed(3),
    formatFigure(expectedEdgeBps ?? undefined, 1),
    isWide ? votes.map(nameVote).join(' ') : votes.map(abbreviateVote).join(''),
    isWide ? reasons.join(', ') : `${reasons[0] ?? ''}${more}`,
  ];
}

const nameVote = (vote: Vote): string =>
  'abstained' in vote ? colours.yellow(`${vote.model}:${vote.abstained}`) : `${vote.model}:${vote.action}`;

/** B, S, H, or - for an abstention. */
const abbreviateVote = (vote: Vote): string =>
  'abstained' in vote ? colours.yellow('-') : vote.action.slice(0, 1);

function formatMode({ mode, reasons, breaker }: SystemStatus): string {
  const latch =
    breaker?.latch === 'TRIPPED'
      ? colours.red(`breaker TRIPPED: ${breaker.causes[0]?.message}`)
      : 'breaker armed';
  const why = mode === 'OFF' ? `  ${reasons.map(({ code }) => code).join(', ')}` : '';
  return `${mode === 'OFF' ? colours.yellow(mode) : colours.green(mode)}${why}  ${breaker === null ? 'breaker unknown' : latch}`;
}

function formatAccount({ equity, positions }: SystemStatus): string {
  if (equity === null) return 'no equity snapshot yet';
  const open = positions.map(({ symbol, side, quantity }) => `${side} ${formatNumber(quantity)} ${symbol}`);
  return `equity ${formatUsdt(equity.equityMicroUsdt)}  ${open.length === 0 ? 'no position' : open.join('  ')}`;
}

const formatQuarantine = ({ quarantined }: InferRun): string =>
  quarantined.map(({ model, reason }) => `${model} ${reason}`).join(', ');

const ms = (value: number): string => `${Math.round(value)} ms`;

/** Breaks between words; further lines stand under the text of the first. */
function wrap(line: string, columns: number): string {
  const lines = [''];
  for (const word of line.split(/(?<= )(?=[^ ])/)) {
    const last = lines[lines.length - 1]!;
    const isFull = stripVTControlCharacters(`${last}${word}`).trimEnd().length > columns;
    if (last.trim() !== '' && isFull) lines.push(`       ${word}`);
    else lines[lines.length - 1] = `${last}${word}`;
  }
  return lines.map((text) => text.trimEnd()).join('\n');
}
