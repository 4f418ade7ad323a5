// Lambda, as far as it matters: environments are kept warm and taken one after the other, a function may have a bound on how many run at
// once, a run has a time limit, and an asynchronous event that failed comes again.
import { SECOND_MS } from '../../../lib/core/units.ts';
import { between } from '../kernel/draws.ts';
import { Environment, type Invocation } from '../kernel/environment.ts';
import { type FunctionName, type Handler, type OperatorEvent, openFunction } from './functions.ts';
import type { Stage } from './stage.ts';

/** As infra/catalog/functions.ts has them; a test compares the two. */
export const FUNCTION_BOUNDS: Readonly<
  Record<FunctionName, { timeoutS: number; concurrency?: number; retries: number; ageMaxS: number }>
> = {
  infer: { timeoutS: 120, retries: 2, ageMaxS: 240 },
  execute: { timeoutS: 60, retries: 2, ageMaxS: 120 },
  'manage-positions': { timeoutS: 50, concurrency: 1, retries: 0, ageMaxS: 60 },
  'circuit-breaker': { timeoutS: 50, concurrency: 1, retries: 0, ageMaxS: 60 },
  operate: { timeoutS: 30, retries: 0, ageMaxS: 60 },
  'emergency-stop': { timeoutS: 120, retries: 0, ageMaxS: 60 },
};

export type RunOutcome =
  | { readonly outcome: 'done'; readonly result: unknown }
  | { readonly outcome: 'failed'; readonly message: string }
  | { readonly outcome: 'died' | 'timed_out' | 'dropped' };

export interface FinishedRun {
  readonly name: FunctionName;
  readonly invocation: Invocation;
  readonly event: unknown;
  readonly endedAtMs: number;
  readonly outcome: RunOutcome;
  /** Of the environment's clock. */
  readonly clockOffsetMs: number;
}

interface Warm {
  readonly environment: Environment;
  readonly handler: Handler;
}

const SKEW_MS_MAX = 2_000;
const COLD_SHARE = 0.003;

export class Lambda {
  readonly #stage: Stage;
  readonly #warm = new Map<FunctionName, Warm[]>();
  readonly #onRun: (run: FinishedRun) => void;
  readonly #actors = new Map<string, string>();
  #environments = 0;

  constructor(stage: Stage, onRun: (run: FinishedRun) => void) {
    this.#stage = stage;
    this.#onRun = onRun;
  }

  /** Who acts through an environment of operators; '' for none. */
  actorOf(environmentName: string): string {
    return this.#actors.get(environmentName) ?? '';
  }

  /** All environments of before are gone: what is deployed now is opened anew. */
  forgetWarm(): void {
    this.#warm.clear();
  }

  /** @param key the same in every run of a seed */
  async invoke(
    name: FunctionName,
    key: string,
    event: unknown,
    sentAtMs = this.#nowMs(),
  ): Promise<RunOutcome> {
    const { timeline } = this.#stage;
    const { ageMaxS, retries } = FUNCTION_BOUNDS[name];
    for (let attempt = 0; ; attempt++) {
      const taken = await this.#takeWarm(name, sentAtMs + ageMaxS * SECOND_MS, `${key}.${attempt}`);
      if (taken === undefined) return { outcome: 'dropped' };
      const outcome = await this.#run(name, taken, `${key}.${attempt}`, event);
      if (outcome.outcome === 'done' || attempt >= retries) return outcome;
      await timeline.wait(60 * SECOND_MS * (attempt + 1));
      if (this.#nowMs() > sentAtMs + ageMaxS * SECOND_MS) return outcome;
    }
  }

  #nowMs = (): number => this.#stage.timeline.nowMs;

  async #takeWarm(name: FunctionName, untilMs: number, key: string): Promise<Warm | undefined> {
    const { concurrency = Number.POSITIVE_INFINITY } = FUNCTION_BOUNDS[name];
    const pool = this.#warm.get(name) ?? [];
    this.#warm.set(name, pool);
    const alive = () => pool.filter(({ environment }) => !environment.isDead);
    while (alive().filter(({ environment }) => environment.invocation !== undefined).length >= concurrency) {
      await this.#stage.timeline.wait(SECOND_MS);
      if (this.#nowMs() > untilMs) return undefined;
    }
    const draw = this.#stage.faults.drawAt(`cold ${key}`);
    const idle = alive().find(({ environment }) => environment.invocation === undefined);
    if (idle !== undefined && draw() >= COLD_SHARE) return idle;
    if (idle !== undefined) idle.environment.isDead = true;
    const opened = this.#open(name, draw);
    this.#warm.set(name, [...alive(), opened]);
    return opened;
  }

  #open(name: FunctionName, draw: () => number): Warm {
    const stage = this.#stage;
    const environment = new Environment(stage, `${name}-${++this.#environments}`, stage.deployed.codeVersion);
    const skewMs = between(draw, -SKEW_MS_MAX, SKEW_MS_MAX);
    const fault = { key: `skew ${environment.name}`, kind: 'clock_skewed', atMs: this.#nowMs() } as const;
    if (draw() < 0.3 && stage.faults.happens(fault)) environment.clockOffsetMs = skewMs;
    return { environment, handler: openFunction(stage, name, environment) };
  }

  async #run(
    name: FunctionName,
    { environment, handler }: Warm,
    key: string,
    event: unknown,
  ): Promise<RunOutcome> {
    const { timeline, faults } = this.#stage;
    const invocation: Invocation = { key, startedAtMs: timeline.nowMs, calls: 0, faults: 0 };
    environment.invocation = invocation;
    if (name === 'operate') this.#actors.set(environment.name, (event as OperatorEvent).by.name);
    const outcome = await new Promise<RunOutcome>((resolve) => {
      handler(event).then(
        (result) => resolve({ outcome: 'done', result }),
        (error: unknown) =>
          resolve({ outcome: 'failed', message: String((error as Error)?.message ?? error) }),
      );
      environment.onDeath = () => resolve({ outcome: 'died' });
      timeline.at(invocation.startedAtMs + FUNCTION_BOUNDS[name].timeoutS * SECOND_MS, () => {
        if (environment.invocation !== invocation || environment.isDead) return;
        faults.counts.set('time_limit', (faults.counts.get('time_limit') ?? 0) + 1);
        environment.isDead = true;
        resolve({ outcome: 'timed_out' });
      });
    });
    environment.invocation = environment.isDead ? invocation : undefined;
    this.#onRun({
      ...{
        name,
        invocation,
        event,
        outcome,
        endedAtMs: timeline.nowMs,
        clockOffsetMs: environment.clockOffsetMs,
      },
    });
    return outcome;
  }
}
