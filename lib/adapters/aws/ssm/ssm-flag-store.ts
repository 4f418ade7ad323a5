// Operator flags in Parameter Store. A reading is what Parameter Store says now, or the reason why it could not be had: never
// a value from before, and never later than the deadline, because a flag older than 1 s authorises nothing.
import { GetParametersCommand, PutParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { FLAGS, type FlagName, type FlagReading } from '../../../risk/flags.ts';
import type { FlagStore } from '../../../risk/ports.ts';
import { flagPath } from '../resources.ts';
import { readAwsFailure, storeError } from '../store-failure.ts';

/** GetParameters takes no more. */
const NAMES_PER_CALL = 10;
const WRITE_ATTEMPTS = 3;
const NAME_PATTERN = /^[A-Za-z0-9_]{1,100}$/;

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
  const path = flagPath(stage);

  async function readBatch(
    names: readonly string[],
    abortSignal: AbortSignal,
  ): Promise<[string, FlagReading][]> {
    try {
      const answer = await client.send(
        new GetParametersCommand({ Names: names.map((name) => path + name) }),
        {
          abortSignal,
        },
      );
      const found = new Map(answer.Parameters?.map((parameter) => [parameter.Name, parameter]));
      const missing = new Set(answer.InvalidParameters);
      return names.map((name) => {
        const parameter = found.get(path + name);
        if (parameter === undefined)
          return [
            name,
            missing.has(path + name) ? { kind: 'missing' } : unreadable('the answer leaves it out'),
          ];
        if (parameter.Type !== 'String' || parameter.Value === undefined)
          return [name, unreadable(`the parameter is a ${parameter.Type}, not a String`)];
        return [name, { kind: 'text', text: parameter.Value }];
      });
    } catch (error) {
      const failed = readAwsFailure(error);
      const message = abortSignal.aborted
        ? `no answer within ${deadlineMs} ms`
        : `${failed.name}: ${failed.message}`;
      return names.map((name) => [name, unreadable(message)]);
    }
  }

  return {
    async read(names) {
      const wanted = [...new Set(names)];
      const valid = wanted.filter((name) => NAME_PATTERN.test(name));
      const batches: string[][] = [];
      for (let from = 0; from < valid.length; from += NAMES_PER_CALL)
        batches.push(valid.slice(from, from + NAMES_PER_CALL));
      const abortSignal = AbortSignal.timeout(deadlineMs);
      const readings = new Map(
        (await Promise.all(batches.map((batch) => readBatch(batch, abortSignal)))).flat(),
      );
      for (const name of wanted)
        if (!readings.has(name)) readings.set(name, unreadable('not the name of a flag'));
      return readings;
    },

    async write(name, text) {
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
    },
  };
}

const unreadable = (message: string): FlagReading => ({ kind: 'unreadable', message });
