// Keeps the risk records of a replay few: what nobody will ask for again goes, so that a bar costs the same in the first week as
// in the last. The table on AWS keeps them for months; a replay's results are taken from trades and equity snapshots.
import type { Scope } from '../../risk/gate.ts';
import type { RiskStore, Versioned } from '../../risk/ports.ts';
import { allRecords } from '../../risk/use-cases/typed-records.ts';
import { executionRecords } from './execution-records.ts';

/** Removes equity snapshots, incidents, reports of execute, rejections and orders that were last changed before `beforeMs`. */
export async function forgetOldRecords(risk: RiskStore, scope: Scope, beforeMs: number): Promise<void> {
  const { equity, incidents, executeReports, rejections, orders } = executionRecords(risk);
  const isOld = ({ value }: Versioned<{ atMs: number }>) => value.atMs < beforeMs;
  for (const record of allRecords(await equity.all(scope)).filter(isOld)) await equity.remove(scope, record);
  for (const record of allRecords(await incidents.all(scope)).filter(isOld))
    await incidents.remove(scope, record);
  for (const record of allRecords(await executeReports.all(scope)).filter(isOld))
    await executeReports.remove(scope, record);
  for (const record of allRecords(await rejections.all(scope)).filter(isOld))
    await rejections.remove(scope, record);
  for (const record of allRecords(await orders.all(scope)))
    if (record.value.updatedAtMs < beforeMs) await orders.remove(scope, record);
}
