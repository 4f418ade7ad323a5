// What /api/status answers: the system at a glance, as readSystemStatus gives it.
import * as z from 'zod';
import { positionRecordSchema } from '../execution/records.ts';
import type { SystemStatus } from '../execution/use-cases/system-status.ts';
import { inferRunSchema } from '../inference/infer-run.ts';
import { breakerStateSchema } from '../risk/breaker/state.ts';
import { MODE_REASONS, type ModeReasonCode } from '../risk/effective-mode.ts';
import { LEVELS } from '../risk/level.ts';
import { equitySnapshotSchema } from '../risk/records.ts';
import { scopeSchema } from './stop-schema.ts';

const flagValueSchema = z.union([z.string(), z.number(), z.boolean()]);
export const statusAnswerSchema = z.strictObject({
  atMs: z.int().describe('When it was read, by the system’s clock.'),
  mode: z.enum(['OFF', 'PAPER', 'LIVE']),
  reasons: z.array(
    z.strictObject({ code: z.enum(Object.keys(MODE_REASONS) as [ModeReasonCode]), message: z.string() }),
  ),
  scope: scopeSchema,
  level: z.enum(LEVELS).nullable(),
  flags: z.record(z.string(), flagValueSchema).describe("Each flag's value, or what is wrong with it."),
  breaker: breakerStateSchema.nullable(),
  epoch: z.int().nullable(),
  leaseUntilMs: z.int().nullable(),
  exposureMicroUsdt: z.int().nullable(),
  lastBar: inferRunSchema
    .pick({
      barOpenTimeMs: true,
      ensembleId: true,
      written: true,
      actions: true,
      abstentions: true,
      meanConsensus: true,
      residentBytes: true,
      timingsMs: true,
    })
    .nullable(),
  missedBars: z.array(z.string()).describe('Bars of the last hour that a shard has no run of.'),
  book: z
    .strictObject({ longMicroUsdt: z.int(), shortMicroUsdt: z.int(), netBetaMicroUsdt: z.int() })
    .nullable()
    .describe('What the gate counts of the book; net beta is side × notional × beta to Bitcoin, summed.'),
  allowance: z
    .strictObject({
      capitalMicroUsdt: z.int(),
      positions: z.int(),
      sideMicroUsdt: z.int(),
      netBetaMicroUsdt: z.int(),
    })
    .nullable()
    .describe('The most that flags and level let be traded with; null while a part of that is not known.'),
  equity: equitySnapshotSchema.nullable(),
  positions: z.array(positionRecordSchema),
  unread: z.array(z.string()).describe('What could not be read.'),
} satisfies Record<keyof SystemStatus, z.ZodType>);
