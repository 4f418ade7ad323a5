// The last resort of a stop: closes flags and latches directly, each on its own, when the function that stops does not answer. It
// reads nothing that the emergency policy does not allow.
import { messageOf } from '../../core/message-of.ts';
import { CLOSED_FLAGS } from '../breaker/transition-types.ts';
import type { Scope } from '../gate.ts';
import type { FlagStore, RiskStore } from '../ports.ts';

export interface ClosedGate {
  /** One line each. */
  readonly done: readonly string[];
  readonly failures: readonly string[];
}

/** Never rejects. @param texts further flags to write, by name */
export async function closeGate(
  { flags, risk }: { readonly flags: FlagStore; readonly risk: Pick<RiskStore, 'closeLatch'> },
  scopes: readonly Scope[],
  texts: Readonly<Record<string, string>>,
): Promise<ClosedGate> {
  const done: string[] = [];
  const failures: string[] = [];
  const attempt = async (what: string, work: () => Promise<string>) => {
    await work().then(
      (line) => done.push(line),
      (error: unknown) => failures.push(`${what}: ${messageOf(error)}`),
    );
  };
  await Promise.all([
    ...Object.entries({ ...texts, ...CLOSED_FLAGS }).map(([name, text]) =>
      attempt(name, async () => {
        await flags.write(name, text);
        return `${name} is ${text}`;
      }),
    ),
    ...scopes.map((scope) =>
      attempt(`latch (${scope})`, async () =>
        (await risk.closeLatch(scope)) === 'closed'
          ? `the ${scope} latch is TRIPPED`
          : `the ${scope} scope has no gate, and trades nothing`,
      ),
    ),
  ]);
  return { done, failures };
}
