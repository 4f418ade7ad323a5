// Private endpoints of Binance USDT-M futures, as far as a trading system needs them: questions and answers in the shapes of its
// API documentation, about one account, to whoever signs with that account's key.

import { MICRO } from '../../lib/core/money.ts';
import { plainDecimal } from '../../lib/market/plain-decimal.ts';
import type { Income, MatchedOrder, MatchingAccount, StopOrder } from './matching-account.ts';
import { type ExchangeReply, type ExchangeRequest, type Route, refuse, reply } from './route.ts';
import { type AccountKeys, parametersOf, refuseUnsigned } from './signed-request.ts';

interface PrivateApi {
  readonly account: MatchingAccount;
  readonly keys: AccountKeys;
  readonly nowMs: () => number;
}

type Answer = (parameters: URLSearchParams, request: ExchangeRequest) => ExchangeReply;

const UNKNOWN_ORDER = refuse(-2011, 'Unknown order sent.');
const NO_SUCH_ORDER = refuse(-2013, 'Order does not exist.');
const INVALID_SYMBOL = refuse(-1121, 'Invalid symbol.');
const INCOME_DEFAULT = 100;
const INCOME_MAX = 1_000;

export function privateRoutes(api: PrivateApi): Route[] {
  const { account } = api;
  const route = (method: Route['method'], path: string, weight: number, answer: Answer): Route => ({
    method,
    path: path.startsWith('/') ? path : `/fapi/v1/${path}`,
    weight: () => weight,
    answer: (request) => {
      const refusal = refuseUnsigned(request, api.keys, api.nowMs());
      if (refusal !== undefined) return refusal;
      account.settle();
      return answer(parametersOf(request), request);
    },
  });
  const settings = (answer: (symbol: string, parameters: URLSearchParams) => ExchangeReply): Answer => {
    return (parameters) => {
      const symbol = parameters.get('symbol') ?? '';
      return account.lists(symbol) ? answer(symbol, parameters) : INVALID_SYMBOL;
    };
  };
  return [
    route('POST', 'order', 1, (parameters, request) => placeOrder(account, parameters, request)),
    route('GET', 'order', 1, (parameters) => {
      const order = findOrder(account, parameters);
      return order === undefined ? NO_SUCH_ORDER : reply(orderBody(order));
    }),
    // Market orders trade at once: there is never one left to cancel, or to list as open.
    route('DELETE', 'order', 1, () => UNKNOWN_ORDER),
    route('GET', 'openOrders', 40, () => reply([])),
    route(
      'DELETE',
      'allOpenOrders',
      1,
      settings(() => reply({ code: 200, msg: 'The operation of cancel all open order is done.' })),
    ),
    route('POST', 'algoOrder', 1, (parameters) => placeStop(account, parameters)),
    route('GET', 'algoOrder', 1, (parameters) => {
      const stop = findStop(account, parameters);
      return stop === undefined ? NO_SUCH_ORDER : reply(stopBody(stop));
    }),
    route('DELETE', 'algoOrder', 1, (parameters) => {
      const stop = findStop(account, parameters);
      if (stop === undefined || !account.cancelStop(stop.algoId)) return UNKNOWN_ORDER;
      const { algoId, clientOrderId } = stop;
      return reply({ algoId, clientAlgoId: clientOrderId, code: '200', msg: 'success' });
    }),
    route('GET', 'openAlgoOrders', 40, () => reply(openStops(account).map(stopBody))),
    route(
      'DELETE',
      'algoOpenOrders',
      1,
      settings((symbol) => {
        for (const stop of openStops(account)) if (stop.symbol === symbol) account.cancelStop(stop.algoId);
        return reply({ code: 200, msg: 'The operation of cancel all open order is done.' });
      }),
    ),
    route('GET', 'userTrades', 5, (parameters) => {
      const order = findOrder(account, parameters);
      return reply(order === undefined || order.executedQuantity === 0 ? [] : tradeBodies(order));
    }),
    route('GET', '/fapi/v3/positionRisk', 5, () => reply(positionBodies(account, api.nowMs()))),
    route('GET', '/fapi/v3/balance', 5, () => reply([balanceBody(account, api.nowMs())])),
    route('GET', '/fapi/v3/account', 5, () => {
      const balance = money(account.walletMicroUsdt);
      const available = money(account.availableMicroUsdt);
      return reply({
        totalWalletBalance: balance,
        availableBalance: available,
        positions: positionBodies(account, api.nowMs()),
      });
    }),
    route('GET', 'income', 30, (parameters) => reply(incomeBodies(account.income(), parameters))),
    route('GET', 'positionSide/dual', 30, () => reply({ dualSidePosition: account.modes.dualSidePosition })),
    route('GET', 'multiAssetsMargin', 30, () =>
      reply({ multiAssetsMargin: account.modes.multiAssetsMargin }),
    ),
    route('GET', 'feeBurn', 1, () => reply({ feeBurn: account.modes.feeBurn })),
    route(
      'GET',
      'symbolConfig',
      5,
      settings((symbol) => {
        const { leverage, marginType } = account.setting(symbol);
        return reply([{ symbol, marginType, isAutoAddMargin: false, leverage, maxNotionalValue: '1000000' }]);
      }),
    ),
    route(
      'POST',
      'leverage',
      1,
      settings((symbol, parameters) => {
        const leverage = Number(parameters.get('leverage'));
        return (
          account.setLeverage(symbol, leverage) ?? reply({ symbol, leverage, maxNotionalValue: '1000000' })
        );
      }),
    ),
    route(
      'POST',
      'marginType',
      1,
      settings(
        (symbol, parameters) =>
          account.setMarginType(symbol, parameters.get('marginType') ?? '') ??
          reply({ code: 200, msg: 'success' }),
      ),
    ),
  ];
}

/** What both kinds of order are asked for with; a refusal for what is missing. */
function readRequest(parameters: URLSearchParams, idName: string) {
  const side = parameters.get('side');
  if (side !== 'BUY' && side !== 'SELL') return refuse(-1117, 'Invalid side.');
  const quantity = decimal(parameters.get('quantity'));
  if (quantity === undefined) {
    return refuse(-1102, "Mandatory parameter 'quantity' was not sent, was empty/null, or malformed.");
  }
  return {
    side,
    quantity,
    symbol: parameters.get('symbol') ?? '',
    clientOrderId: parameters.get(idName) ?? '',
    reduceOnly: parameters.get('reduceOnly') === 'true',
  } as const;
}

function placeOrder(
  account: MatchingAccount,
  parameters: URLSearchParams,
  request: ExchangeRequest,
): ExchangeReply {
  const order = readRequest(parameters, 'newClientOrderId');
  if ('status' in order) return order;
  if (parameters.get('type') !== 'MARKET')
    return refuse(-4120, 'Order type not supported for this endpoint.');
  const placed = account.placeMarketOrder({ ...order, fillable: request.fillable ?? 1 });
  // As Binance acknowledges: what was traded is told to whoever asks for the order.
  if (!('orderId' in placed)) return placed;
  return reply({ ...orderBody(placed), status: 'NEW', executedQty: '0', avgPrice: '0.00' });
}

function placeStop(account: MatchingAccount, parameters: URLSearchParams): ExchangeReply {
  const order = readRequest(parameters, 'clientAlgoId');
  if ('status' in order) return order;
  if (parameters.get('algoType') !== 'CONDITIONAL')
    return refuse(-1102, "Mandatory parameter 'algoType' was malformed.");
  if (parameters.get('type') !== 'STOP_MARKET') return refuse(-1116, 'Invalid orderType.');
  const triggerPrice = decimal(parameters.get('triggerPrice'));
  if (triggerPrice === undefined) return refuse(-1102, "Mandatory parameter 'triggerPrice' was malformed.");
  const placed = account.placeStop({ ...order, triggerPrice });
  return 'algoId' in placed ? reply(stopBody(placed)) : placed;
}

/** By the exchange's id or the client's; of several under one client id the newest. */
function findOrder(account: MatchingAccount, parameters: URLSearchParams): MatchedOrder | undefined {
  const [orderId, clientId] = [parameters.get('orderId'), parameters.get('origClientOrderId')];
  return account
    .orders()
    .filter((order) => order.symbol === parameters.get('symbol'))
    .findLast((order) => String(order.orderId) === orderId || order.clientOrderId === clientId);
}

function findStop(account: MatchingAccount, parameters: URLSearchParams): StopOrder | undefined {
  const [algoId, clientId] = [parameters.get('algoId'), parameters.get('clientAlgoId')];
  return account
    .stops()
    .findLast((stop) => String(stop.algoId) === algoId || stop.clientOrderId === clientId);
}

const openStops = (account: MatchingAccount): StopOrder[] =>
  account.stops().filter(({ status }) => status === 'NEW');

function orderBody(order: MatchedOrder) {
  return {
    orderId: order.orderId,
    symbol: order.symbol,
    status: order.status,
    clientOrderId: order.clientOrderId,
    price: '0',
    avgPrice: price(order.price),
    origQty: plainDecimal(order.quantity),
    executedQty: plainDecimal(order.executedQuantity),
    cumQuote: (order.executedQuantity * order.price).toFixed(8),
    timeInForce: 'GTC',
    type: 'MARKET',
    reduceOnly: order.reduceOnly,
    closePosition: false,
    side: order.side,
    positionSide: 'BOTH',
    stopPrice: '0',
    workingType: 'CONTRACT_PRICE',
    origType: 'MARKET',
    time: order.atMs,
    updateTime: order.atMs,
  };
}

function stopBody(stop: StopOrder) {
  return {
    algoId: stop.algoId,
    clientAlgoId: stop.clientOrderId,
    algoType: 'CONDITIONAL',
    orderType: 'STOP_MARKET',
    symbol: stop.symbol,
    side: stop.side,
    positionSide: 'BOTH',
    timeInForce: 'GTC',
    quantity: plainDecimal(stop.quantity),
    algoStatus: stop.status,
    triggerPrice: plainDecimal(stop.triggerPrice),
    price: '0.00',
    workingType: 'CONTRACT_PRICE',
    closePosition: false,
    priceProtect: false,
    reduceOnly: stop.reduceOnly,
    createTime: stop.createdAtMs,
    updateTime: stop.updatedAtMs,
    triggerTime: stop.actualOrderId === undefined ? 0 : stop.updatedAtMs,
    goodTillDate: 0,
    actualOrderId: stop.actualOrderId === undefined ? '' : String(stop.actualOrderId),
  };
}

/** In two trades where the step allows it: fees and quantities have to be summed. */
function tradeBodies(order: MatchedOrder): unknown[] {
  const decimals = plainDecimal(order.executedQuantity).split('.')[1]?.length ?? 0;
  const first = Math.floor((order.executedQuantity * 10 ** decimals) / 2) / 10 ** decimals;
  const firstFee = Math.floor(order.feeMicroUsdt / 2);
  const rest = Number((order.executedQuantity - first).toFixed(decimals));
  return [
    { quantity: first, fee: firstFee },
    { quantity: rest, fee: order.feeMicroUsdt - firstFee },
  ]
    .filter(({ quantity }) => quantity > 0)
    .map(({ quantity, fee }, index, { length }) => ({
      symbol: order.symbol,
      id: order.orderId * 10 + index,
      orderId: order.orderId,
      side: order.side,
      price: price(order.price),
      qty: plainDecimal(quantity),
      quoteQty: (quantity * order.price).toFixed(8),
      commission: money(length === 1 ? order.feeMicroUsdt : fee),
      commissionAsset: 'USDT',
      time: order.atMs,
      positionSide: 'BOTH',
      buyer: order.side === 'BUY',
      maker: false,
    }));
}

const positionBodies = (account: MatchingAccount, nowMs: number): unknown[] =>
  account.positions().map(({ symbol, quantity, costMicroUsdt, entryPrice, markPrice }) => ({
    symbol,
    positionSide: 'BOTH',
    positionAmt: plainDecimal(quantity),
    entryPrice: price(entryPrice),
    breakEvenPrice: price(entryPrice),
    markPrice: price(markPrice),
    unRealizedProfit: money(Math.round(quantity * markPrice * MICRO) - costMicroUsdt),
    liquidationPrice: '0',
    isolatedMargin: '0',
    notional: (quantity * markPrice).toFixed(8),
    marginAsset: 'USDT',
    updateTime: nowMs,
  }));

const balanceBody = (account: MatchingAccount, nowMs: number): unknown => ({
  accountAlias: 'sim',
  asset: 'USDT',
  balance: money(account.walletMicroUsdt),
  crossWalletBalance: money(account.walletMicroUsdt),
  crossUnPnl: '0.00000000',
  availableBalance: money(account.availableMicroUsdt),
  maxWithdrawAmount: money(account.availableMicroUsdt),
  marginAvailable: true,
  updateTime: nowMs,
});

function incomeBodies(income: readonly Income[], parameters: URLSearchParams): unknown[] {
  const incomeType = parameters.get('incomeType');
  const startMs = Number(parameters.get('startTime') ?? 0);
  const limit = Math.min(Number(parameters.get('limit') ?? INCOME_DEFAULT), INCOME_MAX);
  return income
    .filter((row) => (incomeType === null || row.incomeType === incomeType) && row.atMs >= startMs)
    .toSorted((a, b) => a.atMs - b.atMs)
    .slice(0, limit)
    .map((row) => ({
      symbol: row.symbol,
      incomeType: row.incomeType,
      income: money(row.amountMicroUsdt),
      asset: 'USDT',
      info: row.incomeType,
      time: row.atMs,
      tranId: row.tranId,
      tradeId: '',
    }));
}

const money = (amountMicroUsdt: number): string => (amountMicroUsdt / MICRO).toFixed(8);
const price = (value: number): string => plainDecimal(Number(value.toFixed(12)));

/** Plain decimal text alone. */
const decimal = (text: string | null): number | undefined =>
  text !== null && /^\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : undefined;
