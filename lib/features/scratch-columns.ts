// Columns for what is computed in between, used again by every call: allocating and clearing some forty of them took a fifth of the
// time of all features. A column holds what the last call left in it wherever it is not written, so no code may read what it has
// not filled; the tests fill all of them with NaN first.

/** Bars that a column holds: rows computed at a time, and the bars before the first of them. */
export const COLUMN_BARS = 3039;

const columns: Float64Array[] = [];
let taken = 0;

/** A column that nobody else uses until `releaseColumns`. */
export function takeColumn(): Float64Array {
  columns[taken] ??= new Float64Array(COLUMN_BARS);
  return columns[taken++]!;
}

/** To be called before rows are computed: whatever the last call took, it is done, or it has thrown. */
export function releaseColumns(): void {
  taken = 0;
}

/** Writes `value` over all that calls have left behind: for tests. */
export function fillColumns(value: number): void {
  for (const column of columns) column.fill(value);
}
