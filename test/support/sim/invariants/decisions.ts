// Whether every run leaves word of what it has decided, and does what it is for.

import { MINUTE_MS } from '../../../../lib/core/units.ts';
import type { DecisionOutcome, ExecuteReport } from '../../../../lib/execution/execute-report.ts';
import type { FinishedRun } from '../world/lambda.ts';
import { type Stage, wasOutSince } from '../world/stage.ts';
import type { Register } from './register.ts';

/** What a signal comes to where nothing is wrong. */
const SOUND: ReadonlySet<DecisionOutcome> = new Set([
  ...(['entered', 'exited', 'exit_pending', 'position_open', 'symbol_reserved', 'duplicate'] as const),
  ...(['exposure_limit', 'position_limit', 'position_count', 'max_position', 'total_exposure'] as const),
  ...([
    'min_notional',
    'symbol_filters',
    'stop_invalid',
    'order_rate',
    'price_collar',
    'exit_rejected',
    // A contract that ends, or has ended.
    'settles_soon',
    'not_listed',
  ] as const),
]);
const OPEN_MS = 16 * MINUTE_MS;

export class DecisionWatch {
  readonly #stage: Stage;
  readonly #register: Register;
  readonly #reports = new Map<string, ExecuteReport>();
  #latest: ExecuteReport | undefined;

  constructor(stage: Stage, register: Register) {
    this.#stage = stage;
    this.#register = register;
  }

  recordWritten(key: string, value: unknown): void {
    if (!key.startsWith('execute#')) return;
    const report = value as ExecuteReport;
    this.#reports.set(`${report.barOpenTimeMs}/${report.shard}`, report);
    this.#latest = report;
  }

  finished({ name, outcome, invocation, event }: FinishedRun): void {
    if (outcome.outcome !== 'done') return;
    if (name === 'execute') {
      const { barOpenTimeMs, shard } = outcome.result as ExecuteReport;
      const report = this.#reports.get(`${barOpenTimeMs}/${shard}`);
      const holds =
        report?.decisions.every(({ outcomes }) => outcomes.length > 0) === true &&
        (report.mode !== 'OFF' || report.reasons.length > 0);
      this.#register.check('decided', holds, () => `${invocation.key}: ${JSON.stringify(report)}`);
    }
    const isStop =
      name === 'emergency-stop' && !(event as { act: { keepPositions: boolean } }).act.keepPositions;
    if (!isStop || invocation.faults > 0 || wasOutSince(this.#stage, invocation.startedAtMs)) return;
    const { core } = this.#stage;
    const { positions, stops } = core.truth()!;
    // What no market order may be as small as is left to a stop that closes all there is.
    const isRest = ({ symbol, quantity }: (typeof positions)[number]) => {
      const { stepSize, marketMinQty } = core.contracts.of(symbol)!;
      const isSmall = Math.abs(quantity) < Math.max(stepSize, marketMinQty);
      return isSmall && stops.some((stop) => stop.symbol === symbol && stop.quantity === null);
    };
    const held = positions
      .filter((position) => !isRest(position))
      .map(({ symbol, quantity }) => `${quantity} ${symbol}`);
    this.#register.check('stop_flattens', held.length === 0, () => `${held} after ${invocation.key}`);
  }

  /** @param openSinceMs since when every gate has been open; undefined when one is closed */
  settle(openSinceMs: number | undefined): void {
    const { nowMs } = this.#stage.timeline;
    if (openSinceMs === undefined || nowMs - openSinceMs < OPEN_MS) return;
    const report = this.#latest;
    const unsound = report?.decisions.filter(({ outcomes }) => !outcomes.every((each) => SOUND.has(each)));
    this.#register.check(
      'trades_again',
      report !== undefined &&
        report.mode === 'LIVE' &&
        nowMs - report.atMs < 6 * MINUTE_MS &&
        unsound!.length === 0,
      () => `open since ${openSinceMs}: ${JSON.stringify(report)}`,
    );
  }
}
