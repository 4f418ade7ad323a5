// What a trade has cost that the records of its orders do not tell. Asked for after protection and booking only.
import { microUsdt } from '../../../core/money.ts';
import type { Result } from '../../../core/result.ts';
import type { BrokerError, Fill, Income } from '../../ports.ts';
import { type EndedTrade, isClosedByUs, NO_COSTS, type TradeCosts } from '../../trade-of.ts';
import { type ExecutionContext, referenceOf } from '../send-order.ts';

/** Throws Error when the exchange does not answer: the trade is recorded by a later run. */
export async function tradeCosts({ broker }: ExecutionContext, trade: EndedTrade): Promise<TradeCosts> {
  const { entry, legs, position } = trade;
  const orders = [entry, ...legs].filter(({ state }) => state.filledQuantity > 0);
  const fills = (
    await Promise.all(orders.map(async (order) => known(await broker.fills(referenceOf(order))) ?? []))
  ).flat();
  const fees = await otherFees({ broker }, fills);
  if (isClosedByUs(trade)) return { ...fees, others: undefined };
  const { symbol } = entry;
  const { openedAtMs } = position;
  const income = answered(await broker.incomeSince(openedAtMs)).rows;
  const closing = known(await broker.forcedClosing(symbol, openedAtMs));
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

function answered<T>(answer: Result<T, BrokerError>): T {
  if (answer.ok) return answer.value;
  throw new Error(answer.error.message);
}

/** undefined for a contract that the exchange has taken off its list: no later run would learn more. */
const known = <T>(answer: Result<T, BrokerError>): T | undefined =>
  !answer.ok && answer.error.code === 'unknown_symbol' ? undefined : answered(answer);

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
