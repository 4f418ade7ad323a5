// What an account is set to, as a whole and by symbol, and when the exchange refuses to change it.
import { type ExchangeReply, refuse } from '../route.ts';

export interface AccountModes {
  readonly dualSidePosition: boolean;
  readonly multiAssetsMargin: boolean;
  /** Fees in BNB, as far as there is any. */
  readonly feeBurn: boolean;
}

export interface SymbolSetting {
  readonly leverage: number;
  readonly marginType: 'CROSSED' | 'ISOLATED';
}

interface Standing {
  readonly hasPosition: boolean;
  readonly hasOpenOrders: boolean;
}

const LEVERAGE_MAX = 125;
const DEFAULT_SETTING: SymbolSetting = { leverage: 20, marginType: 'CROSSED' };
const OPEN_ORDERS_HOLD_THE_SIDE = refuse(
  -4067,
  'Position side cannot be changed if there exists open orders.',
);

export class AccountSettings {
  modes: AccountModes;
  readonly #misnamesMarginType: boolean;
  readonly #symbols = new Map<string, SymbolSetting>();

  constructor(context: { modes: AccountModes; misnamesMarginType: boolean }) {
    this.modes = context.modes;
    this.#misnamesMarginType = context.misnamesMarginType;
  }

  of(symbol: string): SymbolSetting {
    return this.#symbols.get(symbol) ?? DEFAULT_SETTING;
  }

  setLeverage(symbol: string, leverage: number, standing: Standing): ExchangeReply | undefined {
    if (!(Number.isInteger(leverage) && leverage >= 1 && leverage <= LEVERAGE_MAX)) {
      return refuse(-4028, `Leverage ${leverage} is not valid`);
    }
    const before = this.of(symbol);
    if (before.marginType === 'ISOLATED' && standing.hasPosition && leverage < before.leverage) {
      return refuse(
        -4161,
        'Leverage reduction is not supported in Isolated Margin Mode with open positions.',
      );
    }
    this.#symbols.set(symbol, { ...before, leverage });
    return undefined;
  }

  setMarginType(symbol: string, marginType: string, standing: Standing): ExchangeReply | undefined {
    if (marginType !== 'CROSSED' && marginType !== 'ISOLATED') {
      return refuse(-1130, "Data sent for parameter 'marginType' is not valid.");
    }
    if (this.of(symbol).marginType === marginType) {
      const misnamed = this.#misnamesMarginType && !standing.hasPosition;
      return misnamed ? OPEN_ORDERS_HOLD_THE_SIDE : refuse(-4046, 'No need to change margin type.');
    }
    if (this.modes.multiAssetsMargin && marginType === 'ISOLATED') {
      return refuse(-4168, 'Unable to adjust to isolated-margin mode under the Multi-Assets mode.');
    }
    if (standing.hasOpenOrders) {
      return refuse(-4047, 'Margin type cannot be changed if there exists open orders.');
    }
    if (standing.hasPosition) {
      return refuse(-4048, 'Margin type cannot be changed if there exists position.');
    }
    this.#symbols.set(symbol, { ...this.of(symbol), marginType });
    return undefined;
  }

  /** @param standing of the whole account */
  setPositionMode(dualSidePosition: boolean, standing: Standing): ExchangeReply | undefined {
    if (this.modes.dualSidePosition === dualSidePosition) {
      return refuse(-4059, 'No need to change position side.');
    }
    if (standing.hasOpenOrders) return OPEN_ORDERS_HOLD_THE_SIDE;
    if (standing.hasPosition) {
      return refuse(-4068, 'Position side cannot be changed if there exists position.');
    }
    this.modes = { ...this.modes, dualSidePosition };
    return undefined;
  }
}
