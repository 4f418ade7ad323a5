// Whether what is decided comes from the candles that the exchange has, and from the models that the ensemble names.
import { computeFeatures } from '../../../../lib/features/compute-features.ts';
import { FEATURE_NAMES } from '../../../../lib/features/feature-set.ts';
import type { Signal } from '../../../../lib/inference/signal.ts';
import { BAR_MS } from '../../../../lib/market/candle.ts';
import type { CandleSeries } from '../../../../lib/market/candle-series.ts';
import { fillGaps, ROW_WINDOW_BARS } from '../../../../lib/market/grid.ts';
import { readAnswers } from '../../../../lib/models/model-output.ts';
import type { Environment } from '../kernel/environment.ts';
import type { Stage } from '../world/stage.ts';
import { provenAnswers } from '../world/stub-models.ts';
import type { Register } from './register.ts';

/** Of now and of the hour before, none is missing. */
const RECENT_BARS = 12;
/** From one bar to the next no price moves so far, but its scale may. */
const SCALE_FACTOR = 3;
const ATR_COLUMN = FEATURE_NAMES.indexOf('atr_14_pct');

export class SignalWatch {
  readonly #stage: Stage;
  readonly #register: Register;
  readonly #stored = new Set<string>();

  constructor(stage: Stage, register: Register) {
    this.#stage = stage;
    this.#register = register;
  }

  stored(signal: Signal, by: Environment): void {
    const { symbol, barOpenTimeMs } = signal;
    const decision = `${symbol}@${barOpenTimeMs}`;
    this.#register.check(
      'immutable_bar',
      !this.#stored.has(decision),
      () => `${decision} is written once more by ${by.name}`,
    );
    this.#stored.add(decision);
    if (this.#stage.decides === 'by_seed') return;
    this.#checkModels(signal, by);
    this.#checkCandles(signal, by);
  }

  /** A model that is not the one named votes for nothing. */
  #checkModels(
    { symbol, barOpenTimeMs, votes, action, activeModels }: Signal,
    { invocation }: Environment,
  ): void {
    const { models } = this.#stage;
    const startedAtMs = invocation?.startedAtMs ?? 0;
    const unproven = votes.filter(
      (vote) =>
        !('abstained' in vote) &&
        (models.unsoundSinceMs.get(vote.model) ?? Number.POSITIVE_INFINITY) < startedAtMs,
    );
    this.#register.check(
      'proven_models',
      unproven.length === 0 && (action === 'HOLD' || activeModels >= 2),
      () =>
        `${action} ${symbol}@${barOpenTimeMs} by ${activeModels}: ${unproven.map(({ model }) => model)} voted, whose objects are others`,
    );
  }

  #checkCandles(signal: Signal, { invocation }: Environment): void {
    const { timeline, candles, rescaledAtMs } = this.#stage;
    const { symbol, barOpenTimeMs, action } = signal;
    const times = { fromMs: invocation?.startedAtMs ?? timeline.nowMs, untilMs: timeline.nowMs };
    const windows = candles.windowsOf(symbol, barOpenTimeMs, times);
    const sound = windows.filter((window) => isSound(window, barOpenTimeMs));
    const isClosed = barOpenTimeMs + BAR_MS <= timeline.nowMs;
    // From the bar on that was being formed then, the windows of three days are of two scales.
    const isOfOneScale = barOpenTimeMs + BAR_MS <= (rescaledAtMs.get(symbol) ?? Number.POSITIVE_INFINITY);
    const holds =
      isClosed && sound.length > 0 && (action === 'HOLD' || sound.some((window) => isOf(signal, window)));
    this.#register.check(
      'nothing_stale',
      holds,
      () =>
        `${action} ${symbol}@${new Date(barOpenTimeMs).toISOString()}: closed ${isClosed}, of one scale ${isOfOneScale}, ${sound.length} of ${windows.length} windows are sound, close ${signal.close}`,
    );
  }
}

/** Its newest candle is the bar's, none of the last hour is missing, and all are of one scale. */
function isSound(window: CandleSeries, barOpenTimeMs: number): boolean {
  const { length, openTimeMs, low, high, close } = window;
  if (openTimeMs[length - 1] !== barOpenTimeMs) return false;
  if (openTimeMs[length - RECENT_BARS] !== barOpenTimeMs - (RECENT_BARS - 1) * BAR_MS) return false;
  for (let index = Math.max(1, length - ROW_WINDOW_BARS + 1); index < length; index++) {
    const before = close[index - 1]!;
    if (low[index]! > before * SCALE_FACTOR || high[index]! * SCALE_FACTOR < before) return false;
  }
  return true;
}

/** Whether close, ATR and every vote are what these candles and the models of the ensemble come to. */
function isOf({ close, atr, votes }: Signal, window: CandleSeries): boolean {
  const grid = fillGaps(window);
  const row = computeFeatures(grid, { from: grid.length - 1, to: grid.length });
  const last = window.close[window.length - 1]!;
  if (close !== last || atr !== row[ATR_COLUMN]! * last) return false;
  return votes.every((vote) => {
    if ('abstained' in vote) return true;
    const [answer] = readAnswers(provenAnswers(vote.model, row, 1), 1);
    return (
      vote.move.expected === answer?.move.expected &&
      vote.move.deviation === answer.move.deviation &&
      vote.probabilities.buy === answer.probabilities.buy
    );
  });
}
