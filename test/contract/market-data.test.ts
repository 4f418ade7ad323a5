import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createCcxtMarketData } from '../../lib/adapters/binance/market/ccxt-market-data.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { generateMarket } from '../../local/market/generated-market.ts';
import { loadRecordedMarket, type MarketSource } from '../../local/market/market-source.ts';
import { describeMarketDataContract } from './market-data.ts';

const generated = generateMarket({ seed: 7, symbols: 2, fromMs: Date.UTC(2024, 0, 1), bars: 1_100 });

function ccxtContract(exchange: 'binanceusdm' | 'binance', market: MarketSource, nowMs: number) {
  return {
    market,
    nowMs,
    open: async (clock: { nowMs(): number }) => {
      const simulated = await startSimulatedExchange({ market, clock });
      const marketData = createCcxtMarketData({ exchange, baseUrl: simulated.url });
      return { marketData, close: () => simulated.close() };
    },
  };
}

const generatedNowMs = generated.lastOpenTimeMs - 3 * BAR_MS + 1_234;
describeMarketDataContract('ccxt, USDT-M futures', ccxtContract('binanceusdm', generated, generatedNowMs));
describeMarketDataContract('ccxt, spot', ccxtContract('binance', generated, generatedNowMs));

const recordedFolder = join(resolve(process.env.QT_DATA_DIR ?? '../shared/data'), 'binance_spot_2024');
if (existsSync(recordedFolder)) {
  const query = { folder: recordedFolder, symbols: ['BTCUSDT'], toMs: Date.UTC(2024, 7, 6) };
  const recorded = await loadRecordedMarket(query);
  if (!recorded.ok) throw new Error(recorded.error);
  // The middle of the crash of 2024-08-05.
  const crashMs = Date.UTC(2024, 7, 5, 6, 2, 3);
  describeMarketDataContract('ccxt, recorded crash', ccxtContract('binanceusdm', recorded.value, crashMs));
} else {
  console.info(
    `no recorded candles in ${recordedFolder} (QT_DATA_DIR): the contract ran on generated ones alone`,
  );
}
