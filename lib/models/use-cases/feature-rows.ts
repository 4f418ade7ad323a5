// The feature rows of many symbols over a range of bars, by the serving features and its rules of which bars have a row.
import { featuresOfBars } from '../../features/compute-features.ts';
import { FEATURE_COUNT } from '../../features/feature-set.ts';
import { BAR_MS } from '../../market/candle.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../../market/candle-series.ts';
import { checkBars, fillGaps } from '../../market/grid.ts';
import type { CandleSource } from '../../market/ports.ts';

/** Rows of one symbol: features [rows, 49] and the bars' open times. */
export interface RowBlock {
  readonly openTimeMs: Float64Array;
  readonly features: Float32Array;
}

export interface FeatureRows {
  /** Of symbols with at least one row. */
  readonly blocks: readonly RowBlock[];
  readonly symbols: string[];
  /** Open times of the first and last row. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly problems: readonly { readonly symbol: string; readonly message: string }[];
}

/** A symbol whose candles cannot be used is reported and left out. */
export async function readRows(
  source: CandleSource,
  query: {
    readonly symbols: readonly string[];
    readonly range: { readonly fromMs: number; readonly toMs: number };
    readonly strideBars: number;
  },
): Promise<FeatureRows> {
  const blocks: RowBlock[] = [];
  const symbols: string[] = [];
  const problems: { symbol: string; message: string }[] = [];
  for (const symbol of query.symbols) {
    const candles = await source.read(symbol);
    if (!candles.ok) {
      problems.push({ symbol, message: candles.error });
      continue;
    }
    const block = rowsOfSymbol(candles.value, query);
    if (block.openTimeMs.length === 0) continue;
    blocks.push(block);
    symbols.push(symbol);
  }
  const fromMs = Math.min(...blocks.map(({ openTimeMs }) => openTimeMs[0]!));
  const toMs = Math.max(...blocks.map(({ openTimeMs }) => openTimeMs.at(-1)!));
  return { blocks, symbols, fromMs, toMs, problems };
}

function rowsOfSymbol(
  candles: CandleSeries,
  { range, strideBars }: { range: { fromMs: number; toMs: number }; strideBars: number },
): RowBlock {
  const grid = fillGaps(sliceSeries(candles, 0, countUntil(candles, range.toMs - 1)));
  const verdicts = checkBars(grid);
  const bars: number[] = [];
  for (let bar = countUntil(grid, range.fromMs - 1); bar < grid.length; bar++) {
    const isKept = (grid.openTimeMs[bar]! / BAR_MS) % strideBars === 0;
    if (isKept && verdicts[bar] === undefined) bars.push(bar);
  }
  return {
    openTimeMs: Float64Array.from(bars, (bar) => grid.openTimeMs[bar]!),
    features: featuresOfBars(grid, bars),
  };
}

export function columnOver(blocks: readonly RowBlock[], column: number): Float32Array {
  const values = new Float32Array(blocks.reduce((sum, { openTimeMs }) => sum + openTimeMs.length, 0));
  let next = 0;
  for (const { features } of blocks)
    for (let start = column; start < features.length; start += FEATURE_COUNT)
      values[next++] = features[start]!;
  return values;
}

export function describeNoRows({ problems }: FeatureRows): string {
  const unusable = problems.map(({ symbol, message }) => `${symbol}: ${message}`).join('; ');
  return `no bar of that time has a row (too short a history, or no candles)${unusable && `; ${unusable}`}`;
}
