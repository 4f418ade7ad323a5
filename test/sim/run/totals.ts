// What all runs of a simulation have come to, for whoever reads the figures.

import { INVARIANTS, type InvariantName } from '../invariants/register.ts';
import { FAULT_GROUPS, FAULT_KINDS } from '../kernel/fault-plan.ts';
import type { ProcessRun } from './process-protocol.ts';

type Counts = Record<string, number>;

export class Totals {
  runs = 0;
  days = 0;
  cpuMs = 0;
  violations = 0;
  readonly faults: Counts = {};
  readonly tested: Counts = {};
  readonly seen: Counts = {};
  readonly #startedMs = performance.now();

  add({ run, faultCounts, tested, seen, violations, cpuMs }: ProcessRun): void {
    this.runs++;
    this.days += run.days;
    this.cpuMs += cpuMs;
    this.violations += violations.length;
    addAll(this.faults, faultCounts);
    addAll(this.tested, tested);
    addAll(this.seen, seen);
  }

  get faultsInAll(): number {
    return Object.values(this.faults).reduce((sum, count) => sum + count, 0);
  }

  line(): string {
    const minutes = ((performance.now() - this.#startedMs) / 60_000).toFixed(1);
    const cpu = (this.cpuMs / 1_000 / this.days).toFixed(1);
    return `${this.runs} runs, ${this.days} days, ${this.faultsInAll} faults, ${this.violations} violations; ${minutes} min, ${cpu} s of CPU a day`;
  }
}

function addAll(to: Counts, from: Readonly<Counts>): void {
  for (const [name, count] of Object.entries(from)) to[name] = (to[name] ?? 0) + count;
}

export function printTotals(totals: Totals): void {
  console.info('\nfaults');
  for (const group of FAULT_GROUPS)
    console.info(
      `  ${group}: ${FAULT_KINDS[group].map((kind) => `${kind} ${totals.faults[kind] ?? 0}`).join(', ')}`,
    );
  console.info('invariants, and how often each was put to the test');
  for (const name of Object.keys(INVARIANTS) as InvariantName[])
    console.info(`  ${name} ${totals.tested[name] ?? 0}: ${INVARIANTS[name]}`);
  console.info('what happened');
  for (const name of Object.keys(totals.seen).sort()) console.info(`  ${name}: ${totals.seen[name]}`);
  console.info(totals.line());
}
