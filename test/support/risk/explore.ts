// Visits every state that a model can reach, nearest first, so that the trace to a violation is a shortest one.
import { INVARIANTS, type Invariant, keyOf, type Product, stepsFrom, type World } from './gate-model.ts';

export interface Exploration {
  readonly states: number;
  readonly steps: number;
  /** How often each invariant was put to the test. */
  readonly tested: ReadonlyMap<Invariant, number>;
  /** The first violation and what leads to it; undefined when there is none. */
  readonly violation: { readonly invariant: Invariant; readonly trace: readonly string[] } | undefined;
}

interface Visited {
  readonly world: World;
  readonly from: number;
  readonly what: string;
}

export function explore(first: World, product: Product, statesMax = Number.POSITIVE_INFINITY): Exploration {
  const known = new Set([keyOf(first)]);
  const visited: (Visited | undefined)[] = [{ world: first, from: -1, what: '' }];
  const trail: { from: number; what: string }[] = [{ from: -1, what: '' }];
  const invariants = Object.entries(INVARIANTS) as [Invariant, (typeof INVARIANTS)[Invariant]][];
  const tested = new Map<Invariant, number>(invariants.map(([name]) => [name, 0]));
  let steps = 0;
  const traceTo = (index: number, last: string): string[] => {
    const trace = [last];
    for (let at = index; at > 0; at = trail[at]!.from) trace.push(trail[at]!.what);
    return trace.reverse();
  };
  for (let index = 0; index < visited.length; index++) {
    const { world } = visited[index]!;
    visited[index] = undefined;
    for (const step of stepsFrom(world, product)) {
      steps++;
      for (const [invariant, holds] of invariants) {
        const verdict = holds(step.from ?? world, step);
        if (verdict === undefined) continue;
        tested.set(invariant, tested.get(invariant)! + 1);
        if (!verdict)
          return {
            states: known.size,
            steps,
            tested,
            violation: { invariant, trace: traceTo(index, step.what) },
          };
      }
      const key = keyOf(step.next);
      if (known.has(key)) continue;
      known.add(key);
      visited.push({ world: step.next, from: index, what: step.what });
      trail.push({ from: index, what: step.what });
      if (known.size > statesMax) throw new Error(`more than ${statesMax} states`);
    }
  }
  return { states: known.size, steps, tested, violation: undefined };
}
