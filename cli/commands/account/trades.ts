// `qtrader trades`: closed positions, the last closed first.
import type { Command } from 'commander';
import {
  formatDuration,
  formatFigure,
  formatInstant,
  formatPrice,
  formatUsdt,
} from '../../../lib/core/format-figure.ts';
import { MICRO } from '../../../lib/core/units.ts';
import type { TradeRecord } from '../../../lib/risk/records.ts';
import { formatTable } from '../../format/text-table.ts';
import { parseSymbol } from '../../options.ts';
import { addRecordsOptions, printRecords, type RecordsOptions } from './account-records.ts';

export function addTradesCommand(program: Command): void {
  addRecordsOptions(program.command('trades'), 'trades closed')
    .description('closed positions with reason, fees, profit and duration, the last closed first')
    .option('--symbol <symbol>', 'only of this symbol', parseSymbol)
    .action(runTrades);
}

async function runTrades(options: RecordsOptions): Promise<void> {
  const { readTrades } = await import('../../../lib/api/read-model/account.ts');
  const { tradesQuerySchema } = await import('../../../lib/api/read-queries.ts');
  await printRecords(options, {
    query: tradesQuerySchema,
    read: readTrades,
    itemsOf: ({ trades }) => trades,
    columns: COLUMNS,
    format: ({ trades }) => formatTrades(trades),
  });
}

const COLUMNS: Record<string, (trade: TradeRecord) => unknown> = {
  closedAtMs: (trade) => trade.closedAtMs,
  openedAtMs: (trade) => trade.openedAtMs,
  symbol: (trade) => trade.symbol,
  side: (trade) => trade.side,
  quantity: (trade) => trade.quantity,
  entryPrice: (trade) => trade.entryPrice,
  exitPrice: (trade) => trade.exitPrice,
  reason: (trade) => trade.reason,
  feesMicroUsdt: (trade) => trade.feesMicroUsdt,
  unpricedFees: (trade) => trade.unpricedFees && JSON.stringify(trade.unpricedFees),
  profitMicroUsdt: (trade) => trade.profitMicroUsdt,
  entryClientOrderId: (trade) => trade.entryClientOrderId,
  ensembleId: (trade) => trade.ensembleId,
};

function formatTrades(trades: readonly TradeRecord[]): string {
  const table = formatTable({
    head: ['closed', 'symbol', 'side', 'entry', 'exit', 'fees', 'profit', 'held', 'reason'],
    rows: trades.map((trade) => [
      formatInstant(trade.closedAtMs).slice('2024-'.length),
      trade.symbol,
      trade.side,
      formatPrice(trade.entryPrice),
      formatPrice(trade.exitPrice ?? undefined),
      formatFigure(trade.feesMicroUsdt / MICRO, 2),
      formatFigure(trade.profitMicroUsdt / MICRO, 2),
      formatDuration(trade.closedAtMs - trade.openedAtMs),
      trade.reason,
    ]),
    left: [0, 1, 2, 8],
  });
  if (trades.length === 0) return 'no trades';
  const profit = trades.reduce((sum, { profitMicroUsdt }) => sum + profitMicroUsdt, 0);
  const fees = trades.reduce((sum, { feesMicroUsdt }) => sum + feesMicroUsdt, 0);
  return `${table}\n${trades.length} trades: profit ${formatUsdt(profit)}, after fees of ${formatUsdt(fees)}`;
}
