// Where the running local system can be reached, and with what secret: a small file in its state folder, readable by its owner
// alone, while it runs. When there is none, commands open the saved state themselves.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { exchangeSchema } from '../../lib/runtime/config/function-settings.ts';
import type { EmbeddedAws } from '../aws/embedded-aws.ts';
import { RUN_PATH } from '../aws/host/http-listener.ts';
import { SECRET_HEADER } from '../aws/host/local-door.ts';
import { describeFileFailure, LocalStartError } from '../aws/host/local-start-error.ts';
import { readPrivateFile, replaceFile } from '../aws/host/private-file.ts';

const runningSchema = z.strictObject({
  pid: z.int().positive(),
  startedAt: z.iso.datetime(),
  runId: z.uuid(),
  endpoints: z.strictObject({ dynamodb: z.url(), s3: z.url(), ssm: z.url(), accessKeyId: z.string() }),
  /** Whose market data it follows. */
  exchange: exchangeSchema,
  /** Origin that replaces the real exchange's own; null for its own, and for the simulated one. */
  exchangeUrl: z.url().nullable(),
  /** The simulated one, and the secret of its control routes; null when it follows a real exchange. */
  simulatedExchange: z.strictObject({ url: z.url(), secret: z.string() }).nullable(),
});
export type RunningSystem = z.infer<typeof runningSchema>;

/** A process that is busy with a bar may take its time; one that is gone refuses at once. */
const ANSWER_TIMEOUT_MS = 5_000;

const fileIn = (stateDir: string) => join(stateDir, 'running.json');

/**
 * The system that runs on this state folder; undefined when none does. A file left by a killed one does not count, whoever has its
 * process id or its ports by now: the run itself has to answer. Throws LocalStartError.
 */
export async function findRunningSystem(stateDir: string): Promise<RunningSystem | undefined> {
  const text = await readPrivateFile(fileIn(stateDir));
  const running = runningSchema.safeParse(parseJson(text ?? ''));
  if (!running.success) return undefined;
  return (await runIdAt(running.data.endpoints)) === running.data.runId ? running.data : undefined;
}

async function runIdAt({ dynamodb, accessKeyId }: RunningSystem['endpoints']): Promise<unknown> {
  try {
    const answer = await fetch(dynamodb + RUN_PATH, {
      headers: { [SECRET_HEADER]: accessKeyId },
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return answer.ok ? z.object({ runId: z.unknown() }).parse(await answer.json()).runId : undefined;
  } catch {
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Throws LocalStartError. */
export async function announceRunningSystem(
  stateDir: string,
  run: {
    readonly aws: Pick<EmbeddedAws, 'runId' | 'endpoints'>;
    readonly exchange: RunningSystem['exchange'];
    /** @default null */
    readonly exchangeUrl?: RunningSystem['exchangeUrl'];
    readonly simulatedExchange: RunningSystem['simulatedExchange'];
  },
): Promise<void> {
  const running: RunningSystem = {
    pid: process.pid,
    startedAt: new Date().toISOString(),
    runId: run.aws.runId,
    endpoints: { ...run.aws.endpoints },
    exchange: run.exchange,
    exchangeUrl: run.exchangeUrl ?? null,
    simulatedExchange: run.simulatedExchange && {
      url: run.simulatedExchange.url,
      secret: run.simulatedExchange.secret,
    },
  };
  await replaceFile(fileIn(stateDir), `${JSON.stringify(running, null, 2)}\n`).catch((error: unknown) => {
    throw describeFileFailure(fileIn(stateDir), error);
  });
}

export function withdrawRunningSystem(stateDir: string): void {
  rmSync(fileIn(stateDir), { force: true });
}

export const alreadyRunning = (stateDir: string, { pid, startedAt }: RunningSystem): LocalStartError =>
  new LocalStartError(
    `a local system already runs on ${stateDir} (process ${pid}, since ${startedAt}): stop it, or choose another --state`,
  );
