// What the process of a simulation is asked, and what it tells.
import type { FaultChoice, FaultGroup } from '../kernel/fault-plan.ts';
import type { Drill } from '../world/drills.ts';
import type { Scenario } from './scenarios.ts';
import type { RunReport } from './simulate.ts';

export interface AskedRun extends Pick<FaultChoice, 'weather' | 'stress'> {
  readonly seed: number;
  readonly days: number;
  readonly scenario?: Scenario | undefined;
  readonly groups?: readonly FaultGroup[] | undefined;
  /** What is done on purpose, and often. */
  readonly drills?: readonly Drill[] | undefined;
  /** Keys of the only faults that happen. */
  readonly only?: readonly string[] | undefined;
}

export interface ProcessRequest {
  readonly runs: readonly AskedRun[];
  readonly trace?: boolean;
}

export interface ProcessRun extends RunReport {
  readonly run: AskedRun;
  readonly cpuMs: number;
}
