// The text of an error, in one line for an operator.

/** An error as the operator reads it: its message, in one line. */
export function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ').trim();
}
