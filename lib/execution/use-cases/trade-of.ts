// The record of a trade that has ended: what our orders gave, what fees in other assets were worth, and, where somebody else has
// closed the position, what the exchange's own rows of income say that it cost. Asked for after protection and booking only.
import { invariant } from '../../core/invariant.ts';
import { microUsdt } from '../../core/money.ts';
import type { Result } from '../../core/result.ts';
import type { Versioned } from '../../risk/ports.ts';
import type { TradeRecord } from '../../risk/records.ts';
import type { Fill, ForcedClosing, Income } from '../ports.ts';
import type { OrderRecord, PositionRecord } from '../records.ts';
import { type ExecutionContext, referenceOf } from './send-order.ts';

export interface EndedTrade {
  readonly entry: OrderRecord;
  readonly legs: readonly OrderRecord[];
  readonly position: Versioned<PositionRecord>;
}

/** What the records of orders do not tell. */
export interface TradeCosts {
  /** Worth of the fees in other assets, at the price when the trade was recorded. */
  readonly otherFeesMicroUsdt: number;
  readonly unpricedFees: Readonly<Record<string, number>>;
  /** What others have closed; undefined when our orders have closed all of it. */
  readonly others: ByOthers | undefined;
}

interface ByOthers {
  /** Realised profit, with what went to the insurance fund. */
  readonly realisedMicroUsdt: number;
  readonly feesMicroUsdt: number;
  readonly closing: ForcedClosing | undefined;
  readonly untilMs: number | undefined;
}

export const NO_COSTS: TradeCosts = { otherFeesMicroUsdt: 0, unpricedFees: {}, others: undefined };

/** Base asset that these orders have filled. */
const filledBy = (orders: readonly OrderRecord[]): number =>
  orders.reduce((sum, { state }) => sum + state.filledQuantity, 0);

/** Finer than any exchange's step. */
const QUANTITY_DUST = 5e-9;

/** Whether our own orders have closed all that the entry opened. */
export const isClosedByUs = ({ entry, legs }: Pick<EndedTrade, 'entry' | 'legs'>): boolean =>
  filledBy(legs) >= entry.state.filledQuantity - QUANTITY_DUST;

/** Throws Error when the exchange does not answer: the trade is recorded by a later run. */
export async function tradeCosts({ broker }: ExecutionContext, trade: EndedTrade): Promise<TradeCosts> {
  const { entry, legs, position } = trade;
  const orders = [entry, ...legs].filter(({ state }) => state.filledQuantity > 0);
  const fills = (
    await Promise.all(orders.map(async (order) => answered(await broker.fills(referenceOf(order)))))
  ).flat();
  const fees = await otherFees({ broker }, fills);
  if (isClosedByUs(trade)) return { ...fees, others: undefined };
  const { symbol } = entry;
  const { openedAtMs } = position.value;
  const income = answered(await broker.incomeSince(openedAtMs)).rows;
  const closing = answered(await broker.forcedClosing(symbol, openedAtMs));
  const own = new Set(fills.map(({ tradeId }) => tradeId));
  const rows = income.filter(
    (row) => row.symbol === symbol && row.asset === 'USDT' && !(row.tradeId !== null && own.has(row.tradeId)),
  );
  const sumOf = (...kinds: Income['kind'][]) =>
    rows.reduce((sum, { kind, amount }) => sum + (kinds.includes(kind) ? microUsdt(amount) : 0), 0);
  const others = {
    realisedMicroUsdt: sumOf('realised', 'insurance', 'settlement'),
    feesMicroUsdt: -sumOf('commission'),
    closing,
    untilMs: rows.findLast(({ kind }) => kind === 'realised' || kind === 'settlement')?.atMs,
  };
  return { ...fees, others };
}

function answered<T>(answer: Result<T, { readonly message: string }>): T {
  if (answer.ok) return answer.value;
  throw new Error(answer.error.message);
}

/** A fee whose asset has no price stays in its asset. */
async function otherFees(
  { broker }: Pick<ExecutionContext, 'broker'>,
  fills: readonly Fill[],
): Promise<Pick<TradeCosts, 'otherFeesMicroUsdt' | 'unpricedFees'>> {
  const byAsset = new Map<string, number>();
  for (const { fee } of fills)
    if (fee.asset !== 'USDT' && fee.amount !== 0)
      byAsset.set(fee.asset, (byAsset.get(fee.asset) ?? 0) + fee.amount);
  if (byAsset.size === 0) return NO_COSTS;
  const pairOf = (asset: string) => `${asset}USDT`;
  const prices = await broker.prices([...byAsset.keys()].map(pairOf));
  let otherFeesMicroUsdt = 0;
  const unpricedFees: Record<string, number> = {};
  for (const [asset, amount] of byAsset) {
    const price = prices.ok ? prices.value.get(pairOf(asset)) : undefined;
    if (price === undefined) unpricedFees[asset] = amount;
    else otherFeesMicroUsdt += microUsdt(amount * price);
  }
  return { otherFeesMicroUsdt, unpricedFees };
}

const lastFillMs = ({ filledAtMs, updatedAtMs }: OrderRecord): number => filledAtMs ?? updatedAtMs;

export function tradeOf(trade: EndedTrade, costs: TradeCosts): TradeRecord {
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
    openedAtMs: position.value.openedAtMs,
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
