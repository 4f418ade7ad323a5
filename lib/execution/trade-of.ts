// What is told of a trade that has ended, from its orders.
import { invariant } from '../core/invariant.ts';
import { microUsdt } from '../core/money.ts';
import type { TradeRecord } from '../risk/records.ts';
import type { OrderRecord, PositionRecord } from './records.ts';

const lastFillMs = ({ filledAtMs, updatedAtMs }: OrderRecord): number => filledAtMs ?? updatedAtMs;

/** Throws when the entry has no price: then there was no trade. */
export function tradeOf(trade: {
  readonly entry: OrderRecord;
  readonly legs: readonly OrderRecord[];
  readonly position: PositionRecord;
}): TradeRecord {
  const { entry, legs, position } = trade;
  const { averagePrice, filledQuantity } = entry.state;
  invariant(averagePrice !== null, `entry ${entry.clientOrderId} has no price`);
  const filled = legs.filter(({ state }) => state.filledQuantity > 0);
  const last = filled.toSorted((a, b) => lastFillMs(b) - lastFillMs(a))[0];
  const closed = filled.reduce((sum, { state }) => sum + state.filledQuantity, 0);
  const proceeds = filled.reduce((sum, { state }) => sum + state.filledQuantity * state.averagePrice!, 0);
  const feesMicroUsdt = [entry, ...filled].reduce((sum, order) => sum + order.bookedFeeMicroUsdt, 0);
  const gain = (proceeds - closed * averagePrice) * (entry.side === 'BUY' ? 1 : -1);
  return {
    symbol: entry.symbol,
    side: entry.side,
    quantity: filledQuantity,
    entryPrice: averagePrice,
    exitPrice: closed > 0 ? proceeds / closed : null,
    reason: last === undefined ? 'unknown' : last.leg === 'stop' ? 'stop' : last.note,
    feesMicroUsdt,
    profitMicroUsdt: microUsdt(gain) - feesMicroUsdt,
    openedAtMs: position.openedAtMs,
    // A leg may be cancelled after the end; only when none has closed it is there no better time.
    closedAtMs:
      last !== undefined
        ? lastFillMs(last)
        : Math.max(entry.updatedAtMs, ...legs.map((leg) => leg.updatedAtMs)),
    entryClientOrderId: entry.clientOrderId,
    ensembleId: entry.ensembleId,
  };
}
