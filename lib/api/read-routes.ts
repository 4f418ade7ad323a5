// The routes that tell what the system knows; all need the token, none changes anything.
import { type ApiRoute, GUARDED, type RouteAnswer } from './api-route.ts';
import {
  auditQuerySchema,
  barsQuerySchema,
  candlesQuerySchema,
  daysQuerySchema,
  equityQuerySchema,
  ordersQuerySchema,
  positionsQuerySchema,
  signalsQuerySchema,
  tradesQuerySchema,
} from './read-queries.ts';

const guarded = { method: 'GET', needsToken: true } as const;
const read = { ...guarded, errors: [...GUARDED, 'store_unavailable'] } as const;

const answers = (content: RouteAnswer['content'], meaning: string): readonly RouteAnswer[] => [
  { status: 200, meaning, content },
];

export const READ_ROUTES = {
  status: {
    ...guarded,
    path: '/api/status',
    summary:
      'What the system may do now and why, and what it holds. What cannot be read is named in `unread`.',
    answers: answers('Status', 'The system at a glance'),
    errors: GUARDED,
  },
  metrics: {
    ...guarded,
    path: '/api/metrics',
    summary: 'The status as Prometheus text. What is not known has no sample.',
    answers: answers('text', 'Exposition format 0.0.4'),
    errors: GUARDED,
  },
  signals: {
    ...read,
    path: '/api/signals',
    summary: 'Signals of a symbol, of a bar, or of a symbol at a bar; without either, of the newest bar.',
    query: signalsQuerySchema,
    answers: answers('Signals', 'The signals, none when there are none'),
  },
  bars: {
    ...read,
    path: '/api/bars',
    summary: 'What was decided of all symbols, bar by bar, the newest first.',
    query: barsQuerySchema,
    answers: answers('Bars', 'The bars, none when none was decided'),
  },
  trades: {
    ...read,
    path: '/api/trades',
    summary: 'Closed positions, the last closed first.',
    query: tradesQuerySchema,
    answers: answers('Trades', 'A page of trades'),
  },
  positions: {
    ...read,
    path: '/api/positions',
    summary: 'Open positions at the price of now.',
    query: positionsQuerySchema,
    answers: answers('Positions', 'The positions, by symbol'),
  },
  orders: {
    ...read,
    path: '/api/orders',
    summary: 'Orders of the last 90 days, the newest first.',
    query: ordersQuerySchema,
    answers: answers('Orders', 'A page of orders'),
  },
  equity: {
    ...read,
    path: '/api/equity',
    summary: 'Equity snapshots of the last 90 days, one a minute, the newest first.',
    query: equityQuerySchema,
    answers: answers('Equity', 'A page of snapshots'),
  },
  days: {
    ...read,
    path: '/api/equity/days',
    summary: 'Equity by UTC day, the newest first.',
    query: daysQuerySchema,
    answers: answers('Days', 'The days on which the account was valued'),
  },
  candles: {
    ...read,
    path: '/api/candles',
    summary: 'Closed 5-minute candles of a symbol.',
    query: candlesQuerySchema,
    answers: answers('Candles', 'The candles, oldest first'),
    errors: [...GUARDED, 'unknown_symbol', 'exchange_unavailable'],
  },
  universe: {
    ...read,
    path: '/api/universe',
    summary: 'Which symbols are traded, and the newest change with its reasons.',
    answers: answers('Universe', 'The active universe'),
  },
  models: {
    ...read,
    path: '/api/models',
    summary: 'Active and shadow ensemble: versions, weights, training, quarantine, drift.',
    answers: answers('Models', 'The ensembles'),
  },
  rollout: {
    ...read,
    path: '/api/rollout',
    summary: 'Capital level, sign-offs, GO/NO-GO by criterion, and what the next level lacks.',
    answers: answers('Rollout', 'The rollout'),
  },
  audit: {
    ...read,
    path: '/api/audit',
    summary: 'Who changed what in an account’s safety, and why; the newest first.',
    query: auditQuerySchema,
    answers: answers('Audit', 'A page of entries'),
  },
} as const satisfies Record<string, ApiRoute>;
export type ReadRouteName = keyof typeof READ_ROUTES;
