// Risk records in memory: for backtests and properties. Same contract as the table on DynamoDB; the gate's write is the plan
// carried out on the item, so that both mean the same.
import type * as z from 'zod';
import { invariant } from '../../core/invariant.ts';
import { setMember } from '../../core/json.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import { commitToItem, type GateItem, gateItemSchema, type Scope } from '../../risk/gate.ts';
import type { RecordCondition, RecordQuery, RecordStore, RiskStore, Versioned } from '../../risk/ports.ts';
import { isStorable } from '../../risk/storable.ts';

const FIRST_REVISION = 1;

interface StoredRecord extends Versioned<unknown> {
  readonly listedAs: string | undefined;
  /** What each schema has made of the value, which never changes: judging it is most of what reading costs. */
  readonly parsedBy: WeakMap<z.ZodType, Result<unknown, string>>;
}

/** One scope's records, their keys in order, and the keys they are listed under: a list then costs what it returns. */
interface Records {
  readonly byKey: Map<string, StoredRecord>;
  readonly keys: string[];
  readonly listed: string[];
  readonly keyOfListed: Map<string, string>;
}

const noRecords = (): Records => ({ byKey: new Map(), keys: [], listed: [], keyOfListed: new Map() });

export const createMemoryRiskStore = (): RiskStore => ({ ...createMemoryGates(), ...createMemoryRecords() });

function createMemoryGates(): Pick<RiskStore, 'readGate' | 'createGate' | 'closeLatch' | 'commit'> {
  const gates = new Map<Scope, GateItem>();
  return {
    async readGate(scope) {
      return gates.get(scope);
    },
    async createGate(scope, gate) {
      if (gates.has(scope)) return 'exists';
      gates.set(scope, gateItemSchema.parse(gate));
      return 'created';
    },
    async closeLatch(scope) {
      const gate = gates.get(scope);
      if (gate === undefined) return 'gate_missing';
      gates.set(scope, { ...gate, latch: 'TRIPPED' });
      return 'closed';
    },
    async commit(scope, plan) {
      const written = commitToItem(gates.get(scope), plan);
      if (written.ok) gates.set(scope, written.value);
      return written;
    },
  };
}

function createMemoryRecords(): RecordStore {
  const scopes: Record<Scope, Records> = {
    paper: noRecords(),
    live: noRecords(),
  };
  return {
    async get(scope, key, schema) {
      if (!scopes[scope].byKey.has(key)) return undefined;
      const record = readRecord(scopes[scope], { scope, key, schema });
      if (!record.ok) throw new StoreError(record.error, { retryable: false });
      return record.value;
    },
    async put(scope, key, value, { listedAs, ...condition }) {
      invariant(isJson(value), `${scope}/${key} is not JSON`);
      invariant(isStorable(value), `${scope}/${key} has a name that cannot be stored`);
      const records = scopes[scope];
      const record = records.byKey.get(key);
      if (!holds(record, condition)) return 'conflict';
      if (record === undefined) insert(records.keys, key);
      if (record?.listedAs !== listedAs) relist(records, key, { from: record?.listedAs, to: listedAs });
      const revision = record === undefined ? FIRST_REVISION : record.revision + 1;
      records.byKey.set(key, { value: copyOf(value), revision, listedAs, parsedBy: new WeakMap() });
      return 'written';
    },
    async remove(scope, key, condition) {
      const records = scopes[scope];
      const record = records.byKey.get(key);
      if (!holds(record, condition)) return 'conflict';
      relist(records, key, { from: record?.listedAs, to: undefined });
      records.byKey.delete(key);
      records.keys.splice(firstAtOrAfter(records.keys, key), 1);
      return 'removed';
    },
    async list(query, schema) {
      const { scope } = query;
      const { byKey, keys, listed, keyOfListed } = scopes[scope];
      const looked = chooseKeys(query.listed ? listed : keys, query).map((chosen) => {
        const key = query.listed ? keyOfListed.get(chosen)! : chosen;
        const { value, revision } = byKey.get(key)!;
        return { chosen, value, revision, record: readRecord(scopes[scope], { scope, key, schema }) };
      });
      return {
        records: looked.flatMap(({ chosen, record }) =>
          record.ok ? [{ key: chosen, ...record.value }] : [],
        ),
        problems: looked.flatMap(({ chosen, value, revision, record }) =>
          record.ok ? [] : [{ key: chosen, message: record.error, value: copyOf(value), revision }],
        ),
      };
    },
  };
}

const insert = (sorted: string[], key: string): void => {
  sorted.splice(firstAtOrAfter(sorted, key), 0, key);
};

function relist(
  { listed, keyOfListed }: Records,
  key: string,
  { from, to }: { from: string | undefined; to: string | undefined },
): void {
  if (from !== undefined) {
    listed.splice(firstAtOrAfter(listed, from), 1);
    keyOfListed.delete(from);
  }
  if (to === undefined) return;
  insert(listed, to);
  keyOfListed.set(to, key);
}

const holds = (record: Versioned<unknown> | undefined, condition: RecordCondition): boolean =>
  'ifRevision' in condition ? record?.revision === condition.ifRevision : record === undefined;

function readRecord<T>(
  { byKey }: Records,
  { scope, key, schema }: { scope: Scope; key: string; schema: z.ZodType<T> },
): Result<Versioned<T>, string> {
  const { value, revision, parsedBy } = byKey.get(key)!;
  let parsed = parsedBy.get(schema) as Result<T, string> | undefined;
  if (parsed === undefined) {
    parsed = parsedAs(schema, value);
    parsedBy.set(schema, parsed);
  }
  // A copy: what is read may be changed by whoever reads it.
  if (parsed.ok) return success({ value: copyOf(parsed.value), revision });
  return failure(`item ${scope}/${key} is malformed: ${parsed.error}`);
}

function parsedAs<T>(schema: z.ZodType<T>, value: unknown): Result<T, string> {
  const { success: isSound, data, error } = schema.safeParse(value);
  if (isSound) return success(data);
  const { path, message } = error.issues[0]!;
  return failure(`${path.join('.')}: ${message}`);
}

/** In a tenth of the time of structuredClone, which is left what a schema may have made and JSON has not. */
function copyOf<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf) as T;
  if (Object.getPrototypeOf(value) !== Object.prototype) return structuredClone(value);
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const each = copyOf((value as Record<string, unknown>)[name]);
    setMember(copy, name, each);
  }
  return copy as T;
}

function chooseKeys(
  keys: readonly string[],
  { prefix, fromKey = prefix, beforeKey, newestFirst = false, count }: RecordQuery,
): string[] {
  for (const key of [fromKey, beforeKey ?? prefix])
    invariant(key.startsWith(prefix), `${key} does not start with ${prefix}`);
  const from = firstAtOrAfter(keys, fromKey);
  // No key holds a character above ~.
  const to = Math.max(from, firstAtOrAfter(keys, beforeKey ?? `${prefix}\x7f`));
  const wanted = Math.max(0, Math.min(count ?? to - from, to - from));
  return newestFirst ? keys.slice(to - wanted, to).reverse() : keys.slice(from, from + wanted);
}

/** As zod's json() judges it, in a hundredth of the time: a backtest writes a dozen records for every trade. */
function isJson(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isJson);
  if (typeof value !== 'object') return typeof value === 'number' ? Number.isFinite(value) : isText(value);
  if (value === null) return true;
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isJson);
}

const isText = (value: unknown): boolean => typeof value === 'string' || typeof value === 'boolean';

/** Index of the first key that is not below `key`, by binary search. Keys are ASCII, so that this is DynamoDB's order. */
function firstAtOrAfter(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
