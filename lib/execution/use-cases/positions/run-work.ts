// What one run of the position manager has done and could not do: what goes wrong with one part does not keep it from the others.
import { messageOf } from '../../../core/message-of.ts';

/** What a run has done so far, and what it could not do. */
export class Work {
  readonly actions: { symbol: string; done: readonly string[] }[] = [];
  readonly faults: string[] = [];
  readonly #handled = new Set<string>();

  /** What only a part of the run needs: when it throws, that is a fault, and undefined. */
  async attempt<Value>(
    what: string,
    act: () => Promise<Value>,
  ): Promise<{ readonly value: Value } | undefined> {
    try {
      return { value: await act() };
    } catch (error) {
      this.faults.push(`${what}: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Symbols of which this was done. */
  symbolsOf(what: string): readonly string[] {
    return this.actions.filter(({ done }) => done.includes(what)).map(({ symbol }) => symbol);
  }

  /** Does one symbol's part once. What goes wrong with it is not the others' problem; the run then does not count as completed. */
  async once(symbol: string, act: () => Promise<readonly string[]>): Promise<void> {
    if (this.#handled.has(symbol)) return;
    try {
      const done = await act();
      // What waits is tried again after booking.
      if (!done.includes('waiting')) this.#handled.add(symbol);
      const before = this.actions.findIndex((action) => action.symbol === symbol);
      if (before >= 0) this.actions.splice(before, 1);
      if (done.length > 0) this.actions.push({ symbol, done });
    } catch (error) {
      this.#handled.add(symbol);
      this.faults.push(`${symbol}: ${messageOf(error)}`);
    }
  }
}
