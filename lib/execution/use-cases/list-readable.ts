// Records one by one: one that cannot be read is named, and bounds only itself.
import { z } from 'zod';
import type { RiskStore, Versioned } from '../../risk/ports.ts';

export interface UnreadableRecord {
  readonly key: string;
  readonly revision: number;
  /** As it is stored. */
  readonly value: unknown;
  readonly message: string;
}

/** Throws StoreError when the table itself cannot be used. */
export async function listReadable<T>(
  risk: RiskStore,
  query: Parameters<RiskStore['list']>[0],
  schema: z.ZodType<T>,
): Promise<{
  readonly rows: readonly (Versioned<T> & { readonly key: string })[];
  readonly unreadable: readonly UnreadableRecord[];
}> {
  const rows: (Versioned<T> & { key: string })[] = [];
  const unreadable: UnreadableRecord[] = [];
  for (const { key, revision, value } of await risk.list(query, z.unknown())) {
    const parsed = schema.safeParse(value);
    if (parsed.success) rows.push({ key, revision, value: parsed.data });
    else {
      const { path, message } = parsed.error.issues[0]!;
      unreadable.push({ key, revision, value, message: `${key}: ${path.join('.')}: ${message}` });
    }
  }
  return { rows, unreadable };
}
