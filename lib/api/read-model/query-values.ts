// Values of a query string: text from outside, so each schema states what it accepts.
import { z } from 'zod';
import { scopeSchema } from '../stop-schema.ts';

const COUNT_MAX = 1_000;
const PAGE_COUNT = 100;

export const wholeNumberSchema = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);

const countUpTo = (max: number) => wholeNumberSchema.pipe(z.int().min(1).max(max));

export const countSchema = countUpTo(COUNT_MAX).optional().describe('At most this many.');

/** What a cursor stands for: the sort key of the last item of the page before. */
export const encodeCursor = (sortKey: string): string => Buffer.from(sortKey).toString('base64url');
const decodeCursor = (cursor: string): string => Buffer.from(cursor, 'base64url').toString('utf8');

const cursorSchema = z
  .string()
  .max(300)
  .refine((cursor) => encodeCursor(decodeCursor(cursor)) === cursor, 'must be the `next` of a page')
  .transform(decodeCursor)
  .pipe(z.string().regex(/^\d{13}[^\p{Cc}]*$/u, 'must be the `next` of a page'));

const timeSchema = wholeNumberSchema.pipe(z.int().max(9_999_999_999_999));

export const accountQuery = { scope: scopeSchema.default('paper').describe('Which account.') };

/** Newest first, page by page. */
export const pageQuery = (countMax = COUNT_MAX) => ({
  ...accountQuery,
  count: countUpTo(countMax).default(PAGE_COUNT).describe(`At most this many; ${PAGE_COUNT} without it.`),
  before: cursorSchema.optional().describe('The `next` of the page before.'),
});

/** The same within a span of time. */
export const spanQuery = (countMax?: number) => ({
  ...pageQuery(countMax),
  fromMs: timeSchema.optional().describe('Not older than this time.'),
  toMs: timeSchema.optional().describe('Older than this time.'),
});

export const nextSchema = z.string().nullable().describe('Cursor of the next page; null on the last page.');
