// The live broker over keys that may be rotated at any time. A process lives for hours; when the exchange refuses its keys, they are
// read again, once for each refusal, and what was refused is asked again with the new ones. Refused orders were never taken.
import type { Result } from '../../../core/result.ts';
import type { Broker, BrokerError } from '../../../execution/ports.ts';

export interface ExchangeKeys {
  readonly apiKey: string;
  readonly secret: string;
}

export interface KeyedBrokerOptions {
  /** Rejects with StoreError when they cannot be read. */
  readonly readKeys: () => Promise<ExchangeKeys>;
  readonly openWith: (keys: ExchangeKeys) => Broker;
  /** The keys are refused, and there are no others: people have to look. */
  readonly onRefused: (message: string) => void;
}

/** Rejects with StoreError when the keys cannot be read. */
export async function openKeyedBroker({
  readKeys,
  openWith,
  onRefused,
}: KeyedBrokerOptions): Promise<Broker> {
  let keys = await readKeys();
  let broker = openWith(keys);

  /** Whether there are other keys than those that were refused; a broker with them is then open. */
  async function readAgain(refused: Broker): Promise<boolean> {
    // Somebody else was refused too, and has seen to it.
    if (broker !== refused) return true;
    // Keys that cannot be read are not other keys: the refusal stands.
    const read = await readKeys().catch(() => keys);
    if (broker !== refused) return true;
    if (read.apiKey === keys.apiKey && read.secret === keys.secret) return false;
    keys = read;
    broker = openWith(keys);
    return true;
  }

  async function withFreshKeys<T>(
    call: (current: Broker) => Promise<T>,
    refusalIn: (answer: T) => string | undefined,
  ): Promise<T> {
    const asked = broker;
    const first = await call(asked);
    if (refusalIn(first) === undefined) return first;
    const answer = (await readAgain(asked)) ? await call(broker) : first;
    const refusal = refusalIn(answer);
    if (refusal !== undefined) onRefused(refusal);
    return answer;
  }

  const ask = <T>(question: (current: Broker) => Promise<Result<T, BrokerError>>) =>
    withFreshKeys(question, (answer) =>
      !answer.ok && answer.error.code === 'unauthorised' ? answer.error.message : undefined,
    );
  return {
    scope: broker.scope,
    prepare: (symbol) => ask((current) => current.prepare(symbol)),
    submit: (order, options) =>
      withFreshKeys(
        (current) => current.submit(order, options),
        (submission) =>
          submission.outcome === 'rejected' && submission.code === 'unauthorised'
            ? submission.message
            : undefined,
      ),
    find: (order) => ask((current) => current.find(order)),
    openOrders: () => ask((current) => current.openOrders()),
    openStops: () => ask((current) => current.openStops()),
    cancel: (order) => ask((current) => current.cancel(order)),
    cancelAll: (symbol) => ask((current) => current.cancelAll(symbol)),
    positions: () => ask((current) => current.positions()),
    walletMicroUsdt: () => ask((current) => current.walletMicroUsdt()),
    prices: (symbols) => ask((current) => current.prices(symbols)),
    filters: (options) => ask((current) => current.filters(options)),
    leverageBrackets: (symbols) => ask((current) => current.leverageBrackets(symbols)),
    fills: (order) => ask((current) => current.fills(order)),
    incomeSince: (sinceMs) => ask((current) => current.incomeSince(sinceMs)),
    forcedClosing: (symbol, sinceMs) => ask((current) => current.forcedClosing(symbol, sinceMs)),
  };
}
