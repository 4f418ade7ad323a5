// Signals as a table for people, one row each.
import { formatFigure, formatInstant } from '../../lib/core/format-figure.ts';
import type { Signal } from '../../lib/inference/signal.ts';
import type { Vote } from '../../lib/models/vote.ts';
import { terminalColumns } from './terminal-columns.ts';
import { formatTable } from './text-table.ts';

/** Every signal's votes are in the order that the line above the table gives. @param columns as wide as it may be */
export function formatSignals(signals: readonly Signal[], columns = terminalColumns()): string {
  const models = [...new Set(signals.flatMap(({ votes }) => votes.map(({ model }) => model)))];
  const table = formatTable(
    {
      head: ['bar', 'symbol', 'action', 'conf.', 'edge', 'votes', 'why HOLD'],
      rows: signals.map((signal) => [
        formatInstant(signal.barOpenTimeMs).slice('2024-'.length),
        signal.symbol,
        signal.action,
        signal.confidence.toFixed(3),
        formatFigure(signal.expectedEdgeBps ?? undefined, 1),
        models.map((model) => letterOf(signal.votes.find((vote) => vote.model === model))).join(''),
        signal.reasons.join(', '),
      ]),
      left: [0, 1, 2, 5, 6],
    },
    columns,
  );
  return `edge in bps; votes of ${models.join(', ')}: B buy, H hold, S sell, - abstained\n${table}`;
}

const letterOf = (vote: Vote | undefined): string =>
  vote === undefined || 'abstained' in vote ? '-' : vote.action.slice(0, 1);
