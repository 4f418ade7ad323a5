// Runs in processes beside each other: each takes its share, and the first violation ends them all.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { AskedRun, ProcessRequest, ProcessRun } from './process-protocol.ts';

/**
 * Most of what is made lives for an invocation: with room for it, little is collected more than once. The cores are for other runs. Much
 * code is run a little and little of it much, so that compiling quickly and optimising late takes a tenth less.
 */
const NODE_OPTIONS = [
  ...['--max-semi-space-size=64', '--single-threaded'],
  ...['--always-sparkplug', '--interrupt-budget=600000', '--no-flush-bytecode'],
];
/** Every error that is made costs more with them. */
const TRACE_OPTIONS = ['--enable-source-maps'];

export interface CarriedOut {
  readonly program: string;
  readonly workers: number;
  readonly trace?: boolean;
  /** false: go on. */
  readonly onRun: (run: ProcessRun) => boolean;
}

/** Rejects when a process ends otherwise than by its work. */
export async function carryOut(
  runs: readonly AskedRun[],
  { program, workers, trace, onRun }: CarriedOut,
): Promise<void> {
  const shares = Array.from({ length: Math.min(workers, runs.length) }, (_, worker) =>
    // Every fourth seed infers on candles and takes longer: no process gets them all.
    runs.filter((_run, index) => (index + Math.floor(index / 4)) % workers === worker),
  );
  const children = new Set<ReturnType<typeof spawn>>();
  let isEnough = false;
  await Promise.all(
    shares.map(async (share) => {
      const request: ProcessRequest = { runs: share, ...(trace === true && { trace }) };
      const options = [...NODE_OPTIONS, ...(trace === true ? TRACE_OPTIONS : [])];
      const child = spawn(process.execPath, [...options, program, JSON.stringify(request)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.add(child);
      for await (const line of createInterface({ input: child.stdout })) {
        if (!onRun(JSON.parse(line) as ProcessRun)) continue;
        isEnough = true;
        for (const each of children) each.kill();
      }
      const code = child.exitCode ?? (await new Promise((resolve) => child.once('exit', resolve)));
      if (code !== 0 && !isEnough)
        throw new Error(`the simulation of ${share.map(({ seed }) => seed)} ended with ${code}`);
    }),
  );
}

/** One run. */
export async function runOnce(program: string, run: AskedRun, { trace = false } = {}): Promise<ProcessRun> {
  let told: ProcessRun | undefined;
  await carryOut([run], {
    ...{ program, workers: 1, trace },
    onRun: (each) => {
      told = each;
      return false;
    },
  });
  if (told === undefined) throw new Error(`seed ${run.seed} told nothing`);
  return told;
}
