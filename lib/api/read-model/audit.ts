// Who changed what in an account's safety, and why.
import * as z from 'zod';
import type { RiskStore } from '../../risk/ports.ts';
import { auditRecordSchema } from '../../risk/records.ts';
import { riskRecords } from '../../risk/use-cases/risk-records.ts';
import type { auditQuerySchema } from '../read-queries.ts';
import { nextSchema, readSpan } from './page.ts';

export const auditAnswerSchema = z.strictObject({ entries: z.array(auditRecordSchema), next: nextSchema });

/** Throws StoreError. */
export async function readAudit(
  { risk }: { readonly risk: RiskStore },
  query: z.infer<typeof auditQuerySchema>,
): Promise<z.infer<typeof auditAnswerSchema>> {
  const { items, next } = await readSpan(riskRecords(risk).audit, query);
  return { entries: [...items], next };
}
