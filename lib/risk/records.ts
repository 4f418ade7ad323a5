// The records that risk judges by: equity, days, trades, rejections, the position manager's last run, the audit trail and the
// rollout's state. One schema and one declaration per kind, so that every function means the same.
import * as z from 'zod';
import { actorSchema } from '../core/actor.ts';
import { type RolloutState, rolloutStateSchema } from './level.ts';
import { PASSING_KEPT_MS, type RecordKind, type SeriesKind } from './record-kind.ts';

export const sideSchema = z.enum(['BUY', 'SELL']);

/** An order that came to nothing, with the time at which we learnt of it: for the breaker's count. */
const rejectionRecordSchema = z.object({ clientOrderId: z.string(), atMs: z.int() });
export type RejectionRecord = z.infer<typeof rejectionRecordSchema>;

/** A position that was closed, written once. */
export const tradeRecordSchema = z.object({
  symbol: z.string(),
  side: sideSchema,
  quantity: z.number().positive(),
  entryPrice: z.number().positive(),
  /** Average over what closed it; null when none of our orders did. */
  exitPrice: z.number().positive().nullable(),
  /** `stop` when the protective stop was hit, else why the exit was sent. */
  reason: z.string(),
  feesMicroUsdt: z.int(),
  /** Fees in assets that had no price in USDT, in the asset's own units, in neither of the two amounts; absent when there are none. */
  unpricedFees: z.record(z.string(), z.number()).optional(),
  /** Net of fees, without funding. */
  profitMicroUsdt: z.int(),
  openedAtMs: z.int(),
  closedAtMs: z.int(),
  entryClientOrderId: z.string(),
  ensembleId: z.string().nullable(),
});
export type TradeRecord = z.infer<typeof tradeRecordSchema>;

/** What an account was worth at a time. */
export const equitySnapshotSchema = z.object({
  atMs: z.int(),
  equityMicroUsdt: z.int(),
  walletMicroUsdt: z.int(),
  exposureMicroUsdt: z.int().min(0),
  positions: z.int().min(0),
  /** Of the position manager that marked; absent before versions were recorded. */
  codeVersion: z.string().optional(),
});
export type EquitySnapshot = z.infer<typeof equitySnapshotSchema>;

/** What an account was worth when the UTC day began. */
const dayRecordSchema = z.object({ startMicroUsdt: z.int() });
export type DayRecord = z.infer<typeof dayRecordSchema>;

/** The position manager's last run. */
const positionManagerRecordSchema = z.object({
  /** Of the last completed run; null before the first. */
  completedAtMs: z.int().nullable(),
  /** Of the last run, complete or not; null in records older than this field. */
  attemptedAtMs: z.int().nullable().default(null),
  /** One line each: what exchange and ledger differ in. */
  differences: z.array(z.string()),
  /** The earliest of the next. */
  unprotectedSinceMs: z.int().nullable(),
  /** By symbol of what the account holds without a stop: when that was first seen. */
  unprotectedSince: z.record(z.string(), z.int()).default({}),
  /** Since when the wallet differs from the ledger; null while it does not. */
  walletDifferentSinceMs: z.int().nullable().default(null),
  /** Funding payments up to here are booked; null before the first booking. */
  fundingBookedUntilMs: z.int().nullable(),
});
export type PositionManagerRecord = z.infer<typeof positionManagerRecordSchema>;

/** What a run has found wrong, so that the breaker judges it however soon it has healed. */
const incidentRecordSchema = z.object({
  atMs: z.int(),
  /** One line each: what exchange and ledger differed in. */
  differences: z.array(z.string()),
  /** For how long a position that is protected or gone by now had no stop; null when none was. */
  unprotectedMs: z.int().nullable(),
});
export type IncidentRecord = z.infer<typeof incidentRecordSchema>;

/** Who did what, and why: written once, never changed. */
export const auditRecordSchema = z.strictObject({
  atMs: z.int(),
  what: z.string(),
  by: actorSchema,
  message: z.string(),
});
export type AuditRecord = z.infer<typeof auditRecordSchema>;

export const REJECTIONS: SeriesKind<RejectionRecord> = {
  name: 'rejection',
  schema: rejectionRecordSchema,
  timeOf: ({ atMs }) => atMs,
  tailOf: ({ clientOrderId }) => clientOrderId,
  keptMs: PASSING_KEPT_MS,
};

/** In order of closing. */
export const TRADES: SeriesKind<TradeRecord> = {
  name: 'trade',
  schema: tradeRecordSchema,
  timeOf: ({ closedAtMs }) => closedAtMs,
  tailOf: ({ symbol }) => symbol,
};

export const EQUITY: SeriesKind<EquitySnapshot> = {
  name: 'equity',
  schema: equitySnapshotSchema,
  timeOf: ({ atMs }) => atMs,
  keptMs: PASSING_KEPT_MS,
};

export const INCIDENTS: SeriesKind<IncidentRecord> = {
  name: 'incident',
  schema: incidentRecordSchema,
  timeOf: ({ atMs }) => atMs,
  keptMs: PASSING_KEPT_MS,
};

/** By `dayId`. */
export const DAYS: RecordKind<DayRecord> = { name: 'day', schema: dayRecordSchema };
export const dayId = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

export const POSITION_MANAGER: RecordKind<PositionManagerRecord> = {
  name: 'position-manager',
  schema: positionManagerRecordSchema,
};

/** By an id that begins with who acted, `<who>#…`. */
export const AUDIT: RecordKind<AuditRecord> = {
  name: 'audit',
  schema: auditRecordSchema,
  listedAtMs: ({ atMs }) => atMs,
};

/** The rollout's state, of the scope `live`. */
export const ROLLOUT: RecordKind<RolloutState> = { name: 'rollout', schema: rolloutStateSchema };
