// The parameters of the embedded Parameter Store: every version of each, in one file that is replaced as a whole, so that it
// holds either all of a change or nothing of it. Reading asks memory alone.
import { mkdir, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { replaceFile } from './atomic-file.ts';
import { describeCorruptFile, describeFileFailure } from './local-start-error.ts';
import { SsmError } from './ssm-error.ts';

export const PARAMETER_TYPES = ['String', 'StringList', 'SecureString'] as const;

const versionSchema = z.strictObject({
  version: z.int().positive(),
  type: z.enum(PARAMETER_TYPES),
  value: z.string().min(1),
  description: z.string().optional(),
  allowedPattern: z.string().optional(),
  lastModifiedMs: z.int(),
});
/** Oldest version first. */
const stateSchema = z.strictObject({
  schemaVersion: z.literal(1),
  parameters: z.record(z.string(), z.array(versionSchema).min(1)),
});

type ParameterVersion = z.infer<typeof versionSchema>;
export interface NamedVersion extends ParameterVersion {
  readonly name: string;
  /** `:3` when a version was asked for by number. */
  readonly selector?: string;
}

interface ParameterWrite {
  readonly name: string;
  readonly value: string;
  /** May be left out when overwriting. */
  readonly type: ParameterVersion['type'] | undefined;
  readonly overwrite: boolean;
  readonly description: string | undefined;
  readonly allowedPattern: string | undefined;
}

const VALUE_CHARS_MAX = 4096;
const NAME_CHARS_MAX = 1011;
const LEVELS_MAX = 15;
const VERSIONS_MAX = 100;

/** Parameters in `dir`. Throws LocalStartError. */
export async function openSsmParameters(dir: string): Promise<SsmParameters> {
  const path = `${dir}/parameters.json`;
  let text: string | undefined;
  try {
    await mkdir(dir, { recursive: true });
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw describeFileFailure(path, error);
  }
  if (text === undefined) return new SsmParameters(dir, new Map());
  try {
    return new SsmParameters(dir, new Map(Object.entries(stateSchema.parse(JSON.parse(text)).parameters)));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const why = issue === undefined ? 'not JSON' : `${issue.path.join('.')}: ${issue.message}`;
    throw describeCorruptFile(path, why, error);
  }
}

export class SsmParameters {
  readonly #dir: string;
  #parameters: ReadonlyMap<string, readonly ParameterVersion[]>;
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(dir: string, parameters: ReadonlyMap<string, readonly ParameterVersion[]>) {
    this.#dir = dir;
    this.#parameters = parameters;
  }

  /** @returns the version written */
  put(write: ParameterWrite): Promise<number> {
    return this.#change(async (parameters) => {
      const before = parameters.get(write.name) ?? [];
      const next = nextVersion(write, before.at(-1));
      parameters.set(write.name, [...before, next].slice(-VERSIONS_MAX));
      return next.version;
    });
  }

  /** @returns the names that were there */
  delete(names: readonly string[]): Promise<string[]> {
    return this.#change(async (parameters) => names.filter((name) => parameters.delete(name)));
  }

  /** The newest version, or the one asked for as `name:version`. Throws ParameterNotFound, ParameterVersionNotFound. */
  get(nameAndSelector: string): NamedVersion {
    const [name = '', selector] = nameAndSelector.split(/:(.*)/s);
    const versions = this.#parameters.get(name);
    if (versions === undefined) throw new SsmError('ParameterNotFound', `Parameter ${name} not found.`);
    if (selector === undefined) return { name, ...versions.at(-1)! };
    const version = versions.find((candidate) => String(candidate.version) === selector);
    if (version === undefined) {
      throw new SsmError(
        'ParameterVersionNotFound',
        `Systems Manager could not find version ${selector} of ${name}.`,
      );
    }
    return { name, ...version, selector: `:${selector}` };
  }

  /** Every version, oldest first. Throws ParameterNotFound. */
  history(name: string): NamedVersion[] {
    return (this.#parameters.get(this.get(name).name) ?? []).map((version) => ({ name, ...version }));
  }

  /** The newest version of every parameter, by name. */
  all(): NamedVersion[] {
    return [...this.#parameters]
      .map(([name, versions]) => ({ name, ...versions.at(-1)! }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** One change after the other; memory follows the file, so that a failed write changes nothing. */
  #change<T>(work: (parameters: Map<string, readonly ParameterVersion[]>) => Promise<T>): Promise<T> {
    const result = this.#lastChange.then(async () => {
      const parameters = new Map(this.#parameters);
      const outcome = await work(parameters);
      const state = { schemaVersion: 1, parameters: Object.fromEntries(parameters) };
      await replaceFile(`${this.#dir}/parameters.json`, `${JSON.stringify(state, null, 2)}\n`, this.#dir);
      this.#parameters = parameters;
      return outcome;
    });
    this.#lastChange = result.catch(() => {});
    return result;
  }
}

function nextVersion(write: ParameterWrite, previous: ParameterVersion | undefined): ParameterVersion {
  checkName(write.name);
  if (previous !== undefined && !write.overwrite) {
    throw new SsmError(
      'ParameterAlreadyExists',
      'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
    );
  }
  const type = write.type ?? previous?.type;
  if (type === undefined)
    throw new SsmError('ValidationException', 'A parameter type is required when you create a parameter.');
  if (write.value === '') {
    throw new SsmError(
      'ValidationException',
      "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1",
    );
  }
  if (write.value.length > VALUE_CHARS_MAX) {
    throw new SsmError(
      'ValidationException',
      `Standard tier parameters support a maximum parameter value of ${VALUE_CHARS_MAX} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.`,
    );
  }
  checkPattern(write);
  const next: ParameterVersion = {
    version: (previous?.version ?? 0) + 1,
    type,
    value: write.value,
    lastModifiedMs: Date.now(),
  };
  if (write.description !== undefined) next.description = write.description;
  if (write.allowedPattern !== undefined) next.allowedPattern = write.allowedPattern;
  return next;
}

function checkPattern({ name, value, allowedPattern }: ParameterWrite): void {
  if (allowedPattern === undefined) return;
  let matches: boolean;
  try {
    matches = new RegExp(`^(?:${allowedPattern})$`).test(value);
  } catch {
    throw new SsmError('ValidationException', `The allowed pattern of ${name} is not a regular expression.`);
  }
  if (!matches) {
    throw new SsmError(
      'ParameterPatternMismatchException',
      `Parameter value, cannot be validated against allowedPattern: ${allowedPattern}`,
    );
  }
}

/** Throws for a name that Parameter Store does not accept. */
function checkName(name: string): void {
  const isPath = name.includes('/');
  if (
    !/^[a-zA-Z0-9_.\-/]+$/.test(name) ||
    name.length > NAME_CHARS_MAX ||
    name.includes('//') ||
    name.endsWith('/')
  ) {
    throw new SsmError(
      'ValidationException',
      'Parameter name must consist of letters, numbers and the symbols .-_ in parts divided by slashes.',
    );
  }
  if (isPath && !name.startsWith('/'))
    throw new SsmError('ValidationException', 'Parameter name must be a fully qualified name.');
  if (/^\/?(aws|ssm)/i.test(name)) {
    throw new SsmError(
      'ValidationException',
      'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
    );
  }
  if (isPath && name.split('/').length - 1 > LEVELS_MAX) {
    throw new SsmError(
      'HierarchyLevelLimitExceededException',
      `Parameter name exceeds ${LEVELS_MAX} levels of hierarchy.`,
    );
  }
}
