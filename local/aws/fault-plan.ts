// Faults that a test or a rehearsal injects into an embedded service: what AWS does on a bad day, on demand and counted.

/**
 * throttle: the service's own throttling error. error: 500 with the service's own error body. reset: the connection breaks
 * before the request is served. answer_lost: the request is served, then the connection breaks. hang: no answer at all.
 */
type FaultKind = 'throttle' | 'error' | 'reset' | 'answer_lost' | 'hang';

interface Fault {
  readonly kind: FaultKind;
  /** How many matching requests it hits. @default 1 */
  readonly times?: number;
  /** Only this operation, as the SDK's command is called without `Command`, e.g. `PutObject`. @default any */
  readonly operation?: string;
}

/** Faults still to come of one service. Faults apply in the order in which they were injected. */
export class FaultPlan {
  #pending: { kind: FaultKind; operation: string | undefined; left: number }[] = [];

  inject(fault: Fault): void {
    this.#pending.push({ kind: fault.kind, operation: fault.operation, left: fault.times ?? 1 });
  }

  clear(): void {
    this.#pending = [];
  }

  /** The fault that hits this request, used up by it; undefined when none does. */
  take(operation: string): FaultKind | undefined {
    const next = this.#pending.find(
      (fault) => fault.operation === undefined || fault.operation === operation,
    );
    if (next === undefined) return undefined;
    next.left--;
    this.#pending = this.#pending.filter((fault) => fault.left > 0);
    return next.kind;
  }
}
