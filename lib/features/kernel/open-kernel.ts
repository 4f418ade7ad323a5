// The compiled features, opened at the first call: what computes none does not pay for them.
import { KERNEL_BINARY } from './kernel-binary.ts';

/** As far as it is used here: its types come with those of browsers alone. */
interface WebAssemblyApi {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}
const api = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;

interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly computeRows: (length: number, firstIndex: number) => void;
}

/** One per thread: whoever calls it copies candles in and rows out. */
export interface FeatureKernel {
  /** Bars that a column holds. */
  readonly columnBars: number;
  /** Open, high, low, close and volume by bar. */
  readonly candles: readonly [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  /** Row-major [columnBars − 879, 49]. */
  readonly rows: Float32Array;
  /**
   * Computes the rows of the bars 879 to `length` (exclusive) of the candles.
   * @param firstIndex absolute index (openTimeMs / 300000) of bar 0, from 0 on
   */
  readonly computeRows: (length: number, firstIndex: number) => void;
  /** float64, by bar; for tests, which look at what rows round away. */
  readonly column: (name: string) => Float64Array;
}

let opened: FeatureKernel | undefined;

export function openKernel(): FeatureKernel {
  opened ??= instantiate();
  return opened;
}

function instantiate(): FeatureKernel {
  const module = new api.Module(Buffer.from(KERNEL_BINARY, 'base64'));
  const { exports } = new api.Instance(module, { math: { log: Math.log, exp: Math.exp } });
  const { memory, computeRows } = exports as KernelExports;
  const numberOf = (name: string) => (exports as Record<string, { readonly value: number }>)[name]!.value;
  const [columnBars, columnBytes] = [numberOf('columnBars'), numberOf('columnBytes')];
  const columnAt = (byte: number) => new Float64Array(memory.buffer, byte, columnBars);
  const candlesAt = (index: number) => columnAt(numberOf('candles') + index * columnBytes);
  return {
    columnBars,
    candles: [candlesAt(0), candlesAt(1), candlesAt(2), candlesAt(3), candlesAt(4)],
    rows: new Float32Array(memory.buffer, numberOf('rows')),
    computeRows,
    column: (name) => columnAt(numberOf(name)),
  };
}
