// Filters of a symbol for which there are candles but no exchange to ask: recorded folders and backtests.

import { type CandleSeries, sliceSeries } from './candle-series.ts';
import { decimalPlaces } from './plain-decimal.ts';
import type { SymbolFilters } from './symbol-filters.ts';

const SAMPLED_BARS = 500;
/** Binance's for nearly every USDT pair. */
const MIN_NOTIONAL_USDT = 5;
const QUANTITY_MAX = 10_000_000;
/** Finer than this is dust in the ledger. */
const STEP_DECIMALS_MAX = 8;

/** Tick and step from the decimals that the newest prices and volumes really have; the rest as Binance has it for most pairs. */
export function deriveFilters(series: CandleSeries): SymbolFilters {
  const newest = sliceSeries(series, Math.max(0, series.length - SAMPLED_BARS), series.length);
  const { open, high, low, close, volume } = newest;
  const priceDecimals = Math.max(...[open, high, low, close].map(decimalPlaces));
  const stepSize = unit(Math.min(decimalPlaces(volume), STEP_DECIMALS_MAX));
  return {
    tickSize: unit(priceDecimals),
    stepSize,
    minQuantity: stepSize,
    maxQuantity: QUANTITY_MAX,
    minNotionalUsdt: MIN_NOTIONAL_USDT,
  };
}

const unit = (decimals: number): number => Number(`1e-${decimals}`);
