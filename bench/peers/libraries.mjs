// The standard indicators that the feature set contains, as each library offers them, with the feature set's own parameters:
// RSI 14, MACD 12/26/9, slow stochastic 14/3/3, ROC 10, EMA 9/21/50/200, SMA 20/50 of closes, SMA 5/20/50 of volumes,
// Bollinger 20/2, ATR 14, ADX 14 and DI 14, OBV. Input: arrays of numbers, made outside the measured time. `indicators` counts
// how many of these a library computes; `compute` returns something of each, so that none is optimised away.
import { IndicatorsSync } from '@ixjb94/indicators';
import * as indicatorts from 'indicatorts';
import technicalindicators from 'technicalindicators';
import * as signals from 'trading-signals';

const EMA_PERIODS = [9, 21, 50, 200];
const SMA_PERIODS = [20, 50];
const VOLUME_PERIODS = [5, 20, 50];

function computeIxjb94({ high, low, close, volume }) {
  const ta = new IndicatorsSync();
  return [
    ta.rsi(close, 14),
    ta.macd(close, 12, 26, 9),
    ta.stoch(high, low, close, 14, 3, 3),
    ta.roc(close, 10),
    ...EMA_PERIODS.map((period) => ta.ema(close, period)),
    ...SMA_PERIODS.map((period) => ta.sma(close, period)),
    ...VOLUME_PERIODS.map((period) => ta.sma(volume, period)),
    ta.bbands(close, 20, 2),
    ta.atr(high, low, close, 14),
    ta.adx(high, low, 14),
    ta.di(high, low, close, 14),
    ta.obv(close, volume),
  ];
}

function computeTechnicalIndicators({ high, low, close, volume }) {
  const ta = technicalindicators;
  return [
    ta.rsi({ values: close, period: 14 }),
    ta.macd({
      values: close,
      fastPeriod: 12,
      slowPeriod: 26,
      signalPeriod: 9,
      SimpleMAOscillator: false,
      SimpleMASignal: false,
    }),
    ta.stochastic({ high, low, close, period: 14, signalPeriod: 3 }),
    ta.roc({ values: close, period: 10 }),
    ...EMA_PERIODS.map((period) => ta.ema({ values: close, period })),
    ...SMA_PERIODS.map((period) => ta.sma({ values: close, period })),
    ...VOLUME_PERIODS.map((period) => ta.sma({ values: volume, period })),
    ta.bollingerbands({ values: close, period: 20, stdDev: 2 }),
    ta.atr({ high, low, close, period: 14 }),
    ta.adx({ high, low, close, period: 14 }),
    ta.obv({ close, volume }),
  ];
}

function computeIndicatorts({ high, low, close, volume }) {
  const ta = indicatorts;
  return [
    ta.rsi(close, { period: 14 }),
    ta.macd(close, { fast: 12, slow: 26, signal: 9 }),
    ta.stoch(high, low, close, { kPeriod: 14, dPeriod: 3 }),
    ta.roc(close, { period: 10 }),
    ...EMA_PERIODS.map((period) => ta.ema(close, { period })),
    ...SMA_PERIODS.map((period) => ta.sma(close, { period })),
    ...VOLUME_PERIODS.map((period) => ta.sma(volume, { period })),
    ta.bb(close, { period: 20 }),
    ta.atr(high, low, close, { period: 14 }),
    ta.obv(close, volume),
  ];
}

function computeTradingSignals({ open, high, low, close, volume }) {
  const ofClose = [
    new signals.RSI(14, signals.WSMA),
    new signals.MACD(new signals.EMA(12), new signals.EMA(26), new signals.EMA(9)),
    new signals.ROC(10),
    ...EMA_PERIODS.map((period) => new signals.EMA(period)),
    ...SMA_PERIODS.map((period) => new signals.SMA(period)),
    new signals.BollingerBands(20, 2),
  ];
  const ofVolume = VOLUME_PERIODS.map((period) => new signals.SMA(period));
  const ofCandle = [
    new signals.StochasticOscillator({ kPeriod: 14, kSlowingPeriod: 3, dPeriod: 3 }),
    new signals.ATR(14),
    new signals.ADX(14),
    new signals.OBV(2),
  ];
  for (let bar = 0; bar < close.length; bar++) {
    const candle = {
      open: open[bar],
      high: high[bar],
      low: low[bar],
      close: close[bar],
      volume: volume[bar],
    };
    for (const indicator of ofClose) indicator.add(close[bar]);
    for (const indicator of ofVolume) indicator.add(volume[bar]);
    for (const indicator of ofCandle) indicator.add(candle);
  }
  return [...ofClose, ...ofVolume, ...ofCandle].map((indicator) => indicator.getResult());
}

export const libraries = [
  { name: '@ixjb94/indicators', indicators: 18, compute: computeIxjb94 },
  { name: 'technicalindicators', indicators: 17, compute: computeTechnicalIndicators },
  { name: 'indicatorts', indicators: 16, compute: computeIndicatorts },
  { name: 'trading-signals', indicators: 17, compute: computeTradingSignals },
];
