// The circuit breaker's own state: armed, or tripped with its causes until two operators reset it.

import * as z from 'zod';
import { actorSchema } from '../../core/actor.ts';
import type { TripCauseCode } from './trip-causes.ts';
import { TRIP_CAUSES } from './trip-causes.ts';

const common = {
  /** Grows with every write, so that two writers cannot overwrite each other. */
  revision: z.int().min(0),
  /** Grows with every trip and every reset. */
  epoch: z.int().min(0),
  armedAtMs: z.int(),
  /** Highest confirmed equity since the arming; null before the first two snapshots. Only a reset lowers it. */
  highWaterMicroUsdt: z.int().positive().nullable(),
};

const armedSchema = z.strictObject({ latch: z.literal('ARMED'), ...common });

const trippedSchema = z.strictObject({
  latch: z.literal('TRIPPED'),
  ...common,
  trippedAtMs: z.int(),
  /** One per code: what tripped it, and what has come up since. */
  causes: z.array(
    z.strictObject({ code: z.enum(Object.keys(TRIP_CAUSES) as [TripCauseCode]), message: z.string() }),
  ),
  /** Whether people were told; until then every tick tries again. */
  notified: z.boolean(),
  /** A first operator's wish to reset, waiting for a second one. */
  resetRequest: z.strictObject({ operator: actorSchema, reason: z.string(), atMs: z.int() }).nullable(),
});

export const breakerStateSchema = z.discriminatedUnion('latch', [armedSchema, trippedSchema]);

type ArmedState = z.infer<typeof armedSchema>;

export type TrippedState = z.infer<typeof trippedSchema>;

export type BreakerState = z.infer<typeof breakerStateSchema>;

/** The state of a breaker that was never armed before. */
export const firstArmed = (nowMs: number): ArmedState => ({
  latch: 'ARMED',
  revision: 0,
  epoch: 1,
  armedAtMs: nowMs,
  highWaterMicroUsdt: null,
});

/** The state that stands in for a lost one. Its epoch is the time, and so above every one counted before. */
export const lostState = (nowMs: number): TrippedState => ({
  latch: 'TRIPPED',
  revision: 0,
  epoch: nowMs,
  armedAtMs: nowMs,
  highWaterMicroUsdt: null,
  trippedAtMs: nowMs,
  causes: [{ code: 'state_lost', message: TRIP_CAUSES.state_lost }],
  notified: false,
  resetRequest: null,
});
