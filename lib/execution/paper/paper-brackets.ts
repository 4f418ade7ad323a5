// The leverage brackets of the simulated account.
import type { LeverageBracket } from '../leverage-brackets.ts';

/**
 * What every symbol of the simulated account may be held at. An exchange says its own only to the holder of an account; these are
 * small, as the tables of contracts with little turnover are, so that paper trading promises nothing that live trading refuses.
 */
export const PAPER_BRACKETS: readonly LeverageBracket[] = [
  { notionalCapUsdt: 5_000, leverageMax: 25 },
  { notionalCapUsdt: 25_000, leverageMax: 10 },
  { notionalCapUsdt: 100_000, leverageMax: 5 },
  { notionalCapUsdt: 250_000, leverageMax: 2 },
  { notionalCapUsdt: 500_000, leverageMax: 1 },
];
