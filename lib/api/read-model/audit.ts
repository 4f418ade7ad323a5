// Who changed what in an account's safety, and why.
import { z } from 'zod';
import type { RiskStore } from '../../risk/ports.ts';
import { auditRecordSchema } from '../../risk/records.ts';
import { riskRecords } from '../../risk/use-cases/risk-records.ts';
import type { auditQuerySchema } from '../read-queries.ts';
import { nextSchema, sortedPage } from './page.ts';

export const auditAnswerSchema = z.strictObject({ entries: z.array(auditRecordSchema), next: nextSchema });

/** Reads the whole trail of the account: transitions are few. Throws StoreError. */
export async function readAudit(
  { risk }: { readonly risk: RiskStore },
  query: z.infer<typeof auditQuerySchema>,
): Promise<z.infer<typeof auditAnswerSchema>> {
  const trail = await riskRecords(risk).audit.all(query.scope);
  const { items, next } = sortedPage(trail, ({ atMs }) => atMs, query);
  return { entries: [...items], next };
}
