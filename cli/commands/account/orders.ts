// `qtrader orders`: the orders of the last 90 days, the newest first.
import type { Command } from 'commander';
import { formatInstant, formatPrice } from '../../../lib/core/format-figure.ts';
import type { OrderRecord } from '../../../lib/execution/records.ts';
import { formatTable } from '../../format/text-table.ts';
import { parseSymbol } from '../../options.ts';
import { addRecordsOptions, printRecords, type RecordsOptions } from './account-records.ts';

export function addOrdersCommand(program: Command): void {
  addRecordsOptions(program.command('orders'), 'orders written')
    .description('orders of the last 90 days with state and fills, the newest first')
    .option('--symbol <symbol>', 'only of this symbol', parseSymbol)
    .action(runOrders);
}

async function runOrders(options: RecordsOptions): Promise<void> {
  const { readOrders } = await import('../../../lib/api/read-model/account.ts');
  const { ordersQuerySchema } = await import('../../../lib/api/read-queries.ts');
  await printRecords(options, {
    query: ordersQuerySchema,
    read: readOrders,
    itemsOf: ({ orders }) => orders,
    columns: COLUMNS,
    format: ({ orders }) => formatOrders(orders),
  });
}

const COLUMNS: Record<string, (order: OrderRecord) => unknown> = {
  createdAtMs: (order) => order.createdAtMs,
  updatedAtMs: (order) => order.updatedAtMs,
  clientOrderId: (order) => order.clientOrderId,
  symbol: (order) => order.symbol,
  leg: (order) => order.leg,
  side: (order) => order.side,
  quantity: (order) => order.quantity,
  stopPrice: (order) => order.stopPrice,
  status: (order) => order.state.status,
  filledQuantity: (order) => order.state.filledQuantity,
  averagePrice: (order) => order.state.averagePrice,
  filledAtMs: (order) => order.filledAtMs,
  feeMicroUsdt: (order) => order.bookedFeeMicroUsdt,
  barOpenTimeMs: (order) => order.barOpenTimeMs,
  ensembleId: (order) => order.ensembleId,
  note: (order) => order.note,
};

function formatOrders(orders: readonly OrderRecord[]): string {
  if (orders.length === 0) return 'no orders';
  return formatTable({
    head: ['written', 'symbol', 'leg', 'side', 'quantity', 'stop', 'price', 'state', 'note'],
    rows: orders.map(({ createdAtMs, symbol, leg, side, quantity, stopPrice, state, note }) => [
      formatInstant(createdAtMs).slice('2024-'.length),
      symbol,
      leg,
      side,
      formatPrice(quantity),
      formatPrice(stopPrice ?? undefined),
      formatPrice(state.averagePrice ?? undefined),
      state.status,
      note,
    ]),
    left: [0, 1, 2, 3, 7, 8],
  });
}
