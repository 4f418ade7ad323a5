// Conditional orders: their own endpoints, ids and states.
import type { MatchingAccount } from '../account/matching-account.ts';
import { type ExchangeReply, type Route, refuse, reply } from '../route.ts';
import { decimal, stopBody } from './bodies.ts';
import { readRequest } from './order-routes.ts';
import {
  limitOf,
  type MakeRoute,
  missing,
  NO_SUCH_ORDER,
  ofSymbol,
  type Question,
  UNKNOWN_ORDER,
  windowOf,
} from './private-route.ts';

export function algoOrderRoutes(account: MatchingAccount, route: MakeRoute): Route[] {
  const { unkind } = account;
  const { stopLookupLagMs = unkind.lookupLagMs } = unkind;
  return [
    route('POST', 'algoOrder', 0, (question) => placeStop(account, question), true),
    route('GET', 'algoOrder', 1, (question) => {
      if (!isNamed(question)) return missing('algoId');
      const asOf = question.asOf(stopLookupLagMs);
      const stop = account.stops.find({ ...sought(question), nowMs: question.nowMs, asOf });
      return stop === undefined ? NO_SUCH_ORDER : reply(stopBody(stop));
    }),
    route('DELETE', 'algoOrder', 1, (question) => {
      if (!isNamed(question)) return missing('algoId');
      const stop = account.stops.find({ ...sought(question), nowMs: question.nowMs });
      if (stop === undefined || !account.cancelStop(stop.algoId)) return UNKNOWN_ORDER;
      const { algoId, clientOrderId } = stop;
      return reply({ algoId, clientAlgoId: clientOrderId, code: '200', msg: 'success' });
    }),
    route('GET', 'openAlgoOrders', 40, ({ parameters, asOf }) => {
      const open = account.stops.open(parameters.get('symbol') ?? undefined, asOf(unkind.listLagMs));
      // Others read '0' and null where the quantity is the position's: both are seen.
      return reply(open.map((stop) => stopBody(stop, stop.algoId % 2 === 0 ? null : '0')));
    }),
    route(
      'GET',
      'allAlgoOrders',
      5,
      ofSymbol(account, (symbol, question) => {
        const window = windowOf(question);
        if ('status' in window) return window;
        const limit = limitOf(question.parameters, 500, 1_000);
        if (limit === undefined) return refuse(-1130, "Data sent for parameter 'limit' is not valid.");
        const stops = account.stops
          .all(question.asOf(stopLookupLagMs))
          .filter((stop) => stop.symbol === symbol)
          .filter(({ createdAtMs }) => createdAtMs >= window.startMs && createdAtMs <= window.endMs);
        return reply(stops.slice(-limit).map((stop) => stopBody(stop)));
      }),
    ),
    route(
      'DELETE',
      'algoOpenOrders',
      1,
      ofSymbol(account, (symbol) => {
        for (const { algoId } of account.stops.open(symbol)) account.cancelStop(algoId);
        return reply({ code: 200, msg: 'The operation of cancel all open order is done.' });
      }),
    ),
  ];
}

const sought = ({ parameters }: Question) => ({
  id: parameters.get('algoId'),
  clientId: parameters.get('clientAlgoId'),
});

const isNamed = ({ parameters }: Question): boolean =>
  parameters.has('algoId') || parameters.has('clientAlgoId');

function placeStop(account: MatchingAccount, question: Question): ExchangeReply {
  const { parameters } = question;
  const order = readRequest(question, account, 'clientAlgoId');
  if ('status' in order) return order;
  if (parameters.get('algoType') !== 'CONDITIONAL')
    return refuse(-1102, "Mandatory parameter 'algoType' was malformed.");
  if (parameters.get('type') !== 'STOP_MARKET') return refuse(-1116, 'Invalid orderType.');
  const quantity = quantityOf(question);
  if (typeof quantity === 'object' && quantity !== null) return quantity;
  const triggerPrice = decimal(parameters.get('triggerPrice'));
  if (triggerPrice === undefined) return refuse(-1102, "Mandatory parameter 'triggerPrice' was malformed.");
  const workingType = parameters.get('workingType') ?? 'CONTRACT_PRICE';
  if (workingType !== 'CONTRACT_PRICE' && workingType !== 'MARK_PRICE')
    return refuse(-4031, `Invalid parameter working type: ${workingType}`);
  const timeInForce = parameters.get('timeInForce') ?? 'GTC';
  if (timeInForce !== 'GTC' && timeInForce !== 'GTE_GTC') return refuse(-1115, 'Invalid timeInForce.');
  const placed = account.placeStop({ ...order, quantity, triggerPrice, workingType, timeInForce });
  return 'algoId' in placed ? reply(stopBody(placed)) : placed;
}

/** null closes the position; a refusal where quantity and closePosition do not go together. */
function quantityOf({ parameters }: Question): number | null | ExchangeReply {
  const text = parameters.get('quantity');
  if (parameters.get('closePosition') === 'true') {
    if (text !== null && Number(text) !== 0)
      return refuse(-4137, 'Quantity must be zero with closePosition equals true.');
    if (parameters.has('reduceOnly')) return refuse(-1106, "Parameter 'reduceonly' sent when not required.");
    return null;
  }
  return decimal(text) ?? missing('quantity');
}
