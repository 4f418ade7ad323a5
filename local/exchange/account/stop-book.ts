// Conditional orders, with the steps that real ones take: NEW, then TRIGGERING while the order is on its way, TRIGGERED when it is
// in the book, FINISHED when it is done; or REJECTED, EXPIRED, CANCELED.
import type { Candle } from '../../../lib/market/candle.ts';
import { type ExchangeReply, refuse } from '../route.ts';
import { type AccountParts, situationOf, worse } from './account-view.ts';
import type { OrderBook } from './order-book.ts';
import type { Stop } from './orders.ts';
import { DUPLICATE_ID, refuseOrder, refusePrice } from './refusals.ts';

export type StopRequest = Pick<
  Stop,
  | 'symbol'
  | 'side'
  | 'positionSide'
  | 'quantity'
  | 'clientOrderId'
  | 'reduceOnly'
  | 'triggerPrice'
  | 'workingType'
  | 'timeInForce'
>;

export class StopBook {
  readonly #parts: AccountParts;
  readonly #book: OrderBook;

  constructor(parts: AccountParts, book: OrderBook) {
    this.#parts = parts;
    this.#book = book;
  }

  place(request: StopRequest): Stop | ExchangeReply {
    const { market, nextId } = this.#parts;
    const refusal = this.#refuse(request);
    if (refusal !== undefined) return refusal;
    const nowMs = market.nowMs();
    return this.#parts.stops.keep({
      ...request,
      algoId: nextId(),
      status: 'NEW',
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      triggeredAtMs: undefined,
      reference: undefined,
      stepAtMs: undefined,
      actualOrderId: undefined,
    });
  }

  #refuse(request: StopRequest): ExchangeReply | undefined {
    const { symbol, side, positionSide, triggerPrice, workingType } = request;
    const situation = situationOf(this.#parts, symbol, positionSide);
    const refusal = refuseOrder(request, situation) ?? refusePrice(triggerPrice, situation.contract!);
    if (refusal !== undefined) return refusal;
    const open = this.#parts.stops.open();
    if (open.some(({ clientOrderId }) => clientOrderId === request.clientOrderId)) return DUPLICATE_ID;
    const same = open.filter((stop) => stop.symbol === symbol);
    if (request.quantity === null && same.some((stop) => stop.quantity === null && stop.side === side)) {
      return refuse(
        -4130,
        'An open stop or take profit order with GTE and closePosition in the direction is existing.',
      );
    }
    if (same.length >= situation.contract!.stopOrdersMax) return refuse(-4045, 'Reach max stop order limit.');
    if (request.timeInForce === 'GTE_GTC' && situation.held === 0) {
      return refuse(-4509, 'Time in Force (TIF) GTE can only be used with open positions.');
    }
    const price = workingType === 'MARK_PRICE' ? situation.markPrice : situation.lastPrice;
    const past = side === 'SELL' ? price <= triggerPrice : price >= triggerPrice;
    return past ? refuse(-2021, 'Order would immediately trigger.') : undefined;
  }

  /** Whether there was one to cancel: not any more once it has triggered. */
  cancel(algoId: number, atMs: number, status: 'CANCELED' | 'EXPIRED' = 'CANCELED'): boolean {
    const stop = this.#parts.stops.get(algoId);
    if (stop?.status !== 'NEW') return false;
    this.#parts.stops.keep({ ...stop, status, updatedAtMs: atMs });
    return true;
  }

  /** Triggers what a closed bar has reached. */
  reachBar(symbol: string, bar: Candle, closeTimeMs: number): void {
    for (const stop of this.#waiting(symbol)) {
      if (closeTimeMs <= stop.createdAtMs) continue;
      const factor = this.#markFactor(stop, closeTimeMs);
      const reached =
        stop.side === 'SELL' ? bar.low * factor <= stop.triggerPrice : bar.high * factor >= stop.triggerPrice;
      if (!reached) continue;
      const touched = stop.triggerPrice / factor;
      const opened = bar.openTimeMs >= stop.createdAtMs ? bar.open : touched;
      const worst = stop.side === 'SELL' ? Math.min(touched, opened) : Math.max(touched, opened);
      this.#trigger(stop, worst, closeTimeMs);
    }
  }

  /** Triggers what the price of now has passed. */
  reachPrice(symbol: string, price: number, nowMs: number): void {
    for (const stop of this.#waiting(symbol)) {
      const watched = price * this.#markFactor(stop, nowMs);
      const past = stop.side === 'SELL' ? watched <= stop.triggerPrice : watched >= stop.triggerPrice;
      if (past) this.#trigger(stop, price, nowMs);
    }
  }

  /** Takes the steps that are due, in the order of their times. */
  step(symbol: string, untilMs: number): void {
    for (;;) {
      const [next] = this.#parts.stops
        .open(symbol)
        .filter(({ stepAtMs }) => stepAtMs !== undefined && stepAtMs <= untilMs)
        .toSorted((a, b) => a.stepAtMs! - b.stepAtMs!);
      if (next === undefined) return;
      if (next.status === 'TRIGGERING') this.#send(next, next.stepAtMs!);
      else this.#finish(next, next.stepAtMs!);
    }
  }

  /** Those that end with the position, when it has ended. */
  expireWithPosition(symbol: string, atMs: number): void {
    const { positions } = this.#parts.matching;
    for (const { algoId, timeInForce, positionSide } of this.#waiting(symbol))
      if (timeInForce === 'GTE_GTC' && positions.quantity(symbol, positionSide) === 0)
        this.cancel(algoId, atMs, 'EXPIRED');
  }

  #waiting(symbol: string): Stop[] {
    return this.#parts.stops.open(symbol).filter(({ status }) => status === 'NEW');
  }

  #markFactor({ symbol, workingType }: Stop, atMs: number): number {
    return workingType === 'MARK_PRICE' ? 1 + this.#parts.marks.offset(symbol, atMs) : 1;
  }

  #trigger(stop: Stop, reference: number, atMs: number): void {
    const { stops, unkind } = this.#parts;
    const triggered = { ...stop, reference, triggeredAtMs: atMs, updatedAtMs: atMs };
    if (unkind.stopSteps === undefined) {
      this.#send(triggered, atMs);
      return;
    }
    const stepAtMs = atMs + unkind.stopSteps.triggeringMs;
    stops.keep({ ...triggered, status: 'TRIGGERING', stepAtMs });
  }

  /** Puts the order in the book, where it trades at once; refused when there is nothing to reduce. */
  #send(stop: Stop, atMs: number): void {
    const { symbol, side, positionSide, quantity, reference } = stop;
    const { stops, matching, unkind, costs } = this.#parts;
    const reducible = matching.positions.reducible(symbol, side, positionSide);
    const wanted = quantity ?? reducible;
    const filled = stop.reduceOnly || quantity === null ? Math.min(wanted, reducible) : wanted;
    if (filled === 0) {
      const status = unkind.stopSteps === undefined || quantity === null ? 'EXPIRED' : 'REJECTED';
      stops.keep({ ...stop, status, updatedAtMs: atMs, stepAtMs: undefined });
      return;
    }
    const price = worse(reference!, side, costs.impactBps);
    const became = this.#book.trade({ ...stop, quantity: wanted, filled, price, atMs });
    const sent = { ...stop, updatedAtMs: atMs, actualOrderId: became.orderId };
    if (unkind.stopSteps === undefined) this.#finish(sent, atMs);
    else stops.keep({ ...sent, status: 'TRIGGERED', stepAtMs: atMs + unkind.stopSteps.triggeredMs });
    this.expireWithPosition(symbol, atMs);
  }

  #finish(stop: Stop, atMs: number): void {
    this.#parts.stops.keep({ ...stop, status: 'FINISHED', updatedAtMs: atMs, stepAtMs: undefined });
  }
}
