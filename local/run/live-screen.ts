// The screen of a local run on a terminal, never larger than it: mode, money and counts stand at the top whatever else there is,
// and a line that has no room is cut.
import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';
import colours from 'picocolors';
import sliceAnsi from 'slice-ansi';
import wrapAnsi from 'wrap-ansi';
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
  /** What a command needs to read this run's state; empty when nothing. */
  readonly stateOption: string;
}

interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** Lines of the table that further lines above it leave. */
const TABLE_LINES_MIN = 8;
const FOOTER = colours.dim('Ctrl-C stops; the state stays.');

/** @param note what happened since the last bar, in one line */
export function formatScreen(view: BarView, size: TerminalSize, note?: string): string {
  // The cursor stands on a line of its own below.
  const lines = size.rows - 1;
  const head = headOf(view, note);
  const more = furtherLines(view).map((line) => wrap(line, size.columns));
  const isRoom = () => lines - head.length - 1 > 2;
  for (const block of more)
    if (lines - head.length - block.length - 1 >= TABLE_LINES_MIN) head.push(...block);
  const table = isRoom() ? tableOf(view, lines - head.length - 1, size.columns) : [];
  return [...head, ...table, FOOTER]
    .slice(0, lines)
    .map((line) => cut(line, size.columns))
    .join('\n');
}

/** One line each, the most important first. */
function headOf({ bar, bars, run, status, failed, dashboard }: BarView, note: string | undefined): string[] {
  const { actions, abstentions, quarantined } = run;
  const reasons =
    abstentions.length > 0 ? ` (${formatCounts(abstentions.map((each) => each.abstained))})` : '';
  const open = status.positions.map(
    ({ symbol, side, quantity }) => `${side} ${formatNumber(quantity)} ${symbol}`,
  );
  return [
    `${colours.bold('Quantum Trader')}  bar ${colours.bold(formatInstant(run.barOpenTimeMs))} UTC  #${bar}${bars === undefined ? '' : ` of ${bars}`}`,
    `mode   ${formatMode(status)}`,
    `money  ${formatMoney(status)}`,
    `bar    ${actions.BUY} BUY, ${actions.SELL} SELL, ${actions.HOLD} HOLD, ${abstentions.length} abstained${reasons}`,
    ...(failed === undefined ? [] : [colours.red(`FAILED ${failed}`)]),
    ...(note === undefined ? [] : [colours.yellow(`note   ${note}`)]),
    ...(quarantined.length > 0 ? [`models ${colours.red(formatQuarantine(run))}`] : []),
    ...(open.length > 0 ? [`open   ${open.join('  ')}`] : []),
    `web    ${dashboard}`,
  ];
}

/** Where there is room. */
const furtherLines = ({ run, status }: BarView): string[] => [
  `flags  ${Object.entries(status.flags)
    .map(([name, value]) => `${name}=${value}`)
    .join('  ')}`,
  `models ${run.ensembleId ?? colours.red('no ensemble')}${run.quarantined.length > 0 ? '' : `, ${colours.green('all verified')}`}`,
  formatTimings(run),
];

function formatMode({ mode, reasons, breaker }: SystemStatus): string {
  const latch =
    breaker?.latch === 'TRIPPED'
      ? colours.red(`breaker TRIPPED: ${breaker.causes[0]?.message}`)
      : `breaker ${breaker === null ? 'unknown' : 'armed'}`;
  const why = mode === 'OFF' ? `  ${reasons.map(({ code }) => code).join(', ')}` : '';
  return `${mode === 'OFF' ? colours.yellow(mode) : colours.green(mode)}  ${latch}${why}`;
}

function formatMoney({ equity, positions }: SystemStatus): string {
  if (equity === null) return 'no equity snapshot yet';
  const count = positions.length === 0 ? 'no position' : `${positions.length} positions`;
  return `equity ${formatUsdt(equity.equityMicroUsdt)}, ${count}`;
}

export const formatQuarantine = ({ quarantined }: InferRun): string =>
  quarantined.map(({ model, reason }) => `${model} ${reason}`).join(', ');

function formatTimings({ timingsMs: { fetch, features, inference, store, total } }: InferRun): string {
  const parts = Object.entries({ fetch, features, inference, store, total });
  return `timing ${parts.map(([name, ms]) => `${name} ${Math.round(ms)}`).join(', ')} ms`;
}

/** From so many columns on every vote has its model's name, and every reason is shown. */
const WIDE_COLUMNS = 130;
const FRAMELESS = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
  ].map((name) => [name, '']),
);

/** At most so many lines; rows that do not fit are counted. */
function tableOf(view: BarView, lines: number, columns: number): string[] {
  const rows = tableRows(view, columns >= WIDE_COLUMNS);
  const shown = rows.length < lines ? rows : rows.slice(0, lines - 2);
  const table = new Table({
    head: ['symbol', 'action', 'confidence', 'edge bps', 'votes', 'why'],
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 1 },
    chars: FRAMELESS,
  });
  table.push(...shown);
  const hidden = rows.length - shown.length;
  return [
    ...table.toString().split('\n'),
    ...(hidden > 0 ? [`… and ${hidden} more: npx --no-install qtrader signals${view.stateOption}`] : []),
  ];
}

/** First what acts, then what abstains: among a hundred symbols these are what an operator looks for. */
function tableRows({ signals, run }: BarView, isWide: boolean): string[][] {
  const row = (signal: Signal) => signalRow(signal, isWide);
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

const cut = (line: string, columns: number): string =>
  stripVTControlCharacters(line).length <= columns ? line : `${sliceAnsi(line, 0, columns - 1)}…`;

const INDENT = ' '.repeat('flags  '.length);

/** Breaks between words; further lines stand under the text of the first. */
const wrap = (line: string, columns: number): string[] =>
  wrapAnsi(line, Math.max(1, columns - INDENT.length))
    .split('\n')
    .map((part, index) => (index === 0 ? part : INDENT + part.trimStart()));
