// Answers of four models as a backtest reads them, made up: its time depends on how often they act, not on what they are.
import { FEATURE_SET_HASH } from '../lib/features/feature-set.ts';
import { type CandleSeries, countUntil } from '../lib/market/candle-series.ts';
import type { Ensemble } from '../lib/models/ensemble.ts';
import { OUTPUT_WIDTH } from '../lib/models/model-output.ts';
import type { Predictions } from '../lib/research/use-cases/predictions.ts';

const MEMBERS = ['lightgbm', 'lstm', 'patchtst', 'xgboost'].map((name) => ({
  name,
  version: 'v20240101_000000',
  sha256: '0'.repeat(64),
  manifestSha256: '0'.repeat(64),
  versionId: null,
  weight: 1,
}));

// Probabilities of sell, hold and buy, expected move and its deviation.
const BUY = [0.05, 0.05, 0.9, 0.85, 0.5];
const SELL = [0.9, 0.05, 0.05, -0.85, 0.5];
const UNDECIDED = [0.33, 0.33, 0.34, 0.01, 0.8];

/** As the starter, with a horizon of an hour. */
export const MADE_UP_ENSEMBLE: Ensemble = {
  schemaVersion: 1,
  id: 'e20240101_000000',
  featureSetHash: FEATURE_SET_HASH,
  label: { kind: 'triple_barrier', horizonBars: 12, atrMultiple: 2, minBarrierBps: 30 },
  members: MEMBERS,
  costs: { feeBps: 5, slippageBps: 2 },
  edgeThresholdBps: 0,
  confidence: { scores: [-1, 1], probabilities: [0.2, 0.8], rows: 1_000, days: 30 },
  stopAtrMultiple: 1.2,
  stopAtrTimeframe: '5m',
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
    answers,
    abstentions: new Uint8Array(close.length * members),
  };
}
