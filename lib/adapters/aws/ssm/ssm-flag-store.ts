// Operator flags in Parameter Store. A reading is what Parameter Store says now, or the reason why it could not be had: never
// a value from before, and never later than the deadline, because a flag older than 1 s authorises nothing.
//
// The first call of a process, or after a pause in which Lambda has frozen it and the connection has been closed, also looks the name
// up and makes the TLS connection. It may take longer: its answer is as old as its asking, so that the gate accepts it for no order
// when it comes late, but the run is not lost, and the connection is warm for the reading that an order is authorised by.
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
/** AWS keeps an idle connection longer than this. */
const WARM_MS = 4_000;
const NAME_PATTERN = /^[A-Za-z0-9_]{1,100}$/;

interface Parameters {
  readonly client: SSMClient;
  readonly path: string;
  readonly deadlineMs: number;
  readonly coldDeadlineMs: number;
  /** When Parameter Store last answered, monotonic. */
  answeredAtMs: number;
}

/**
 * FlagStore for one stage; `write` throws StoreError, also for a text that the flag's pattern refuses.
 * @param settings.deadlineMs time that one `read` may take in all, retries included. @default 800
 * @param settings.coldDeadlineMs the same, of a read that has to connect first. @default 3000
 */
export function createSsmFlagStore(settings: {
  client: SSMClient;
  stage: string;
  deadlineMs?: number;
  coldDeadlineMs?: number;
}): FlagStore {
  const { client, stage, deadlineMs = 800, coldDeadlineMs = 3_000 } = settings;
  const path = flagPath(stage);
  const parameters = { client, path, deadlineMs, coldDeadlineMs, answeredAtMs: Number.NEGATIVE_INFINITY };
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
  const isWarm = performance.now() - parameters.answeredAtMs <= WARM_MS;
  const deadlineMs = isWarm ? parameters.deadlineMs : parameters.coldDeadlineMs;
  const abortSignal = AbortSignal.timeout(deadlineMs);
  // A cold attempt is given the whole time: one that is cut short would only connect again.
  const options = { abortSignal, ...(!isWarm && { requestTimeout: deadlineMs }) };
  const answers = await Promise.all(
    batches.map((batch) => readBatch(parameters, batch, { ...options, deadlineMs })),
  );
  const readings = new Map(answers.flat());
  for (const name of wanted)
    if (!readings.has(name)) readings.set(name, unreadable('not the name of a flag'));
  return readings;
}

async function readBatch(
  parameters: Parameters,
  names: readonly string[],
  { deadlineMs, ...options }: { abortSignal: AbortSignal; requestTimeout?: number; deadlineMs: number },
): Promise<[string, FlagReading][]> {
  const { client, path } = parameters;
  const command = new GetParametersCommand({ Names: names.map((name) => path + name) });
  try {
    const answer = await client.send(command, options);
    parameters.answeredAtMs = performance.now();
    const found = new Map(answer.Parameters?.map((parameter) => [parameter.Name, parameter]));
    const missing = new Set(answer.InvalidParameters);
    return names.map((name) => [name, readingOf(found.get(path + name), missing.has(path + name))]);
  } catch (error) {
    const failed = readAwsFailure(error);
    const message = options.abortSignal.aborted
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
