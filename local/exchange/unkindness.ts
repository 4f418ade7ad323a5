// In which ways the simulated exchange is as unkind as the real one. The defaults are the kind exchange; UNKIND switches on, in
// realistic magnitudes, what a product has to live with every day. Faults come on top, one at a time (faults.ts).

export interface Unkindness {
  /** How long after the acknowledgement an order, or its new state, can be looked up: until then -2013. */
  readonly lookupLagMs: number;
  /** The same of stops. @default as of orders */
  readonly stopLookupLagMs: number | undefined;
  /** How far the lists of open orders are behind. */
  readonly listLagMs: number;
  /** How far positions are behind; the wallet is not. */
  readonly positionLagMs: number;
  readonly tradeLagMs: number;
  /** How long after the wallet moved its row of income appears. */
  readonly incomeLagMs: number;
  /** Trades whose fee is taken in BNB, as long as there is any. The `feeBurn` mode is reported apart from it. */
  readonly bnbFees: BnbFees | undefined;
  /** An order trades at several prices, whole ticks, each worse than the one before. @default one price, impact included */
  readonly depth: Depth | undefined;
  /** `avgPrice` in as many decimals as Binance shows. @default 12 */
  readonly roundsAveragePrice: boolean;
  /** How long a stop stays TRIGGERING and then TRIGGERED. @default it is FINISHED the moment it triggers */
  readonly stopSteps: StopSteps | undefined;
  /** The most that the mark price differs from the last price. */
  readonly markDeviationBps: number;
  /** For how long after its close a candle may still change, and how many of them do. */
  readonly revision: Revision | undefined;
  /** Positions are listed with amount 0 where an order is open. */
  readonly listsFlatPositions: boolean;
  /** A margin type that is as wanted answers -4067 where there is no position, instead of -4046. */
  readonly misnamesMarginType: boolean;
}

interface BnbFees {
  /** Of the trades, 0…1. */
  readonly share: number;
  readonly balanceBnb: number;
  /** Where the market has no BNBUSDT. */
  readonly priceUsdt: number;
}

export interface Depth {
  readonly levels: number;
  /** From one price to the next. */
  readonly ticks: number;
}

interface StopSteps {
  readonly triggeringMs: number;
  readonly triggeredMs: number;
}

export interface Revision {
  readonly forMs: number;
  /** Of the candles, 0…1. */
  readonly share: number;
}

export const KIND: Unkindness = {
  lookupLagMs: 0,
  stopLookupLagMs: undefined,
  listLagMs: 0,
  positionLagMs: 0,
  tradeLagMs: 0,
  incomeLagMs: 0,
  bnbFees: undefined,
  depth: undefined,
  roundsAveragePrice: false,
  stopSteps: undefined,
  markDeviationBps: 0,
  revision: undefined,
  listsFlatPositions: false,
  misnamesMarginType: false,
};

/** A bad day: lags of seconds, income of half a minute, fees in BNB, four prices an order. */
export const UNKIND: Unkindness = {
  lookupLagMs: 1_500,
  stopLookupLagMs: 300,
  listLagMs: 3_000,
  positionLagMs: 2_000,
  tradeLagMs: 4_000,
  incomeLagMs: 30_000,
  bnbFees: { share: 0.5, balanceBnb: 1, priceUsdt: 600 },
  depth: { levels: 4, ticks: 1 },
  roundsAveragePrice: true,
  stopSteps: { triggeringMs: 800, triggeredMs: 400 },
  markDeviationBps: 8,
  revision: { forMs: 4_000, share: 0.3 },
  listsFlatPositions: true,
  misnamesMarginType: true,
};
