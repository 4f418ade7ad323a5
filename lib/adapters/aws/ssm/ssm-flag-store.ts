// Operator flags in Parameter Store. A reading is what Parameter Store says now, or the reason why it could not be had: never
// a value from before, and never later than the deadline, because a flag older than 1 s authorises nothing.
import {
  GetParametersCommand,
  type Parameter,
  PutParameterCommand,
  type SSMClient,
} from '@aws-sdk/client-ssm';
import { FLAGS, type FlagName, type FlagReading } from '../../../risk/flags.ts';
import type { FlagStore } from '../../../risk/ports.ts';
import { flagPath } from '../resources.ts';
import { readAwsFailure, storeError } from '../store-failure.ts';

/** GetParameters takes no more. */
const NAMES_PER_CALL = 10;
const WRITE_ATTEMPTS = 3;
const NAME_PATTERN = /^[A-Za-z0-9_]{1,100}$/;

interface Parameters {
  readonly client: SSMClient;
  readonly path: string;
  readonly deadlineMs: number;
}

/**
 * FlagStore for one stage; `write` throws StoreError, also for a text that the flag's pattern refuses.
 * @param settings.deadlineMs time that one `read` may take in all, retries included. @default 800
 */
export function createSsmFlagStore(settings: {
  client: SSMClient;
  stage: string;
  deadlineMs?: number;
}): FlagStore {
  const { client, stage, deadlineMs = 800 } = settings;
  const parameters = { client, path: flagPath(stage), deadlineMs };
  return {
    read: (names) => readAll(parameters, names),
    write: (name, text) => write(parameters, name, text),
  };
}

async function readAll(
  parameters: Parameters,
  names: readonly string[],
): Promise<ReadonlyMap<string, FlagReading>> {
  const wanted = [...new Set(names)];
  const valid = wanted.filter((name) => NAME_PATTERN.test(name));
  const batches: string[][] = [];
  for (let from = 0; from < valid.length; from += NAMES_PER_CALL)
    batches.push(valid.slice(from, from + NAMES_PER_CALL));
  const abortSignal = AbortSignal.timeout(parameters.deadlineMs);
  const answers = await Promise.all(batches.map((batch) => readBatch(parameters, batch, abortSignal)));
  const readings = new Map(answers.flat());
  for (const name of wanted)
    if (!readings.has(name)) readings.set(name, unreadable('not the name of a flag'));
  return readings;
}

async function readBatch(
  { client, path, deadlineMs }: Parameters,
  names: readonly string[],
  abortSignal: AbortSignal,
): Promise<[string, FlagReading][]> {
  const command = new GetParametersCommand({ Names: names.map((name) => path + name) });
  try {
    const answer = await client.send(command, { abortSignal });
    const found = new Map(answer.Parameters?.map((parameter) => [parameter.Name, parameter]));
    const missing = new Set(answer.InvalidParameters);
    return names.map((name) => [name, readingOf(found.get(path + name), missing.has(path + name))]);
  } catch (error) {
    const failed = readAwsFailure(error);
    const message = abortSignal.aborted
      ? `no answer within ${deadlineMs} ms`
      : `${failed.name}: ${failed.message}`;
    return names.map((name) => [name, unreadable(message)]);
  }
}

function readingOf(parameter: Parameter | undefined, isMissing: boolean): FlagReading {
  if (parameter === undefined)
    return isMissing ? { kind: 'missing' } : unreadable('the answer leaves it out');
  if (parameter.Type !== 'String' || parameter.Value === undefined)
    return unreadable(`the parameter is a ${parameter.Type}, not a String`);
  return { kind: 'text', text: parameter.Value };
}

async function write({ client, path }: Parameters, name: string, text: string): Promise<void> {
  // Parameter Store checks the pattern that comes with a write, not the one of the version before.
  const pattern = name in FLAGS ? FLAGS[name as FlagName].pattern : undefined;
  const command = new PutParameterCommand({
    Name: path + name,
    Value: text,
    Type: 'String',
    Overwrite: true,
    ...(pattern !== undefined && { AllowedPattern: pattern }),
  });
  for (let attempt = 1; ; attempt++) {
    try {
      await client.send(command);
      return;
    } catch (error) {
      const failure = storeError(`writing flag ${name}`, error);
      if (!failure.retryable || attempt === WRITE_ATTEMPTS) throw failure;
    }
  }
}

const unreadable = (message: string): FlagReading => ({ kind: 'unreadable', message });
