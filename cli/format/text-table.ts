// Tables without frames that fit the terminal. Columns move together, words are wrapped, figures are never cut; rows that still do
// not fit stand one below the other, a line for each value. Where nobody watches, as in a pipe, a row is one line.
import Table from 'cli-table3';
import { terminalColumns } from './terminal-columns.ts';

const GAP = 2;
const NARROW_GAP = 1;

interface TextTable {
  /** Empty for a table of names and values. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Columns of text, which stand left; all others are figures and stand right. @default the first one */
  readonly left?: readonly number[];
}

/** `none` without rows. @param columns as wide as the table may be */
export function formatTable({ head, rows, left = [0] }: TextTable, columns = terminalColumns()): string {
  if (rows.length === 0) return 'none';
  const cells = [...(head.length > 0 ? [head] : []), ...rows].map((row) => row.map(String));
  const natural = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const gap = head.length === 0 || tableWidth(natural, GAP) <= columns ? GAP : NARROW_GAP;
  const widths = fitWidths({ cells, natural, left, gap }, columns);
  if (head.length > 0 && tableWidth(widths, gap) > columns) return stack(head, cells.slice(1), columns);
  const table = new Table({
    chars: { ...FRAMELESS, middle: ' '.repeat(gap) },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colWidths: widths,
    colAligns: widths.map((_, column) => (left.includes(column) ? 'left' : 'right')),
    wordWrap: true,
    wrapOnWordBoundary: true,
  });
  table.push(...cells);
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const tableWidth = (widths: readonly number[], gap: number): number =>
  widths.reduce((sum, width) => sum + width, gap * (widths.length - 1));

/** The last column gives way first, then the other texts from right to left: each to its longest word, which is never cut. */
function fitWidths(
  table: {
    readonly cells: readonly string[][];
    readonly natural: readonly number[];
    readonly left: readonly number[];
    readonly gap: number;
  },
  columns: number,
): number[] {
  const { cells, left, gap } = table;
  const widths = [...table.natural];
  const last = widths.length - 1;
  for (let column = last; column >= 0; column--) {
    if (column !== last && !left.includes(column)) continue;
    const words = cells.flatMap((row) => row[column]!.split(' ').map((word) => word.length));
    const spare = widths[column]! - Math.max(...words);
    widths[column]! -= Math.max(0, Math.min(spare, tableWidth(widths, gap) - columns));
  }
  return widths;
}

function stack(head: readonly string[], rows: readonly string[][], columns: number): string {
  const blocks = rows.map((row) => {
    const named = row.map((value, column) => [head[column]!, value]);
    return formatTable({ head: [], rows: named.filter(([, value]) => value !== ''), left: [0, 1] }, columns);
  });
  return blocks.join('\n\n');
}

const FRAMELESS = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
  ].map((name) => [name, '']),
);
