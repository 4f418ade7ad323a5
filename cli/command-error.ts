// How a command fails: one line that says what was wrong and what to do, never a stack trace.

/** The call itself is wrong (unknown option, unreadable value): exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The call is right but the work failed: exit code 1. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
}

/** For failures of use cases: unusable input is wrong usage, everything else a failure. */
export const toCommandError = ({
  code,
  message,
}: {
  readonly code: string;
  readonly message: string;
}): Error => (code === 'input_unusable' ? new UsageError(message) : new CommandFailure(message));
