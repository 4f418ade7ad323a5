// From a signal to an order that may be put to the gate, or to every reason why not. The gate repeats the limits that more
// than one process can break together (exposure, count, duplicates); what is checked here alone concerns this order alone.

import { microUsdt } from '../core/money.ts';
import { failure, type Result, success } from '../core/result.ts';
import { HOUR_MS, MICRO } from '../core/units.ts';
import type { Signal } from '../inference/signal.ts';
import { BAR_MS } from '../market/candle.ts';
import { entryBarrier, type SymbolFilters } from '../market/symbol-filters.ts';
import type { Scope } from '../risk/gate.ts';
import { CLOCK_SKEW_MS_MAX } from '../risk/latch.ts';
import { clientOrderId } from './client-order-id.ts';
import { type LeverageBracket, notionalCapUsdt } from './leverage-brackets.ts';
import { bookLimits, exposureLimit, type TradingLimits } from './limits.ts';
import type { EntryOrder, OrderSide } from './order.ts';
import { roundToStep } from './round-to-step.ts';
import { SIZING_DENIALS, sizeEntry } from './sizing.ts';
import { stopPrice } from './stop-price.ts';

/** Closed list of why a signal leads to no order. */
export const PRE_TRADE_DENIALS = {
  ...SIZING_DENIALS,
  signal_hold: 'the signal is HOLD',
  signal_stale: 'the signal is older than 120 s',
  signal_in_future: 'the signal is of a bar that has not closed yet',
  position_open: 'the symbol has an open position, or an order that will make one',
  position_count: 'the number of positions is at its limit',
  order_rate: 'too many entries within a minute',
  price_unknown: 'there is no price to size the order at',
  price_collar: 'the price has moved too far since the signal',
  stop_invalid: 'there is no stop on the protective side of the price',
  not_listed: 'the exchange does not list the symbol, or it does not trade',
  other_contract: 'the symbol is no perpetual contract on a coin',
  settles_soon: 'the contract is settled within a day',
  symbol_filters: "the quantity does not fit the symbol's filters",
  min_notional: 'the order is smaller than the exchange accepts',
  max_position: 'the position would be over its limit',
  total_exposure: 'total exposure would be over its share of the allocated equity',
  leverage_cap: "total exposure would be over the account's leverage cap",
  brackets_unknown: "the symbol's leverage brackets are not known, or not to be trusted",
  bracket_cap: 'the position would be larger than the exchange lets the symbol be held at this leverage',
  beta_unknown: 'the beta to Bitcoin of the symbol is not known, or that of an open position is too old',
  side_limit: 'exposure on one side would be over its share of the allocated equity',
  beta_limit: "the book's net beta to Bitcoin would be over its share of the allocated equity",
} as const;
export type PreTradeDenial = keyof typeof PRE_TRADE_DENIALS;

export interface EntryRequest {
  readonly scope: Scope;
  readonly signal: Pick<
    Signal,
    'symbol' | 'action' | 'barOpenTimeMs' | 'close' | 'stopAtr' | 'ensembleId' | 'betaToBitcoin'
  >;
  /** Current price of the symbol. */
  readonly price: number;
  readonly volatilityPerBar: number;
  readonly policy: number;
  readonly stopAtrMultiple: number;
  readonly filters: SymbolFilters;
  /** The symbol's, smallest first; undefined when the exchange has not said them. */
  readonly brackets: readonly LeverageBracket[] | undefined;
  readonly account: {
    readonly equityMicroUsdt: number;
    readonly allocatedMicroUsdt: number;
    readonly positions: number;
    /** Of the gate item. */
    readonly exposureMicroUsdt: number;
    readonly sideMicroUsdt: Readonly<Record<OrderSide, number>>;
    readonly netBetaMicroUsdt: number;
    /** When the oldest beta among the reservations was measured; NaN when that is not known. */
    readonly oldestBetaAtMs: number;
    readonly positionCount: number;
    /** Symbols that hold a reservation. */
    readonly reservedSymbols: Pick<ReadonlySet<string>, 'has'>;
    /** Entries authorised within the last 60 s. */
    readonly ordersLastMinute: number;
  };
  readonly limits: TradingLimits;
  readonly nowMs: number;
}

// Comparisons say what is provably fine and are then negated: NaN denies.

function timingDenials({ signal, limits, nowMs }: EntryRequest): PreTradeDenial[] {
  const ageMs = nowMs - (signal.barOpenTimeMs + BAR_MS);
  if (!(ageMs <= limits.signalAgeMsMax)) return ['signal_stale'];
  return ageMs >= -CLOCK_SKEW_MS_MAX ? [] : ['signal_in_future'];
}

function accountDenials({ signal, account, limits }: EntryRequest): PreTradeDenial[] {
  const denials: PreTradeDenial[] = [];
  if (account.reservedSymbols.has(signal.symbol)) denials.push('position_open');
  if (!(account.positionCount < account.positions)) denials.push('position_count');
  if (!(account.ordersLastMinute < limits.ordersPerMinuteMax)) denials.push('order_rate');
  return denials;
}

function priceDenials({ signal, price, limits }: EntryRequest): PreTradeDenial[] {
  if (!(Number.isFinite(price) && price > 0)) return ['price_unknown'];
  const movedBps = Math.abs(price / signal.close - 1) * 10_000;
  return movedBps <= limits.priceCollarBps ? [] : ['price_collar'];
}

/** Quantity on the symbol's grid for a notional, rounded down; both as they will be ordered. */
function quantityFor(
  notionalMicroUsdt: number,
  { price, filters }: EntryRequest,
): Result<{ quantity: number; notionalMicroUsdt: number }, PreTradeDenial> {
  const quantity = roundToStep(
    Math.min(notionalMicroUsdt / MICRO / price, filters.maxQuantity),
    filters.stepSize,
    'down',
  );
  if (quantity === undefined || !(quantity > 0 && quantity >= filters.minQuantity)) {
    return failure('symbol_filters');
  }
  if (!(quantity * price >= filters.minNotionalUsdt)) return failure('min_notional');
  // The gate counts in whole micro-USDT; rounding up by one may not push the order over what it was sized to.
  return success({
    quantity,
    notionalMicroUsdt: Math.min(microUsdt(quantity * price, 'up'), notionalMicroUsdt),
  });
}

/** An open position whose beta was measured longer ago may have become another risk. */
const BETA_AGE_MS_MAX = 24 * HOUR_MS;

/** Side × notional × beta, rounded away from zero; NaN when the beta is not known. */
function betaOf(side: OrderSide, notionalMicroUsdt: number, beta: number | null): number {
  const risk = notionalMicroUsdt * (beta ?? Number.NaN);
  const rounded = Math.sign(risk) * Math.ceil(Math.abs(risk));
  return side === 'BUY' ? rounded : -rounded;
}

/** What stands against the order in the book that it would join. */
function bookDenials(order: BookedSize, { account, limits, nowMs }: EntryRequest): PreTradeDenial[] {
  const { side, notionalMicroUsdt, betaMicroUsdt } = order;
  const { sideMicroUsdt, netBetaMicroUsdt } = bookLimits(account, limits);
  const denials: PreTradeDenial[] = [];
  if (!(account.sideMicroUsdt[side] + notionalMicroUsdt <= sideMicroUsdt)) denials.push('side_limit');
  const isKnown = Number.isSafeInteger(betaMicroUsdt) && nowMs - account.oldestBetaAtMs < BETA_AGE_MS_MAX;
  if (!isKnown) return [...denials, 'beta_unknown'];
  const after = account.netBetaMicroUsdt + betaMicroUsdt;
  // What brings the book closer to none is let through wherever the book stands.
  const fits =
    betaMicroUsdt > 0 ? after <= netBetaMicroUsdt : betaMicroUsdt === 0 || after >= -netBetaMicroUsdt;
  return fits ? denials : [...denials, 'beta_limit'];
}

/** What stands against it at the exchange. A symbol that is entered holds nothing else: the order is the whole position. */
function bracketDenials(
  notionalMicroUsdt: number,
  { brackets = [], limits }: EntryRequest,
): PreTradeDenial[] {
  const capUsdt = notionalCapUsdt(brackets, limits.symbolLeverage);
  if (capUsdt === undefined) return ['brackets_unknown'];
  return notionalMicroUsdt <= capUsdt * MICRO ? [] : ['bracket_cap'];
}

type BookedSize = Pick<EntryOrder, 'side' | 'notionalMicroUsdt' | 'betaMicroUsdt'>;

/** Says again of the finished order what sizing should have seen to, for a fault in one is caught by the other; then what it has not. */
function limitDenials(order: BookedSize, request: EntryRequest): PreTradeDenial[] {
  const { account, limits } = request;
  const { notionalMicroUsdt } = order;
  const exposure = account.exposureMicroUsdt + notionalMicroUsdt;
  const denials = [...bracketDenials(notionalMicroUsdt, request), ...bookDenials(order, request)];
  if (!(notionalMicroUsdt <= account.allocatedMicroUsdt * limits.positionFractionMax))
    denials.push('max_position');
  if (!(exposure <= account.allocatedMicroUsdt * limits.exposureFractionMax)) denials.push('total_exposure');
  if (!(exposure <= account.equityMicroUsdt * limits.leverageMax)) denials.push('leverage_cap');
  return denials;
}

function sizedOrder(side: OrderSide, request: EntryRequest): Result<EntryOrder, readonly PreTradeDenial[]> {
  const { scope, signal, price, account, limits } = request;
  const size = sizeEntry({
    allocatedMicroUsdt: account.allocatedMicroUsdt,
    volatilityPerBar: request.volatilityPerBar,
    targetDailyVolatility: limits.targetDailyVolatility,
    policy: request.policy,
    positionFractionMax: limits.positionFractionMax,
    exposureMicroUsdtMax: exposureLimit(account, limits),
    exposureMicroUsdt: account.exposureMicroUsdt,
  });
  if (!size.ok) return failure([size.error]);
  const fitted = quantityFor(size.value, request);
  if (!fitted.ok) return failure([fitted.error]);
  const { notionalMicroUsdt } = fitted.value;
  const betaMicroUsdt = betaOf(side, notionalMicroUsdt, signal.betaToBitcoin);
  const denials = limitDenials({ side, notionalMicroUsdt, betaMicroUsdt }, request);
  const { stopAtr, symbol, barOpenTimeMs, ensembleId } = signal;
  const stop = stopPrice({
    side,
    entryPrice: price,
    atr: stopAtr,
    atrMultiple: request.stopAtrMultiple,
    tickSize: request.filters.tickSize,
  });
  if (!stop.ok || denials.length > 0) return failure(stop.ok ? denials : [...denials, stop.error]);
  return success({
    kind: 'entry',
    scope,
    clientOrderId: clientOrderId({ scope, symbol, barOpenTimeMs, side, ensembleId, leg: 'entry' }),
    symbol,
    side,
    ...fitted.value,
    betaMicroUsdt,
    barOpenTimeMs,
    ensembleId,
    referencePrice: price,
    stopPrice: stop.value,
  });
}

/** The entry that a signal calls for, ready for the gate; or every denial that was found. Never throws. */
export function planEntry(request: EntryRequest): Result<EntryOrder, readonly PreTradeDenial[]> {
  const { action } = request.signal;
  if (action === 'HOLD') return failure(['signal_hold']);
  const barrier = entryBarrier(request.filters, request.nowMs);
  const denials = timingDenials(request).concat(
    accountDenials(request),
    barrier === undefined ? [] : [barrier],
    priceDenials(request),
  );
  return denials.length > 0 ? failure(denials) : sizedOrder(action, request);
}
