// Orders and trades: taken, looked up, listed, cancelled, each as late as the exchange is.
import type { MatchingAccount } from '../account/matching-account.ts';
import type { Order } from '../account/orders.ts';
import type { PositionSide } from '../account/positions.ts';
import { decimalsOf } from '../contracts.ts';
import { type ExchangeReply, type Route, refuse, reply } from '../route.ts';
import { acknowledged, decimal, orderBody, tradeBody } from './bodies.ts';
import {
  INVALID_SYMBOL,
  isLongWindow,
  limitOf,
  type MakeRoute,
  missing,
  NO_SUCH_ORDER,
  ofSymbol,
  type Question,
  UNKNOWN_ORDER,
  windowOf,
} from './private-route.ts';

const INVALID_LIMIT = refuse(-1130, "Data sent for parameter 'limit' is not valid.");
const TOO_LONG = refuse(-4165, 'Invalid time interval. Maximum time interval is 7 days.');

export function orderRoutes(account: MatchingAccount, route: MakeRoute): Route[] {
  const { unkind } = account;
  return [
    route('POST', 'order', 0, (question) => placeOrder(account, question), true),
    route('GET', 'order', 1, (question) => {
      const asOf = question.asOf(unkind.lookupLagMs);
      if (!isNamed(question)) return missing('orderId');
      const order = account.orders.find({ ...sought(question), nowMs: question.nowMs, asOf });
      return order === undefined ? NO_SUCH_ORDER : reply(bodyOf(account, order));
    }),
    route('DELETE', 'order', 1, (question) => {
      if (!isNamed(question)) return missing('orderId');
      const order = account.orders.find({ ...sought(question), nowMs: question.nowMs });
      if (order === undefined || !account.cancelOrder(order.orderId)) return UNKNOWN_ORDER;
      return reply(bodyOf(account, account.orders.get(order.orderId)!));
    }),
    route('GET', 'openOrders', 40, ({ parameters, asOf }) => {
      const symbol = parameters.get('symbol') ?? undefined;
      const open = account.orders.open(symbol, asOf(unkind.listLagMs));
      return reply(open.map((order) => bodyOf(account, order)));
    }),
    route(
      'DELETE',
      'allOpenOrders',
      1,
      ofSymbol(account, (symbol) => {
        for (const { orderId } of account.orders.open(symbol)) account.cancelOrder(orderId);
        return reply({ code: 200, msg: 'The operation of cancel all open order is done.' });
      }),
    ),
    route(
      'GET',
      'allOrders',
      5,
      ofSymbol(account, (symbol, question) => allOrders(account, symbol, question)),
    ),
    route('GET', 'forceOrders', 50, (question) => forceOrders(account, question)),
    route('GET', 'userTrades', 5, (question) => userTrades(account, question)),
  ];
}

const bodyOf = (account: MatchingAccount, order: Order) =>
  orderBody(order, {
    tickDecimals: decimalsOf(account.contract(order.symbol)!.tickSize),
    roundsAverage: account.unkind.roundsAveragePrice,
  });

const sought = ({ parameters }: Question) => ({
  symbol: parameters.get('symbol'),
  id: parameters.get('orderId'),
  clientId: parameters.get('origClientOrderId'),
});

const isNamed = ({ parameters }: Question): boolean =>
  parameters.has('orderId') || parameters.has('origClientOrderId');

/** What both kinds of order are asked for with; a refusal for what is missing. */
export function readRequest({ parameters }: Question, account: MatchingAccount, idName: string) {
  const side = parameters.get('side');
  if (side !== 'BUY' && side !== 'SELL') return refuse(-1117, 'Invalid side.');
  const positionSide = parameters.get('positionSide') ?? 'BOTH';
  const { dualSidePosition } = account.modes;
  const isSide = positionSide === 'LONG' || positionSide === 'SHORT';
  if (dualSidePosition ? !isSide : positionSide !== 'BOTH')
    return refuse(-4061, "Order's position side does not match user's setting.");
  // There, an order against its position can only reduce it.
  if (dualSidePosition && parameters.has('reduceOnly'))
    return refuse(-1106, "Parameter 'reduceonly' sent when not required.");
  const reduces = dualSidePosition && (side === 'SELL') === (positionSide === 'LONG');
  return {
    side,
    positionSide: positionSide as PositionSide,
    symbol: parameters.get('symbol') ?? '',
    clientOrderId: parameters.get(idName) ?? '',
    reduceOnly: reduces || parameters.get('reduceOnly') === 'true',
  } as const;
}

function placeOrder(account: MatchingAccount, question: Question): ExchangeReply {
  const { parameters, request } = question;
  const order = readRequest(question, account, 'newClientOrderId');
  if ('status' in order) return order;
  if (parameters.get('type') !== 'MARKET')
    return refuse(-4120, 'Order type not supported for this endpoint.');
  if (parameters.get('closePosition') === 'true')
    return refuse(-4136, 'Target strategy invalid for orderType MARKET,closePosition true');
  const quantity = decimal(parameters.get('quantity'));
  if (quantity === undefined) return missing('quantity');
  const responseType = parameters.get('newOrderRespType') ?? 'ACK';
  if (responseType !== 'ACK' && responseType !== 'RESULT') return refuse(-1136, 'Invalid newOrderRespType.');
  const { fillable = 1, restBecomes = 'EXPIRED', lateMs = 0 } = request;
  const placed = account.placeMarketOrder({ ...order, quantity, fillable, restBecomes });
  if (!('orderId' in placed)) return placed;
  const body = bodyOf(account, placed);
  return reply(responseType === 'RESULT' && lateMs === 0 ? body : acknowledged(body));
}

function allOrders(account: MatchingAccount, symbol: string, question: Question): ExchangeReply {
  const limit = limitOf(question.parameters, 500, 1_000);
  if (limit === undefined) return INVALID_LIMIT;
  const window = windowOf(question);
  if ('status' in window) return window;
  if (isLongWindow(window)) return TOO_LONG;
  const firstId = question.parameters.get('orderId');
  const orders = account.orders
    .all(question.asOf(account.unkind.lookupLagMs))
    .filter((order) => order.symbol === symbol)
    .filter(({ orderId, createdAtMs }) =>
      firstId === null
        ? createdAtMs >= window.startMs && createdAtMs <= window.endMs
        : orderId >= Number(firstId),
    );
  const fromStart = firstId !== null || question.parameters.has('startTime');
  return reply(page(orders, limit, fromStart).map((order) => bodyOf(account, order)));
}

function forceOrders(account: MatchingAccount, question: Question): ExchangeReply {
  const { parameters, asOf } = question;
  const limit = limitOf(parameters, 50, 100);
  if (limit === undefined) return INVALID_LIMIT;
  const window = windowOf(question);
  if ('status' in window) return window;
  const [symbol, kind] = [parameters.get('symbol'), parameters.get('autoCloseType')];
  const orders = account.orders
    .all(asOf(account.unkind.lookupLagMs))
    .filter(({ autoClose }) => autoClose === 'LIQUIDATION' || autoClose === 'ADL')
    .filter(({ autoClose }) => (kind ?? autoClose) === autoClose)
    .filter((order) => (symbol ?? order.symbol) === order.symbol)
    .filter(({ createdAtMs }) => createdAtMs >= window.startMs && createdAtMs <= window.endMs);
  return reply(page(orders, limit, parameters.has('startTime')).map((order) => bodyOf(account, order)));
}

/** By order, by time, or from an id on; never more than `limit`, whatever there is. */
function userTrades(account: MatchingAccount, question: Question): ExchangeReply {
  const { parameters, asOf } = question;
  const symbol = parameters.get('symbol');
  if (symbol === null || symbol === '') return missing('symbol');
  if (!account.market.lists(symbol)) return INVALID_SYMBOL;
  const limit = limitOf(parameters, 500, 1_000);
  if (limit === undefined) return INVALID_LIMIT;
  const [orderId, fromId] = [parameters.get('orderId'), parameters.get('fromId')];
  const timed = parameters.has('startTime') || parameters.has('endTime');
  if (fromId !== null && timed) return refuse(-1128, 'Combination of optional parameters invalid.');
  const window = windowOf(question);
  if ('status' in window) return window;
  if (isLongWindow(window)) return TOO_LONG;
  const known = account.trades.of(symbol, asOf(account.unkind.tradeLagMs));
  const trades = known
    .filter((trade) => orderId === null || String(trade.orderId) === orderId)
    .filter(({ tradeId }) => fromId === null || tradeId >= Number(fromId))
    .filter(({ atMs }) => {
      const bounded = timed || (orderId === null && fromId === null);
      return !bounded || (atMs >= window.startMs && atMs <= window.endMs);
    });
  const fromStart = orderId !== null || fromId !== null || parameters.has('startTime');
  return reply(page(trades, limit, fromStart).map(tradeBody));
}

/** The first rows of what was asked for from a start, else the newest; oldest first in both cases. */
const page = <T>(rows: readonly T[], limit: number, fromStart: boolean): readonly T[] =>
  fromStart ? rows.slice(0, limit) : rows.slice(-limit);
