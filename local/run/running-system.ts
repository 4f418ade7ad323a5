// Where the running local system can be reached: a small file in its state folder, there while it runs. Commands read it; when
// nothing runs, they open the saved state for as long as they need it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { exchangeSchema } from '../../lib/runtime/config/function-settings.ts';

const runningSchema = z.strictObject({
  pid: z.int().positive(),
  endpoints: z.strictObject({ dynamodb: z.url(), s3: z.url(), ssm: z.url() }),
  /** Whose market data it follows. */
  exchange: exchangeSchema,
  /** null when it is the real one. */
  exchangeUrl: z.url().nullable(),
});
export type RunningSystem = z.infer<typeof runningSchema>;

const fileIn = (stateDir: string) => join(stateDir, 'running.json');

/** The system that runs on this state folder now; undefined when none does (a file left by a killed one does not count). */
export function findRunningSystem(stateDir: string): RunningSystem | undefined {
  try {
    const running = runningSchema.parse(JSON.parse(readFileSync(fileIn(stateDir), 'utf8')));
    process.kill(running.pid, 0);
    return running;
  } catch {
    return undefined;
  }
}

export function announceRunningSystem(stateDir: string, running: RunningSystem): void {
  writeFileSync(fileIn(stateDir), `${JSON.stringify(running, null, 2)}\n`);
}

export function withdrawRunningSystem(stateDir: string): void {
  rmSync(fileIn(stateDir), { force: true });
}

export const describeRunning = (stateDir: string, { pid }: RunningSystem): string =>
  `a local system runs on ${stateDir} already (process ${pid}): stop it, or choose another --state`;
