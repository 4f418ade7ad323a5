// The last resort of a stop: closes flags and latches directly, each on its own, when the function that stops does not answer. It
// reads nothing but the flag that may carry a trip, and closes that one too where it cannot be read.
import { messageOf } from '../../core/message-of.ts';
import { stillClosedText } from '../breaker/carried-trip.ts';
import { CLOSED_FLAGS } from '../breaker/transition-types.ts';
import type { Scope } from '../gate.ts';
import type { FlagStore, RiskStore } from '../ports.ts';
import { CARRYING_FLAG } from './unlatched-trip.ts';

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
        const closed = name === CARRYING_FLAG ? await closingText(flags) : text;
        await flags.write(name, closed);
        return `${name} is ${closed}`;
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

/** A database that takes no trip may take no latch either: what the flag carries is then all that is left of one. */
async function closingText(flags: FlagStore): Promise<string> {
  const readings = await flags.read([CARRYING_FLAG]).catch(() => undefined);
  const reading = readings?.get(CARRYING_FLAG);
  return stillClosedText(reading?.kind === 'text' ? reading.text : undefined);
}
