// The card of a model or an ensemble, for people: inputs, training, figures, and whether it serves.

import { formatDay, formatFigure, formatInstant } from '../../lib/core/format-figure.ts';
import type { LabelDefinition, ModelManifest } from '../../lib/models/manifest.ts';
import type { EnsembleCard, ModelCard } from '../../lib/models/use-cases/release-card.ts';
import { formatTable } from '../format/text-table.ts';

export function formatModelCard(card: ModelCard): string {
  const { manifest } = card;
  const { input, training, calibration } = manifest;
  const { kind, ...calibrationValues } = calibration;
  const shape =
    input.kind === 'tabular'
      ? `[rows, ${input.columns.length}]`
      : `[rows, ${input.steps}, ${input.columns.length}]`;
  return lines([
    ['model', `${manifest.name} ${manifest.version}`],
    ['status', card.quarantine === null ? 'not in quarantine' : `in quarantine: ${card.quarantine}`],
    ['ensembles', listOr(card.ensembles.map(describeMembership), 'in none')],
    ['reads', `${input.kind} ${shape}: ${input.columns.slice(0, 4).join(', ')}, …`],
    ['label', describeLabel(manifest.label)],
    [
      'trained on',
      `${formatInstant(training.fromMs)} to ${formatInstant(training.toMs)} UTC, ${training.rows} rows, embargo ${training.embargoBars} bars, seed ${training.seed}`,
    ],
    ['symbols', `${training.symbols.length}: ${training.symbols.join(', ')}`],
    ['calibration', `${kind} ${JSON.stringify(calibrationValues)}`],
    ['libraries', describeRecord(manifest.libraries)],
    ['opset', describeRecord(manifest.opset)],
    ['size', `${manifest.bytes} bytes, ${manifest.goldenRows} golden vectors`],
    ['sha256', `${manifest.sha256} (model.onnx)`],
    ['', `${card.manifestSha256} (manifest.json)`],
    ['features', manifest.featureSetHash],
    ['dataset', training.datasetSha256],
  ]).concat(formatFolds(manifest.metrics));
}

export function formatEnsembleCard(card: EnsembleCard): string {
  const { ensemble, pointer } = card;
  const quarantined = new Map(card.quarantined.map(({ name, reason }) => [name, reason]));
  const members = ensemble.members.map(({ name, version, weight, versionId }) => {
    const state = quarantined.has(name) ? `, in quarantine: ${quarantined.get(name)}` : '';
    return `${name} ${version} weight ${weight.toFixed(3)} (S3 version ${versionId ?? 'none'})${state}`;
  });
  return lines([
    ['ensemble', ensemble.id],
    ['status', card.status.replace('_', ' ')],
    ...members.map((member, index): [string, string] => [index === 0 ? 'members' : '', member]),
    ['sizes', describePolicy(ensemble, quarantined)],
    ['label', describeLabel(ensemble.label)],
    ['costs', `${ensemble.costs.feeBps} bps fee and ${ensemble.costs.slippageBps} bps slippage each side`],
    ['acts above', `${ensemble.edgeThresholdBps} bps expected net edge`],
    ['stop', `${ensemble.stopAtrMultiple} ATR ${ensemble.stopAtrTimeframe}`],
    ['held', `${ensemble.holdBars} bars`],
    ['features', ensemble.featureSetHash],
    ['as a shadow', `${card.shadowBars} bars recorded`],
    ...(pointer === null
      ? []
      : [
          ['rollback to', listOr(pointer.previous, 'nothing')] as [string, string],
          ['last change', pointer.audit ?? 'installed with the system'] as [string, string],
        ]),
  ]);
}

const describePolicy = (
  { sizingPolicy }: EnsembleCard['ensemble'],
  quarantined: ReadonlyMap<string, string>,
): string => {
  if (sizingPolicy === null) return 'constant';
  const { name, version, versionId } = sizingPolicy;
  const state = quarantined.has(name) ? `, in quarantine: ${quarantined.get(name)}` : '';
  return `policy ${name} ${version} (S3 version ${versionId ?? 'none'})${state}`;
};

const LABEL_WIDTH = 13;
const lines = (rows: [string, string][]): string =>
  rows.map(([label, text]) => `${label.padEnd(LABEL_WIDTH)}${text}\n`).join('');

const describeMembership = ({ id, status, weight }: ModelCard['ensembles'][number]): string =>
  `${id} (${status.replace('_', ' ')}, weight ${weight.toFixed(3)})`;

const describeLabel = ({ horizonBars, atrMultiple, minBarrierBps }: LabelDefinition): string =>
  `triple barrier, ${horizonBars} bars, ${atrMultiple} ATR, at least ${minBarrierBps} bps`;

const describeRecord = (record: Readonly<Record<string, string | number>>): string =>
  listOr(
    Object.entries(record).map(([name, version]) => `${name} ${version}`),
    'none recorded',
  );

const listOr = (items: readonly string[], none: string): string =>
  items.length === 0 ? none : items.join(', ');

function formatFolds({ folds, outOfFold }: ModelManifest['metrics']): string {
  if (folds.length === 0 && outOfFold === null) return 'trained without validation folds\n';
  const figures = (fold: NonNullable<typeof outOfFold>) => [
    fold.rows,
    ...[fold.logLoss, fold.priorLogLoss, fold.brier, fold.ece, fold.rankIc].map((figure) =>
      formatFigure(figure ?? undefined, 4),
    ),
  ];
  const rows: (string | number)[][] = folds.map((fold, index) => [
    index + 1,
    formatDay(fold.fromMs),
    formatDay(fold.toMs),
    ...figures(fold),
  ]);
  if (outOfFold !== null) rows.push(['all', '', '', ...figures(outOfFold)]);
  const head = ['fold', 'from', 'to', 'rows', 'log-loss', 'prior', 'Brier', 'ECE', 'rank IC'];
  return `${formatTable({ head, rows })}\n`;
}
