// What an exchange's fault means to those who trade: fewer codes than market data has, since what to do is the same.

import { failure, type Result } from '../../../core/result.ts';
import type { BrokerError } from '../../../execution/ports.ts';
import type { MarketDataError, MarketDataErrorCode } from '../../../market/ports.ts';

const BROKER_CODE: Readonly<Record<MarketDataErrorCode, BrokerError['code']>> = {
  timeout: 'unavailable',
  network: 'unavailable',
  unavailable: 'unavailable',
  rate_limited: 'rate_limited',
  banned: 'rate_limited',
  invalid_response: 'invalid_response',
  invalid_candle: 'invalid_response',
  unknown_symbol: 'unknown_symbol',
  rejected: 'refused',
  unauthorised: 'unauthorised',
};

/** The cause stays behind: it may hold a signed request. */
export const toBrokerError = ({ code, message, retryable }: MarketDataError): BrokerError => ({
  code: BROKER_CODE[code],
  message,
  retryable,
});

/** The broker's answer for one of market data, or of the account. */
export const toAnswer = <T>(answer: Result<T, MarketDataError>): Result<T, BrokerError> =>
  answer.ok ? answer : failure(toBrokerError(answer.error));
