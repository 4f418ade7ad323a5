// The input of the models at one bar: for every symbol its candles, checked and turned into features, or the reason why it has none.

import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { computeFeatures } from '../../features/compute-features.ts';
import type { Abstention, AbstentionReason } from '../../market/abstention.ts';
import { BETA_SYMBOL, betaToBitcoin } from '../../market/beta.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import { checkWindow, SEQUENCE_STEPS } from '../../market/grid.ts';
import type { MarketDataErrorCode } from '../../market/ports.ts';
import { newestTimeframeAtr } from '../../market/timeframe-atr.ts';
import type { CandleWindows, WindowReading } from '../../market/use-cases/candle-windows.ts';
import { STOP_TIMEFRAMES, type StopTimeframe } from '../../models/stop-timeframe.ts';
import type { WindowReadings } from '../infer-run.ts';
import type { Watch } from '../stopwatch.ts';
import { type SymbolRow, toSymbolRow } from './ask-models.ts';

/** Why a symbol has no row. */
export type RowFailure = { readonly reason: AbstentionReason; readonly message: string };

interface BarSource {
  readonly windows: CandleWindows;
  readonly watch: Watch;
  readonly barOpenTimeMs: number;
  /** Why no symbol has a row; undefined when nothing keeps them from it. */
  readonly obstacle: RowFailure | undefined;
}

interface SymbolRows {
  readonly rows: SymbolRow[];
  readonly abstentions: Abstention[];
  readonly candleWindows: WindowReadings;
}

/** A row or an abstention of every symbol, each list in the order of the symbols. Never rejects. */
export async function readRows(symbols: readonly string[], source: BarSource): Promise<SymbolRows> {
  const { barOpenTimeMs, obstacle } = source;
  const readings = new Map<string, WindowReading>();
  const shared = obstacle === undefined ? withBitcoin(source) : undefined;
  const read = await Promise.all(
    symbols.map((symbol) => (shared === undefined ? failure(obstacle!) : readRow(symbol, shared, readings))),
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
  return { rows, abstentions, candleWindows: countReadings(readings) };
}

/** Bitcoin's window is read once for all, whether or not it is a symbol of the shard. */
function withBitcoin(source: BarSource): BarSource & { readonly bitcoin: Promise<CandleSeries | undefined> } {
  const { windows, barOpenTimeMs } = source;
  const reading = windows.read({ symbol: BETA_SYMBOL, lastOpenTimeMs: barOpenTimeMs });
  return {
    ...source,
    windows: { read: (request) => (request.symbol === BETA_SYMBOL ? reading : windows.read(request)) },
    // Without it betas are not known, and nothing is entered; the signals are decided all the same.
    bitcoin: reading.then(
      (read) => (read.ok ? read.value.series : undefined),
      () => undefined,
    ),
  };
}

function countReadings(readings: ReadonlyMap<string, WindowReading>): WindowReadings {
  const all = [...readings];
  const symbolsWhere = (holds: (reading: WindowReading) => boolean) =>
    all.filter(([, reading]) => holds(reading)).map(([symbol]) => symbol);
  return {
    newest: symbolsWhere(({ source }) => source === 'newest').length,
    whole: symbolsWhere(({ source }) => source === 'whole').length,
    proven: symbolsWhere(({ isProven }) => isProven === true).length,
    differing: symbolsWhere(({ isProven }) => isProven === false),
    revised: symbolsWhere(({ isRevised }) => isRevised),
  };
}

/** Tells apart an exchange that does not answer, a malformed response, and a symbol that the exchange does not know. */
function reasonOf(code: MarketDataErrorCode): AbstentionReason {
  if (code === 'unknown_symbol') return 'not_listed';
  return code === 'invalid_candle' || code === 'invalid_response' ? 'invalid_candle' : 'exchange_unavailable';
}

async function readRow(
  symbol: string,
  { windows, watch, barOpenTimeMs, bitcoin }: ReturnType<typeof withBitcoin>,
  readings: Map<string, WindowReading>,
): Promise<Result<SymbolRow, RowFailure>> {
  try {
    const read = await windows.read({ symbol, lastOpenTimeMs: barOpenTimeMs });
    if (!read.ok) return failure({ reason: reasonOf(read.error.code), message: read.error.message });
    readings.set(symbol, read.value);
    const { series } = read.value;
    const bitcoinSeries = await bitcoin;
    return watch.timeSync('features', () => {
      const window = checkWindow(series, barOpenTimeMs);
      if (!window.ok) return window;
      const { grid, hasSequence } = window.value;
      const features = computeFeatures(grid, {
        from: grid.length - (hasSequence ? SEQUENCE_STEPS : 1),
        to: grid.length,
      });
      const close = grid.close[grid.length - 1]!;
      const longerAtrOf = (timeframe: StopTimeframe) => newestTimeframeAtr(grid, STOP_TIMEFRAMES[timeframe]);
      const beta = () => (bitcoinSeries && betaToBitcoin(series, bitcoinSeries, barOpenTimeMs)) ?? null;
      const bar = { barOpenTimeMs, close, longerAtrOf, betaToBitcoin: beta };
      return success(toSymbolRow(symbol, features, bar));
    });
  } catch (error) {
    return failure({ reason: 'internal_error', message: messageOf(error) });
  }
}
