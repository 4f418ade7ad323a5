// Use case: follow the signals that the ensemble would have acted on under every stop rule, on recorded candles.
import type { DrawIndex } from '../../core/statistics/block-bootstrap.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { BAR_MS } from '../../market/candle.ts';
import { type CandleSeries, countUntil, sliceSeries } from '../../market/candle-series.ts';
import { type CandleGrid, fillGaps } from '../../market/grid.ts';
import type { CandleSource } from '../../market/ports.ts';
import type { Ensemble } from '../../models/ensemble.ts';
import type { TradingCosts } from '../labels/triple-barrier.ts';
import { concludeStops, type StopConclusion } from '../stops/conclude-stops.ts';
import { resampledAtr } from '../stops/resampled-atr.ts';
import {
  ATR_TIMEFRAMES,
  type BusiestDay,
  type RuleReport,
  StopStudyTally,
  stopRules,
} from '../stops/stop-study.ts';
import { type Predictions, signalOfRow } from './predictions.ts';

export interface StopStudyRequest {
  readonly source: CandleSource;
  readonly ensemble: Ensemble;
  readonly symbols: readonly string[];
  readonly range: OpenTimeRange;
  /** What the models answered; one line when there is none for the symbol. */
  readonly predict: (symbol: string, candles: CandleSeries) => Promise<Predictions | string>;
  /** For intervals and for the coin. */
  readonly drawIndex: DrawIndex;
}

export interface StopStudy {
  readonly ensembleId: string;
  readonly horizonBars: number;
  readonly costs: TradingCosts;
  /** Open times of the first and last bar decided; undefined without any. */
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  readonly symbols: number;
  /** Bars decided, of all symbols. */
  readonly decided: number;
  /** Acted-on signals, and how many of them are left out because their path holds a missing bar or runs over the end. */
  readonly acted: number;
  readonly leftOut: number;
  readonly days: number;
  readonly busiestDay: BusiestDay | undefined;
  readonly rules: readonly RuleReport[];
  readonly conclusion: StopConclusion;
  readonly failures: readonly { readonly symbol: string; readonly message: string }[];
}

export async function studyStops(request: StopStudyRequest): Promise<StopStudy> {
  const { ensemble, symbols, source, range, predict, drawIndex } = request;
  const tally = new StopStudyTally({ rules: stopRules(ensemble.stopAtrMultiple), costs: ensemble.costs });
  const failures: { symbol: string; message: string }[] = [];
  const counts = { decided: 0, acted: 0, leftOut: 0 };
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const symbol of symbols) {
    const candles = await source.read(symbol);
    const predictions = candles.ok ? await predict(symbol, candles.value) : candles.error;
    if (!candles.ok || typeof predictions === 'string') {
      failures.push({ symbol, message: String(predictions) });
      continue;
    }
    const { openTimeMs } = predictions;
    fromMs = Math.min(fromMs, openTimeMs[0] ?? fromMs);
    toMs = Math.max(toMs, openTimeMs.at(-1) ?? toMs);
    const known = range.toMs === undefined ? candles.value.length : countUntil(candles.value, range.toMs - 1);
    const grid = fillGaps(sliceSeries(candles.value, 0, known));
    addSymbol(tally, { grid, predictions, ensemble, drawIndex, counts });
  }
  const { days, busiestDay, rules } = tally.summary(drawIndex);
  return {
    ensembleId: ensemble.id,
    horizonBars: ensemble.label.horizonBars,
    costs: ensemble.costs,
    fromMs: Number.isFinite(fromMs) ? fromMs : undefined,
    toMs: Number.isFinite(toMs) ? toMs : undefined,
    symbols: symbols.length - failures.length,
    ...counts,
    days,
    busiestDay,
    rules,
    conclusion: concludeStops({ rules, busiestDay }),
    failures,
  };
}

/** 5-minute bars in one bar of the timeframe; the shortest is the signal's own ATR. */
const BARS_PER_STEP = { '1h': 12, '4h': 48 } as const;

function addSymbol(
  tally: StopStudyTally,
  context: {
    readonly grid: CandleGrid;
    readonly predictions: Predictions;
    readonly ensemble: Ensemble;
    readonly drawIndex: DrawIndex;
    readonly counts: { decided: number; acted: number; leftOut: number };
  },
): void {
  const { grid, predictions, ensemble, drawIndex, counts } = context;
  const { horizonBars } = ensemble.label;
  const hourly = resampledAtr(grid, BARS_PER_STEP['1h']);
  const fourHourly = resampledAtr(grid, BARS_PER_STEP['4h']);
  for (let row = 0; row < predictions.openTimeMs.length; row++) {
    counts.decided++;
    const { action: side, atr: own } = signalOfRow(predictions, row, ensemble);
    if (side === 'HOLD') continue;
    counts.acted++;
    const bar = (predictions.openTimeMs[row]! - grid.openTimeMs[0]!) / BAR_MS;
    const atr = { '5m': own, '1h': hourly[bar]!, '4h': fourHourly[bar]! };
    // Drawn for every signal, so that what is left out does not change the others' coins.
    const coin = drawIndex(2) === 0 ? 'BUY' : 'SELL';
    if (hasPath(grid, bar, horizonBars) && ATR_TIMEFRAMES.every((timeframe) => atr[timeframe] > 0))
      tally.add(grid, { bar, side, atr, horizonBars }, coin);
    else counts.leftOut++;
  }
}

function hasPath(grid: CandleGrid, bar: number, horizonBars: number): boolean {
  if (bar + horizonBars >= grid.length) return false;
  return !grid.filled.subarray(bar + 1, bar + horizonBars + 1).includes(1);
}
