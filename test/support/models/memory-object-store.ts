// An ObjectStore in memory with versions and conditional writes as S3 has them, and with the faults that tests inject.
import { createHash } from 'node:crypto';
import type { ObjectInfo, ObjectStore, StoredObject } from '../../../lib/core/ports.ts';
import { StoreError } from '../../../lib/core/store-error.ts';

export interface MemoryObjectStore extends ObjectStore {
  /** Takes the newest version away, as S3 does with a delete marker. */
  remove(key: string): Promise<void>;
  /** While set, reads of keys that contain this text throw. */
  failReadsOf(text: string | undefined): void;
  /** Keys read so far by `get`, oldest first. */
  readonly reads: string[];
}

export function createMemoryObjectStore({ versioned }: { versioned: boolean }): MemoryObjectStore {
  const versions = new Map<string, StoredObject[]>();
  const removed = new Set<string>();
  const reads: string[] = [];
  let failing: string | undefined;
  let writes = 0;

  const newest = (key: string) => (removed.has(key) ? undefined : versions.get(key)?.at(-1));
  const managePositions = (key: string) => {
    if (failing !== undefined && key.includes(failing)) {
      throw new StoreError(`503 reading ${key}`, { retryable: true });
    }
  };
  return {
    reads,
    async remove(key) {
      removed.add(key);
    },
    failReadsOf(text) {
      failing = text;
    },
    async head(key) {
      managePositions(key);
      const object = newest(key);
      return object && infoOf(object);
    },
    async get(key, versionId) {
      managePositions(key);
      reads.push(key);
      if (versionId === undefined) return newest(key);
      return versions.get(key)?.find((object) => object.versionId === versionId);
    },
    async put(key, body, condition) {
      const existing = newest(key);
      if (condition !== undefined) {
        if ('ifAbsent' in condition && existing !== undefined) return { outcome: 'conflict' };
        if ('ifMatch' in condition && existing?.etag !== condition.ifMatch) return { outcome: 'conflict' };
      }
      const object: StoredObject = {
        key,
        body: Uint8Array.from(body),
        bytes: body.length,
        etag: createHash('md5').update(body).digest('hex'),
        versionId: versioned ? `v${++writes}` : undefined,
      };
      versions.set(key, [...(versions.get(key) ?? []), object]);
      removed.delete(key);
      return { outcome: 'stored', info: infoOf(object) };
    },
    async list(prefix) {
      const keys = [...versions.keys()].filter((key) => key.startsWith(prefix) && newest(key) !== undefined);
      return keys.sort().map((key) => infoOf(newest(key)!));
    },
  };
}

const infoOf = ({ key, bytes, etag, versionId }: StoredObject): ObjectInfo => ({
  key,
  bytes,
  etag,
  versionId,
});
