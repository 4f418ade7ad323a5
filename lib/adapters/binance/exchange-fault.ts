// What can go wrong between us and an exchange, in the port's closed codes. Thrown inside the adapter, because ccxt only lets
// exceptions through; every one is turned into a value before it leaves.
import type { MarketDataError, MarketDataErrorCode } from '../../market/ports.ts';

const EXCERPT_CHARS = 40;

/** Worth another try: the next answer may differ. A ban is not: only time ends it. */
const RETRYABLE: Readonly<Record<MarketDataErrorCode, boolean>> = {
  timeout: true,
  network: true,
  rate_limited: true,
  banned: false,
  unavailable: true,
  invalid_response: true,
  invalid_candle: true,
  unknown_symbol: false,
  unauthorised: false,
  rejected: false,
};

export class ExchangeFault extends Error {
  override readonly name = 'ExchangeFault';
  readonly code: MarketDataErrorCode;
  /** How long the exchange wants nothing from this address, when it says so. */
  readonly pauseMs: number | undefined;
  /** The exchange's own number for what it refused, e.g. -2019; undefined when it gave none. */
  readonly refusalCode: number | undefined;
  /** The request never left this process. */
  readonly isUnsent: boolean;
  constructor(
    code: MarketDataErrorCode,
    message: string,
    context: { cause?: unknown; pauseMs?: number; refusalCode?: number; isUnsent?: boolean } = {},
  ) {
    super(message, { cause: context.cause });
    this.code = code;
    this.pauseMs = context.pauseMs;
    this.refusalCode = context.refusalCode;
    this.isUnsent = context.isUnsent ?? false;
  }

  get retryable(): boolean {
    return RETRYABLE[this.code];
  }

  toMarketDataError(): MarketDataError {
    const { code, message, retryable, cause } = this;
    return { code, message, retryable, ...(cause === undefined ? {} : { cause }) };
  }
}

/** The first few dozen characters of what an exchange sent, on one line: enough to recognise a page, never the page. */
export function excerpt(text: string, chars = EXCERPT_CHARS): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= chars ? line : `${line.slice(0, chars)}…`;
}
