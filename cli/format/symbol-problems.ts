// How commands over many symbols tell which of them they skipped, while they run and at their end.
import type { Result } from '../../lib/core/result.ts';
import type { SymbolProblem } from '../../lib/research/symbol-problem.ts';
import { CommandFailure } from '../command-error.ts';

/** `3/20 BTCUSDT: 8640 rows` */
export function formatProgress(progress: {
  readonly done: number;
  readonly of: number;
  readonly symbol: string;
  readonly outcome: Result<number, string>;
}): string {
  const { done, of, symbol, outcome } = progress;
  return `${done}/${of} ${symbol}: ${outcome.ok ? `${outcome.value} rows` : `skipped, ${outcome.error}`}`;
}

/** `skipped 2 symbols: AUSDT (…); BUSDT (…)` */
export function describeProblems(problems: readonly SymbolProblem[]): string {
  const named = problems.map(({ symbol, message }) => `${symbol} (${message})`);
  return `skipped ${problems.length} ${problems.length === 1 ? 'symbol' : 'symbols'}: ${named.join('; ')}`;
}

/** The figures of the other symbols stand; the exit code says that some are missing. */
export function failOnProblems(problems: readonly SymbolProblem[]): void {
  if (problems.length > 0) throw new CommandFailure(describeProblems(problems));
}
