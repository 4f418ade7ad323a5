// Numbers as exchanges write them: as text, so that no digit is lost. Exponent notation is unambiguous and read alike.
import * as z from 'zod';

/** More digits than a float holds are read all the same: one long figure must not hide an order. */
const DECIMAL = /^-?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,2})?$/;

/** NaN for what is no decimal text: Number('') and Number(null) would be 0. */
export const readDecimal = (cell: unknown): number =>
  typeof cell === 'string' && DECIMAL.test(cell) ? Number(cell) : Number.NaN;

export const decimalSchema = z.string().regex(DECIMAL).transform(Number);

/** What is counted or paid for cannot be less than nothing. */
export const amountSchema = decimalSchema.refine((amount) => amount >= 0, 'is below zero');

/** Gains and losses in USDT; more than all there are is a broken figure, and no integer of micro-USDT. */
const USDT_MAX = 9e9;
export const isUsdt = (amount: number): boolean => Math.abs(amount) <= USDT_MAX;
export const usdtSchema = decimalSchema.refine(isUsdt, 'is more USDT than there are');
