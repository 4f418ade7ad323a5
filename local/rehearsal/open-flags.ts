// The flags of a stage that trades live with all of its capital: no flag stands in the way of an order.
import type { FlagName } from '../../lib/risk/flags.ts';

export const OPEN_FLAGS: Readonly<Record<FlagName, string>> = {
  QT_ENABLE_EXECUTION: 'true',
  QT_ENABLE_AI_TRADING: 'true',
  QT_PAPER_TRADING: 'false',
  EMERGENCY_MODE: 'false',
  CIRCUIT_BREAKER_TRIGGERED: 'false',
  QT_MAX_CAPITAL_ALLOCATION: '1',
  QT_MAX_POSITIONS: '10',
};
