// The levels of the rollout and how much each may put at risk: live trading grows in steps that people sign off.
import * as z from 'zod';
import { actorSchema } from '../core/actor.ts';

/** Most cautious first. */
export const LEVELS = ['PAPER', 'HOUR_1_6', 'HOUR_6_24', 'FULL'] as const;
export type Level = (typeof LEVELS)[number];

/** Upper limits of a level; the operator's flags may lower them, never raise them. PAPER risks no money. */
export const LEVEL_LIMITS: Readonly<
  Record<Level, { readonly capitalFraction: number; readonly positions: number }>
> = {
  PAPER: { capitalFraction: 1, positions: 100 },
  HOUR_1_6: { capitalFraction: 0.1, positions: 5 },
  HOUR_6_24: { capitalFraction: 0.25, positions: 10 },
  FULL: { capitalFraction: 1, positions: 100 },
};

export const SIGN_OFF_ROLES = ['technical_lead', 'risk_manager'] as const;

export type SignOffRole = (typeof SIGN_OFF_ROLES)[number];

const signOffSchema = z.strictObject({ operator: actorSchema, atMs: z.int() });

export const rolloutStateSchema = z.strictObject({
  level: z.enum(LEVELS),
  enteredAtMs: z.int(),
  /** For the step from this level to the next; a change of level clears them. */
  signOffs: z.strictObject({
    technical_lead: signOffSchema.nullable(),
    risk_manager: signOffSchema.nullable(),
  }),
});

export type RolloutState = z.infer<typeof rolloutStateSchema>;

/** Where every rollout begins, and where one is whose state cannot be read. */
export const initialRollout = (atMs: number): RolloutState => ({
  level: 'PAPER',
  enteredAtMs: atMs,
  signOffs: { technical_lead: null, risk_manager: null },
});
