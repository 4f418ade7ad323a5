// Who acts: an operator, or a function of the system. A name that somebody typed proves nothing; records say which it was.
import * as z from 'zod';

export const actorSchema = z.strictObject({
  /** Of a person, the same whatever role or token is used; else of the function that acted. */
  name: z.string().trim().min(1).max(200),
  /** Whether credentials prove the name. */
  proven: z.boolean(),
  /** What proves it: the principal on AWS, or a token. */
  via: z.string().max(500).optional(),
});
export type Actor = Readonly<z.infer<typeof actorSchema>>;

/** A name as it was typed. */
export const unproven = (name: string): Actor => ({ name, proven: false });

/** A function of the system: it writes its records itself. */
export const systemActor = (name: string): Actor => ({ name, proven: true });

/** However the name was typed, and by whatever means it was proven. */
export const isSamePerson = (one: Actor, other: Actor): boolean => identity(one) === identity(other);

const identity = ({ name }: Actor): string => name.normalize('NFKC').trim().toLowerCase();

/** For people: a name that is not proven says so. */
export const describeActor = ({ name, proven }: Actor): string => (proven ? name : `${name} (not proven)`);
