// What has happened lately that people may want to know, found in the records that the functions leave. Whoever trades knows nothing
// of this: it cannot be held up by it, and nothing that is recorded goes untold because a process died.
import { formatInstant, formatNumber, formatPercent, formatUsdt } from '../../core/format-figure.ts';
import { messageOf } from '../../core/message-of.ts';
import { DAY_MS, HOUR_MS } from '../../core/units.ts';
import type { PositionRecord } from '../../execution/records.ts';
import type { InferRun } from '../../inference/infer-run.ts';
import type { SignalStore } from '../../inference/ports.ts';
import type { Scope } from '../../risk/gate.ts';
import { LEVEL_LIMITS } from '../../risk/level.ts';
import { dayId, type TradeRecord } from '../../risk/records.ts';
import { ROLLOUT_SCOPE } from '../../risk/use-cases/read-level.ts';
import { type ModeSources, readMode } from '../../risk/use-cases/read-mode.ts';
import { rolloutRecords } from '../../rollout/use-cases/rollout-records.ts';
import type { Alert } from '../alert.ts';

export interface AlertSources extends ModeSources {
  readonly signals: SignalStore;
  /** Of infer. */
  readonly shards: number;
}

export interface CollectedAlerts {
  readonly alerts: readonly Alert[];
  /** One line each: what could not be read. What is told of it later is not lost, but may be late. */
  readonly unread: readonly string[];
}

const SCOPES: readonly Scope[] = ['paper', 'live'];
/** What is older is news to nobody; a receiver that was out of reach for longer has lost it. */
const LOOKBACK_MS = 6 * HOUR_MS;
/** Of infer: those of the last hour, and the one before, which tells what is new in them. */
const RUNS_READ = 13;

/** Everything of the last hours, and the summary of yesterday. Never throws: a part that cannot be read keeps no other back. */
export async function collectAlerts(sources: AlertSources): Promise<CollectedAlerts> {
  const nowMs = sources.clock.nowMs();
  const unread: string[] = [];
  const parts = [
    ...SCOPES.flatMap((scope) => [
      breakerAlerts(sources, scope),
      entryAndExitAlerts(sources, scope, nowMs - LOOKBACK_MS),
    ]),
    levelAlerts(sources),
    modelAlerts(sources),
    dailySummary(sources, nowMs),
  ];
  const found = await Promise.all(
    parts.map((part) =>
      part.catch((error: unknown) => {
        unread.push(messageOf(error));
        return [];
      }),
    ),
  );
  const recent = found.flat().filter(({ kind, atMs }) => kind === 'daily' || atMs >= nowMs - LOOKBACK_MS);
  return { alerts: [...new Map(recent.map((alert) => [alert.id, alert])).values()], unread };
}

async function breakerAlerts({ risk }: AlertSources, scope: Scope): Promise<Alert[]> {
  const breaker = (await risk.readGate(scope))?.breaker;
  // The first arming is the beginning of a run, and no news.
  if (breaker === undefined || (breaker.latch === 'ARMED' && breaker.epoch === 1)) return [];
  const id = `${breaker.latch}#${scope}#${breaker.epoch}`;
  if (breaker.latch === 'ARMED')
    return [
      {
        id,
        kind: 'reset',
        atMs: breaker.armedAtMs,
        text: `The ${scope} circuit breaker was reset, and is armed`,
      },
    ];
  const causes = breaker.causes.map(({ message }) => message).join('; ');
  const text = `The ${scope} circuit breaker tripped at ${formatInstant(breaker.trippedAtMs)} UTC, no new exposure: ${causes}`;
  return [{ id, kind: 'trip', atMs: breaker.trippedAtMs, text }];
}

async function entryAndExitAlerts({ risk }: AlertSources, scope: Scope, fromMs: number): Promise<Alert[]> {
  const records = rolloutRecords(risk);
  // One that cannot be read is the position manager's to tell.
  const [positions, trades] = await Promise.all([
    records.positions.all(scope),
    records.trades.since(scope, fromMs),
  ]);
  const closed = trades.records.map(({ value }) => value);
  return [
    ...positions.records.map(({ value }) =>
      entryAlert(scope, value, `, stop ${formatNumber(value.stopPrice)}`),
    ),
    ...closed.map((trade) => entryAlert(scope, trade, '')),
    ...closed.map((trade) => exitAlert(scope, trade)),
  ];
}

const entryAlert = (
  scope: Scope,
  entry: Pick<
    PositionRecord,
    'symbol' | 'side' | 'quantity' | 'entryPrice' | 'openedAtMs' | 'entryClientOrderId'
  >,
  stop: string,
): Alert => ({
  id: `entry#${scope}#${entry.entryClientOrderId}`,
  kind: 'entry',
  atMs: entry.openedAtMs,
  text: `Entered ${describe(scope, entry)} at ${formatNumber(entry.entryPrice)}${stop}`,
});

function exitAlert(scope: Scope, trade: TradeRecord): Alert {
  const { entryPrice, exitPrice, reason, profitMicroUsdt } = trade;
  const isStop = reason === 'stop';
  const prices = `${formatNumber(entryPrice)} to ${exitPrice === null ? 'an unknown price' : formatNumber(exitPrice)}`;
  const what = `${isStop ? 'Stopped out' : 'Closed'} ${describe(scope, trade)}`;
  return {
    id: `exit#${scope}#${trade.entryClientOrderId}`,
    kind: isStop ? 'stop' : 'exit',
    atMs: trade.closedAtMs,
    text: `${what} from ${prices}, ${formatUsdt(profitMicroUsdt)} net of fees${isStop ? '' : `: ${reason}`}`,
  };
}

const describe = (
  scope: Scope,
  { side, quantity, symbol }: Pick<TradeRecord, 'side' | 'quantity' | 'symbol'>,
) => `${scope} ${side} ${formatNumber(quantity)} ${symbol}`;

async function levelAlerts({ risk }: AlertSources): Promise<Alert[]> {
  const state = (await rolloutRecords(risk).rollout.get(ROLLOUT_SCOPE))?.value;
  if (state === undefined) return [];
  const { level, enteredAtMs: atMs } = state;
  const { capitalFraction, positions } = LEVEL_LIMITS[level];
  const limits =
    level === 'PAPER'
      ? 'no money at risk'
      : `${formatPercent(capitalFraction, 0)} of capital, ${positions} positions`;
  return [
    { id: `level#${level}#${atMs}`, kind: 'level', atMs, text: `The capital level is ${level}: ${limits}` },
  ];
}

async function modelAlerts({ signals, shards }: AlertSources): Promise<Alert[]> {
  const runs = await Promise.all(
    Array.from({ length: shards }, (_, shard) =>
      signals.lastRuns({ shard, shardCount: shards, count: RUNS_READ }),
    ),
  );
  return runs.flatMap((ofShard) => ofShard.flatMap((run, index) => newFailures(run, ofShard[index + 1])));
}

/** Of models that served in the run before; the oldest run has none before it. */
function newFailures(run: InferRun, before: InferRun | undefined): Alert[] {
  if (before === undefined) return [];
  const known = new Set(before.quarantined.map(({ model, version }) => `${model}/${version}`));
  return run.quarantined
    .filter(({ model, version }) => !known.has(`${model}/${version}`))
    .map(({ model, version, reason, message }) => ({
      // The same in every shard.
      id: `model#${model}/${version}#${run.barOpenTimeMs}`,
      kind: 'model_failure' as const,
      atMs: run.startedAtMs,
      text: `Model ${model}/${version} does not serve: ${reason}: ${message}`,
    }));
}

/** Of yesterday, once today's first equity snapshot says how it ended. */
async function dailySummary(sources: AlertSources, nowMs: number): Promise<Alert[]> {
  const { scope, mode, level, gate } = await readMode(sources);
  const records = rolloutRecords(sources.risk);
  const todayMs = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const yesterday = dayId(todayMs - 1);
  const [began, ended] = await Promise.all(
    [yesterday, dayId(todayMs)].map(
      async (day) => (await records.days.get(scope, day))?.value.startMicroUsdt,
    ),
  );
  if (ended === undefined) return [];
  const [trades, positions] = await Promise.all([
    records.trades.since(scope, todayMs - DAY_MS),
    records.positions.all(scope),
  ]);
  const closed = trades.records.map(({ value }) => value).filter(({ closedAtMs }) => closedAtMs < todayMs);
  const profit = closed.reduce((sum, trade) => sum + trade.profitMicroUsdt, 0);
  const stops = closed.filter(({ reason }) => reason === 'stop').length;
  const change = began === undefined ? '' : ` (${formatPercent(ended / began - 1, 2)})`;
  const text = [
    `${yesterday}, ${scope}: equity ${formatUsdt(ended)}${change}`,
    `${closed.length} trades closed, ${stops} by their stop, ${formatUsdt(profit)} net of fees`,
    `${positions.records.length} positions open; mode ${mode}, level ${level ?? 'unknown'}, circuit breaker ${gate?.latch ?? 'unknown'}`,
  ].join('; ');
  return [{ id: `daily#${scope}#${yesterday}`, kind: 'daily', atMs: todayMs, text }];
}
