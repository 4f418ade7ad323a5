// The summary that a local run prints at its end.
import { formatCounts, formatInstant } from '../../lib/core/format-figure.ts';
import type { InferRun } from '../../lib/inference/infer-run.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { stateOption } from './replay-position.ts';

export class RunSummary {
  #bars = 0;
  #written = 0;
  #alreadyDecided = 0;
  #first: InferRun | undefined;
  #last: InferRun | undefined;
  readonly #actions = { SELL: 0, HOLD: 0, BUY: 0 };
  readonly #abstained: string[] = [];
  readonly #models: string[] = [];
  readonly #totalMs: number[] = [];
  readonly #problems: string[] = [];

  add(run: InferRun): void {
    this.#first ??= run;
    this.#last = run;
    this.#bars++;
    this.#written += run.written;
    this.#alreadyDecided += run.alreadyDecided;
    for (const action of ['SELL', 'HOLD', 'BUY'] as const) this.#actions[action] += run.actions[action];
    this.#abstained.push(...run.abstentions.map(({ abstained }) => abstained));
    this.#models.push(...run.quarantined.map(({ model, reason }) => `${model} ${reason}`));
    this.#totalMs.push(run.timingsMs.total);
  }

  /** @param problem one line: which function failed, and why */
  addProblem(problem: string): void {
    this.#problems.push(problem);
  }

  get bars(): number {
    return this.#bars;
  }

  get lastBarOpenTimeMs(): number | undefined {
    return this.#last?.barOpenTimeMs;
  }

  #missed(): number {
    if (this.#first === undefined || this.#last === undefined) return 0;
    return (this.#last.barOpenTimeMs - this.#first.barOpenTimeMs) / BAR_MS + 1 - this.#bars;
  }

  format(stateDir: string): string {
    if (this.#first === undefined || this.#last === undefined)
      return ['no bar was decided', ...this.#problems.slice(-1)].join('; ');
    const sorted = [...this.#totalMs].sort((a, b) => a - b);
    const quantile = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1]!);
    const { BUY, SELL, HOLD } = this.#actions;
    const lines = [
      `${this.#bars} bars, ${formatInstant(this.#first.barOpenTimeMs)} to ${formatInstant(this.#last.barOpenTimeMs)} UTC, ${this.#last.symbols} symbols`,
      `signals   ${this.#written} stored${this.#alreadyDecided > 0 ? `, ${this.#alreadyDecided} already decided` : ''}: ${BUY} BUY, ${SELL} SELL, ${HOLD} HOLD`,
      `abstained ${this.#abstained.length}${this.#abstained.length > 0 ? ` (${formatCounts(this.#abstained)})` : ''}`,
      `models    ${this.#models.length === 0 ? 'all verified in every bar' : `quarantined, by bar: ${formatCounts(this.#models)}`}`,
      `time      ${quantile(0.5)} ms per bar (median), ${quantile(1)} ms at most`,
      ...(this.#missed() > 0 ? [`missed    ${this.#missed()} bars passed without a run`] : []),
      ...(this.#problems.length > 0
        ? [`failed    ${this.#problems.length} calls, the last: ${this.#problems.at(-1)}`]
        : []),
      `state     ${stateDir} (npx --no-install qtrader trades, equity or status${stateOption(stateDir)})`,
    ];
    return lines.join('\n');
  }
}
