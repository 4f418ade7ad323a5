// One environment of a function, as Lambda keeps it warm: it takes one invocation after the other, and whatever it does to the outside
// is a step. At each step its process may be frozen, cut off or killed; a dead process does nothing more, but what it has sent arrives.
import type { Draw } from './draws.ts';
import type { FaultKind, FaultPlan } from './fault-plan.ts';
import type { Timeline } from './timeline.ts';

export interface StepFault {
  readonly kind: FaultKind;
  /** Before the effect, on the way there. */
  readonly delayMs?: number;
  readonly crash?: 'before' | 'after';
  /** What is thrown, and whether the effect has taken place by then. */
  readonly error?: { readonly when: 'before' | 'after'; readonly of: () => Error };
  /** Nothing but the faulty effect itself. */
  readonly effect?: () => unknown;
}

export interface Invocation {
  /** The same in every run of a seed. */
  readonly key: string;
  readonly startedAtMs: number;
  calls: number;
  /** Faults that have befallen it. */
  faults: number;
}

export interface Kernel {
  readonly timeline: Pick<Timeline, 'nowMs' | 'wait'>;
  readonly faults: FaultPlan;
}

const STALL_MS_MAX = 20_000;
/** A process that is dead, or whose outside does not answer any more, waits for ever. */
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

export class Environment {
  readonly name: string;
  readonly codeVersion: string;
  #isDead = false;
  onDeath: () => void = () => undefined;
  invocation: Invocation | undefined;
  /** What its clock is ahead of the true time. */
  clockOffsetMs = 0;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, name: string, codeVersion: string) {
    this.#kernel = kernel;
    this.name = name;
    this.codeVersion = codeVersion;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  set isDead(isDead: boolean) {
    this.#isDead = isDead;
    if (isDead) this.onDeath();
  }

  nowMs = (): number => this.#kernel.timeline.nowMs + this.clockOffsetMs;
  stopwatchMs = (): number => this.#kernel.timeline.nowMs;

  sleep = async (durationMs: number): Promise<void> => {
    await this.#kernel.timeline.wait(durationMs);
    if (this.isDead) return never();
  };

  /**
   * One effect on the outside. @param faultOf what may befall it, by a share of the steps; undefined: nothing this time
   * @param diesAs what a dead process gets: an error where a client would otherwise wait on a real timer
   */
  async step<T>(
    where: string,
    effect: () => Promise<T> | T,
    faultOf: (draw: Draw, share: number) => StepFault | undefined,
    diesAs?: () => Error,
  ): Promise<T> {
    const { timeline, faults } = this.#kernel;
    const dead = (): Promise<T> => {
      if (diesAs !== undefined) throw diesAs();
      return never();
    };
    const invocation = this.invocation;
    if (this.isDead || invocation === undefined) return dead();
    const place = `${invocation.key}/${++invocation.calls}`;
    const draw = faults.drawAt(place);
    const { share } = faults.weather(timeline.nowMs);
    const drawn = draw() < 0.5 ? processFault(draw, share) : faultOf(draw, share * 2 * faults.timesAt(where));
    const happens =
      drawn !== undefined &&
      faults.happens({ key: `${place} ${where}`, kind: drawn.kind, atMs: timeline.nowMs });
    const fault = happens ? drawn : undefined;
    if (happens) invocation.faults++;
    if (fault?.crash === 'before') {
      this.isDead = true;
      return dead();
    }
    const travelMs = 2 + Math.floor(draw() * 20);
    await timeline.wait(travelMs + (fault?.delayMs ?? 0));
    // A request that is under way arrives, whatever became of who sent it.
    if (this.isDead && fault?.kind !== 'late_effect') return dead();
    if (fault?.error?.when === 'before') throw fault.error.of();
    const result = await ((fault?.effect as typeof effect | undefined) ?? effect)();
    if (fault?.crash === 'after') this.isDead = true;
    await timeline.wait(2 + Math.floor(draw() * 10));
    if (this.isDead) return dead();
    if (fault?.error !== undefined) throw fault.error.of();
    return result;
  }
}

/** What may befall any process at any step. */
function processFault(draw: Draw, share: number): StepFault | undefined {
  const pick = draw() / (share * 2);
  if (pick < 0.08) return { kind: 'crash_before_effect', crash: 'before' };
  if (pick < 0.16) return { kind: 'crash_after_effect', crash: 'after' };
  if (pick < 0.55) return { kind: 'late_effect', delayMs: 500 + draw() ** 3 * STALL_MS_MAX };
  return pick < 1 ? { kind: 'frozen', delayMs: 1_000 + draw() ** 2 * STALL_MS_MAX } : undefined;
}
