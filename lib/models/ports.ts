// What models need from outside: a runtime that opens them, and where measurements of drift are kept.

import type { Result } from '../core/result.ts';
import type { Interval } from '../core/statistics/block-bootstrap.ts';
import type { DriftRecord } from './drift-record.ts';
import type { ModelInput } from './manifest.ts';

/** One loaded model. Not to be used after `release`. */
export interface ModelSession {
  /** @param input float32, row-major [rows, …]; @returns float32 [rows, 3]: sell, hold, buy. Throws when the runtime fails. */
  probabilities(input: Float32Array, rows: number): Promise<Float32Array>;
  release(): Promise<void>;
}

export interface ModelRuntime {
  /** Fails (with one line of why) for bytes that are not a model, or a model whose input or output is not as declared. */
  createSession(model: {
    bytes: Uint8Array;
    input: ModelInput;
    outputName: string;
  }): Promise<Result<ModelSession, string>>;
}

/** Where measurements of drift are kept. Throws StoreError. */
export interface DriftLog {
  add(record: DriftRecord): Promise<void>;
}

/**
 * Compares a candidate with the active ensemble on candles that neither was trained on. Fails with one line of why the two
 * cannot be compared.
 */
export type CompareEnsembles = (compared: {
  championId: string;
  challengerId: string;
}) => Promise<Result<EnsembleComparison, string>>;

export interface EnsembleComparison extends PairedComparison {
  readonly championId: string;
  readonly challengerId: string;
  readonly fromMs: number;
  readonly toMs: number | null;
  /** Means over the rows, nats. */
  readonly championLogLoss: number;
  readonly challengerLogLoss: number;
  /** Rows that fewer than 2 of its models answered; they cost what a uniform answer costs. */
  readonly championUnanswered: number;
  readonly challengerUnanswered: number;
  /** Symbols left out because their candles could not be used, one line each. */
  readonly leftOut: readonly string[];
}

export interface PairedComparison {
  readonly rows: number;
  readonly days: number;
  /** Mean log-loss of challenger − champion, nats: negative when the challenger is better. */
  readonly meanDifference: number;
  /** Of the mean difference, days drawn with replacement; undefined below 5 days. */
  readonly interval: Interval | undefined;
  /** The whole interval lies below 0. False where there is none. */
  readonly challengerIsBetter: boolean;
}
