// What the simulated exchange says of itself and its symbols, in the shapes recorded from the real one. Tick and step come from
// the decimals that the prices and volumes really have.
import type { CandleSeries } from '../../lib/market/candle-series.ts';
import { decimalPlaces } from '../../lib/market/plain-decimal.ts';
import type { MarketSource } from '../market/market-source.ts';

/** `step` and `tick` are powers of ten. */
export interface SymbolRules {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly tickDecimals: number;
  readonly stepDecimals: number;
}

const QUOTES = ['USDT', 'USDC', 'FDUSD', 'BUSD', 'TUSD', 'BTC', 'ETH', 'BNB'];
const SAMPLED_BARS = 500;
const DELIVERY_NEVER_MS = 4_133_404_800_000;

export function rulesOf(market: MarketSource): ReadonlyMap<string, SymbolRules> {
  return new Map(
    market.symbols.map((symbol) => {
      const series = market.candles(symbol);
      const quote = QUOTES.find((name) => symbol.endsWith(name) && symbol.length > name.length) ?? 'USDT';
      const base = symbol.endsWith(quote) ? symbol.slice(0, -quote.length) : symbol;
      const tickDecimals = Math.max(
        ...(['open', 'high', 'low', 'close'] as const).map((c) => decimalsOf(series, c)),
      );
      return [symbol, { symbol, base, quote, tickDecimals, stepDecimals: decimalsOf(series, 'volume') }];
    }),
  );
}

const decimalsOf = (series: CandleSeries, column: 'open' | 'high' | 'low' | 'close' | 'volume'): number =>
  decimalPlaces(series[column].subarray(Math.max(0, series.length - SAMPLED_BARS)));

/** Of futures orders, USDT. */
export const minNotionalOf = (symbol: string): number => (symbol === 'BTCUSDT' ? 100 : 5);

const unit = (decimals: number): string => (decimals === 0 ? '1' : `0.${'0'.repeat(decimals - 1)}1`);

export function usdmExchangeInfo(context: {
  nowMs: number;
  weightPerMinute: number;
  rules: readonly SymbolRules[];
}): unknown {
  return {
    timezone: 'UTC',
    serverTime: context.nowMs,
    futuresType: 'U_MARGINED',
    rateLimits: [
      limit('REQUEST_WEIGHT', 'MINUTE', 1, context.weightPerMinute),
      limit('ORDERS', 'MINUTE', 1, 1200),
      limit('ORDERS', 'SECOND', 10, 300),
    ],
    exchangeFilters: [],
    assets: [{ asset: 'USDT', marginAvailable: true, autoAssetExchange: '-10000' }],
    symbols: context.rules.map(usdmSymbol),
  };
}

export function spotExchangeInfo(context: {
  nowMs: number;
  weightPerMinute: number;
  rules: readonly SymbolRules[];
}): unknown {
  return {
    timezone: 'UTC',
    serverTime: context.nowMs,
    rateLimits: [
      limit('REQUEST_WEIGHT', 'MINUTE', 1, context.weightPerMinute),
      limit('ORDERS', 'SECOND', 10, 100),
      limit('ORDERS', 'DAY', 1, 200_000),
    ],
    exchangeFilters: [],
    symbols: context.rules.map(spotSymbol),
  };
}

const limit = (rateLimitType: string, interval: string, intervalNum: number, most: number) => ({
  rateLimitType,
  interval,
  intervalNum,
  limit: most,
});

function usdmSymbol({ symbol, base, quote, tickDecimals, stepDecimals }: SymbolRules): unknown {
  const lot = { minQty: unit(stepDecimals), maxQty: '10000000', stepSize: unit(stepDecimals) };
  return {
    symbol,
    pair: symbol,
    contractType: 'PERPETUAL',
    deliveryDate: DELIVERY_NEVER_MS,
    onboardDate: 1_569_398_400_000,
    status: 'TRADING',
    maintMarginPercent: '2.5000',
    requiredMarginPercent: '5.0000',
    baseAsset: base,
    quoteAsset: quote,
    marginAsset: quote,
    pricePrecision: tickDecimals,
    quantityPrecision: stepDecimals,
    baseAssetPrecision: 8,
    quotePrecision: 8,
    underlyingType: 'COIN',
    underlyingSubType: [],
    triggerProtect: '0.0500',
    liquidationFee: '0.020000',
    marketTakeBound: '0.05',
    maxMoveOrderLimit: 10_000,
    filters: [
      {
        filterType: 'PRICE_FILTER',
        minPrice: unit(tickDecimals),
        maxPrice: '1000000',
        tickSize: unit(tickDecimals),
      },
      { filterType: 'LOT_SIZE', ...lot },
      { filterType: 'MARKET_LOT_SIZE', ...lot },
      { filterType: 'MAX_NUM_ORDERS', limit: 200 },
      { filterType: 'MAX_NUM_ALGO_ORDERS', limit: 10 },
      { filterType: 'MIN_NOTIONAL', notional: String(minNotionalOf(symbol)) },
      {
        filterType: 'PERCENT_PRICE',
        multiplierUp: '1.0500',
        multiplierDown: '0.9500',
        multiplierDecimal: '4',
      },
    ],
    orderTypes: [
      'LIMIT',
      'MARKET',
      'STOP',
      'STOP_MARKET',
      'TAKE_PROFIT',
      'TAKE_PROFIT_MARKET',
      'TRAILING_STOP_MARKET',
    ],
    timeInForce: ['GTC', 'IOC', 'FOK', 'GTX', 'GTD'],
  };
}

function spotSymbol({ symbol, base, quote, tickDecimals, stepDecimals }: SymbolRules): unknown {
  return {
    symbol,
    status: 'TRADING',
    baseAsset: base,
    baseAssetPrecision: 8,
    quoteAsset: quote,
    quotePrecision: 8,
    quoteAssetPrecision: 8,
    baseCommissionPrecision: 8,
    quoteCommissionPrecision: 8,
    orderTypes: ['LIMIT', 'LIMIT_MAKER', 'MARKET', 'STOP_LOSS_LIMIT', 'TAKE_PROFIT_LIMIT'],
    icebergAllowed: true,
    ocoAllowed: true,
    otoAllowed: true,
    quoteOrderQtyMarketAllowed: true,
    allowTrailingStop: true,
    cancelReplaceAllowed: true,
    isSpotTradingAllowed: true,
    isMarginTradingAllowed: false,
    filters: [
      {
        filterType: 'PRICE_FILTER',
        minPrice: unit(tickDecimals),
        maxPrice: '1000000',
        tickSize: unit(tickDecimals),
      },
      { filterType: 'LOT_SIZE', minQty: unit(stepDecimals), maxQty: '9000000', stepSize: unit(stepDecimals) },
      { filterType: 'MARKET_LOT_SIZE', minQty: '0', maxQty: '9000000', stepSize: '0' },
      {
        filterType: 'NOTIONAL',
        minNotional: '5',
        applyMinToMarket: true,
        maxNotional: '9000000',
        applyMaxToMarket: false,
        avgPriceMins: 5,
      },
      { filterType: 'MAX_NUM_ORDERS', maxNumOrders: 200 },
    ],
    permissions: [],
    permissionSets: [['SPOT']],
    defaultSelfTradePreventionMode: 'EXPIRE_MAKER',
    allowedSelfTradePreventionModes: ['NONE', 'EXPIRE_TAKER', 'EXPIRE_MAKER', 'EXPIRE_BOTH'],
  };
}
