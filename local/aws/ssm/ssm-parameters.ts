// The parameters of the embedded Parameter Store: every version of each, in one file that is replaced as a whole, so that it
// holds either all of a change or nothing of it. Reading asks memory alone.
import { z } from 'zod';
import type { FaultPlan } from '../host/fault-plan.ts';
import { describeCorruptFile } from '../host/local-start-error.ts';
import { makePrivateFolder, readPrivateFile, replaceFile } from '../host/private-file.ts';
import { SsmError } from './ssm-error.ts';
import { openSsmKey, type SsmKey } from './ssm-key.ts';

export const PARAMETER_TYPES = ['String', 'StringList', 'SecureString'] as const;

const versionFields = {
  version: z.int().positive(),
  description: z.string().optional(),
  allowedPattern: z.string().optional(),
  lastModifiedMs: z.int(),
};
const versionSchema = z.discriminatedUnion('type', [
  z.strictObject({ ...versionFields, type: z.enum(['String', 'StringList']), value: z.string().min(1) }),
  z.strictObject({ ...versionFields, type: z.literal('SecureString'), sealed: z.string() }),
]);
/** Oldest version first. */
const stateSchema = z.strictObject({
  schemaVersion: z.literal(1),
  parameters: z.record(z.string(), z.array(versionSchema).min(1)),
});

interface ParameterVersion {
  readonly version: number;
  readonly type: (typeof PARAMETER_TYPES)[number];
  readonly value: string;
  /** The value of a SecureString, encrypted. */
  readonly sealed?: string;
  readonly description?: string | undefined;
  readonly allowedPattern?: string | undefined;
  readonly lastModifiedMs: number;
}
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
export async function openSsmParameters(dir: string, faults: FaultPlan): Promise<SsmParameters> {
  const path = `${dir}/parameters.json`;
  await makePrivateFolder(dir);
  const key = await openSsmKey(`${dir}/key`);
  const text = await readPrivateFile(path);
  if (text === undefined) return new SsmParameters({ path, key, faults }, new Map());
  try {
    const { parameters } = stateSchema.parse(JSON.parse(text));
    const opened = Object.entries(parameters).map(
      ([name, versions]) => [name, versions.map((version) => unseal(key, name, version))] as const,
    );
    return new SsmParameters({ path, key, faults }, new Map(opened));
  } catch (error) {
    const issue = error instanceof z.ZodError ? error.issues[0] : undefined;
    const why =
      issue !== undefined
        ? `${issue.path.join('.')}: ${issue.message}`
        : error instanceof SyntaxError
          ? 'not JSON'
          : 'a SecureString does not fit the key beside it';
    throw describeCorruptFile(path, why, error);
  }
}

function unseal(key: SsmKey, name: string, stored: z.infer<typeof versionSchema>): ParameterVersion {
  if (stored.type !== 'SecureString') return stored;
  return { ...stored, value: key.unseal(stored.sealed, `${name}:${stored.version}`) };
}

interface ParameterContext {
  /** Of the file. */
  readonly path: string;
  readonly key: SsmKey;
  readonly faults: FaultPlan;
}

export class SsmParameters {
  readonly #context: ParameterContext;
  #parameters: ReadonlyMap<string, readonly ParameterVersion[]>;
  #lastChange: Promise<unknown> = Promise.resolve();
  /** Since when a version is hidden from reads that lag. */
  readonly #hiddenMs = new WeakMap<ParameterVersion, number>();

  constructor(context: ParameterContext, parameters: ReadonlyMap<string, readonly ParameterVersion[]>) {
    this.#context = context;
    this.#parameters = parameters;
  }

  /** @returns the version written */
  put(write: ParameterWrite): Promise<number> {
    const { key, faults } = this.#context;
    return this.#change(async (parameters) => {
      const before = parameters.get(write.name) ?? [];
      const plain = nextVersion(write, before.at(-1));
      const next =
        plain.type === 'SecureString'
          ? { ...plain, sealed: key.seal(plain.value, `${write.name}:${plain.version}`) }
          : plain;
      const hiddenMs = faults.hide('read');
      if (hiddenMs !== undefined) this.#hiddenMs.set(next, hiddenMs);
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
    const versions = this.#seen(this.#parameters.get(name) ?? []);
    if (versions.length === 0) throw new SsmError('ParameterNotFound', `Parameter ${name} not found.`);
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
      .flatMap(([name, versions]) =>
        this.#seen(versions)
          .slice(-1)
          .map((newest) => ({ name, ...newest })),
      )
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #seen(versions: readonly ParameterVersion[]): readonly ParameterVersion[] {
    return versions.filter((version) => {
      const hiddenMs = this.#hiddenMs.get(version);
      return hiddenMs === undefined || this.#context.faults.isOver('read', hiddenMs);
    });
  }

  /** One change after the other; memory follows the file, so that a failed write changes nothing. */
  #change<T>(work: (parameters: Map<string, readonly ParameterVersion[]>) => Promise<T>): Promise<T> {
    const result = this.#lastChange.then(async () => {
      const parameters = new Map(this.#parameters);
      const outcome = await work(parameters);
      const state = { schemaVersion: 1, parameters: Object.fromEntries([...parameters].map(stored)) };
      await replaceFile(this.#context.path, `${JSON.stringify(state, null, 2)}\n`);
      this.#parameters = parameters;
      return outcome;
    });
    this.#lastChange = result.catch(() => {});
    return result;
  }
}

/** What of a parameter goes to the file. */
const stored = ([name, versions]: readonly [string, readonly ParameterVersion[]]) => [
  name,
  versions.map(({ value, ...version }) => (version.sealed === undefined ? { value, ...version } : version)),
];

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
  const { description, allowedPattern } = write;
  return {
    version: (previous?.version ?? 0) + 1,
    type,
    value: write.value,
    lastModifiedMs: Date.now(),
    ...(description !== undefined && { description }),
    ...(allowedPattern !== undefined && { allowedPattern }),
  };
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
