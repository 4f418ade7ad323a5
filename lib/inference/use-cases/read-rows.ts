// The input of the models at one bar: for every symbol its candles, checked and turned into features, or the reason why it has none.

import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { computeFeatures } from '../../features/compute-features.ts';
import type { Abstention, AbstentionReason } from '../../market/abstention.ts';
import { checkWindow, REQUEST_BARS, SEQUENCE_STEPS } from '../../market/grid.ts';
import type { MarketData, MarketDataErrorCode } from '../../market/ports.ts';
import type { Watch } from '../stopwatch.ts';
import { type SymbolRow, toSymbolRow } from './ask-models.ts';

/** Why a symbol has no row. */
export type RowFailure = { readonly reason: AbstentionReason; readonly message: string };

interface BarSource {
  readonly market: Pick<MarketData, 'closedCandles'>;
  readonly watch: Watch;
  readonly barOpenTimeMs: number;
  /** Why no symbol has a row; undefined when nothing keeps them from it. */
  readonly obstacle: RowFailure | undefined;
}

/** A row or an abstention of every symbol, each list in the order of the symbols. Never rejects. */
export async function readRows(
  symbols: readonly string[],
  source: BarSource,
): Promise<{ rows: SymbolRow[]; abstentions: Abstention[] }> {
  const { barOpenTimeMs, obstacle } = source;
  const read = await Promise.all(
    symbols.map((symbol) => (obstacle === undefined ? readRow(symbol, source) : failure(obstacle))),
  );
  const rows: SymbolRow[] = [];
  const abstentions: Abstention[] = [];
  for (const [index, row] of read.entries()) {
    if (row.ok) rows.push(row.value);
    else
      abstentions.push({
        symbol: symbols[index]!,
        barOpenTimeMs,
        abstained: row.error.reason,
        message: row.error.message,
      });
  }
  return { rows, abstentions };
}

/** A malformed response of the exchange is told apart from none. */
const reasonOf = (code: MarketDataErrorCode): AbstentionReason =>
  code === 'invalid_candle' || code === 'invalid_response' ? 'invalid_candle' : 'exchange_unavailable';

async function readRow(
  symbol: string,
  { market, watch, barOpenTimeMs }: BarSource,
): Promise<Result<SymbolRow, RowFailure>> {
  try {
    const candles = await market.closedCandles({
      symbol,
      count: REQUEST_BARS,
      lastOpenTimeMs: barOpenTimeMs,
    });
    if (!candles.ok) return failure({ reason: reasonOf(candles.error.code), message: candles.error.message });
    return watch.timeSync('features', () => {
      const window = checkWindow(candles.value, barOpenTimeMs);
      if (!window.ok) return window;
      const { grid, hasSequence } = window.value;
      const features = computeFeatures(grid, {
        from: grid.length - (hasSequence ? SEQUENCE_STEPS : 1),
        to: grid.length,
      });
      const close = grid.close[grid.length - 1]!;
      return success(toSymbolRow(symbol, features, { barOpenTimeMs, close }));
    });
  } catch (error) {
    return failure({ reason: 'internal_error', message: messageOf(error) });
  }
}
