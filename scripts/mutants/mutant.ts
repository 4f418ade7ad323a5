// What a mutant is: one deliberate mistake in the product, and the tests that must notice it.

export interface Mutant {
  readonly name: string;
  /** What would happen to an account if nobody noticed. */
  readonly harm: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly search: string;
  readonly replace: string;
  readonly test: string;
  /** Title of the tests that are run, or the beginning of it. @default all of the file */
  readonly title?: string;
}
