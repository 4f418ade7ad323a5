import { createLiveBroker } from '../../lib/adapters/binance/account/live-broker.ts';
import { createCcxtMarketData } from '../../lib/adapters/binance/market/ccxt-market-data.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createPaperBroker } from '../../lib/adapters/paper/paper-broker.ts';
import { ExchangeCore } from '../../local/exchange/exchange-core.ts';
import { startSimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { BROKER_TERMS, brokerMarket } from '../support/execution/broker-market.ts';
import { Environment } from '../support/sim/kernel/environment.ts';
import { FaultPlan } from '../support/sim/kernel/fault-plan.ts';
import { CandleBook } from '../support/sim/world/candle-book.ts';
import { EXCHANGE_ORIGIN, exchangeTransport } from '../support/sim/world/exchange-port.ts';
import { IncomeBook } from '../support/sim/world/income-book.ts';
import { describeBrokerContract } from './broker.ts';

const { depositMicroUsdt, impactBps, takerFeeBps, fundingRatePer8h } = BROKER_TERMS;

describeBrokerContract('paper', {
  scope: 'paper',
  open: async (clock) => {
    const simulated = await startSimulatedExchange({ market: brokerMarket, clock });
    const broker = createPaperBroker({
      records: createMemoryRiskStore(),
      market: createCcxtMarketData({ exchange: 'binanceusdm', baseUrl: simulated.url }),
      clock,
      costs: { halfSpreadBps: 0, slippageBps: impactBps, takerFeeBps, fundingRatePer8h },
      depositMicroUsdt,
    });
    return { broker, close: () => simulated.close() };
  },
});

describeBrokerContract('live, on the simulated exchange', {
  scope: 'live',
  open: async (clock) => {
    const credentials = { apiKey: 'contract-key', secret: 'contract-secret' };
    const costs = { impactBps, takerFeeBps, fundingRatePer8h };
    const account = { ...credentials, depositUsdt: depositMicroUsdt / 1e6, costs };
    const simulated = await startSimulatedExchange({ market: brokerMarket, clock, account });
    const broker = createLiveBroker({
      baseUrl: simulated.url,
      credentials,
      market: createCcxtMarketData({ exchange: 'binanceusdm', baseUrl: simulated.url }),
    });
    return { broker, close: () => simulated.close() };
  },
});

describeBrokerContract('live, on the exchange of the simulation', {
  scope: 'live',
  open: async (clock) => {
    const credentials = { apiKey: 'contract-key', secret: 'contract-secret' };
    const costs = { impactBps, takerFeeBps, fundingRatePer8h };
    const account = { ...credentials, depositUsdt: depositMicroUsdt / 1e6, costs };
    const core = new ExchangeCore({ market: brokerMarket, clock, account });
    const transport = exchangeTransport(
      undisturbed(clock),
      { core, candles: new CandleBook(brokerMarket), income: new IncomeBook() },
      { sent: () => undefined, answered: () => undefined },
      () => false,
    );
    const connection = { baseUrl: EXCHANGE_ORIGIN, transport };
    const market = createCcxtMarketData({ ...connection, exchange: 'binanceusdm' });
    return { broker: createLiveBroker({ ...connection, credentials, market }), close: async () => undefined };
  },
});

/** A function that nothing ever befalls. */
function undisturbed(clock: { nowMs(): number }): Environment {
  const timeline = {
    get nowMs() {
      return clock.nowMs();
    },
    wait: () => undefined,
  };
  const environment = new Environment(
    { timeline, faults: new FaultPlan(1, { only: new Set() }) },
    'contract',
    'v1',
  );
  environment.invocation = { key: 'contract', startedAtMs: 0, calls: 0, faults: 0 };
  return environment;
}
