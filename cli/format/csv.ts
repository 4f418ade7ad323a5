// Records as CSV (RFC 4180): one line each under the names of their fields, for spreadsheets and scripts.

/** @param columns what each holds, by name; null and undefined are empty */
export function formatCsv<T>(records: readonly T[], columns: Record<string, (record: T) => unknown>): string {
  const lines = records.map((record) => Object.values(columns).map((column) => quote(column(record))));
  return [Object.keys(columns), ...lines].map((cells) => cells.join(',')).join('\n');
}

function quote(value: unknown): string {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
