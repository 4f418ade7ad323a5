// How the models agreed bar by bar. A bar is decided once: what was counted of it is kept, so that an hourly evaluation over a
// day reads an hour of signals and not the day.

import { BAR_MS } from '../../market/candle.ts';
import type { SignalStore } from '../ports.ts';
import { SignalTally } from '../signal-tally.ts';

export interface BarTally {
  readonly signals: number;
  /** Signals on which XGBoost and LightGBM both voted, and those on which they lean to the same side. */
  readonly compared: number;
  readonly agreed: number;
  /** BUY and SELL signals, and the sum of their confidences. */
  readonly acted: number;
  readonly confidenceSum: number;
}

export interface BarTallies {
  /** Sums over the bars that opened from `fromMs` (inclusive) to `toMs` (exclusive). Rejects with StoreError. */
  between(range: { readonly fromMs: number; readonly toMs: number }): Promise<BarTally>;
}

const READS_AT_A_TIME = 16;
/** Retries of a run add signals to its bar for some minutes. */
const SETTLED_BARS = 6;
/** Two days and some. */
const KEPT_BARS_MAX = 1_000;

const NOTHING: BarTally = { signals: 0, compared: 0, agreed: 0, acted: 0, confidenceSum: 0 };

export function createBarTallies(store: Pick<SignalStore, 'ofBar'>): BarTallies {
  const kept = new Map<number, BarTally>();

  async function read(barOpenTimeMs: number): Promise<BarTally> {
    const tally = new SignalTally();
    for (const signal of await store.ofBar(barOpenTimeMs)) tally.add(signal);
    const { signals, actions, comparedXgbLgbm, agreementXgbLgbm, meanConfidence } = tally.summary();
    const acted = actions.BUY + actions.SELL;
    return {
      signals,
      compared: comparedXgbLgbm,
      agreed: Math.round((agreementXgbLgbm ?? 0) * comparedXgbLgbm),
      acted,
      confidenceSum: (meanConfidence ?? 0) * acted,
    };
  }

  async function ofBar(barOpenTimeMs: number, isSettled: boolean): Promise<BarTally> {
    const known = kept.get(barOpenTimeMs);
    if (known !== undefined) return known;
    const tally = await read(barOpenTimeMs);
    if (isSettled && tally.signals > 0) {
      if (kept.size >= KEPT_BARS_MAX) kept.delete(Math.min(...kept.keys()));
      kept.set(barOpenTimeMs, tally);
    }
    return tally;
  }

  return {
    async between({ fromMs, toMs }) {
      const settledBeforeMs = toMs - SETTLED_BARS * BAR_MS;
      let total = NOTHING;
      for (let batchMs = fromMs; batchMs < toMs; batchMs += READS_AT_A_TIME * BAR_MS) {
        const bars = Array.from({ length: READS_AT_A_TIME }, (_, bar) => batchMs + bar * BAR_MS);
        const read = bars
          .filter((barOpenTimeMs) => barOpenTimeMs < toMs)
          .map((barOpenTimeMs) => ofBar(barOpenTimeMs, barOpenTimeMs < settledBeforeMs));
        for (const tally of await Promise.all(read)) total = added(total, tally);
      }
      return total;
    },
  };
}

const added = (a: BarTally, b: BarTally): BarTally => ({
  signals: a.signals + b.signals,
  compared: a.compared + b.compared,
  agreed: a.agreed + b.agreed,
  acted: a.acted + b.acted,
  confidenceSum: a.confidenceSum + b.confidenceSum,
});
