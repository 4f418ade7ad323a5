// Who gives a command: the name in the audit trail.
import { userInfo } from 'node:os';
import { type Actor, unproven } from '../lib/core/actor.ts';
import { UsageError } from './command-error.ts';

/** The name given, else the login name of this machine. Nothing proves it. */
export function typedOperator(given: string | undefined): Actor {
  const name = (given ?? loginName()).trim();
  if (name === '') throw new UsageError('--by must not be empty: give your name');
  return unproven(name);
}

function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    throw new UsageError('your login name is unknown: add --by NAME');
  }
}
