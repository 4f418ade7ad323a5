// The AWS services that the system runs against on a laptop and in tests: real HTTP endpoints for the real SDK clients, with
// their state in a folder that survives restarts and kills.
import { startEmbeddedDynamoDb } from './embedded-dynamodb.ts';
import { startEmbeddedS3 } from './embedded-s3.ts';
import { startEmbeddedSsm } from './embedded-ssm.ts';
import { FaultPlan } from './fault-plan.ts';
import type { Listener } from './http-listener.ts';

type EmbeddedService = 'dynamodb' | 's3' | 'ssm';

export interface EmbeddedAws {
  /** URLs, as for `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL_SSM`. */
  readonly endpoints: Readonly<Record<EmbeddedService, string>>;
  /** Faults to inject, per service. */
  readonly faults: Readonly<Record<EmbeddedService, FaultPlan>>;
  /** Finishes what is being served, then gives the folder up. */
  close(): Promise<void>;
}

/**
 * Starts DynamoDB, S3 and Parameter Store. Throws LocalStartError (one line: what is wrong, what to do) when a port is taken,
 * the folder cannot be used or is in use, or a state file cannot be understood; nothing is left running then.
 * @param options.stateDir created when missing
 * @param options.ports 0 takes any free port. @default 0 for each
 * @param options.host @default '127.0.0.1'
 */
export async function startEmbeddedAws(options: {
  stateDir: string;
  ports?: Partial<Record<EmbeddedService, number>>;
  host?: string;
}): Promise<EmbeddedAws> {
  const host = options.host ?? '127.0.0.1';
  const faults = { dynamodb: new FaultPlan(), s3: new FaultPlan(), ssm: new FaultPlan() };
  const settings = (service: EmbeddedService) => ({
    dir: `${options.stateDir}/${service}`,
    host,
    port: options.ports?.[service] ?? 0,
    faults: faults[service],
  });
  const started: Listener[] = [];
  const start = async (listener: Promise<Listener>) => {
    started.unshift(await listener);
    return started[0]!.endpoint;
  };
  // DynamoDB first: its lock keeps a second process out of the folder. It is also the last to be closed.
  const close = async () => {
    for (const listener of started) await listener.close();
  };
  try {
    const dynamodb = await start(startEmbeddedDynamoDb(settings('dynamodb')));
    const s3 = await start(startEmbeddedS3(settings('s3')));
    const ssm = await start(startEmbeddedSsm(settings('ssm')));
    return { endpoints: { dynamodb, s3, ssm }, faults, close };
  } catch (error) {
    await close();
    throw error;
  }
}
