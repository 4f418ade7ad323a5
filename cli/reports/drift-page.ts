// A measurement of drift as one HTML page.
import { formatFigure, formatInstant, NOT_AVAILABLE } from '../../lib/core/format-figure.ts';
import type { DriftReport } from '../../lib/models/use-cases/measure-drift.ts';
import { formatHtmlTable, formatNote, formatSection } from './html.ts';
import { drawn, placePlot, plotLines } from './plots.ts';
import { formatPage } from './report-page.ts';

const MODERATE_ABOVE = 0.1;
const SIGNIFICANT_ABOVE = 0.25;
/** Bars of the plot: the most drifted. */
const PLOTTED = 15;

export function formatDriftPage(report: DriftReport): string {
  const { training, recent, readings, features, problems } = report;
  const worst = features.slice(0, PLOTTED);
  const level = (name: string, value: number) => ({
    ...{ name, type: 'dashed' as const, colour: 'text' as const },
    values: worst.map(() => value),
  });
  const plot = plotLines(
    { names: worst.map(({ name }) => name) },
    [
      { name: 'PSI', type: 'line', colour: 'accent', values: worst.map(({ psi }) => psi ?? null) },
      level(`moderate above ${MODERATE_ABOVE}`, MODERATE_ABOVE),
      level(`significant above ${SIGNIFICANT_ABOVE}`, SIGNIFICANT_ABOVE),
    ],
    { id: 'psi', summary: 'Population stability index of the features that drifted most' },
  );
  return formatPage({
    title: `Drift of ensemble ${report.ensembleId}`,
    verdict:
      readings.significant === 0
        ? { text: 'no feature has drifted significantly', tone: 'good' }
        : { text: `${readings.significant} features have drifted significantly`, tone: 'bad' },
    summary: summarise(report),
    facts: [
      { name: 'Significant', value: String(readings.significant), note: `PSI above ${SIGNIFICANT_ABOVE}` },
      {
        name: 'Moderate',
        value: String(readings.moderate),
        note: `${MODERATE_ABOVE} to ${SIGNIFICANT_ABOVE}`,
      },
      { name: 'Stable', value: String(readings.stable) },
      { name: 'Days compared', value: String(recent.days) },
    ],
    plots: drawn([plot]),
    body: [
      formatSection('The most drifted features', placePlot(plot)),
      formatSection(
        'All features',
        formatHtmlTable({
          label: 'All features',
          head: ['feature', 'PSI', '95 %', 'reading'],
          rows: features.map(({ name, psi, interval, reading }) => [
            name,
            formatFigure(psi, 3),
            interval === undefined
              ? NOT_AVAILABLE
              : `${interval.low.toFixed(3)} to ${interval.high.toFixed(3)}`,
            reading,
          ]),
          classOf: (text) => (text === 'significant' ? 'loss' : ''),
          whole: true,
        }),
      ),
      formatSection(
        'About these figures',
        formatNote(
          `Training: ${training.rows} rows of ${training.symbols.length} symbols, ${formatInstant(training.fromMs)} to ${formatInstant(training.toMs)} UTC.`,
        ),
        ...problems.map(({ symbol, message }) => formatNote(`Skipped ${symbol}: ${message}`)),
      ),
    ],
  });
}

function summarise({ recent, readings, features }: DriftReport): string {
  const most = features[0];
  const named = features.filter(({ reading }) => reading === 'significant').slice(0, 3);
  return [
    `The features of ${recent.rows} rows of ${recent.symbols.length} symbols, ${formatInstant(recent.fromMs)} to ${formatInstant(recent.toMs)} UTC, were compared with training: ${readings.significant} have drifted significantly, ${readings.moderate} moderately, ${readings.stable} are stable. `,
    named.length > 0
      ? `Most of all ${named.map(({ name, psi }) => `${name} (${formatFigure(psi, 2)})`).join(', ')}. `
      : most === undefined
        ? ''
        : `The most drifted is ${most.name}, with a PSI of ${formatFigure(most.psi, 2)}. `,
    'Drift says that the market looks different, not that the models are wrong.',
  ].join('');
}
