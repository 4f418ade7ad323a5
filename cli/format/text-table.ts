// Tables without frames for a terminal of 80 columns: what does not fit is wrapped in the last column, never cut.
import Table from 'cli-table3';

/** As wide as a table may be. */
const COLUMNS_MAX = 80;
const GAP = 2;

interface TextTable {
  /** Empty for a table of names and values. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  /** Columns of text, which stand left; all others are figures and stand right. @default the first one */
  readonly left?: readonly number[];
}

/** One line per row; `none` without rows. */
export function formatTable({ head, rows, left = [0] }: TextTable): string {
  if (rows.length === 0) return 'none';
  const cells = [...(head.length > 0 ? [head] : []), ...rows].map((row) => row.map(String));
  const last = cells[0]!.length - 1;
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const room = COLUMNS_MAX - widths.slice(0, last).reduce((sum, width) => sum + width + GAP, 0);
  // A word is never cut, even if the line is then too long.
  const longestWord = Math.max(...cells.flatMap((row) => row[last]!.split(' ').map((word) => word.length)));
  widths[last] = Math.max(longestWord, Math.min(widths[last]!, room));
  const table = new Table({
    chars: FRAMELESS,
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

const FRAMELESS = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'],
  ].map((name) => [name, '']),
);
FRAMELESS.middle = ' '.repeat(GAP);
