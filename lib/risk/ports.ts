// What the use cases need from outside. Adapters implement these; one contract suite per port runs on every implementation.
import type { z } from 'zod';
import type { Result } from '../core/result.ts';
import type { FlagReading } from './flags.ts';
import type { GateItem, Scope } from './gate.ts';
import type { ItemPlan } from './item-plan.ts';

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

/** The risk table: per scope one gate item, and records by key (`order#…`, `position#…`, `equity#…`, `day#…`, `audit#…`). Throws StoreError; a record that breaks its schema is one. */
export interface RiskStore {
  /** Strongly consistent. */
  readGate(scope: Scope): Promise<GateItem | undefined>;
  createGate(scope: Scope, gate: GateItem): Promise<'created' | 'exists'>;
  /** One conditional write of the gate item: success with the item as written, or the first denial, and nothing is written. */
  commit<Denial>(scope: Scope, plan: ItemPlan<Denial>): Promise<Result<GateItem, Denial | 'gate_missing'>>;
  /** Strongly consistent. */
  get<T>(scope: Scope, key: string, schema: z.ZodType<T>): Promise<Versioned<T> | undefined>;
  /** Writes under the condition; `conflict` when it does not hold. */
  put(scope: Scope, key: string, value: unknown, condition: RecordCondition): Promise<'written' | 'conflict'>;
  remove(
    scope: Scope,
    key: string,
    condition: { readonly ifRevision: number },
  ): Promise<'removed' | 'conflict'>;
  /** Records whose key starts with the prefix, by key, strongly consistent; `fromKey` (inclusive) bounds the older end,
   * `beforeKey` (exclusive) the newer one. */
  list<T>(
    query: {
      readonly scope: Scope;
      readonly prefix: string;
      readonly fromKey?: string;
      readonly beforeKey?: string;
      readonly newestFirst?: boolean;
      readonly count?: number;
    },
    schema: z.ZodType<T>,
  ): Promise<readonly (Versioned<T> & { readonly key: string })[]>;
}

/** Tells people. Throws when nobody could be told. */
export interface Notifier {
  notify(message: { readonly subject: string; readonly text: string }): Promise<void>;
}
