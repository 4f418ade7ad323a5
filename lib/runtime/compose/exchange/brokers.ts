// The accounts of a stage: the simulated one, kept in the risk table, and the real one at the exchange. All functions and commands
// open them here, so that all trade the same account at the same costs.
import type { RecordClients } from '../../../adapters/aws/create-record-clients.ts';
import { readSecretParameter } from '../../../adapters/aws/ssm/read-secret-parameter.ts';
import { createLiveBroker } from '../../../adapters/binance/account/live-broker.ts';
import { createPaperBroker } from '../../../adapters/paper/paper-broker.ts';
import type { Telemetry } from '../../../adapters/telemetry/powertools-telemetry.ts';
import { recordKeysRefused } from '../../../adapters/telemetry/record-keys-refused.ts';
import type { Clock } from '../../../core/ports.ts';
import { StoreError } from '../../../core/store-error.ts';
import type { PaperCosts } from '../../../execution/paper/paper-matching.ts';
import type { Broker } from '../../../execution/ports.ts';
import type { Scope } from '../../../risk/gate.ts';
import type { RiskStore } from '../../../risk/ports.ts';
import type { Exchange } from '../../config/function-settings.ts';
import { credentialParameters } from '../../config/stage.ts';
import { liveRefusal } from '../../config/venue.ts';
import { type ExchangeKeys, openKeyedBroker } from './keyed-broker.ts';
import { openMarketData } from './market-data.ts';

/** Binance USDT-M without a discount; spread and slippage of its larger pairs. */
const PAPER_COSTS: PaperCosts = {
  halfSpreadBps: 1,
  slippageBps: 2,
  takerFeeBps: 5,
  fundingRatePer8h: 0.0001,
};
const PAPER_DEPOSIT_MICRO_USDT = 10_000_000_000;

/** Of an account at a simulated exchange, whose minutes may be shorter than this machine's. */
const UNLIMITED = { weightPerMinute: Number.MAX_SAFE_INTEGER };

export interface BrokerContext {
  readonly stage: string;
  readonly clients: RecordClients;
  readonly risk: RiskStore;
  readonly exchange: Exchange;
  readonly exchangeUrl: string | undefined;
  readonly clock: Clock;
  /** Set for a simulated exchange, whose clock is this one. */
  readonly isReplay: boolean;
  /** Where it is told that the exchange refuses the keys. @default nowhere */
  readonly telemetry?: Telemetry;
}

/**
 * One broker per scope and process. Rejects with StoreError when the keys of the real account cannot be read, and for live trading
 * at another venue than the market data's.
 */
export async function openBroker(context: BrokerContext, scope: Scope): Promise<Broker> {
  const { stage, clients, risk, exchange, exchangeUrl: baseUrl, clock, isReplay, telemetry } = context;
  const market = openMarketData(context, context);
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
    openWith: (credentials) => createLiveBroker({ market, baseUrl, credentials, ...(isReplay && UNLIMITED) }),
    onRefused: (message) => telemetry && recordKeysRefused(telemetry, message),
  });
}

async function readKeys(clients: RecordClients, stage: string): Promise<ExchangeKeys> {
  const names = credentialParameters(stage);
  const [apiKey, secret] = await Promise.all([
    readSecretParameter(clients.ssm, names.apiKey),
    readSecretParameter(clients.ssm, names.secret),
  ]);
  return { apiKey, secret };
}

/** Opens each scope's broker when it is first asked for, and again after a failure; later answers are the same broker. */
export function openedBrokers(context: BrokerContext): (scope: Scope) => Promise<Broker> {
  const opened = new Map<Scope, Promise<Broker>>();
  return (scope) => {
    const known = opened.get(scope);
    if (known !== undefined) return known;
    const opening = openBroker(context, scope);
    opened.set(scope, opening);
    opening.catch(() => opened.delete(scope));
    return opening;
  };
}
