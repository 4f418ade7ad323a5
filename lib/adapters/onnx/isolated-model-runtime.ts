// Runs a model that nobody has proven yet in a process of its own, with limits of memory and time: whatever the native runtime makes of
// it, the failure is that model's. For publishing and verifying; a model is served in process, after the inspection both share.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { invariant } from '../../core/invariant.ts';
import { messageOf } from '../../core/message-of.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { MIB, MINUTE_MS, SECOND_MS } from '../../core/units.ts';
import { valuesPerRow } from '../../models/check-manifest.ts';
import type { ModelRuntime, ModelSession } from '../../models/ports.ts';
import { inspectModel } from './inspect-model.ts';
import type { ModelAnswer, ModelOrder } from './model-process.ts';
import { chunkRowsOf, type DeclaredModel } from './onnx-model-runtime.ts';

/** With it the process ends itself. */
const OUT_OF_MEMORY = 'SIGTERM';

interface IsolationLimits {
  /** Of the whole process, in which Node and the runtime alone take about 150 MiB. */
  readonly residentBytes: number;
  /** To start, which a busy machine takes long for. */
  readonly startMs: number;
  /** For the session, and for each call. */
  readonly callMs: number;
}

/** Memory: less than the function `infer` has on AWS, where all members share it. */
const DEFAULT_LIMITS: IsolationLimits = {
  residentBytes: 1024 * MIB,
  startMs: MINUTE_MS,
  callMs: 30 * SECOND_MS,
};

/** Processes are gone when their session is released, or when this process ends. */
export function createIsolatedModelRuntime(limits: IsolationLimits = DEFAULT_LIMITS): ModelRuntime {
  return { createSession: (model) => createSession(model, limits) };
}

async function createSession(
  model: DeclaredModel,
  limits: IsolationLimits,
): Promise<Result<ModelSession, string>> {
  if (model.bytes.length === 0) return failure('the model is empty (0 bytes)');
  try {
    inspectModel(model.bytes, model.input, chunkRowsOf(model.input));
  } catch (error) {
    return failure(messageOf(error));
  }
  const isolated = new ModelProcess(limits);
  try {
    await isolated.ask({ order: 'start' }, limits.startMs);
    await isolated.ask({ order: 'open', ...model }, limits.callMs);
  } catch (error) {
    isolated.end();
    return failure(messageOf(error));
  }
  const width = valuesPerRow(model.input);
  return success({
    async answers(input, rows) {
      invariant(input.length === rows * width, `${input.length} input values for ${rows} rows of ${width}`);
      return isolated.ask({ order: 'run', input, rows }, limits.callMs);
    },
    release: async () => isolated.end(),
  });
}

/** One order at a time; after the first failure every further one fails. */
class ModelProcess {
  readonly #child: ChildProcess;
  #ended: string | undefined;
  #waiting: ((answer: ModelAnswer) => void) | undefined;

  constructor({ residentBytes }: IsolationLimits) {
    this.#child = fork(fileURLToPath(new URL('./model-process.ts', import.meta.url)), [`${residentBytes}`], {
      // The sources run as they are, and nothing of the operator's environment is the model's business.
      execArgv: ['--import', import.meta.resolve('tsx')],
      env: {},
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child.on('message', (answer: ModelAnswer) => this.#answer(answer));
    this.#child.on('error', (error) => this.#stop(`its process failed: ${messageOf(error)}`));
    this.#child.on('exit', (code, signal) =>
      this.#stop(
        signal === OUT_OF_MEMORY
          ? `it needs more than ${Math.round(residentBytes / MIB)} MiB of memory, and was ended`
          : `its process ended with ${signal ?? code}`,
      ),
    );
  }

  async ask(order: ModelOrder, timeoutMs: number): Promise<Float32Array> {
    if (this.#ended !== undefined) throw new Error(this.#ended);
    const answer = new Promise<ModelAnswer>((resolve) => {
      this.#waiting = resolve;
    });
    this.#child.send(order);
    const timer = setTimeout(() => {
      this.#stop(`it took longer than ${timeoutMs / SECOND_MS} s, and was ended`);
    }, timeoutMs);
    const { problem, output } = await answer;
    clearTimeout(timer);
    if (problem !== undefined) throw new Error(problem);
    return output ?? new Float32Array(0);
  }

  end(): void {
    this.#stop('the session is released');
  }

  #answer(answer: ModelAnswer): void {
    this.#waiting?.(answer);
    this.#waiting = undefined;
  }

  #stop(why: string): void {
    this.#ended ??= why;
    this.#child.kill('SIGKILL');
    this.#answer({ problem: this.#ended });
  }
}
