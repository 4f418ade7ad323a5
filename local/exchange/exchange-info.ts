// What the simulated exchange says of itself and its symbols, in the shapes recorded from the real one.
import { plainDecimal } from '../../lib/market/plain-decimal.ts';
import { type Contract, decimalsOf } from './contracts.ts';
import { ORDERS_PER_MINUTE, ORDERS_PER_TEN_SECONDS } from './order-rates.ts';

export function usdmExchangeInfo(context: {
  nowMs: number;
  weightPerMinute: number;
  contracts: readonly Contract[];
}): unknown {
  return {
    timezone: 'UTC',
    serverTime: context.nowMs,
    futuresType: 'U_MARGINED',
    rateLimits: [
      limit('REQUEST_WEIGHT', 'MINUTE', 1, context.weightPerMinute),
      limit('ORDERS', 'MINUTE', 1, ORDERS_PER_MINUTE),
      limit('ORDERS', 'SECOND', 10, ORDERS_PER_TEN_SECONDS),
    ],
    exchangeFilters: [],
    assets: [{ asset: 'USDT', marginAvailable: true, autoAssetExchange: '-10000' }],
    symbols: context.contracts.map(usdmSymbol),
  };
}

export function spotExchangeInfo(context: {
  nowMs: number;
  weightPerMinute: number;
  contracts: readonly Contract[];
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
    symbols: context.contracts.map(spotSymbol),
  };
}

const limit = (rateLimitType: string, interval: string, intervalNum: number, most: number) => ({
  rateLimitType,
  interval,
  intervalNum,
  limit: most,
});

function usdmSymbol(contract: Contract): unknown {
  const { symbol, base, quote, tickSize, stepSize, percentPrice } = contract;
  return {
    symbol,
    pair: symbol,
    contractType: contract.contractType,
    deliveryDate: contract.deliveryDateMs,
    onboardDate: 1_569_398_400_000,
    status: contract.status,
    maintMarginPercent: '2.5000',
    requiredMarginPercent: '5.0000',
    baseAsset: base,
    quoteAsset: quote,
    marginAsset: quote,
    pricePrecision: decimalsOf(tickSize),
    quantityPrecision: decimalsOf(stepSize),
    baseAssetPrecision: 8,
    quotePrecision: 8,
    underlyingType: contract.underlyingType,
    underlyingSubType: [],
    triggerProtect: '0.0500',
    liquidationFee: '0.020000',
    marketTakeBound: '0.05',
    maxMoveOrderLimit: 10_000,
    filters: [
      {
        filterType: 'PRICE_FILTER',
        minPrice: plainDecimal(tickSize),
        maxPrice: '1000000',
        tickSize: plainDecimal(tickSize),
      },
      lotSize('LOT_SIZE', contract.minQty, contract.maxQty, stepSize),
      lotSize('MARKET_LOT_SIZE', contract.marketMinQty, contract.marketMaxQty, stepSize),
      { filterType: 'MAX_NUM_ORDERS', limit: 200 },
      { filterType: 'MAX_NUM_ALGO_ORDERS', limit: contract.stopOrdersMax },
      { filterType: 'MIN_NOTIONAL', notional: String(contract.minNotional) },
      {
        filterType: 'PERCENT_PRICE',
        multiplierUp: percentPrice.up.toFixed(4),
        multiplierDown: percentPrice.down.toFixed(4),
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

const lotSize = (filterType: string, minQty: number, maxQty: number, stepSize: number) => ({
  filterType,
  minQty: plainDecimal(minQty),
  maxQty: plainDecimal(maxQty),
  stepSize: plainDecimal(stepSize),
});

function spotSymbol({ symbol, base, quote, tickSize, stepSize, status }: Contract): unknown {
  const [tick, step] = [plainDecimal(tickSize), plainDecimal(stepSize)];
  return {
    symbol,
    status,
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
        minPrice: tick,
        maxPrice: '1000000',
        tickSize: tick,
      },
      { filterType: 'LOT_SIZE', minQty: step, maxQty: '9000000', stepSize: step },
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
