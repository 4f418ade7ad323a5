// The input of every command over recorded candles: a folder of candles, the requested symbols, and the models.
import { type CandleFolder, openCandleFolder } from '../../../adapters/files/candle-folder.ts';
import { createFolderObjectStore } from '../../../adapters/files/folder-object-store.ts';
import { failure, type Result, success } from '../../../core/result.ts';
import { STARTER_MODELS_FOLDER } from '../../config/starter-models.ts';

export interface FolderQuery {
  readonly dataFolder: string;
  /** @default the starter models */
  readonly modelsFolder: string | undefined;
  /** @default all symbols of the folder */
  readonly symbols: readonly string[] | undefined;
}

/** One line about the folder of candles or the requested symbols. */
export interface InputUnusable {
  readonly code: 'input_unusable';
  readonly message: string;
}

export const openModels = (folder: string | undefined) =>
  createFolderObjectStore(folder ?? STARTER_MODELS_FOLDER);

export async function openInput({
  dataFolder,
  symbols,
}: FolderQuery): Promise<Result<{ folder: CandleFolder; symbols: readonly string[] }, InputUnusable>> {
  const refuse = (message: string) => failure({ code: 'input_unusable' as const, message });
  const folder = await openCandleFolder(dataFolder);
  if (!folder.ok) return refuse(folder.error);
  const unknown = (symbols ?? []).filter((symbol) => !folder.value.symbols.includes(symbol));
  if (unknown.length > 0) return refuse(`no candles of ${unknown.join(', ')} in ${dataFolder}`);
  return success({ folder: folder.value, symbols: symbols ?? folder.value.symbols });
}
