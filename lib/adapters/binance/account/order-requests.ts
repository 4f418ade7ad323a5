// Orders as Binance USDT-M is asked for them, and what its refusals mean.
import type { EntryOrder, ReduceOrder } from '../../../execution/order.ts';
import type { OrderReference, RejectionCode, Submission } from '../../../execution/ports.ts';
import { ENTRY_WINDOW_MS } from '../../../execution/send-window.ts';
import { plainDecimal } from '../../../market/plain-decimal.ts';
import type { ExchangeFault } from '../exchange-fault.ts';
import type { SignedRequest } from './binance-account.ts';

/** In hedge mode the exchange refuses `reduceOnly`: an order against its position only reduces it. */
const reducing = (
  { hedgeSide }: ReduceOrder,
  oneWay: Readonly<Record<string, string>> = { reduceOnly: 'true' },
) => (hedgeSide === undefined ? oneWay : { positionSide: hedgeSide });

/** A stop watches the last price, as the candles that it was chosen on do. */
export function requestOf(order: EntryOrder | ReduceOrder): SignedRequest {
  const { symbol, side, clientOrderId } = order;
  const quantity = order.quantity === null ? {} : { quantity: plainDecimal(order.quantity) };
  if (order.kind === 'entry' || order.stopPrice === null) {
    const about = order.kind === 'reduce' ? reducing(order) : { recvWindow: ENTRY_WINDOW_MS };
    const parameters = {
      symbol,
      side,
      type: 'MARKET',
      ...quantity,
      newClientOrderId: clientOrderId,
      newOrderRespType: 'RESULT',
      ...about,
    };
    return { method: 'POST', path: 'order', parameters, weight: 1 };
  }
  const parameters = {
    algoType: 'CONDITIONAL',
    symbol,
    side,
    type: 'STOP_MARKET',
    ...quantity,
    triggerPrice: plainDecimal(order.stopPrice),
    workingType: 'CONTRACT_PRICE',
    // The two exclude each other.
    ...(order.quantity === null ? { ...reducing(order, {}), closePosition: 'true' } : reducing(order)),
    clientAlgoId: clientOrderId,
    newOrderRespType: 'RESULT',
  };
  return { method: 'POST', path: 'algoOrder', parameters, weight: 1 };
}

export const lookupOf = ({ symbol, clientOrderId, kind }: OrderReference): SignedRequest =>
  kind === 'stop'
    ? { method: 'GET', path: 'algoOrder', parameters: { clientAlgoId: clientOrderId }, weight: 1 }
    : { method: 'GET', path: 'order', parameters: { symbol, origClientOrderId: clientOrderId }, weight: 1 };

/** From Binance's API documentation, "Error Codes", as are the others here. */
const INVALID_SYMBOL = -1121;
/** A contract that the exchange does not know, or knows no longer, has no orders: it says so for ever. */
const ORDER_NOT_FOUND: ReadonlySet<number> = new Set([-2013, -20124, INVALID_SYMBOL]);
const CANCEL_REFUSED: ReadonlySet<number> = new Set([-2011, ...ORDER_NOT_FOUND]);
const DUPLICATE_ID: ReadonlySet<number> = new Set([-4116, -4111, -20132]);

const isOneOf = ({ refusalCode }: ExchangeFault, codes: ReadonlySet<number>): boolean =>
  refusalCode !== undefined && codes.has(refusalCode);

export const saysNotFound = (fault: ExchangeFault): boolean => isOneOf(fault, ORDER_NOT_FOUND);
export const saysNoSuchContract = ({ refusalCode }: ExchangeFault): boolean => refusalCode === INVALID_SYMBOL;
/** Nothing to cancel, says the exchange: the order has ended, or the one that cancels lags. */
export const saysNothingToCancel = (fault: ExchangeFault): boolean => isOneOf(fault, CANCEL_REFUSED);

const OVERLOADED = -1008;
const REJECTION_OF_REFUSAL: Readonly<Record<number, RejectionCode>> = {
  [-2021]: 'would_trigger',
  [-2022]: 'nothing_to_reduce',
  [-4118]: 'nothing_to_reduce',
  [-4509]: 'nothing_to_reduce',
  [-1013]: 'filters',
  [-1111]: 'filters',
  [-4001]: 'filters',
  [-4002]: 'filters',
  [-4003]: 'filters',
  [-4004]: 'filters',
  [-4005]: 'filters',
  [-4013]: 'filters',
  [-4014]: 'filters',
  [-4023]: 'filters',
  [-4024]: 'filters',
  [-4164]: 'filters',
  [-2018]: 'insufficient_margin',
  [-2019]: 'insufficient_margin',
  [-2027]: 'insufficient_margin',
  [-2028]: 'insufficient_margin',
  [-4050]: 'insufficient_margin',
  [-4051]: 'insufficient_margin',
  [-4061]: 'position_mode',
  [-4130]: 'close_stop_exists',
  [-2026]: 'too_many_stops',
  [-4045]: 'too_many_stops',
  [-1121]: 'not_trading',
  [-4108]: 'not_trading',
  [-4140]: 'not_trading',
  [-4141]: 'not_trading',
  [OVERLOADED]: 'overloaded',
};

/** What is known of an order whose submission failed: a refusal with its code, or nothing. */
export function submissionOf(fault: ExchangeFault): Submission {
  const { message } = fault;
  if (isOneOf(fault, DUPLICATE_ID)) return { outcome: 'acknowledged', report: undefined };
  if (fault.isUnsent || fault.refusalCode === OVERLOADED) return rejected(fault);
  const isRefused = fault.code !== 'timeout' && fault.code !== 'network' && fault.code !== 'unavailable';
  // An answer that makes no sense may hide an order as well as none.
  return isRefused && fault.code !== 'invalid_response' ? rejected(fault) : { outcome: 'unknown', message };
}

const rejected = (fault: ExchangeFault): Submission => ({
  outcome: 'rejected',
  code: rejectionCodeOf(fault),
  message: fault.message,
});

function rejectionCodeOf({ isUnsent, code, refusalCode = 0 }: ExchangeFault): RejectionCode {
  if (isUnsent) return 'unsent';
  if (code === 'unauthorised') return 'unauthorised';
  if (code === 'rate_limited' || code === 'banned') return 'rate_limited';
  return REJECTION_OF_REFUSAL[refusalCode] ?? 'other';
}
