// What the use cases need from outside. Adapters implement these; one contract suite per port runs on every implementation.
import type * as z from 'zod';
import type { Result } from '../core/result.ts';
import type { FlagReading } from './flags.ts';
import type { GateItem, GatePlan, Scope } from './gate.ts';
import type { Notification } from './notification.ts';

/** Operator flags. Reading never throws: what cannot be read says so per flag, and so closes the gate. */
export interface FlagStore {
  read(names: readonly string[]): Promise<ReadonlyMap<string, FlagReading>>;
  write(name: string, text: string): Promise<void>;
}

/** A record with the revision under which it was read. */
export interface Versioned<T> {
  readonly value: T;
  readonly revision: number;
}

export type RecordCondition = { readonly ifAbsent: true } | { readonly ifRevision: number };

/** Records of one listing: those that could be read, by the key they are listed under, and what is wrong with each of the others. */
export interface RecordList<T> {
  readonly records: readonly (Versioned<T> & { readonly key: string })[];
  readonly problems: readonly RecordProblem[];
}

/** A record that breaks its schema. */
export interface RecordProblem {
  readonly key: string;
  /** Names the record and the field. */
  readonly message: string;
  /** As it is stored. */
  readonly value: unknown;
  /** undefined when that cannot be read either. */
  readonly revision: number | undefined;
}

export interface RecordQuery {
  readonly scope: Scope;
  readonly prefix: string;
  /** Inclusive; bounds the older end. */
  readonly fromKey?: string;
  /** Exclusive; bounds the newer end. */
  readonly beforeKey?: string;
  readonly newestFirst?: boolean;
  /** Of the records that were written with `listedAs`, and by that instead of the key. A write of this moment may lack. @default false */
  readonly listed?: boolean;
  /** Most records to look at, readable or not. */
  readonly count?: number;
}

/** Records by key. Throws StoreError. Kinds of records and their keys: typed-records.ts. */
export interface RecordStore {
  /** Strongly consistent. A record that breaks its schema is a StoreError. */
  get<T>(scope: Scope, key: string, schema: z.ZodType<T>): Promise<Versioned<T> | undefined>;
  /**
   * Writes under the condition; `conflict` when it does not hold.
   * @param how.keptMs how long the record has to stay at least; @default for ever
   * @param how.listedAs a second key, for reading in another order; @default none
   */
  put(
    scope: Scope,
    key: string,
    value: unknown,
    how: RecordCondition & { readonly keptMs?: number; readonly listedAs?: string },
  ): Promise<'written' | 'conflict'>;
  remove(
    scope: Scope,
    key: string,
    condition: { readonly ifRevision: number },
  ): Promise<'removed' | 'conflict'>;
  /** Records whose key starts with the prefix, by key, strongly consistent. One that breaks its schema keeps none of the others back. */
  list<T>(query: RecordQuery, schema: z.ZodType<T>): Promise<RecordList<T>>;
}

/** The risk table: per scope one gate item, and records. Throws StoreError. */
export interface RiskStore extends RecordStore {
  /** Strongly consistent. A gate that breaks its schema is a StoreError. */
  readGate(scope: Scope): Promise<GateItem | undefined>;
  createGate(scope: Scope, gate: GateItem): Promise<'created' | 'exists'>;
  /** One conditional write of the gate item: success with the item as written, or the first denial, and nothing is written. */
  /** Closes the latch without reading or deciding anything: for an emergency. The next tick of the breaker makes a trip of it. */
  closeLatch(scope: Scope): Promise<'closed' | 'gate_missing'>;
  commit<Denial>(scope: Scope, plan: GatePlan<Denial>): Promise<Result<GateItem, Denial | 'gate_missing'>>;
}

/** Tells people. Throws StoreError when nobody could be told. */
export interface Notifier {
  notify(message: Notification): Promise<void>;
}
