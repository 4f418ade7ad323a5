// `qtrader start` as a process of its own, seen from outside: what it prints, how it ends, and what its HTTP API answers.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { statusAnswerSchema } from '../../lib/api/status-schema.ts';

const QTRADER = resolve(import.meta.dirname, '../../bin/qtrader.mjs');
const ANSWER_MS_MAX = 20_000;

/** Of a start: on a busy machine a run needs a minute for its models. */
const START_MS_MAX = 300_000;
const POLL_MS = 250;

export const sleep = (durationMs: number) => new Promise((done) => setTimeout(done, durationMs));

export class RunningProcess {
  readonly #child: ChildProcess;
  readonly #stateDir: string;
  output = '';
  ended: { readonly code: number | null; readonly signal: string | null } | undefined;

  constructor(stateDir: string, options: readonly string[]) {
    this.#stateDir = stateDir;
    this.#child = spawn(process.execPath, [QTRADER, 'start', ...options, '--state', stateDir], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.on('data', (chunk) => {
        this.output += chunk;
      });
    this.#child.once('exit', (code, signal) => {
      this.ended = { code, signal };
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get apiUrl(): string | undefined {
    return /HTTP API: (http:\S+) /.exec(this.output)?.[1];
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async end(name: NodeJS.Signals): Promise<void> {
    if (this.ended !== undefined) return;
    const exit = once(this.#child, 'exit');
    this.signal(name);
    await exit;
  }

  /** Whether the API answers; false when the process has ended instead. Throws Error when neither comes in time. */
  async isUp(): Promise<boolean> {
    for (
      const startedMs = performance.now();
      performance.now() - startedMs < START_MS_MAX;
      await sleep(POLL_MS)
    ) {
      if (this.ended !== undefined) return false;
      if (this.apiUrl !== undefined && (await this.status().catch(() => undefined)) !== undefined)
        return true;
    }
    throw new Error(`neither up nor ended after ${START_MS_MAX / 1_000} s:\n${this.output.slice(-2_000)}`);
  }

  async get(path: string): Promise<unknown> {
    const token = (await readFile(join(this.#stateDir, 'api-token'), 'utf8')).trim();
    const answer = await fetch(`${this.apiUrl}${path}`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    if (!answer.ok) throw new Error(`${path}: status ${answer.status}`);
    return answer.json();
  }

  status = async () => statusAnswerSchema.parse(await this.get('/api/status'));
}
export type Status = Awaited<ReturnType<RunningProcess['status']>>;
