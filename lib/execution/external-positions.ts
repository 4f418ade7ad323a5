// What the position manager does with a position that nobody here has opened. An emergency stop closes it under either setting.
import * as z from 'zod';

/** `leave-and-halt`: positions and orders of others are never touched, and the difference trips the circuit breaker. */
export const externalPositionsSchema = z.enum(['adopt-and-close', 'leave-and-halt']);
export type ExternalPositions = z.infer<typeof externalPositionsSchema>;
