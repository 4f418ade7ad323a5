// Who changed what in an account's safety, and why.
import { z } from 'zod';
import type { RiskStore } from '../../risk/ports.ts';
import { type AuditRecord, auditRecordSchema } from '../../risk/records.ts';
import { readSorted } from './page.ts';
import { nextSchema, pageQuery } from './query-values.ts';

export const auditQuerySchema = z.strictObject(pageQuery());
export const auditAnswerSchema = z.strictObject({ entries: z.array(auditRecordSchema), next: nextSchema });

const KIND = {
  prefix: 'audit#',
  schema: auditRecordSchema,
  timeOf: ({ atMs }: AuditRecord) => atMs,
} as const;

/** Reads the whole trail of the account: transitions are few. Throws StoreError. */
export async function readAudit(
  { risk }: { readonly risk: RiskStore },
  query: z.infer<typeof auditQuerySchema>,
): Promise<z.infer<typeof auditAnswerSchema>> {
  const { items, next } = await readSorted(risk, KIND, query);
  return { entries: [...items], next };
}
