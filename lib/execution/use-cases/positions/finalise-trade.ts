// Ends a trade whose position is gone: its orders, its record, and what the gate holds for it. Every step may be repeated.
import { planRelease } from '../../../risk/gate.ts';
import type { Versioned } from '../../../risk/ports.ts';
import { isGivenUp } from '../../plan-protection.ts';
import type { OrderRecord, PositionRecord } from '../../records.ts';
import { isClosedByUs, tradeOf } from '../../trade-of.ts';
import type { AccountView } from '../book-account.ts';
import { executionRecords } from '../execution-records.ts';
import { type AccountReading, mayBeHeld } from '../observe-account.ts';
import { type ExecutionContext, isSettled } from '../send-order.ts';
import { handOver, standInFor } from './adopt-position.ts';
import { cancelOpenOrders } from './cancel-orders.ts';
import { legRecords } from './reduce-position.ts';
import { tradeCosts } from './trade-costs.ts';

/** Ends a trade whose position is gone: its orders first, then its record, last what the gate holds for it. */
export async function finaliseTrade(
  context: ExecutionContext,
  view: AccountView,
  symbol: string,
): Promise<readonly string[]> {
  // Until the ledger agrees that nothing is held, the exchange may only be slow to say so.
  const { bookedLedger } = view;
  if (bookedLedger === undefined || mayBeHeld(view.unreadablePositions, symbol)) return ['waiting'];
  if (bookedLedger.value.ledger.positions[symbol] !== undefined) return ['waiting'];
  const position = view.positions.get(symbol);
  const entryId = position?.value.entryClientOrderId ?? view.entryIds.get(symbol);
  const entry = entryId === undefined ? undefined : view.orders.get(entryId);
  if (entry === undefined && position !== undefined) {
    // It has outlived its entry's record. The next run ends it, with what is left to tell of it.
    const { side, quantity, entryPrice } = position.value;
    const standIn = await standInFor(context, { symbol, side, quantity, entryPrice, markPrice: entryPrice });
    return [(await handOver(context, view, position, standIn)) === undefined ? 'conflict' : 'adopted'];
  }
  if (entry === undefined) {
    const authorisedAtMs = entryId === undefined ? undefined : view.gate?.authorised[entryId]?.atMs;
    const isOver = entryId === undefined || isGivenUp(authorisedAtMs, context.clock.nowMs());
    return isOver ? release(context, view, symbol) : ['waiting'];
  }
  if (!isSettled(entry)) return ['waiting'];
  const faults = await cancelOpenOrders(
    context,
    view.openOrders.filter((order) => order.symbol === symbol),
  );
  if (faults.length > 0) return faults;
  if (position === undefined) return release(context, view, symbol);
  const legs = await legRecords(context, entry, position.value);
  if (legs.some((leg) => !isSettled(leg))) return ['waiting'];
  // What others have closed is told by income, which is complete once it explains the wallet: not while that is not compared.
  if (!isClosedByUs({ entry, legs }) && view.walletDifference !== null) return ['waiting'];
  return endTrade(context, view, { entry, legs, position });
}

async function endTrade(
  context: ExecutionContext,
  view: AccountView,
  trade: { entry: OrderRecord; legs: readonly OrderRecord[]; position: Versioned<PositionRecord> },
): Promise<readonly string[]> {
  const { risk, broker } = context;
  const { symbol } = trade.entry;
  const { positions, trades } = executionRecords(risk);
  if (trade.entry.state.filledQuantity > 0) {
    const ended = { ...trade, position: trade.position.value };
    await trades.add(broker.scope, tradeOf(ended, await tradeCosts(context, ended)));
  }
  const removed = await positions.remove(broker.scope, trade.position);
  return removed === 'conflict' ? ['conflict'] : ['closed', ...(await release(context, view, symbol))];
}

async function release(
  { risk, broker }: ExecutionContext,
  view: AccountReading,
  symbol: string,
): Promise<readonly string[]> {
  const reservation = view.gate?.reserved[symbol];
  if (reservation === undefined) return [];
  const released = await risk.commit(broker.scope, planRelease({ symbol, ...reservation }));
  return [released.ok ? 'released' : released.error];
}
