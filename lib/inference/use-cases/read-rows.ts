// The input of the models at one bar: for every symbol its candles, checked and turned into features, or the reason why it has none.

import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { computeFeatures } from '../../features/compute-features.ts';
import type { Abstention, AbstentionReason } from '../../market/abstention.ts';
import type { CandleRevisions } from '../../market/candle-revisions.ts';
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
  /** undefined counts no candle as revised. */
  readonly revisions: CandleRevisions | undefined;
  /** Why no symbol has a row; undefined when nothing keeps them from it. */
  readonly obstacle: RowFailure | undefined;
}

interface SymbolRows {
  readonly rows: SymbolRow[];
  readonly abstentions: Abstention[];
  /** Candles that have changed since the run before, after their close. */
  readonly revisedCandles: number;
}

/** A row or an abstention of every symbol, each list in the order of the symbols. Never rejects. */
export async function readRows(symbols: readonly string[], source: BarSource): Promise<SymbolRows> {
  const { barOpenTimeMs, obstacle } = source;
  let revisedCandles = 0;
  const onRevised = () => {
    revisedCandles++;
  };
  const read = await Promise.all(
    symbols.map((symbol) =>
      obstacle === undefined ? readRow(symbol, source, onRevised) : failure(obstacle),
    ),
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
  return { rows, abstentions, revisedCandles };
}

/** Tells apart an exchange that does not answer, a malformed response, and a symbol that the exchange does not know. */
function reasonOf(code: MarketDataErrorCode): AbstentionReason {
  if (code === 'unknown_symbol') return 'not_listed';
  return code === 'invalid_candle' || code === 'invalid_response' ? 'invalid_candle' : 'exchange_unavailable';
}

async function readRow(
  symbol: string,
  { market, watch, barOpenTimeMs, revisions }: BarSource,
  onRevised: () => void,
): Promise<Result<SymbolRow, RowFailure>> {
  try {
    const candles = await market.closedCandles({
      symbol,
      count: REQUEST_BARS,
      lastOpenTimeMs: barOpenTimeMs,
    });
    if (!candles.ok) return failure({ reason: reasonOf(candles.error.code), message: candles.error.message });
    if (revisions?.isRevised(symbol, candles.value) === true) onRevised();
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
