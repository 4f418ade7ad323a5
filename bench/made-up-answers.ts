// Answers of four models as a backtest reads them, made up: its time depends on how often they act, not on what they are.
import { type CandleSeries, countUntil } from '../lib/market/candle-series.ts';
import type { Ensemble } from '../lib/models/ensemble.ts';
import { OUTPUT_WIDTH } from '../lib/models/model-output.ts';
import type { Predictions } from '../lib/research/use-cases/predictions.ts';
import { ENSEMBLE, memberOf } from '../test/support/trading/past.ts';

const MEMBERS = ['lightgbm', 'nhits', 'patchtst', 'xgboost'].map(memberOf);

// Probabilities of sell, hold and buy, expected move and its deviation.
const BUY = [0.05, 0.05, 0.9, 0.85, 0.5];
const SELL = [0.9, 0.05, 0.05, -0.85, 0.5];
const UNDECIDED = [0.33, 0.33, 0.34, 0.01, 0.8];

/** As the starter, with a horizon of an hour. */
export const MADE_UP_ENSEMBLE: Ensemble = {
  ...ENSEMBLE,
  label: { ...ENSEMBLE.label, horizonBars: 12 },
  members: MEMBERS,
};

/** Answers from `fromMs` on, of which one in `actsEvery` acts; the others lean too little to pay the costs. */
export function makeAnswers(
  symbol: string,
  candles: CandleSeries,
  { index, fromMs, actsEvery }: { index: number; fromMs: number; actsEvery: number },
): Predictions {
  const first = countUntil(candles, fromMs - 1);
  const members = MEMBERS.length;
  const close = candles.close.slice(first);
  const answers = new Float64Array(close.length * members * OUTPUT_WIDTH);
  for (let row = 0; row < close.length; row++) {
    const draw = Math.imul(row * 7 + index * 131 + 1, 0x9e3779b1) >>> 0;
    const side = draw % (2 * actsEvery);
    const answer = side === 0 ? BUY : side === 1 ? SELL : UNDECIDED;
    for (let member = 0; member < members; member++)
      answers.set(answer, (row * members + member) * OUTPUT_WIDTH);
  }
  return {
    symbol,
    openTimeMs: candles.openTimeMs.slice(first),
    close,
    atr: close.map((price) => price / 300),
    stopAtr: close.map((price) => price / 300),
    atrRatio: close.map(() => 1),
    spreadBps: close.map(() => 0),
    answers,
    abstentions: new Uint8Array(close.length * members),
  };
}
