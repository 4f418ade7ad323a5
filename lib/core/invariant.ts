// Assertions that stay on in production: a broken invariant stops the work instead of making up a result.

export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** @param message a function where the text is costly to make, and the condition is checked a million times */
export function invariant(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantError(typeof message === 'string' ? message : message());
}
