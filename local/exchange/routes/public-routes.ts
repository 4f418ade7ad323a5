// Public endpoints of Binance, USDT-M futures (/fapi/v1) and spot (/api/v3): the same questions, with small differences in shape,
// weight and limit, as its API documentation gives them.
import { HOUR_MS } from '../../../lib/core/units.ts';
import { plainDecimal } from '../../../lib/market/plain-decimal.ts';
import { SYMBOL_IS_ENDING } from '../account/refusals.ts';
import { type Contracts, decimalsOf } from '../contracts.ts';
import { spotExchangeInfo, usdmExchangeInfo } from '../exchange-info.ts';
import type { MarkPrices } from '../mark-prices.ts';
import { type ExchangeReply, type ExchangeRequest, type Route, refuse, reply } from '../route.ts';
import type { DaySummary, VisibleMarket } from '../visible-market.ts';

export type MarketKind = 'usdm' | 'spot';

interface PublicApi {
  readonly kind: MarketKind;
  readonly market: VisibleMarket;
  readonly contracts: Contracts;
  readonly marks: MarkPrices;
  readonly fundingRatePer8h: number;
  readonly weightPerMinute: number;
}

const INVALID_SYMBOL = refuse(-1121, 'Invalid symbol.');
const FUNDING_MS = 8 * HOUR_MS;
const ENDING: ReadonlySet<string> = new Set([
  'DELIVERING',
  'DELIVERED',
  'SETTLING',
  'CLOSE',
  'PENDING_TRADING',
]);
const KLINES_DEFAULT = 500;
const KLINES_MAX: Readonly<Record<MarketKind, number>> = { usdm: 1500, spot: 1000 };

export function publicRoutes(api: PublicApi): Route[] {
  const usdm = api.kind === 'usdm';
  const prefix = usdm ? '/fapi/v1' : '/api/v3';
  const ticker24hWeight = usdm ? { one: 1, all: 40 } : { one: 2, all: 80 };
  const tickerPriceWeight = usdm ? { one: 1, all: 2 } : { one: 2, all: 4 };
  const bySymbol = (weights: { one: number; all: number }) => (query: URLSearchParams) =>
    query.has('symbol') ? weights.one : weights.all;
  const route = (
    path: string,
    weight: Route['weight'],
    answer: (late: PublicApi, request: ExchangeRequest) => ExchangeReply,
  ): Route => ({
    method: 'GET',
    path,
    weight,
    answer: (request) => answer({ ...api, market: api.market.late(request.lateMs ?? 0) }, request),
  });
  const perSymbolRoute = (
    path: string,
    weights: { one: number; all: number },
    of: (late: PublicApi, symbol: string) => unknown,
  ) =>
    route(path, bySymbol(weights), (late, request) => perSymbol(late, request, (symbol) => of(late, symbol)));
  return [
    route(
      `${prefix}/ping`,
      () => 1,
      () => reply({}),
    ),
    route(
      `${prefix}/time`,
      () => 1,
      ({ market }) => reply({ serverTime: market.nowMs() }),
    ),
    route(
      `${prefix}/exchangeInfo`,
      () => (usdm ? 1 : 20),
      (late) => reply(exchangeInfo(late)),
    ),
    route(
      `${prefix}/klines`,
      (query) => (usdm ? usdmKlinesWeight(Number(query.get('limit') ?? KLINES_DEFAULT)) : 2),
      klines,
    ),
    perSymbolRoute(`${prefix}/ticker/24hr`, ticker24hWeight, ticker24h),
    ...(usdm ? ['/fapi/v1', '/fapi/v2'] : ['/api/v3']).map((version) =>
      perSymbolRoute(`${version}/ticker/price`, tickerPriceWeight, tickerPrice),
    ),
    ...(usdm
      ? [
          route('/fapi/v1/premiumIndex', bySymbol({ one: 1, all: 10 }), (late, request) => {
            const status = late.contracts.of(request.query.get('symbol') ?? '')?.status;
            if (status !== undefined && ENDING.has(status)) return SYMBOL_IS_ENDING;
            return perSymbol(late, request, (symbol) => premiumIndex(late, symbol));
          }),
        ]
      : []),
  ];
}

/** The mark price, and the funding that comes. */
function premiumIndex({ market, marks, fundingRatePer8h }: PublicApi, symbol: string): unknown {
  const nowMs = market.nowMs();
  return {
    symbol,
    markPrice: marks.of(market, symbol, nowMs).toFixed(8),
    indexPrice: market.lastPrice(symbol).toFixed(8),
    estimatedSettlePrice: market.lastPrice(symbol).toFixed(8),
    lastFundingRate: fundingRatePer8h.toFixed(8),
    interestRate: '0.00010000',
    nextFundingTime: (Math.floor(nowMs / FUNDING_MS) + 1) * FUNDING_MS,
    time: nowMs,
  };
}

function usdmKlinesWeight(limit: number): number {
  if (limit < 100) return 1;
  if (limit < 500) return 2;
  return limit <= 1000 ? 5 : 10;
}

function exchangeInfo(api: PublicApi): unknown {
  const nowMs = api.market.nowMs();
  const contracts = api.market
    .symbols()
    .map((symbol) => api.contracts.of(symbol, nowMs) ?? api.contracts.of(symbol)!);
  const context = { nowMs, weightPerMinute: api.weightPerMinute, contracts };
  return api.kind === 'usdm' ? usdmExchangeInfo(context) : spotExchangeInfo(context);
}

function klines(api: PublicApi, { query }: ExchangeRequest): ExchangeReply {
  const symbol = query.get('symbol');
  if (!symbol) return missingParameter('symbol');
  if (!api.market.lists(symbol)) return INVALID_SYMBOL;
  if (query.get('interval') !== '5m') return refuse(-1120, 'Invalid interval.');
  const limit = integer(query.get('limit') ?? String(KLINES_DEFAULT));
  const startMs = optionalInteger(query.get('startTime'));
  const endMs = optionalInteger(query.get('endTime'));
  if (limit === undefined || limit < 1) return invalidParameter('limit');
  if (startMs === null) return invalidParameter('startTime');
  if (endMs === null) return invalidParameter('endTime');
  const most = KLINES_MAX[api.kind];
  // Futures refuse a limit over the maximum, spot serves the maximum.
  if (limit > most && api.kind === 'usdm') return invalidParameter('limit');
  return reply(api.market.klinesText(symbol, { startMs, endMs, limit: Math.min(limit, most) }));
}

function perSymbol(
  api: PublicApi,
  { query }: ExchangeRequest,
  of: (symbol: string) => unknown,
): ExchangeReply {
  const symbol = query.get('symbol');
  if (symbol === null) return reply(api.market.symbols().map(of));
  return api.market.lists(symbol) ? reply(of(symbol)) : INVALID_SYMBOL;
}

function tickerPrice({ kind, market }: PublicApi, symbol: string): unknown {
  const price = plainDecimal(market.lastPrice(symbol));
  return kind === 'usdm' ? { symbol, price, time: market.nowMs() } : { symbol, price };
}

function ticker24h(api: PublicApi, symbol: string): unknown {
  const day = api.market.daySummary(symbol);
  const tickDecimals = decimalsOf(api.contracts.of(symbol)!.tickSize);
  const weighted = day.volume > 0 ? day.quoteVolume / day.volume : day.last;
  const shared = {
    symbol,
    priceChange: (day.last - day.open).toFixed(tickDecimals),
    priceChangePercent: ((day.last / day.open - 1) * 100).toFixed(3),
    weightedAvgPrice: weighted.toFixed(tickDecimals),
    lastPrice: plainDecimal(day.last),
    lastQty: '1',
    openPrice: plainDecimal(day.open),
    highPrice: plainDecimal(day.high),
    lowPrice: plainDecimal(day.low),
    volume: day.volume.toFixed(3),
    quoteVolume: day.quoteVolume.toFixed(2),
    openTime: day.openTimeMs,
    closeTime: api.market.nowMs(),
    firstId: 1,
    lastId: Math.max(1, day.trades),
    count: day.trades,
  };
  return api.kind === 'usdm' ? shared : { ...shared, ...spotBook(day) };
}

/** What the spot ticker has and the futures one has not. */
function spotBook(day: DaySummary): Readonly<Record<string, string>> {
  const price = plainDecimal(day.last);
  return {
    prevClosePrice: plainDecimal(day.open),
    bidPrice: price,
    bidQty: '1',
    askPrice: price,
    askQty: '1',
  };
}

const missingParameter = (name: string): ExchangeReply =>
  refuse(-1102, `Mandatory parameter '${name}' was not sent, was empty/null, or malformed.`);
const invalidParameter = (name: string): ExchangeReply =>
  refuse(-1130, `Data sent for parameter '${name}' is not valid.`);

const integer = (text: string): number | undefined => (/^\d{1,15}$/.test(text) ? Number(text) : undefined);
/** undefined when absent, null when it is not an integer. */
const optionalInteger = (text: string | null): number | undefined | null =>
  text === null ? undefined : (integer(text) ?? null);
