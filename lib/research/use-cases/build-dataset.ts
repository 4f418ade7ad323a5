// Use case: build the dataset that training reads, from recorded candles, one symbol at a time. Python computes no feature and no
// label, so the description says exactly what the files hold.

import { createHash } from 'node:crypto';
import { failure, type Result, success } from '../../core/result.ts';
import { FEATURE_NAMES, FEATURE_SET_HASH, SEQUENCE_COLUMNS } from '../../features/feature-set.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { BAR_MS } from '../../market/candle.ts';
import { SEQUENCE_STEPS } from '../../market/grid.ts';
import type { CandleSource } from '../../market/ports.ts';
import type { LabelDefinition } from '../../models/manifest.ts';
import { buildDatasetRows, type DatasetRows, type DropCounts } from '../labels/dataset-rows.ts';
import { LABEL_HORIZONS_BARS, labelDefinitions, type TradingCosts } from '../labels/triple-barrier.ts';
import type { SymbolProblem } from '../symbol-problem.ts';

/** Where one dataset is written. Nothing is visible before `publish`. Throws when it cannot write. */
export interface DatasetSink {
  writeSymbol(symbol: string, rows: DatasetRows): Promise<WrittenFile>;
  /** Refuses and changes nothing when the place holds another dataset and the sink may not replace it. */
  publish(description: DatasetDescription): Promise<'published' | 'refused'>;
  /** Removes what was written and not published. */
  discard(): Promise<void>;
}

export interface WrittenFile {
  readonly file: string;
  readonly sha256: string;
}

interface DatasetSymbol extends WrittenFile {
  readonly symbol: string;
  readonly rows: number;
  /** Open times of the first and last row; null without rows. */
  readonly firstMs: number | null;
  readonly lastMs: number | null;
  readonly dropped: DropCounts;
}

/** `dataset.json`, as Python reads it. It holds no time of writing and no path, so that the same input gives the same bytes. */
export interface DatasetDescription {
  readonly schemaVersion: 1;
  readonly featureSetHash: string;
  readonly featureNames: readonly string[];
  readonly sequenceColumns: readonly string[];
  readonly sequenceSteps: number;
  readonly barMs: number;
  /** Half-open range of the rows' open times: as requested, else from the first row to one bar after the last. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly horizons: readonly number[];
  /** By horizon in bars. */
  readonly labels: Readonly<Record<string, LabelDefinition>>;
  readonly costs: TradingCosts;
  readonly symbols: readonly DatasetSymbol[];
  /** SHA-256 over the hex SHA-256 of the symbols' files, in order, each followed by a line feed. */
  readonly sha256: string;
}

/** Rows per class of one horizon. */
interface ClassCounts {
  readonly horizonBars: number;
  readonly sell: number;
  readonly hold: number;
  readonly buy: number;
}

export interface DatasetSummary {
  readonly sha256: string;
  readonly symbols: number;
  readonly rows: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly classes: readonly ClassCounts[];
  readonly dropped: DropCounts;
  /** Symbols skipped because their candles cannot be used. */
  readonly symbolProblems: readonly SymbolProblem[];
}

export interface BuildProgress {
  readonly done: number;
  readonly of: number;
  readonly symbol: string;
  /** Rows written, or why the symbol is skipped. */
  readonly outcome: Result<number, string>;
}

/** `no_rows`: nothing to train on; `refused`: the sink holds another dataset. Neither changes anything. */
export type BuildDatasetError =
  | { readonly code: 'no_rows'; readonly symbolProblems: readonly SymbolProblem[] }
  | { readonly code: 'refused' };

export interface BuildDatasetOptions {
  readonly source: CandleSource;
  readonly sink: DatasetSink;
  readonly symbols: readonly string[];
  readonly range: OpenTimeRange;
  readonly costs: TradingCosts;
  readonly onProgress: (progress: BuildProgress) => void;
}

/** A symbol whose candles cannot be used is skipped and reported. */
export async function buildDataset(
  options: BuildDatasetOptions,
): Promise<Result<DatasetSummary, BuildDatasetError>> {
  const { sink, range, costs } = options;
  try {
    const { written, classes, symbolProblems } = await writeSymbols(options);
    if (written.every(({ rows }) => rows === 0)) return failure({ code: 'no_rows', symbolProblems });
    const description = describeDataset({ written, range, costs });
    if ((await sink.publish(description)) === 'refused') return failure({ code: 'refused' });
    return success({
      sha256: description.sha256,
      symbols: written.length,
      rows: written.reduce((sum, { rows }) => sum + rows, 0),
      fromMs: description.fromMs,
      toMs: description.toMs,
      classes,
      dropped: addDropCounts(written),
      symbolProblems,
    });
  } finally {
    await sink.discard();
  }
}

async function writeSymbols(options: BuildDatasetOptions): Promise<{
  written: DatasetSymbol[];
  classes: ClassCounts[];
  symbolProblems: SymbolProblem[];
}> {
  const written: DatasetSymbol[] = [];
  const symbolProblems: SymbolProblem[] = [];
  let classes: ClassCounts[] = LABEL_HORIZONS_BARS.map((horizonBars) => ({
    horizonBars,
    sell: 0,
    hold: 0,
    buy: 0,
  }));
  const symbols = [...options.symbols].sort();
  for (const [index, symbol] of symbols.entries()) {
    const rows = await rowsOfSymbol(options, symbol);
    if (rows.ok) {
      written.push(await writeSymbol(options.sink, symbol, rows.value));
      classes = classes.map((counts, horizon) => addClasses(counts, rows.value.horizons[horizon]!.classes));
    } else symbolProblems.push({ symbol, message: rows.error });
    const outcome = rows.ok ? success(rows.value.openTimeMs.length) : rows;
    options.onProgress({ done: index + 1, of: symbols.length, symbol, outcome });
  }
  return { written, classes, symbolProblems };
}

async function rowsOfSymbol(
  { source, range, costs }: BuildDatasetOptions,
  symbol: string,
): Promise<Result<DatasetRows, string>> {
  const candles = await source.read(symbol);
  if (!candles.ok) return candles;
  return buildDatasetRows(candles.value, { range, definitions: labelDefinitions(costs) });
}

async function writeSymbol(sink: DatasetSink, symbol: string, rows: DatasetRows): Promise<DatasetSymbol> {
  const { file, sha256 } = await sink.writeSymbol(symbol, rows);
  return {
    symbol,
    file,
    rows: rows.openTimeMs.length,
    firstMs: rows.openTimeMs[0] ?? null,
    lastMs: rows.openTimeMs.at(-1) ?? null,
    sha256,
    dropped: rows.dropped,
  };
}

function describeDataset(dataset: {
  written: readonly DatasetSymbol[];
  range: OpenTimeRange;
  costs: TradingCosts;
}): DatasetDescription {
  const { written, range, costs } = dataset;
  const withRows = written.filter(({ rows }) => rows > 0);
  const definitions = labelDefinitions(costs);
  return {
    schemaVersion: 1,
    featureSetHash: FEATURE_SET_HASH,
    featureNames: FEATURE_NAMES,
    sequenceColumns: SEQUENCE_COLUMNS,
    sequenceSteps: SEQUENCE_STEPS,
    barMs: BAR_MS,
    fromMs: range.fromMs ?? Math.min(...withRows.map(({ firstMs }) => firstMs!)),
    toMs: range.toMs ?? Math.max(...withRows.map(({ lastMs }) => lastMs!)) + BAR_MS,
    horizons: LABEL_HORIZONS_BARS,
    labels: Object.fromEntries(definitions.map((definition) => [definition.horizonBars, definition])),
    costs,
    symbols: written,
    sha256: createHash('sha256')
      .update(written.map(({ sha256 }) => `${sha256}\n`).join(''))
      .digest('hex'),
  };
}

function addClasses(counts: ClassCounts, classes: Int32Array): ClassCounts {
  const totals = [counts.sell, counts.hold, counts.buy];
  for (const label of classes) totals[label]!++;
  return { horizonBars: counts.horizonBars, sell: totals[0]!, hold: totals[1]!, buy: totals[2]! };
}

function addDropCounts(written: readonly DatasetSymbol[]): DropCounts {
  const total: Record<string, number> = {};
  for (const { dropped } of written)
    for (const [reason, bars] of Object.entries(dropped)) total[reason] = (total[reason] ?? 0) + bars;
  return total;
}
