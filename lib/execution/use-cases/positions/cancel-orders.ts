// Takes orders off the exchange, and writes down how those of ours have ended.
import type { Versioned } from '../../../risk/ports.ts';
import { isFinal } from '../../order-state.ts';
import type { Broker, OpenOrder } from '../../ports.ts';
import type { OrderRecord } from '../../records.ts';
import { executionRecords } from '../execution-records.ts';
import { type ExecutionContext, findOrder, updateOrder } from '../send-order.ts';

/** Whether an order is somebody else's, and to be left alone: ours are written down before they leave. */
export const isLeftToOthers = (
  { externalPositions }: ExecutionContext,
  record: Versioned<OrderRecord> | undefined,
): boolean => externalPositions === 'leave-and-halt' && record === undefined;

/**
 * Cancels orders and writes down how they ended; not again what this run has cancelled.
 * @returns one line for each that would not be cancelled
 */
export async function cancelOpenOrders(
  context: ExecutionContext,
  orders: readonly OpenOrder[],
): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const order of orders) {
    const { risk, broker, cancelledIds } = context;
    if (cancelledIds?.has(order.clientOrderId)) continue;
    const stored = await executionRecords(risk).orders.get(broker.scope, order.clientOrderId);
    if (isLeftToOthers(context, stored)) continue;
    const cancelled = await broker.cancel(order);
    if (cancelled.ok) cancelledIds?.add(order.clientOrderId);
    else faults.push(`not_cancelled: ${cancelled.error.message}`);
    if (!cancelled.ok || stored === undefined || isFinal(stored.value.state.status)) continue;
    const found = await findOrder(context, stored.value);
    if (found.ok) await updateOrder(context, order.clientOrderId, found.value.advance);
  }
  return faults;
}

/** Close-position stops that are open, anybody's; none when the list cannot be read. */
export async function closeStopsOf(broker: Broker, symbol: string): Promise<readonly OpenOrder[]> {
  const stops = await broker.openStops();
  return stops.ok ? stops.value.rows.filter((stop) => stop.symbol === symbol && stop.closesPosition) : [];
}
