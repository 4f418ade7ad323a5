// An assessment of paper trading as one HTML page: the verdict, and every criterion with what was measured.
import { formatInstant } from '../../lib/core/format-figure.ts';
import type { GoNoGoReport } from '../../lib/rollout/use-cases/assess-rollout.ts';
import { formatHtmlTable, formatNote, formatSection } from './html.ts';
import { formatPage } from './report-page.ts';

/** @param criteria status, criterion, what was measured, and what GO demands; @param drift one line */
export function formatGoNoGoPage(
  { decision, decidedAtMs, level, collected, stored }: GoNoGoReport,
  { criteria, drift }: { readonly criteria: readonly (readonly string[])[]; readonly drift: string },
): string {
  const { hours, fromMs, toMs } = collected.window;
  const { verdict, results } = decision;
  const count = (status: string) => results.filter((of) => of.status === status).length;
  const missing = decision.verdict === 'GO' ? [] : decision.criteria;
  return formatPage({
    title: `${verdict === 'GO' ? 'GO' : 'NO-GO'}: ${hours} hours of paper trading`,
    verdict:
      verdict === 'GO'
        ? { text: 'GO: every criterion is met', tone: 'good' }
        : { text: `NO-GO: ${missing.length} of ${results.length} criteria are not met`, tone: 'bad' },
    summary: [
      `From ${formatInstant(fromMs)} to ${formatInstant(toMs)} UTC ${count('met')} of ${results.length} criteria were met. `,
      verdict === 'GO'
        ? 'Live trading still needs two signatures, and starts at a tenth of the capital. '
        : `Not met: ${missing.map((name) => name.replaceAll('_', ' ')).join(', ')}. `,
      count('unknown') === 0 ? '' : `${count('unknown')} could not be measured, which counts as not met. `,
      'The rollout follows its hourly assessment only, never this report.',
    ].join(''),
    facts: [
      { name: 'Verdict', value: verdict === 'GO' ? 'GO' : 'NO-GO' },
      { name: 'Met', value: String(count('met')) },
      { name: 'Not met', value: String(count('not_met')) },
      { name: 'Breaches', value: String(count('breach')), note: 'the rollout steps down' },
      { name: 'Unknown', value: String(count('unknown')) },
      { name: 'Level', value: level ?? 'unknown' },
    ],
    plots: [],
    body: [
      formatSection(
        'Criteria',
        formatHtmlTable({
          label: 'Criteria',
          head: ['status', 'criterion', 'measured', 'GO demands'],
          rows: criteria,
          classOf: (text, column) => (column !== 0 ? '' : text === 'met' ? 'gain' : 'loss'),
          whole: true,
        }),
      ),
      formatSection(
        'About these figures',
        formatNote(drift),
        ...collected.unreadable.map((why) => formatNote(`Unreadable: ${why}`)),
        formatNote(
          `Decided at ${formatInstant(decidedAtMs)} UTC. Evidence ${stored.key}, sha256 ${stored.sha256}.`,
        ),
      ),
    ],
  });
}
