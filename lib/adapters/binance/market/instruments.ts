// Reads what an exchange says of its symbols: filters, last prices, volumes. As with candles nothing is repaired: an answer that
// is no such list is refused whole; a symbol whose own row cannot be used is left out, and so cannot be traded.
import * as z from 'zod';
import type { ListedPair } from '../../../market/pair-exclusion.ts';
import { symbolSchema } from '../../../market/symbol.ts';
import type { SymbolFilters } from '../../../market/symbol-filters.ts';
import { amountSchema, decimalSchema } from '../decimal.ts';
import { ExchangeFault, excerpt } from '../exchange-fault.ts';

const rowsSchema = z.array(z.record(z.string(), z.unknown())).min(1);
const exchangeInfoSchema = z.object({ symbols: rowsSchema });

/** Spot pairs name no contract. */
const pairSchema = z.object({
  /** Named after its quote: a row that contradicts itself is none of ours. */
  symbol: symbolSchema,
  quoteAsset: z.literal('USDT'),
  contractType: z.string().optional(),
  underlyingType: z.string().optional(),
  /** Of a contract that does not end, a date in the year 2100. */
  deliveryDate: z.int().optional(),
});
const tradingSchema = pairSchema.extend({ status: z.literal('TRADING') });
const listedSchema = pairSchema.extend({ status: z.string(), baseAsset: z.string().min(1) });
const priceRowSchema = z.object({ symbol: z.string().min(1), price: decimalSchema });
const volumeRowSchema = z.object({ symbol: z.string().min(1), quoteVolume: amountSchema });

const step = decimalSchema.refine((value) => value > 0);
const lot = { minQty: amountSchema, maxQty: step, stepSize: amountSchema };
const filterSchema = z.discriminatedUnion('filterType', [
  z.object({ filterType: z.literal('PRICE_FILTER'), tickSize: step }),
  z.object({ filterType: z.literal('LOT_SIZE'), ...lot }),
  /** For market orders alone; a step of 0 adds none. */
  z.object({ filterType: z.literal('MARKET_LOT_SIZE'), ...lot }),
  /** Futures … */
  z.object({ filterType: z.literal('MIN_NOTIONAL'), notional: amountSchema }),
  /** … and spot. */
  z.object({ filterType: z.literal('NOTIONAL'), minNotional: amountSchema }),
]);
type BinanceFilter = z.infer<typeof filterSchema>;
const KNOWN_FILTERS: ReadonlySet<unknown> = new Set(
  filterSchema.options.map((option) => option.shape.filterType.value),
);
const filtersSchema = z
  .array(z.looseObject({ filterType: z.string() }))
  .transform((all) => all.filter(({ filterType }) => KNOWN_FILTERS.has(filterType)))
  .pipe(z.array(filterSchema));

/** Filters of the pairs that trade against USDT now. @throws ExchangeFault `invalid_response` */
export function readFilters(body: unknown): ReadonlyMap<string, SymbolFilters> {
  const all = new Map<string, SymbolFilters>();
  for (const row of rowsOf(body, tradingSchema)) {
    const parsed = filtersSchema.safeParse(row.filters);
    const filters = parsed.success ? filtersOf(parsed.data) : undefined;
    if (filters !== undefined) all.set(row.pair.symbol, { ...filters, ...termsOf(row.pair) });
  }
  if (all.size === 0) throw refused('no filters that can be used', body);
  return all;
}

/**
 * The pairs against USDT whose names we can use, whether they trade or not, and whatever contracts they are.
 * @param volumes what `readQuoteVolumes` gave
 * @throws ExchangeFault `invalid_response`
 */
export function readListedPairs(body: unknown, volumes: ReadonlyMap<string, number>): ListedPair[] {
  return rowsOf(body, listedSchema).map(({ pair }) => ({
    symbol: pair.symbol,
    base: pair.baseAsset,
    isTrading: pair.status === 'TRADING',
    quoteVolumeUsdt: volumes.get(pair.symbol),
    ...termsOf(pair),
  }));
}

/**
 * Last price by symbol; one of 0 (never traded) is none, and a row that cannot be read leaves its symbol without a price.
 * @throws ExchangeFault `invalid_response`
 */
export function readPrices(body: unknown): ReadonlyMap<string, number> {
  const rows = readableRows(body, priceRowSchema, 'no list of prices');
  return new Map(rows.filter(({ price }) => price > 0).map(({ symbol, price }) => [symbol, price]));
}

/**
 * Volume of the last 24 h in the quote asset, by symbol; a row that cannot be read leaves its symbol without one.
 * @throws ExchangeFault `invalid_response`
 */
export function readQuoteVolumes(body: unknown): ReadonlyMap<string, number> {
  const rows = readableRows(body, volumeRowSchema, 'no list of volumes');
  return new Map(rows.map(({ symbol, quoteVolume }) => [symbol, quoteVolume]));
}

/** A list of which no row can be read is none. */
function readableRows<T>(body: unknown, schema: z.ZodType<T>, otherwise: string): T[] {
  const list = z.array(z.unknown()).safeParse(body);
  const rows = (list.success ? list.data : []).flatMap((row) => {
    const parsed = schema.safeParse(row);
    return parsed.success ? [parsed.data] : [];
  });
  if (rows.length === 0) throw refused(otherwise, body);
  return rows;
}

/** From Binance's API documentation, "Exchange Information": whatever is not listed here is not entered. */
const CONTRACT_TYPES: ReadonlySet<string> = new Set(['PERPETUAL']);
const UNDERLYING_TYPES: ReadonlySet<string> = new Set(['COIN']);
/** Later dates mean that the contract does not end. */
const NEVER_MS = Date.UTC(2090, 0, 1);

/** What kind of contract it is, where it is another than we enter, and when it ends, where it does. */
function termsOf({
  contractType,
  underlyingType,
  deliveryDate,
}: z.infer<typeof pairSchema>): Pick<SymbolFilters, 'isOtherContract' | 'settlesAtMs'> {
  const isSpot = contractType === undefined && underlyingType === undefined;
  const isOurs = CONTRACT_TYPES.has(contractType ?? '') && UNDERLYING_TYPES.has(underlyingType ?? 'COIN');
  const ends = deliveryDate !== undefined && deliveryDate > 0 && deliveryDate < NEVER_MS;
  return {
    ...(isSpot || isOurs ? {} : { isOtherContract: true }),
    ...(ends ? { settlesAtMs: deliveryDate } : {}),
  };
}

/** The rows that are what the schema says; the others are of no interest. */
function rowsOf<T>(body: unknown, schema: z.ZodType<T>): { readonly pair: T; readonly filters: unknown }[] {
  const info = exchangeInfoSchema.safeParse(body);
  if (!info.success) throw refused('no list of symbols', body);
  return info.data.symbols.flatMap((row) => {
    const pair = schema.safeParse(row);
    return pair.success ? [{ pair: pair.data, filters: row.filters }] : [];
  });
}

/** undefined when a filter that every order needs is missing. */
function filtersOf(filters: readonly BinanceFilter[]): SymbolFilters | undefined {
  const find = <Type extends BinanceFilter['filterType']>(type: Type) =>
    filters.find(
      (filter): filter is Extract<BinanceFilter, { filterType: Type }> => filter.filterType === type,
    );
  const lotSize = find('LOT_SIZE');
  const price = find('PRICE_FILTER');
  const minNotionalUsdt = find('MIN_NOTIONAL')?.notional ?? find('NOTIONAL')?.minNotional;
  if (lotSize === undefined || price === undefined || minNotionalUsdt === undefined) return undefined;
  const market = find('MARKET_LOT_SIZE') ?? lotSize;
  const stepSize = Math.max(lotSize.stepSize, market.stepSize);
  if (!(stepSize > 0)) return undefined;
  return {
    tickSize: price.tickSize,
    stepSize,
    minQuantity: Math.max(lotSize.minQty, market.minQty),
    maxQuantity: Math.min(lotSize.maxQty, market.maxQty),
    minNotionalUsdt,
  };
}

function refused(what: string, body: unknown): ExchangeFault {
  const seen = excerpt(typeof body === 'string' ? body : (JSON.stringify(body) ?? 'nothing'));
  return new ExchangeFault('invalid_response', `the exchange sent ${what}, but: ${seen}`);
}
