// Values of a query string: text from outside, so that each says what it takes.
import { z } from 'zod';

const COUNT_MAX = 1_000;

export const wholeNumberSchema = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);

export const countSchema = wholeNumberSchema
  .pipe(z.int().min(1).max(COUNT_MAX))
  .optional()
  .describe('At most this many.');
