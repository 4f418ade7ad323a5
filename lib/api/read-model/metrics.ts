// The system at a glance as Prometheus text (exposition format 0.0.4). What is not known has no sample: a 0 would be a claim.
import { MICRO } from '../../core/units.ts';
import type { SystemStatus } from '../../execution/use-cases/system-status.ts';
import { BAR_MS } from '../../market/candle.ts';
import { LEVELS } from '../../risk/level.ts';

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
const MODES = ['OFF', 'PAPER', 'LIVE'] as const;

type Sample = readonly [value: number | null | undefined, labels?: Readonly<Record<string, string>>];
interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** All gauges. */
export function formatMetrics(status: SystemStatus, nowMs: number): string {
  return gaugesOf(status, nowMs).map(formatGauge).join('');
}

function gaugesOf(status: SystemStatus, nowMs: number): Gauge[] {
  const { mode, level, breaker, leaseUntilMs, lastBar, equity, exposureMicroUsdt, positions, scope } = status;
  const gauge = (name: string, help: string, ...samples: Sample[]): Gauge => ({ name, help, samples });
  const account = { scope };
  const usdt = (microUsdt: number | null | undefined): Sample => [microUsdt && microUsdt / MICRO, account];
  const timings = Object.entries(lastBar?.timingsMs ?? {}).map(
    ([part, ms]): Sample => [ms / 1_000, { part }],
  );
  const highWater = breaker?.highWaterMicroUsdt;
  const drawdown = equity === null || !highWater ? null : Math.max(0, 1 - equity.equityMicroUsdt / highWater);
  return [
    gauge(
      'qt_mode',
      'Effective mode: 1 for the one in effect.',
      ...MODES.map((each): Sample => [Number(each === mode), { mode: each }]),
    ),
    gauge(
      'qt_mode_reason',
      'Why the mode is not LIVE.',
      ...status.reasons.map(({ code }): Sample => [1, { code }]),
    ),
    gauge('qt_level', `Capital level: ${LEVELS.map((each, index) => `${index} ${each}`).join(', ')}.`, [
      level && LEVELS.indexOf(level),
    ]),
    gauge('qt_breaker_tripped', 'Whether the circuit breaker has tripped.', [
      breaker && Number(breaker.latch === 'TRIPPED'),
      account,
    ]),
    gauge('qt_lease_seconds', 'Until the lease of the circuit breaker ends; below 0, since.', [
      leaseUntilMs && (leaseUntilMs - nowMs) / 1_000,
      account,
    ]),
    gauge('qt_equity_usdt', 'Equity at the last snapshot.', usdt(equity?.equityMicroUsdt)),
    gauge('qt_wallet_usdt', 'Wallet balance at the last snapshot.', usdt(equity?.walletMicroUsdt)),
    gauge('qt_equity_age_seconds', 'Age of the last equity snapshot.', [
      equity && (nowMs - equity.atMs) / 1_000,
      account,
    ]),
    gauge('qt_drawdown_ratio', 'Fall of equity below its confirmed high.', [drawdown, account]),
    gauge('qt_exposure_usdt', 'Exposure that the gate counts.', usdt(exposureMicroUsdt)),
    gauge('qt_open_positions', 'Open positions that are recorded.', [
      status.unread.length > 0 ? null : positions.length,
      account,
    ]),
    gauge('qt_last_bar_age_seconds', 'Since the close of the last decided bar.', [
      lastBar && (nowMs - lastBar.barOpenTimeMs - BAR_MS) / 1_000,
    ]),
    gauge(
      'qt_signals',
      'Signals of the last decided bar.',
      ...Object.entries(lastBar?.actions ?? {}).map(([action, count]): Sample => [count, { action }]),
    ),
    gauge('qt_infer_seconds', 'How long the last decided bar took, by part.', ...timings),
    gauge('qt_infer_resident_bytes', 'Resident memory of infer at the end of it.', [lastBar?.residentBytes]),
    gauge('qt_consensus_ratio', 'Mean share of the models that agree, over the signals of that bar.', [
      lastBar?.meanConsensus,
    ]),
    gauge('qt_missed_bars', 'Bars of the last hour that a shard has no run of.', [
      status.unread.length > 0 ? null : status.missedBars.length,
    ]),
    gauge('qt_unread', 'Parts of the status that could not be read.', [status.unread.length]),
  ];
}

/** Names and labels are ours: closed lists that need no escaping. */
function formatGauge({ name, help, samples }: Gauge): string {
  const lines = samples.flatMap(([value, labels = {}]) => {
    if (value === null || value === undefined) return [];
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    return [`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`];
  });
  return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} gauge\n${lines.join('')}`;
}
