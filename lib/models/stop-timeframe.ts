// Whose average true range measures a protective stop: fixed by the ensemble, with the multiple.

/** 5-minute candles in one bar of each timeframe. */
export const STOP_TIMEFRAMES = { '5m': 1, '15m': 3, '1h': 12, '4h': 48, '1d': 288 } as const;
export type StopTimeframe = keyof typeof STOP_TIMEFRAMES;
export const STOP_TIMEFRAME_NAMES = Object.keys(STOP_TIMEFRAMES) as [StopTimeframe];
