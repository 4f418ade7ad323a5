// Who gives a command: the name in the audit trail.
import { userInfo } from 'node:os';
import { UsageError } from './command-error.ts';

/** The name given, else the login name of this machine. */
export function operatorName(given: string | undefined): string {
  const name = (given ?? loginName()).trim();
  if (name === '') throw new UsageError('--by must not be empty: give your name');
  return name;
}

function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    throw new UsageError('your login name is unknown: add --by NAME');
  }
}
