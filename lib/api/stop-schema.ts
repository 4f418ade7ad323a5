// What an emergency stop over HTTP takes and answers.
import * as z from 'zod';
import type { EmergencyStep } from '../execution/use-cases/emergency-stop.ts';

export const scopeSchema = z.enum(['paper', 'live']);

/** One line that says something. Without classes and lookaheads that readers of the API's document do not know. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a line has not.
const LINE = /^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$/u;
export const lineSchema = (charsMax: number) =>
  z.string().max(charsMax).regex(LINE, 'must be one line that is not empty');

export const stopRequestSchema = z.strictObject({
  reason: lineSchema(500).describe('Why; recorded in the audit trail.'),
  keepPositions: z.boolean().default(false).describe('Keep positions open, with their stops.'),
  drill: z
    .boolean()
    .default(false)
    .describe(
      'A rehearsal on the paper account. On the local system only: it really stops what it is tried on.',
    ),
});
export type StopRequest = z.infer<typeof stopRequestSchema>;

const emergencyStepSchema = z.strictObject({
  step: z.enum(['latch', 'flags', 'cancel_orders', 'flatten']),
  scope: scopeSchema.optional().describe('Absent: all scopes.'),
  done: z.array(z.string()),
  failures: z.array(z.string()).describe('What could not be done. Empty when the step is complete.'),
  tookMs: z.number().min(0),
} satisfies Record<keyof EmergencyStep, z.ZodType>);

export const stopAnswerSchema = z.strictObject({
  complete: z.boolean(),
  failures: z.array(z.string()).describe('Everything that could not be done: do it manually.'),
  steps: z.array(emergencyStepSchema),
});
