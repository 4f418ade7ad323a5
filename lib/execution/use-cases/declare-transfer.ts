// Writes down that an operator wants a transfer. The position manager compares the exchange's rows of income with it.
import type { Actor } from '../../core/actor.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { Scope } from '../../risk/gate.ts';
import type { RecordStore } from '../../risk/ports.ts';
import type { TransferDeclarationRecord } from '../records.ts';
import { executionRecords } from './execution-records.ts';

/** Fails with one line when another declaration bears the same millisecond. Throws StoreError. */
export async function declareTransfer(
  risk: RecordStore,
  declaration: {
    readonly scope: Scope;
    /** Into the account; below zero out of it. */
    readonly amountMicroUsdt: number;
    readonly by: Actor;
    readonly reason: string;
    readonly nowMs: number;
  },
): Promise<Result<TransferDeclarationRecord, string>> {
  const { scope, nowMs, ...said } = declaration;
  const { transferDeclarations, audit } = executionRecords(risk);
  const record = { ...said, atMs: nowMs };
  if ((await transferDeclarations.add(scope, record)) === 'conflict')
    return failure('another transfer was declared at this very moment: declare it again');
  await audit.add(scope, `operator#${nowMs}#transfer`, {
    atMs: nowMs,
    what: 'transfer_declared',
    by: said.by,
    message: `${said.amountMicroUsdt} micro-USDT: ${said.reason}`,
  });
  return success(record);
}
