// A real Binance USDT-M futures account as a broker. Orders go out once, under our own ids; what became of one that got no answer
// is looked up by its id and never guessed. No key, secret or signed request leaves this adapter, in errors neither.
import { type Result, success } from '../../../core/result.ts';
import type { Broker } from '../../../execution/ports.ts';
import type { MarketData } from '../../../market/ports.ts';
import { RiskApproved } from '../../../risk/gate.ts';
import type { ExchangeFault } from '../exchange-fault.ts';
import { forcedClosing, incomeSince } from './account-history.ts';
import { AccountSettings, type SymbolSettings } from './account-settings.ts';
import { BinanceAccount, type BinanceAccountOptions, type SignedRequest } from './binance-account.ts';
import { readPositions, readWallet } from './binance-balances.ts';
import { readOpenOrders, readOpenStops } from './binance-orders.ts';
import { readDone } from './binance-settings.ts';
import { toAnswer } from './broker-error.ts';
import { readBrackets } from './leverage-brackets.ts';
import { LiveOrders } from './live-orders.ts';

export interface LiveBrokerOptions extends BinanceAccountOptions, SymbolSettings {
  /** Prices and filters of the same exchange. */
  readonly market: MarketData;
}

export function createLiveBroker(options: LiveBrokerOptions): Broker {
  const { market } = options;
  const account = new BinanceAccount(options);
  const settings = new AccountSettings(account, options);
  const orders = new LiveOrders(account);
  const read = async <T>(request: Omit<SignedRequest, 'method'>, by: (body: unknown) => T) =>
    toAnswer(await account.ask({ method: 'GET', ...request }, by));
  return {
    scope: 'live',
    prepare: (symbol) => settings.prepare(symbol),
    submit: async (approved, wanted = {}) => {
      RiskApproved.verify(approved);
      const submission = await orders.submit(approved.order, wanted.stillWanted);
      if (submission.outcome === 'rejected' && submission.code === 'position_mode') settings.forgetModes();
      return submission;
    },
    find: async (order) => toAnswer(await orders.find(order)),
    openOrders: () => read({ path: 'openOrders', weight: 40 }, readOpenOrders),
    openStops: () => read({ path: 'openAlgoOrders', weight: 40 }, readOpenStops),
    cancel: async (order) => toAnswer(await orders.cancel(order)),
    cancelAll: async (symbol) => toAnswer(await cancelAll(account, symbol)),
    positions: () => read({ path: 'positionRisk', version: 3, weight: 5 }, readPositions),
    walletMicroUsdt: () => read({ path: 'balance', version: 3, weight: 5 }, readWallet),
    prices: async (symbols) => toAnswer(await market.prices(symbols)),
    // Never remembered: what was fresh for one question may be old for the next.
    filters: async () => toAnswer(await market.filters()),
    leverageBrackets: (symbols) =>
      read({ path: 'leverageBracket', weight: 1 }, (body) => readBrackets(body, symbols)),
    fills: async (order) => toAnswer(await orders.fills(order)),
    incomeSince: async (sinceMs) => toAnswer(await incomeSince(account, sinceMs)),
    forcedClosing: async (symbol, sinceMs) => toAnswer(await forcedClosing(account, { symbol, sinceMs })),
  };
}

/** Both lists, even when one of them fails. */
async function cancelAll(account: BinanceAccount, symbol: string): Promise<Result<void, ExchangeFault>> {
  const all = (path: string): SignedRequest => ({
    method: 'DELETE',
    path,
    parameters: { symbol },
    weight: 1,
  });
  const [orders, stops] = await Promise.all([
    account.ask(all('allOpenOrders'), readDone),
    account.ask(all('algoOpenOrders'), readDone),
  ]);
  if (!orders.ok) return orders;
  return stops.ok ? success(undefined) : stops;
}
