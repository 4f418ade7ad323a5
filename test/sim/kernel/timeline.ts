// Simulated time: it stands still while code runs, and moves to the next thing that is due. What is due at once happens in the order
// in which it was asked for.

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly wake: () => void;
}

/** Nothing that is ready to run is left: all that a simulation does is made of microtasks. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class Timeline {
  #nowMs: number;
  #untilMs = 0;
  #order = 0;
  #isStopped = false;
  readonly #heap: Due[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  at(atMs: number, wake: () => void): void {
    const heap = this.#heap;
    const due = { atMs: Math.max(Math.ceil(atMs), this.#nowMs), order: this.#order++, wake };
    let index = heap.push(due) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent]!, due)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = due;
  }

  /** Where nothing else is due until then, time moves at once. */
  wait(durationMs: number): Promise<void> | undefined {
    const atMs = this.#nowMs + Math.max(0, Math.ceil(durationMs));
    if (atMs <= this.#untilMs && (this.#heap.length === 0 || this.#heap[0]!.atMs > atMs)) {
      this.#nowMs = atMs;
      return undefined;
    }
    return new Promise((resolve) => this.at(atMs, resolve));
  }

  async runUntil(untilMs: number): Promise<void> {
    this.#untilMs = untilMs;
    while (!this.#isStopped && this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const { atMs, wake } = this.#take();
      this.#nowMs = Math.max(this.#nowMs, atMs);
      wake();
      await settled();
    }
    if (!this.#isStopped) this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  stop(): void {
    this.#isStopped = true;
  }

  #take(): Due {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

const isBefore = (one: Due, other: Due): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
