// What is told of a trade that has ended: what our orders gave, what fees in other assets were worth, and, where somebody else has
// closed the position, what the exchange's own rows of income say that it cost.
import { invariant } from '../core/invariant.ts';
import { microUsdt } from '../core/money.ts';
import type { TradeRecord } from '../risk/records.ts';
import type { OrderRecord, PositionRecord } from './records.ts';

/** What the record of an order tells of the trade. */
export type TradedOrder = Pick<
  OrderRecord,
  | 'clientOrderId'
  | 'symbol'
  | 'leg'
  | 'side'
  | 'ensembleId'
  | 'state'
  | 'bookedFeeMicroUsdt'
  | 'note'
  | 'filledAtMs'
  | 'updatedAtMs'
>;

export interface EndedTrade<Order extends TradedOrder = OrderRecord> {
  readonly entry: Order;
  readonly legs: readonly Order[];
  readonly position: Pick<PositionRecord, 'openedAtMs'>;
}

/** What the records of orders do not tell. */
export interface TradeCosts {
  /** Worth of the fees in other assets, at the price when the trade was recorded. */
  readonly otherFeesMicroUsdt: number;
  readonly unpricedFees: Readonly<Record<string, number>>;
  /** What others have closed; undefined when our orders have closed all of it. */
  readonly others: ByOthers | undefined;
}

export interface ByOthers {
  /** Realised profit, with what went to the insurance fund. */
  readonly realisedMicroUsdt: number;
  readonly feesMicroUsdt: number;
  readonly closing: 'liquidated' | 'auto_deleveraged' | 'settled' | undefined;
  readonly untilMs: number | undefined;
}

export const NO_COSTS: TradeCosts = { otherFeesMicroUsdt: 0, unpricedFees: {}, others: undefined };

/** Base asset that these orders have filled. */
const filledBy = (orders: readonly TradedOrder[]): number =>
  orders.reduce((sum, { state }) => sum + state.filledQuantity, 0);

/** Finer than any exchange's step. */
const QUANTITY_DUST = 5e-9;

/** Whether our own orders have closed all that the entry opened. */
export const isClosedByUs = ({ entry, legs }: Pick<EndedTrade<TradedOrder>, 'entry' | 'legs'>): boolean =>
  filledBy(legs) >= entry.state.filledQuantity - QUANTITY_DUST;

const lastFillMs = ({ filledAtMs, updatedAtMs }: TradedOrder): number => filledAtMs ?? updatedAtMs;

/** Throws when the entry has no price: then there was no trade. */
export function tradeOf(trade: EndedTrade<TradedOrder>, costs: TradeCosts): TradeRecord {
  const { entry, legs, position } = trade;
  const { others, otherFeesMicroUsdt, unpricedFees } = costs;
  const { averagePrice, filledQuantity } = entry.state;
  invariant(averagePrice !== null, `entry ${entry.clientOrderId} has no price`);
  const filled = legs.filter(({ state }) => state.filledQuantity > 0);
  const last = filled.toSorted((a, b) => lastFillMs(b) - lastFillMs(a))[0];
  const closed = filledBy(filled);
  const proceeds = filled.reduce((sum, { state }) => sum + state.filledQuantity * state.averagePrice!, 0);
  const bookedMicroUsdt = [entry, ...filled].reduce((sum, order) => sum + order.bookedFeeMicroUsdt, 0);
  const feesMicroUsdt = bookedMicroUsdt + otherFeesMicroUsdt + (others?.feesMicroUsdt ?? 0);
  const gain = (proceeds - closed * averagePrice) * (entry.side === 'BUY' ? 1 : -1);
  const byUs = last === undefined ? 'unknown' : last.leg === 'stop' ? 'stop' : last.note;
  return {
    symbol: entry.symbol,
    side: entry.side,
    quantity: filledQuantity,
    entryPrice: averagePrice,
    exitPrice: closed > 0 ? proceeds / closed : null,
    reason: others?.closing ?? byUs,
    feesMicroUsdt,
    ...(Object.keys(unpricedFees).length > 0 && { unpricedFees }),
    profitMicroUsdt: microUsdt(gain) + (others?.realisedMicroUsdt ?? 0) - feesMicroUsdt,
    openedAtMs: position.openedAtMs,
    // A leg may be cancelled after the end; only when nothing has closed it is there no better time.
    closedAtMs:
      others?.untilMs ??
      (last !== undefined
        ? lastFillMs(last)
        : Math.max(entry.updatedAtMs, ...legs.map((leg) => leg.updatedAtMs))),
    entryClientOrderId: entry.clientOrderId,
    ensembleId: entry.ensembleId,
  };
}
