// What people do to the risk of a stage, and who may: acts of operators, approvals of approvers, and the emergency stop. On AWS each
// group is one function behind IAM, so that a policy decides who may do what; on this machine the commands perform them directly.
import * as z from 'zod';
import { actorSchema } from '../../core/actor.ts';
import { SIGN_OFF_ROLES } from '../../risk/level.ts';
import { scopeSchema } from '../stop-schema.ts';

const reason = z.string().trim().min(1).max(500);

const operateSchema = z.discriminatedUnion('act', [
  z.strictObject({ act: z.literal('trip'), scope: scopeSchema, reason }),
  z.strictObject({ act: z.literal('request_reset'), scope: scopeSchema, reason }),
  z.strictObject({ act: z.literal('advance') }),
  z.strictObject({ act: z.literal('step_down'), reason }),
  z.strictObject({
    act: z.literal('declare_transfer'),
    scope: scopeSchema,
    amountMicroUsdt: z.int(),
    reason,
  }),
]);

const approveSchema = z.discriminatedUnion('act', [
  z.strictObject({ act: z.literal('approve_reset'), scope: scopeSchema }),
  z.strictObject({ act: z.literal('sign_off'), role: z.enum(SIGN_OFF_ROLES) }),
]);

const stopSchema = z.strictObject({
  act: z.literal('emergency_stop'),
  reason,
  keepPositions: z.boolean(),
});

/** By the function that performs them. */
export const ACTS = {
  operate: operateSchema,
  approve: approveSchema,
  'emergency-stop': stopSchema,
} as const;
export type ActFunction = keyof typeof ACTS;
export type OperatorAct = z.infer<typeof operateSchema | typeof approveSchema>;
export type StopAct = z.infer<typeof stopSchema>;

export const functionOf = ({ act }: OperatorAct | StopAct): ActFunction => {
  if (act === 'emergency_stop') return 'emergency-stop';
  return act === 'approve_reset' || act === 'sign_off' ? 'approve' : 'operate';
};

/** What came of an act. */
export const actAnswerSchema = z.strictObject({
  by: actorSchema,
  /** One line each. */
  done: z.array(z.string()),
  /** Why nothing was done; null when something was. */
  refused: z.string().nullable(),
  /** One line each: what could not be done. */
  failures: z.array(z.string()),
});
export type ActAnswer = z.infer<typeof actAnswerSchema>;
