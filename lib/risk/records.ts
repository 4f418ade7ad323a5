// The records of the risk table: orders, positions, equity, days, the position manager's last words. One schema per kind, one place for
// the keys, so that every function means the same. What trading depends on is not read strictly: where a newer version of the code
// has written more, the older one must still be able to protect and to end positions, above all after a rollback.
import { z } from 'zod';

export const ORDER_STATUSES = [
  /** Through the gate and written down; whether it was sent is not known after a crash. */
  'authorised',
  'acknowledged',
  'partially_filled',
  'filled',
  'rejected',
  'cancelled',
  /** Sent, but without an answer: timeout, 5xx, connection reset. */
  'unknown',
] as const;

const side = z.enum(['BUY', 'SELL']);

/** `order#<clientOrderId>`: written before the order leaves, so that a crash cannot hide it. */
export const orderRecordSchema = z.object({
  clientOrderId: z.string(),
  symbol: z.string(),
  leg: z.enum(['entry', 'stop', 'exit']),
  side,
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
  state: z.strictObject({
    status: z.enum(ORDER_STATUSES),
    quantity: z.number().positive(),
    filledQuantity: z.number().min(0),
    averagePrice: z.number().positive().nullable(),
  }),
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

/** `rejection#<13-digit ms at which we learnt of it>#<clientOrderId>`: an order that came to nothing, for the breaker's count. */
export const rejectionRecordSchema = z.object({ clientOrderId: z.string(), atMs: z.int() });
export type RejectionRecord = z.infer<typeof rejectionRecordSchema>;

/** `position#<symbol>` */
export const positionRecordSchema = z.object({
  symbol: z.string(),
  side,
  quantity: z.number().positive(),
  entryPrice: z.number().positive(),
  entryClientOrderId: z.string(),
  stopPrice: z.number().positive(),
  /** The stop in force on the exchange; null while there is none. */
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

/** `trade#<13-digit ms of its end>#<symbol>`: a position that was closed, written once. */
export const tradeRecordSchema = z.object({
  symbol: z.string(),
  side,
  quantity: z.number().positive(),
  entryPrice: z.number().positive(),
  /** Average over what closed it; null when none of our orders did. */
  exitPrice: z.number().positive().nullable(),
  /** `stop` when the protective stop was hit, else why the exit was sent. */
  reason: z.string(),
  feesMicroUsdt: z.int(),
  /** Net of fees, without funding. */
  profitMicroUsdt: z.int(),
  openedAtMs: z.int(),
  closedAtMs: z.int(),
  entryClientOrderId: z.string(),
  ensembleId: z.string().nullable(),
});
export type TradeRecord = z.infer<typeof tradeRecordSchema>;

/** `equity#<13-digit ms>` */
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

/** `day#<YYYY-MM-DD>` */
export const dayRecordSchema = z.object({ startMicroUsdt: z.int() });
export type DayRecord = z.infer<typeof dayRecordSchema>;

/** `position-manager`: the position manager's last run. */
export const positionManagerRecordSchema = z.object({
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

/** `incident#<13-digit ms>`: what a run has found wrong, so that the breaker judges it however soon it has healed. */
export const incidentRecordSchema = z.object({
  atMs: z.int(),
  /** One line each: what exchange and ledger differed in. */
  differences: z.array(z.string()),
  /** For how long a position that is protected or gone by now had no stop; null when none was. */
  unprotectedMs: z.int().nullable(),
});
export type IncidentRecord = z.infer<typeof incidentRecordSchema>;

/** `audit#<key>`: written once, never changed. */
export const auditRecordSchema = z.strictObject({
  atMs: z.int(),
  what: z.string(),
  by: z.string(),
  message: z.string(),
});
export type AuditRecord = z.infer<typeof auditRecordSchema>;

/** `parity#<13-digit ms>`: one proof that features are the same however they are computed, prove-parity.ts. */
export const parityRecordSchema = z.strictObject({
  atMs: z.int(),
  symbols: z.array(z.string()),
  values: z.int().min(0),
  mismatches: z.int().min(0),
  problems: z.array(z.string()),
});

/** `go-no-go`: the newest decision of the hourly evaluation, and the evidence it stands on. */
export const goNoGoRecordSchema = z.strictObject({
  verdict: z.enum(['GO', 'NO_GO']),
  decidedAtMs: z.int(),
  /** Criteria that are not met. */
  criteria: z.array(z.string()),
  /** Key of the evidence in the object store, and the SHA-256 (hex) of its bytes. */
  evidenceKey: z.string(),
  evidenceSha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type GoNoGoRecord = z.infer<typeof goNoGoRecordSchema>;

export const orderKey = (clientOrderId: string): string => `order#${clientOrderId}`;
export const positionKey = (symbol: string): string => `position#${symbol}`;
/** Times of keys sort as text. */
export const sortable = (atMs: number): string => String(atMs).padStart(13, '0');

export const rejectionKey = ({ atMs, clientOrderId }: RejectionRecord): string =>
  `rejection#${sortable(atMs)}#${clientOrderId}`;
/** An order of the simulated account that has ended, paper-account.ts. */
export const paperOrderKey = (clientOrderId: string): string => `paper-order#${clientOrderId}`;
export const incidentKey = (atMs: number): string => `incident#${sortable(atMs)}`;
export const equityKey = (atMs: number): string => `equity#${sortable(atMs)}`;
export const tradeKey = (trade: { closedAtMs: number; symbol: string }): string =>
  `trade#${sortable(trade.closedAtMs)}#${trade.symbol}`;
/** The report of execute on one bar and shard, execute-report.ts. */
export const executeKey = (run: { barOpenTimeMs: number; shard: number }): string =>
  `execute#${sortable(run.barOpenTimeMs)}#${run.shard}`;
export const parityKey = (atMs: number): string => `parity#${sortable(atMs)}`;
export const driftKey = (atMs: number): string => `drift#${sortable(atMs)}`;
export const dayKey = (atMs: number): string => `day#${new Date(atMs).toISOString().slice(0, 10)}`;
export const auditKey = (key: string): string => `audit#${key}`;
export const POSITION_MANAGER_KEY = 'position-manager';
/** The copy of the HTTP API's token hash, api-token.ts. */
export const API_TOKEN_KEY = 'api-token';
/** The simulated account behind paper trading, paper-account.ts. */
export const PAPER_ACCOUNT_KEY = 'paper-account';
/** The books of the scope, books.ts. */
export const LEDGER_KEY = 'ledger';
/** The rollout's state, transition-rollout.ts. It and the decision below are records of the scope `live`. */
export const ROLLOUT_KEY = 'rollout';
export const GO_NO_GO_KEY = 'go-no-go';

/** Records that tell what was, and that nothing is decided by after days: they go. What is, the trades and the audit stay. */
const PASSING = [
  'order#',
  'paper-order#',
  'rejection#',
  'equity#',
  'incident#',
  'execute#',
  'parity#',
  'drift#',
] as const;
const PASSING_KEPT_MS = 90 * 86_400_000;

/** Until when a record written now is to be kept; undefined: for ever. */
export const keptUntilMs = (key: string, nowMs: number): number | undefined =>
  PASSING.some((prefix) => key.startsWith(prefix)) ? nowMs + PASSING_KEPT_MS : undefined;
