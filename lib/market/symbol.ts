// How a symbol looks, as the exchange names pairs against USDT, and no others are traded: BTCUSDT, 1000PEPEUSDT.
import * as z from 'zod';

export const SYMBOL_PATTERN = /^[A-Z0-9]{1,16}USDT$/;

export const symbolSchema = z.string().regex(SYMBOL_PATTERN, 'must look like BTCUSDT');
