// The signals of a range that act under given settings, bar by bar, and counts of all. The columns are read twice, symbol by symbol:
// once to decide and count, once to lay out by bar what acts.
import { allHoldBits, entryStop, HOLD, holdReasonsOf } from '../../inference/decide-votes.ts';
import type { HoldReason } from '../../inference/signal.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleSeries } from '../../market/candle-series.ts';
import type { Ensemble } from '../../models/ensemble.ts';
import { ACTIONS } from '../../models/vote.ts';
import type { SignalCounts } from '../backtest-run.ts';
import type { DecidedBars } from './decided-bars.ts';

export interface DecidedSymbol {
  readonly series: CandleSeries;
  readonly decided: DecidedBars;
}

export interface ActingSignals {
  readonly counts: SignalCounts;
  /** [bars + 1]: where each bar's signals begin below. */
  readonly start: Uint32Array;
  /** By bar, then by symbol: index of the symbol, and the row of its columns. */
  readonly symbol: Uint16Array;
  readonly row: Uint32Array;
}

export function findActingSignals(
  symbols: readonly DecidedSymbol[],
  range: { readonly fromMs: number; readonly toMs: number },
  ensemble: Pick<Ensemble, 'edgeThresholdBps' | 'stopAtrMultiple'>,
): ActingSignals {
  const bars = (range.toMs - range.fromMs) / BAR_MS;
  const start = new Uint32Array(bars + 1);
  const byBits = new Array<number>(256).fill(0);
  const actions: [number, number, number] = [0, 0, 0];
  const bits = symbols.map((symbol) => {
    const { series, decided } = symbol;
    const holdBits = decideAll(symbol, ensemble);
    for (let row = 0; row < holdBits.length; row++) {
      const bar = barOf(series, decided.candle[row]!, range.fromMs);
      if (!(bar >= 0 && bar < bars)) continue;
      byBits[holdBits[row]!]!++;
      actions[holdBits[row] === 0 ? decided.lean[row]! : HOLD]!++;
      if (holdBits[row] === 0) start[bar + 1]!++;
    }
    return holdBits;
  });
  for (let bar = 0; bar < bars; bar++) start[bar + 1]! += start[bar]!;
  const next = start.slice();
  const acting = { symbol: new Uint16Array(start[bars]!), row: new Uint32Array(start[bars]!) };
  symbols.forEach(({ series, decided }, index) => {
    const holdBits = bits[index]!;
    for (let row = 0; row < holdBits.length; row++) {
      if (holdBits[row] !== 0) continue;
      const bar = barOf(series, decided.candle[row]!, range.fromMs);
      if (!(bar >= 0 && bar < bars)) continue;
      const place = next[bar]!++;
      acting.symbol[place] = index;
      acting.row[place] = row;
    }
  });
  return { counts: countSignals(byBits, actions), start, ...acting };
}

const barOf = (series: CandleSeries, candle: number, fromMs: number): number =>
  (series.openTimeMs[candle]! - fromMs) / BAR_MS;

/** For every row the reasons to hold; 0 where it acts. */
function decideAll(
  { series, decided }: DecidedSymbol,
  ensemble: Pick<Ensemble, 'edgeThresholdBps' | 'stopAtrMultiple'>,
): Uint8Array {
  const all = new Uint8Array(decided.lean.length);
  const outcome = { holdBits: 0, lean: HOLD, edgeBps: 0 };
  const bar = { close: 0, stopAtr: 0 };
  for (let row = 0; row < all.length; row++) {
    outcome.holdBits = decided.holdBits[row]!;
    outcome.lean = decided.lean[row]!;
    outcome.edgeBps = decided.edgeBps[row]!;
    bar.close = series.close[decided.candle[row]!]!;
    bar.stopAtr = decided.stopAtr[row]!;
    const stopPrice = entryStop(outcome.lean, bar, ensemble.stopAtrMultiple);
    all[row] = allHoldBits(outcome, stopPrice, ensemble.edgeThresholdBps);
  }
  return all;
}

function countSignals(byBits: readonly number[], actions: readonly number[]): SignalCounts {
  const holdReasons: Partial<Record<HoldReason, number>> = {};
  byBits.forEach((count, bits) => {
    if (count > 0)
      for (const reason of holdReasonsOf(bits)) holdReasons[reason] = (holdReasons[reason] ?? 0) + count;
  });
  const countOf = (action: (typeof ACTIONS)[number]) => actions[ACTIONS.indexOf(action)]!;
  return { actions: { SELL: countOf('SELL'), HOLD: countOf('HOLD'), BUY: countOf('BUY') }, holdReasons };
}
