// The records that execution keeps: orders, positions, the ledger, its reports and the simulated account. What trading depends on
// is not read strictly: where a newer version of the code has written more, the older one must still be able to protect and to
// close positions, above all after a rollback.
import * as z from 'zod';
import { actorSchema } from '../core/actor.ts';
import { type KeyedKind, PASSING_KEPT_MS, type RecordKind, type SeriesKind } from '../risk/record-kind.ts';
import { sideSchema } from '../risk/records.ts';
import { type ExecuteReport, executeReportSchema } from './execute-report.ts';
import { type BookedLedger, bookedLedgerSchema } from './ledger/booked-ledger.ts';
import { orderStateSchema } from './order-state.ts';
import {
  type PaperAccount,
  type PaperOrder,
  paperAccountSchema,
  paperOrderSchema,
} from './paper/paper-account.ts';

/** An order: written before the order leaves, so that a crash cannot hide it. */
export const orderRecordSchema = z.object({
  clientOrderId: z.string(),
  symbol: z.string(),
  leg: z.enum(['entry', 'stop', 'exit']),
  side: sideSchema,
  quantity: z.number().positive(),
  /** Trigger of a stop; of an entry, the trigger of the stop that goes with it; null for an exit. */
  stopPrice: z.number().positive().nullable(),
  /** When the position that an entry opens is to be closed; null for a reduction. */
  exitDueMs: z.int().nullable(),
  /** Signal bar that led to it; null for a reduction without one (emergency, orphan). */
  barOpenTimeMs: z.int().nullable(),
  ensembleId: z.string().nullable(),
  /** What sizing and collar were checked at. */
  referencePrice: z.number().positive().nullable(),
  /** What the gate counts for an entry; 0 for a reduction. */
  notionalMicroUsdt: z.int().min(0),
  state: orderStateSchema,
  /** Epoch of the circuit breaker that the gate let an entry through under; null for a reduction, and in older records. */
  authorisedEpoch: z.int().min(0).nullable().default(null),
  /** Of the last fill, as the exchange reports it; null before the first, and in records older than this field. */
  filledAtMs: z.int().nullable().default(null),
  /** Already booked into the ledger, base asset and micro-USDT. */
  bookedQuantity: z.number().min(0),
  bookedFeeMicroUsdt: z.int(),
  /** Why the exchange rejected it, or why it was sent for a reduction. */
  note: z.string(),
  createdAtMs: z.int(),
  updatedAtMs: z.int(),
});

export type OrderRecord = z.infer<typeof orderRecordSchema>;

/** An open position: one per symbol. */
export const positionRecordSchema = z.object({
  symbol: z.string(),
  side: sideSchema,
  quantity: z.number().positive(),
  entryPrice: z.number().positive(),
  entryClientOrderId: z.string(),
  stopPrice: z.number().positive(),
  /** The protective stop on the exchange; null while there is none. */
  stopClientOrderId: z.string().nullable(),
  /** Which of the entry's stops that is, from 0; −1: one of an entry before; null in records older than this field. */
  stopSequence: z.int().nullable().default(null),
  /** Since when it has no stop; null while it has one. */
  unprotectedSinceMs: z.int().nullable(),
  /** The newest exit that was decided for it; null while there is none. */
  exitClientOrderId: z.string().nullable(),
  /** Likewise. */
  exitSequence: z.int().nullable().default(null),
  /** The label's horizon: when the exit is due. */
  exitDueMs: z.int(),
  openedAtMs: z.int(),
});

export type PositionRecord = z.infer<typeof positionRecordSchema>;

export const ORDERS: KeyedKind<OrderRecord> = {
  name: 'order',
  schema: orderRecordSchema,
  idOf: ({ clientOrderId }) => clientOrderId,
  keptMs: PASSING_KEPT_MS,
  listedAtMs: ({ createdAtMs }) => createdAtMs,
};

export const POSITIONS: KeyedKind<PositionRecord> = {
  name: 'position',
  schema: positionRecordSchema,
  idOf: ({ symbol }) => symbol,
};

export const BOOKED_LEDGER: RecordKind<BookedLedger> = { name: 'ledger', schema: bookedLedgerSchema };

/** An operator's word, before or after, that a transfer is wanted. */
const transferDeclarationSchema = z.strictObject({
  atMs: z.int(),
  /** Into the account; below zero out of it. */
  amountMicroUsdt: z.int(),
  by: actorSchema,
  reason: z.string(),
});
export type TransferDeclarationRecord = z.infer<typeof transferDeclarationSchema>;

export const TRANSFER_DECLARATIONS: SeriesKind<TransferDeclarationRecord> = {
  name: 'transfer-declaration',
  schema: transferDeclarationSchema,
  timeOf: ({ atMs }) => atMs,
};

/** One per bar and shard. */
export const EXECUTE_REPORTS: SeriesKind<ExecuteReport> = {
  name: 'execute',
  schema: executeReportSchema,
  timeOf: ({ barOpenTimeMs }) => barOpenTimeMs,
  tailOf: ({ shard }) => String(shard),
  keptMs: PASSING_KEPT_MS,
};

/** The simulated account behind paper trading. */
export const PAPER_ACCOUNT: RecordKind<PaperAccount> = { name: 'paper-account', schema: paperAccountSchema };

/** Orders of the simulated account that have ended. */
export const PAPER_ORDERS: KeyedKind<PaperOrder> = {
  name: 'paper-order',
  schema: paperOrderSchema,
  idOf: ({ clientOrderId }) => clientOrderId,
  keptMs: PASSING_KEPT_MS,
};
