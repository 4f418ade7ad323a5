// A line of a log for people: when, how bad, who, what, and the details as far as the terminal is wide.
import { formatSecond } from '../../lib/core/format-figure.ts';
import type { LogLine } from '../../local/run/log-files.ts';
import { terminalColumns } from './terminal-columns.ts';

export function formatLogLine(
  { atMs, level, name, message, details }: LogLine,
  columns = terminalColumns(),
): string {
  const rest = Object.keys(details).length === 0 ? '' : ` ${JSON.stringify(details)}`;
  const line = `${formatSecond(atMs)} ${level.toUpperCase().padEnd(5)} ${name}: ${message}${rest}`;
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}
