// What models need from outside: a runtime that opens them, and where measurements of drift are kept.

import type { Result } from '../core/result.ts';
import type { SessionInput } from './check-manifest.ts';
import type { DriftRecord } from './drift-record.ts';
import type { EnsembleComparison } from './ensemble-comparison.ts';

/** One loaded model. Not to be used after `release`. */
export interface ModelSession {
  /** @param input float32, row-major [rows, …]; @returns float32 [rows, 5] as `OUTPUT_COLUMNS` says, of a state [rows, 1]. Throws when the runtime fails. */
  answers(input: Float32Array, rows: number): Promise<Float32Array>;
  release(): Promise<void>;
}

export interface ModelRuntime {
  /** Fails (with one line of why) for bytes that are not a model, or a model whose input or output is not as declared. */
  createSession(model: {
    bytes: Uint8Array;
    input: SessionInput;
    outputName: string;
  }): Promise<Result<ModelSession, string>>;
}

/**
 * Compares a candidate with the active ensemble on candles that neither was trained on. Fails with one line of why the two
 * cannot be compared.
 */
export type CompareEnsembles = (compared: {
  championId: string;
  challengerId: string;
}) => Promise<Result<EnsembleComparison, string>>;

/** Where measurements of drift are kept. Throws StoreError. */
export interface DriftLog {
  append(record: DriftRecord): Promise<unknown>;
}
