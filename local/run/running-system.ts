// Where the running local system can be reached: a small file in its state folder while it runs. When there is none, commands open
// the saved state themselves.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const runningSchema = z.strictObject({
  pid: z.int().positive(),
  endpoints: z.strictObject({ dynamodb: z.url(), s3: z.url(), ssm: z.url() }),
  /** null when it follows a real exchange. */
  exchangeUrl: z.url().nullable(),
});
export type RunningSystem = z.infer<typeof runningSchema>;

const fileIn = (stateDir: string) => join(stateDir, 'running.json');

/** The system that runs on this state folder; undefined when none does, whatever file a killed one has left. */
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
  `a local system already runs on ${stateDir} (process ${pid}): stop it, or choose another --state`;
