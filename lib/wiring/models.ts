// The models of a folder, for the commands that need no system.
import { createFolderObjectStore } from '../adapters/files/folder-object-store.ts';
import { createOnnxModelRuntime } from '../adapters/onnx/onnx-model-runtime.ts';
import { verifyModels } from '../app/model-registry.ts';
import type { ObjectStore } from '../app/ports.ts';

export const openModelsFolder = createFolderObjectStore;

/** Loads and proves every model in the store. Throws StoreError when the store cannot be read. */
export const verifyStoredModels = (store: ObjectStore): ReturnType<typeof verifyModels> =>
  verifyModels(store, createOnnxModelRuntime());
