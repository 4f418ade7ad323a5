// Who changed what in an account's safety, and why.
import { z } from 'zod';
import type { RiskStore } from '../../risk/ports.ts';
import { type AuditRecord, auditRecordSchema } from '../../risk/records.ts';
import type { auditQuerySchema } from '../read-queries.ts';
import { nextSchema, readSorted } from './page.ts';

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
