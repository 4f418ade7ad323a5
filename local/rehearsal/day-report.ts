// What is counted of a rehearsed day, and how it is printed.
import type { ExecuteReport } from '../../lib/execution/execute-report.ts';
import type { PositionManagerReport } from '../../lib/execution/use-cases/manage-positions.ts';
import type { InferRun } from '../../lib/inference/infer-run.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import type { ExternalAct } from './external-plan.ts';
import type { ProtectionWatch } from './protection-watch.ts';
import type { RehearsedSystem } from './rehearsed-system.ts';

type Tally = Readonly<Record<string, number>>;

export interface Trip {
  readonly atMs: number;
  /** One line each. */
  readonly causes: readonly string[];
  readonly differences: readonly string[];
  /** One line for each refused order that it counted and that was not the rehearsal's own doing. */
  readonly unexplainedRefusals: readonly string[];
}

interface Counted {
  readonly bars: number;
  /** Stored. */
  readonly signals: number;
  /** BUY or SELL. */
  readonly acting: number;
  readonly abstentions: number;
  readonly revisedCandles: number;
  /** By outcome of the acting signals. */
  readonly decisions: Tally;
  /** Runs of the position manager by outcome. */
  readonly runs: Tally;
  /** What it did, over all runs. */
  readonly actions: Tally;
  /** Differences of exchange and ledger that it reported. */
  readonly differences: number;
  readonly resets: number;
}

export interface DayReport extends Counted {
  /** Closed positions by reason. */
  readonly trades: Tally;
  readonly profitMicroUsdt: number;
  /** Orders that the exchange refused. */
  readonly refusals: number;
  /** Requests that each kind of fault has befallen. */
  readonly faults: Tally;
  readonly trips: readonly Trip[];
  /** When no order could arrive: orders then come to nothing, and three of these trip as they are meant to. */
  readonly ordersOutAtMs: readonly number[];
  readonly acts: readonly ExternalAct[];
  readonly changes: readonly ExternalAct[];
  readonly longestUnprotectedMs: number;
  readonly longestUnprotectedExternalMs: number;
  readonly spans: ProtectionWatch['spans'];
  /** What exchange and ledger differ in after the quiet at the end. */
  readonly differencesAtEnd: readonly string[];
  /** What was taken over from the exchange without an explanation. */
  readonly unexplainedMicroUsdt: number;
}

export class DayCounts {
  resets = 0;
  #bars = 0;
  #signals = 0;
  #acting = 0;
  #abstentions = 0;
  #revisedCandles = 0;
  #differences = 0;
  readonly #decisions: Record<string, number> = {};
  readonly #runs: Record<string, number> = {};
  readonly #actions: Record<string, number> = {};

  infer(run: InferRun): void {
    this.#bars++;
    this.#signals += run.written;
    this.#acting += run.actions.BUY + run.actions.SELL;
    this.#abstentions += run.abstentions.length;
    this.#revisedCandles += run.candleWindows.revised.length;
  }

  execute(report: ExecuteReport | undefined): void {
    if (report?.mode === 'OFF') count(this.#decisions, 'mode_off');
    for (const { outcomes } of report?.decisions ?? [])
      for (const outcome of outcomes) count(this.#decisions, outcome);
  }

  manage({ outcome, actions, differences }: PositionManagerReport): void {
    count(this.#runs, outcome);
    for (const { done } of actions) for (const what of done) count(this.#actions, what);
    this.#differences += differences.length;
  }

  line(): string {
    return `${this.#bars} bars, ${this.#acting} acting signals, ${this.#decisions.entered ?? 0} entries`;
  }

  async withRecords(records: RehearsedSystem['records']) {
    const trades = allValues(await records.trades.all('live'));
    const reasons: Record<string, number> = {};
    for (const { reason } of trades) count(reasons, reason);
    const rejections = allValues(await records.rejections.all('live'));
    return {
      bars: this.#bars,
      signals: this.#signals,
      acting: this.#acting,
      abstentions: this.#abstentions,
      revisedCandles: this.#revisedCandles,
      decisions: this.#decisions,
      runs: this.#runs,
      actions: this.#actions,
      differences: this.#differences,
      resets: this.resets,
      trades: reasons,
      profitMicroUsdt: trades.reduce((sum, { profitMicroUsdt }) => sum + profitMicroUsdt, 0),
      refusals: new Set(rejections.map(({ clientOrderId }) => clientOrderId)).size,
    };
  }
}

function count(tally: Record<string, number>, what: string): void {
  tally[what] = (tally[what] ?? 0) + 1;
}
