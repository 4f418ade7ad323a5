// What people do to the system over HTTP, which role it takes, and what an action answers with. Apart from how it is done: an
// emergency stop in a new process does not wait for that.
import * as z from 'zod';
import { modelNameSchema, modelVersionSchema } from '../../models/manifest.ts';
import { FLAG_NAMES, type FlagName } from '../../risk/flags.ts';
import { SIGN_OFF_ROLES } from '../../risk/level.ts';
import type { TokenRole } from '../api-token.ts';
import { lineSchema, scopeSchema } from '../stop-schema.ts';

const reason = lineSchema(500).describe('Why; recorded in the audit trail.');
const scoped = { scope: scopeSchema, reason };
const model = { model: modelNameSchema, version: modelVersionSchema, reason };

export const actionRequestSchema = z.discriminatedUnion('act', [
  z.strictObject({
    act: z.literal('set_flag'),
    name: z.enum(FLAG_NAMES as [FlagName]),
    value: z.string().max(20),
    reason,
  }),
  z.strictObject({ act: z.literal('trip'), ...scoped }),
  z.strictObject({ act: z.literal('request_reset'), ...scoped }),
  z.strictObject({ act: z.literal('approve_reset'), ...scoped }),
  z.strictObject({ act: z.literal('sign_off'), role: z.enum(SIGN_OFF_ROLES), reason }),
  z.strictObject({ act: z.literal('advance'), reason }),
  z.strictObject({ act: z.literal('step_down'), reason }),
  z.strictObject({ act: z.literal('quarantine'), ...model }),
  z.strictObject({ act: z.literal('lift_quarantine'), ...model }),
]);
export type ActionRequest = z.infer<typeof actionRequestSchema>;
export type Act = ActionRequest['act'];

/** What takes a second person is for approvers alone, so that no token is both. */
const APPROVALS: readonly Act[] = ['approve_reset', 'sign_off'];

export const mayAct = (role: TokenRole, act: Act): boolean =>
  role === (APPROVALS.includes(act) ? 'approver' : 'operator');

export const actionAnswerSchema = z.strictObject({
  outcome: z
    .enum(['done', 'refused', 'unknown'])
    .describe('unknown: begun, and not known to be complete; `failures` says what is not.'),
  by: z.string().describe('Whose token it was.'),
  done: z.array(z.string()),
  refused: z.string().nullable().describe('Why nothing was done.'),
  failures: z.array(z.string()),
});
export type ActionAnswer = z.infer<typeof actionAnswerSchema>;

export const meAnswerSchema = z.strictObject({
  name: z.string(),
  role: z.enum(['reader', 'operator', 'approver']),
});
