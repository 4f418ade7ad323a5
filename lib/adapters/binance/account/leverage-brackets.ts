// Reads the leverage brackets of a Binance futures account. Each symbol's table stands for itself: one that cannot be read, or that
// says less than it should, is left out, and nothing is entered in its symbol.
import * as z from 'zod';
import { type LeverageBrackets, notionalCapUsdt } from '../../../execution/leverage-brackets.ts';
import { listReader } from './answer-reader.ts';

const amount = z.number().min(0);
const bracketSchema = z
  .object({ initialLeverage: z.int().min(1), notionalFloor: amount, notionalCap: amount.positive() })
  .refine(({ notionalFloor, notionalCap }) => notionalFloor < notionalCap, 'ends before it begins');

const tableSchema = z.object({
  symbol: z.string().min(1),
  /** Of an account whose brackets Binance has changed: what multiplies their notional. Only a reduction is believed. */
  notionalCoef: z.number().positive().default(1),
  brackets: z
    .array(bracketSchema)
    .min(1)
    .refine(
      (brackets) =>
        brackets.every(
          ({ notionalFloor }, index) => notionalFloor === (brackets[index - 1]?.notionalCap ?? 0),
        ),
      'does not begin where the one before ends',
    ),
});

const readTables = listReader({
  what: 'leverage brackets',
  row: tableSchema.transform(({ symbol, notionalCoef, brackets }) => ({
    symbol,
    brackets: brackets.map(({ notionalCap, initialLeverage }) => ({
      notionalCapUsdt: notionalCap * Math.min(1, notionalCoef),
      leverageMax: initialLeverage,
    })),
  })),
});

/** Of these symbols; one that the answer names twice is in doubt, and left out too. */
export function readBrackets(body: unknown, symbols: readonly string[]): LeverageBrackets {
  const { rows, problems } = readTables(body);
  const known = new Map<string, (typeof rows)[number]['brackets']>();
  for (const symbol of symbols) {
    const [table, ...others] = rows.filter((row) => row.symbol === symbol);
    const isInDoubt = others.length > 0 || problems.some((problem) => problem.symbol === symbol);
    if (table === undefined || isInDoubt || notionalCapUsdt(table.brackets, 1) === undefined) continue;
    known.set(symbol, table.brackets);
  }
  return known;
}
