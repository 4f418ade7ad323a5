// What the reading routes take. Text from outside, so each schema states what it accepts. Apart from what they answer: an emergency
// stop in a new process does not wait for those schemas.
import * as z from 'zod';
import { BAR_MS } from '../market/candle.ts';
import { symbolSchema } from '../market/symbol.ts';
import { scopeSchema } from './stop-schema.ts';

const COUNT_MAX = 1_000;
const PAGE_COUNT = 100;
/** A day has 1440. */
const SNAPSHOTS_MAX = 5_000;
/** A day. */
const BARS_MAX = 288;
/** What one request to the exchange gives. */
const CANDLES_MAX = 998;
const CANDLES = 288;

const wholeNumberSchema = z
  .string()
  .regex(/^\d{1,15}$/, 'must be a whole number')
  .transform(Number);

const countUpTo = (max: number) => wholeNumberSchema.pipe(z.int().min(1).max(max));
const barSchema = wholeNumberSchema.pipe(z.int().min(0).multipleOf(BAR_MS)).optional();

/** What a cursor stands for: the sort key of the last item of the page before. */
export const encodeCursor = (sortKey: string): string => Buffer.from(sortKey).toString('base64url');
const decodeCursor = (cursor: string): string => Buffer.from(cursor, 'base64url').toString('utf8');

const cursorSchema = z
  .string()
  .max(300)
  .refine((cursor) => encodeCursor(decodeCursor(cursor)) === cursor, 'must be the `next` of a page')
  .transform(decodeCursor)
  .pipe(
    z
      .string()
      .regex(/^\d{13}[^\p{Cc}]*$/u, 'must be the `next` of a page')
      // As a caller writes it: encoded.
      .meta({ pattern: '^[A-Za-z0-9_-]{18,300}$' }),
  );

const timeSchema = wholeNumberSchema.pipe(z.int().min(0).max(9_999_999_999_999));

const accountQuery = { scope: scopeSchema.default('paper').describe('Which account.') };

/** Newest first, page by page. */
const pageQuery = (countMax = COUNT_MAX) => ({
  ...accountQuery,
  count: countUpTo(countMax).default(PAGE_COUNT).describe(`At most this many; ${PAGE_COUNT} without it.`),
  before: cursorSchema.optional().describe('The `next` of the page before.'),
});

/** The same within a span of time. */
const spanQuery = (countMax?: number) => ({
  ...pageQuery(countMax),
  fromMs: timeSchema.optional().describe('Not older than this time.'),
  toMs: timeSchema.optional().describe('Older than this time.'),
});

/** Without symbol and bar: the signals of the newest bar. */
export const signalsQuerySchema = z.strictObject({
  symbol: symbolSchema.optional().describe('The newest signals of this symbol, newest first.'),
  bar: barSchema.describe('The signals of this bar, by symbol; its open time in epoch milliseconds.'),
  count: countUpTo(COUNT_MAX).optional().describe('At most this many.'),
});

export const candlesQuerySchema = z.strictObject({
  symbol: symbolSchema,
  count: countUpTo(CANDLES_MAX)
    .default(CANDLES)
    .describe(`At most this many; ${CANDLES}, a day, without it.`),
  bar: barSchema.describe(
    'Open time of the newest candle, epoch milliseconds; without it, of the last closed bar.',
  ),
});

const symbolQuery = { symbol: symbolSchema.optional().describe('Only of this symbol.') };

export const barsQuerySchema = z.strictObject({
  count: countUpTo(BARS_MAX).default(PAGE_COUNT).describe(`At most this many; ${PAGE_COUNT} without it.`),
});

export const tradesQuerySchema = z.strictObject({ ...spanQuery(), ...symbolQuery });
export const ordersQuerySchema = z.strictObject({ ...spanQuery(), ...symbolQuery });
export const equityQuerySchema = z.strictObject(spanQuery(SNAPSHOTS_MAX));
export const daysQuerySchema = z.strictObject(accountQuery);
export const positionsQuerySchema = z.strictObject(accountQuery);
export const auditQuerySchema = z.strictObject(pageQuery());
