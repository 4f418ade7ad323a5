// The simulation as a program, bundled by scripts/sim.ts: one process of it.
import { simulate } from './simulate.ts';

const seed = Number(process.argv[2] ?? 1);
const days = Number(process.argv[3] ?? 1);
const startedMs = performance.now();
const cpu = process.cpuUsage();
const report = await simulate({ seed, days, ...(process.argv[4] === 'trace' && { onLine: console.info }) });
const { user, system } = process.cpuUsage(cpu);
console.info(JSON.stringify({ ...report, faults: report.faults.length }, null, 1));
console.info(`${Math.round(performance.now() - startedMs)} ms, ${Math.round((user + system) / 1000)} ms CPU`);
process.exit(report.violations.length === 0 ? 0 : 1);
