// What an account and a symbol must be set to before anything is entered. Read first: only what differs is set, and what the
// exchange says it did is read again, not taken for done.
import { failure, type Result, success } from '../../../core/result.ts';
import { SYMBOL_LEVERAGE } from '../../../execution/limits.ts';
import type { BrokerError } from '../../../execution/ports.ts';
import type { BinanceAccount } from './binance-account.ts';
import { readHedgeMode, readMultiAssets, readSymbolConfig } from './binance-settings.ts';
import { toAnswer } from './broker-error.ts';

export interface SymbolSettings {
  /** Whole number. @default SYMBOL_LEVERAGE */
  readonly leverage?: number | undefined;
  /** @default ISOLATED: what one position loses cannot take another's margin */
  readonly marginMode?: 'ISOLATED' | 'CROSSED' | undefined;
}

/** A setting that is not as wanted: what to ask for. */
interface Difference {
  readonly path: string;
  readonly parameters: Readonly<Record<string, string | number>>;
}

type Answer<T> = Result<T, BrokerError>;

const ignore = (): void => undefined;
const refuse = (message: string): Answer<never> => failure({ code: 'refused', message, retryable: false });

export class AccountSettings {
  readonly #account: BinanceAccount;
  readonly #leverage: number;
  readonly #marginMode: 'ISOLATED' | 'CROSSED';
  #modesVerified = false;

  constructor(
    account: BinanceAccount,
    { leverage = SYMBOL_LEVERAGE, marginMode = 'ISOLATED' }: SymbolSettings,
  ) {
    this.#account = account;
    this.#leverage = leverage;
    this.#marginMode = marginMode;
  }

  /** They are not as they were when they were read. */
  forgetModes(): void {
    this.#modesVerified = false;
  }

  async prepare(symbol: string): Promise<Answer<void>> {
    const modes = await this.#verifyModes();
    if (!modes.ok) return modes;
    const found = await this.#differences(symbol);
    if (!found.ok) return found;
    if (found.value.length === 0) return success(undefined);
    // A refusal is not the last word: -4046 and -4067 are also said of what already is as wanted. What is read afterwards counts.
    const refusals: string[] = [];
    for (const { path, parameters } of found.value) {
      const request = { method: 'POST', path, parameters: { symbol, ...parameters }, weight: 1 } as const;
      const posted = await this.#account.ask(request, ignore);
      if (!posted.ok) refusals.push(posted.error.message);
    }
    const left = await this.#differences(symbol);
    if (!left.ok) return left;
    if (left.value.length === 0) return success(undefined);
    const wanted = `${this.#marginMode} margin with leverage ${this.#leverage}`;
    return refuse([`${symbol} could not be set to ${wanted}`, ...refusals].join(': '));
  }

  /** Modes that the operator chooses for the whole account: positions and margin would mean something else in others. */
  async #verifyModes(): Promise<Answer<void>> {
    if (this.#modesVerified) return success(undefined);
    const questions = [
      ['positionSide/dual', readHedgeMode, 'the account is in hedge mode: switch it to one-way mode'],
      [
        'multiAssetsMargin',
        readMultiAssets,
        'the account is in multi-assets mode: switch it to single-asset',
      ],
    ] as const;
    for (const [path, read, complaint] of questions) {
      const wrong = await this.#account.ask({ method: 'GET', path, weight: 30 }, read);
      if (!wrong.ok) return toAnswer(wrong);
      if (wrong.value) return refuse(complaint);
    }
    this.#modesVerified = true;
    return success(undefined);
  }

  async #differences(symbol: string): Promise<Answer<readonly Difference[]>> {
    const config = await this.#account.ask(
      { method: 'GET', path: 'symbolConfig', parameters: { symbol }, weight: 5 },
      readSymbolConfig,
    );
    if (!config.ok) return toAnswer(config);
    const { marginType, leverage } = config.value;
    return success([
      ...(marginType === this.#marginMode
        ? []
        : [{ path: 'marginType', parameters: { marginType: this.#marginMode } }]),
      ...(leverage === this.#leverage
        ? []
        : [{ path: 'leverage', parameters: { leverage: this.#leverage } }]),
    ]);
  }
}
