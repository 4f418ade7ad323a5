// What keeps the embedded endpoints from starting, said in one line for the person who typed the command: what is wrong and
// what to do about it. Anything else that is thrown while starting is a defect.

export class LocalStartError extends Error {
  override readonly name = 'LocalStartError';
}

const PERMISSION_CODES = new Set(['EACCES', 'EPERM', 'EROFS']);

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** A failure to use a file or folder, in one line with the remedy; the cause is kept. One described already stays as it is. */
export function describeFileFailure(path: string, error: unknown): LocalStartError {
  if (error instanceof LocalStartError) return error;
  const code = errorCode(error);
  const remedy =
    code !== undefined && PERMISSION_CODES.has(code)
      ? 'make it readable and writable for this user, or choose another state folder'
      : code === 'ENOSPC'
        ? 'free some disk space'
        : 'choose another state folder, or move what is in the way';
  const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return new LocalStartError(`cannot use ${path}: ${reason}; ${remedy}`, { cause: error });
}

/** A state file that cannot be understood. State is never dropped silently: the person decides. */
export function describeCorruptFile(path: string, why: string, cause?: unknown): LocalStartError {
  return new LocalStartError(
    `${path} is not readable as saved state (${why}); restore it from a copy, or move it away to start without it`,
    { cause },
  );
}

/** A folder whose state has lost something. */
export function describeDamage(dir: string, what: string, cause?: unknown): LocalStartError {
  return new LocalStartError(
    `${dir} is damaged (${what}); restore the folder from a copy, or move it away to start without it`,
    { cause },
  );
}
