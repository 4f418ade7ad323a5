// ONNX Runtime, loaded when the first model is opened: a function that seldom needs one starts without it.
import type { ModelRuntime } from '../../models/ports.ts';

export const createLazyModelRuntime = (): ModelRuntime => ({
  async createSession(model) {
    const { createOnnxModelRuntime } = await import('./onnx-model-runtime.ts');
    return createOnnxModelRuntime().createSession(model);
  },
});
