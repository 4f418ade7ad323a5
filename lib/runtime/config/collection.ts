// Bounds of the daily collection of candles: collect-candles works within them, and infra gives it the time.

/** A collection starts nothing new after this long; a month of one symbol that is under way may take longer. */
export const COLLECTION_S = 720;

/** How far back candles are collected. */
export const COLLECTION_DAYS = 90;
