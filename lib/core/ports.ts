// Ports that several capabilities share: the clock, and versioned objects by key.

import { MIB } from './units.ts';

/** Models, manifests and a month of candles are smaller; a store reads no larger object into memory. */
export const OBJECT_BYTES_MAX = 64 * MIB;

export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
  /** undefined in stores without versions. */
  readonly versionId: string | undefined;
}

export interface StoredObject extends ObjectInfo {
  readonly body: Uint8Array;
}

export type WriteCondition = { readonly ifAbsent: true } | { readonly ifMatch: string };

export type WriteOutcome =
  | { readonly outcome: 'stored'; readonly info: ObjectInfo }
  | { readonly outcome: 'conflict' };

/** Versioned objects by key: S3, or a folder. Throws StoreError; a missing key is undefined, never an error. */
export interface ObjectStore {
  head(key: string): Promise<ObjectInfo | undefined>;
  get(key: string, versionId?: string): Promise<StoredObject | undefined>;
  put(key: string, body: Uint8Array, condition?: WriteCondition): Promise<WriteOutcome>;
  /** All keys that start with `prefix`, in key order. */
  list(prefix: string): Promise<readonly ObjectInfo[]>;
}

export interface Clock {
  nowMs(): number;
}
