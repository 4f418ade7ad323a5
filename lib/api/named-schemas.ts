// The schemas that the OpenAPI document names.
import { signalSchema } from '../inference/signal.ts';
import { actionAnswerSchema, actionRequestSchema, meAnswerSchema } from './actions/action-schema.ts';
import { apiErrorSchema } from './api-error.ts';
import {
  daysAnswerSchema,
  equityAnswerSchema,
  ordersAnswerSchema,
  tradesAnswerSchema,
} from './read-model/account.ts';
import { auditAnswerSchema } from './read-model/audit.ts';
import { barsAnswerSchema } from './read-model/bars.ts';
import { candlesAnswerSchema } from './read-model/candles.ts';
import { modelsAnswerSchema } from './read-model/models.ts';
import { positionsAnswerSchema } from './read-model/positions.ts';
import { rolloutAnswerSchema } from './read-model/rollout.ts';
import { signalsAnswerSchema } from './read-model/signals.ts';
import { universeAnswerSchema } from './read-model/universe.ts';
import { statusAnswerSchema } from './status-schema.ts';
import { stopAnswerSchema, stopRequestSchema } from './stop-schema.ts';

export const NAMED_SCHEMAS = {
  Error: apiErrorSchema,
  StopRequest: stopRequestSchema,
  StopAnswer: stopAnswerSchema,
  ActionRequest: actionRequestSchema,
  ActionAnswer: actionAnswerSchema,
  Me: meAnswerSchema,
  Status: statusAnswerSchema,
  Signal: signalSchema,
  Signals: signalsAnswerSchema,
  Bars: barsAnswerSchema,
  Trades: tradesAnswerSchema,
  Orders: ordersAnswerSchema,
  Equity: equityAnswerSchema,
  Days: daysAnswerSchema,
  Positions: positionsAnswerSchema,
  Candles: candlesAnswerSchema,
  Universe: universeAnswerSchema,
  Models: modelsAnswerSchema,
  Rollout: rolloutAnswerSchema,
  Audit: auditAnswerSchema,
} as const;
export type SchemaName = keyof typeof NAMED_SCHEMAS;
