// Where a stage may trade with real money: only where its market data come from. Signals of one venue and orders at another would
// be two prices, two sets of filters and two lists of symbols.
import type { Exchange } from './function-settings.ts';

/** The one that the live broker trades at. */
export const LIVE_EXCHANGE: Exchange = 'binanceusdm';

/** One line of why nothing can be traded live with this exchange's market data; undefined where it can. */
export const liveRefusal = (exchange: Exchange): string | undefined =>
  exchange === LIVE_EXCHANGE
    ? undefined
    : `the market data are those of ${exchange} (spot), the live broker trades Binance USDT-M futures: a stage on ${exchange} trades on paper only; for live trading set its exchange to ${LIVE_EXCHANGE}`;
