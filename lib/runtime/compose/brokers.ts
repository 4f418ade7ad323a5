// The accounts of a stage: the simulated one, kept in the risk table, and the real one at the exchange. Whoever trades, guards or
// stops opens them here, so that all mean the same account, at the same costs.
import type { AwsClients } from '../../adapters/aws/create-clients.ts';
import { readSecretParameter } from '../../adapters/aws/ssm/read-secret-parameter.ts';
import { createCcxtMarketData } from '../../adapters/binance/ccxt-market-data.ts';
import { createLiveBroker } from '../../adapters/binance/live-broker.ts';
import { createPaperBroker } from '../../adapters/paper/paper-broker.ts';
import type { Clock } from '../../core/ports.ts';
import { StoreError } from '../../core/store-error.ts';
import type { PaperCosts } from '../../execution/paper-account.ts';
import type { Broker } from '../../execution/ports.ts';
import type { Scope } from '../../risk/gate.ts';
import type { RiskStore } from '../../risk/ports.ts';
import type { Exchange } from '../config/configuration.ts';
import { liveRefusal } from '../config/venue.ts';
import { type ExchangeKeys, openKeyedBroker } from './keyed-broker.ts';

/** Binance USDT-M without a discount; spread and slippage of its larger pairs. */
const PAPER_COSTS: PaperCosts = {
  halfSpreadBps: 1,
  slippageBps: 2,
  takerFeeBps: 5,
  fundingRatePer8h: 0.0001,
};
const PAPER_DEPOSIT_MICRO_USDT = 10_000_000_000;

export interface BrokerOverrides {
  readonly stage: string;
  readonly clients: AwsClients;
  readonly risk: RiskStore;
  readonly exchange: Exchange;
  readonly exchangeUrl: string | undefined;
  readonly clock: Clock;
  /** The simulated exchange counts requests by its own, faster clock. */
  readonly unlimitedRequests: boolean;
  /** Told when the exchange refuses the keys, and reading them again gave no others. @default nobody */
  readonly onKeysRefused?: ((message: string) => void) | undefined;
}

/** Where the keys of the real account lie. */
export const credentialParameters = (stage: string) => ({
  apiKey: `/qt/${stage}/exchange/api-key`,
  secret: `/qt/${stage}/exchange/secret`,
});

/**
 * One broker per scope and process. Rejects with StoreError when the keys of the real account cannot be read, and for live trading
 * at another venue than the market data's.
 */
export async function openBroker(overrides: BrokerOverrides, scope: Scope): Promise<Broker> {
  const { stage, clients, risk, exchange, exchangeUrl: baseUrl, clock } = overrides;
  const budget = overrides.unlimitedRequests ? { weightPerMinute: Number.MAX_SAFE_INTEGER } : {};
  const market = createCcxtMarketData({ exchange, baseUrl, ...budget });
  if (scope === 'paper')
    return createPaperBroker({
      records: risk,
      market,
      clock,
      costs: PAPER_COSTS,
      depositMicroUsdt: PAPER_DEPOSIT_MICRO_USDT,
    });
  const refusal = liveRefusal(exchange);
  if (refusal !== undefined) throw new StoreError(`stage ${stage}: ${refusal}`, { retryable: false });
  return openKeyedBroker({
    readKeys: () => readKeys(clients, stage),
    openWith: (credentials) => createLiveBroker({ market, baseUrl, credentials, ...budget }),
    onRefused: overrides.onKeysRefused ?? (() => {}),
  });
}

async function readKeys(clients: AwsClients, stage: string): Promise<ExchangeKeys> {
  const names = credentialParameters(stage);
  const [apiKey, secret] = await Promise.all([
    readSecretParameter(clients.ssm, names.apiKey),
    readSecretParameter(clients.ssm, names.secret),
  ]);
  return { apiKey, secret };
}

/** Opens each scope's broker when it is first asked for, and again after a failure; later answers are the same broker. */
export function openedBrokers(overrides: BrokerOverrides): (scope: Scope) => Promise<Broker> {
  const opened = new Map<Scope, Promise<Broker>>();
  return (scope) => {
    const known = opened.get(scope);
    if (known !== undefined) return known;
    const opening = openBroker(overrides, scope);
    opened.set(scope, opening);
    opening.catch(() => opened.delete(scope));
    return opening;
  };
}
