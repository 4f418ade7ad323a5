// What the commands over recorded candles have in common at their end: print the figures, write the page, name skipped symbols.
import type { SymbolProblem } from '../../../lib/research/symbol-problem.ts';
import { failOnProblems } from '../../format/symbol-problems.ts';
import type { ReportOptions } from '../../options.ts';
import { print, printJson } from '../../output.ts';
import { writeReport } from '../../reports/write-report.ts';

/** @param formats loads what writes text and page: only one that is asked for is formatted */
export async function report<Figures extends { readonly symbolProblems: readonly SymbolProblem[] }>(
  figures: Figures,
  { json, report: file }: ReportOptions,
  formats: () => Promise<{ text: (figures: Figures) => string; page: (figures: Figures) => string }>,
): Promise<void> {
  const { text, page } = await formats();
  if (json) printJson(figures);
  else print(text(figures));
  if (file !== undefined) await writeReport(file, page(figures));
  failOnProblems(figures.symbolProblems);
}
