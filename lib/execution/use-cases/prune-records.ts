// Keeps the risk records of a replay few: what nobody will ask for again goes, so that a bar costs the same in the first week as
// in the last. The table on AWS keeps them for months; a replay's results are taken from trades and marks.
import { z } from 'zod';
import type { Scope } from '../../risk/gate.ts';
import type { RiskStore } from '../../risk/ports.ts';

const datedSchema = z.looseObject({ atMs: z.int() });
const orderSchema = z.looseObject({ updatedAtMs: z.int() });

/** Removes equity snapshots, incidents, reports of execute, rejections and orders that were last changed before `beforeMs`. */
export async function forgetOldRecords(risk: RiskStore, scope: Scope, beforeMs: number): Promise<void> {
  const dated = (
    await Promise.all(
      ['equity#', 'incident#', 'execute#', 'rejection#'].map((prefix) =>
        risk.list({ scope, prefix }, datedSchema),
      ),
    )
  ).flat();
  const orders = await risk.list({ scope, prefix: 'order#' }, orderSchema);
  const old = [
    ...dated.filter(({ value }) => value.atMs < beforeMs),
    ...orders.filter(({ value }) => value.updatedAtMs < beforeMs),
  ];
  for (const { key, revision } of old) await risk.remove(scope, key, { ifRevision: revision });
}
