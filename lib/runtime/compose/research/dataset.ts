// Composes the dataset use case over folders: recorded candles in, Parquet out.
import { openCandleFolder } from '../../../adapters/files/candle-folder.ts';
import { createFolderObjectStore } from '../../../adapters/files/folder-object-store.ts';
import { openParquetDataset } from '../../../adapters/files/parquet-dataset.ts';
import type { ObjectStore } from '../../../core/ports.ts';
import { failure, type Result } from '../../../core/result.ts';
import type { OpenTimeRange } from '../../../market/bar-range.ts';
import { copyCollected } from '../../../market/use-cases/copy-collected.ts';
import {
  type BuildDatasetError,
  type BuildProgress,
  buildDataset,
  type DatasetSummary,
} from '../../../research/use-cases/build-dataset.ts';

/** Costs of each side of a trade in labels: taker fee and slippage of a liquid pair. */
const LABEL_COSTS = { feeBps: 5, slippageBps: 2 } as const;

interface FolderDatasetOptions {
  readonly dataFolder: string;
  readonly outFolder: string;
  /** All symbols of the folder when undefined. */
  readonly symbols: readonly string[] | undefined;
  readonly range: OpenTimeRange;
  /** Replace a different dataset in `outFolder`. */
  readonly replace: boolean;
  readonly onProgress: (progress: BuildProgress) => void;
}

export type FolderDatasetError =
  | BuildDatasetError
  /** One line about the folder of candles, the requested symbols, or the output folder. */
  | { readonly code: 'input_unusable' | 'output_unusable'; readonly message: string };

export async function buildDatasetInFolder(
  options: FolderDatasetOptions,
): Promise<Result<DatasetSummary, FolderDatasetError>> {
  const source = await openCandleFolder(options.dataFolder);
  if (!source.ok) return failure({ code: 'input_unusable', message: source.error });
  const symbols = options.symbols ?? source.value.symbols;
  const unknown = symbols.filter((symbol) => !source.value.symbols.includes(symbol));
  if (unknown.length > 0)
    return failure({
      code: 'input_unusable',
      message: `no candles of ${unknown.join(', ')} in ${options.dataFolder}`,
    });

  const sink = await openParquetDataset(options.outFolder, { replace: options.replace });
  if (!sink.ok) return failure({ code: 'output_unusable', message: sink.error });
  const { range, onProgress } = options;
  return buildDataset({
    source: source.value,
    sink: sink.value,
    symbols,
    range,
    costs: LABEL_COSTS,
    onProgress,
  });
}

/** Copies the candles of a stage's bucket into a folder; returns the number of files. Throws StoreError. */
export const fetchCollected = (objects: ObjectStore, folder: string): Promise<number> =>
  copyCollected(objects, createFolderObjectStore(folder));
