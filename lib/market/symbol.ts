// How a symbol looks, as the exchange names it: BTCUSDT, 1000PEPEUSDT.
import * as z from 'zod';

export const SYMBOL_PATTERN = /^[A-Z0-9]{2,20}$/;

export const symbolSchema = z.string().regex(SYMBOL_PATTERN, 'must look like BTCUSDT');
