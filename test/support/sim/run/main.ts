// The simulation as a program of its own, made by bundle.ts: carries out the runs that it is given as JSON, one after the other, and
// prints a line of JSON for each.

import type { ProcessRequest, ProcessRun } from './process-protocol.ts';
import { type RunRequest, simulate } from './simulate.ts';

const { runs, trace }: ProcessRequest = JSON.parse(process.argv[2]!);
// To write down where an error was made takes longer than whatever leads to it.
if (trace !== true) Error.stackTraceLimit = 0;
for (const { groups, only, ...run } of runs) {
  const before = process.cpuUsage();
  const request: RunRequest = {
    ...run,
    ...(groups !== undefined && { groups: new Set(groups) }),
    ...(only !== undefined && { only: new Set(only) }),
    ...(trace === true && { onLine: (line: string) => console.error(line) }),
  };
  const report = await simulate(request);
  const { user, system } = process.cpuUsage(before);
  const faults = report.violations.length > 0 ? report.faults : [];
  const told: ProcessRun = {
    ...report,
    run: { groups, only, ...run },
    faults,
    cpuMs: (user + system) / 1_000,
  };
  console.info(JSON.stringify(told));
}
// What has died waits for ever.
process.exit(0);
