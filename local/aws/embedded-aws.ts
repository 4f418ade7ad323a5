// The AWS services that the system runs against on a laptop and in tests: real HTTP endpoints for the real SDK clients, with
// their state in a folder that survives restarts and kills.
import { randomUUID } from 'node:crypto';
import type { ServiceEndpoints } from '../../lib/adapters/aws/client-settings.ts';
import { openEmbeddedDynamoDb } from './dynamodb/embedded-dynamodb.ts';
import { inProcessDocuments } from './dynamodb/in-process-documents.ts';
import { FaultPlan } from './host/fault-plan.ts';
import { type ClaimedPort, claimPort, type LocalService } from './host/http-listener.ts';
import { type InProcessService, requestHandlerOf, servedInProcess } from './host/in-process.ts';
import { accessKeyIdOf, newRunSecret, secretHeaderOf } from './host/local-door.ts';
import { lockStateFolder } from './host/state-lock.ts';
import { openEmbeddedS3 } from './s3/embedded-s3.ts';
import { openEmbeddedSsm } from './ssm/embedded-ssm.ts';

const SERVICES = ['dynamodb', 's3', 'ssm'] as const;
type EmbeddedService = (typeof SERVICES)[number];

export interface EmbeddedAws {
  /**
   * URLs, as for `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL_SSM`, and what a client has to sign with,
   * as for `AWS_ACCESS_KEY_ID`: the secret of this run.
   */
  readonly endpoints: Readonly<Record<EmbeddedService | 'accessKeyId', string>>;
  /** The same for clients of this process, whose requests then take no way over HTTP. */
  readonly inProcess: ServiceEndpoints;
  /** Names this run to those who are let in. */
  readonly runId: string;
  /** Faults to inject, per service. */
  readonly faults: Readonly<Record<EmbeddedService, FaultPlan>>;
  /** Calls back after each request that changed something. */
  onWrite(written: () => void): void;
  /** Finishes what is being served, then gives the folder up. */
  close(): Promise<void>;
}

export interface EmbeddedAwsOptions {
  /** Created when missing. */
  readonly stateDir: string;
  /** 0 takes any free port. @default 0 for each */
  readonly ports?: Partial<Record<EmbeddedService, number>>;
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** By which a lag passes. @default real time */
  readonly clock?: { nowMs(): number };
  /** Runs when nothing but the state itself can keep the services from starting any more, and before that is opened. */
  readonly prepareState?: () => void;
}

/**
 * Starts DynamoDB, S3 and Parameter Store. Throws LocalStartError (one line: what is wrong, what to do) when a port is taken,
 * the folder cannot be used or is in use, or a state file is damaged; nothing is left running then.
 */
export async function startEmbeddedAws(options: EmbeddedAwsOptions): Promise<EmbeddedAws> {
  const { stateDir, host = '127.0.0.1', clock = { nowMs: Date.now } } = options;
  const faults = { dynamodb: new FaultPlan(clock), s3: new FaultPlan(clock), ssm: new FaultPlan(clock) };
  const accessKeyId = newRunSecret();
  const runId = randomUUID();
  const door = {
    secret: {
      value: accessKeyId,
      carriedBy: (request: Parameters<typeof accessKeyIdOf>[0]) =>
        accessKeyIdOf(request) ?? secretHeaderOf(request),
    },
  };
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0)) await closer();
  };
  try {
    const ports = {} as Record<EmbeddedService, ClaimedPort>;
    for (const name of SERVICES) {
      ports[name] = await claimPort(name, { host, port: options.ports?.[name] ?? 0 });
      closers.unshift(ports[name].close);
    }
    const lock = await lockStateFolder(stateDir);
    closers.push(lock.release);
    options.prepareState?.();
    const open = { dynamodb: openEmbeddedDynamoDb, s3: openEmbeddedS3, ssm: openEmbeddedSsm };
    const listeners: (() => void)[] = [];
    const written = () => {
      for (const listener of listeners) listener();
    };
    const services = {} as Record<EmbeddedService, InProcessService>;
    for (const name of SERVICES) {
      const opened = await open[name](`${stateDir}/${name}`, faults[name]);
      // After its port, before the lock.
      closers.splice(-1, 0, opened.close);
      const service = noticing(opened.service, written);
      ports[name].serve(service, { faults: faults[name], door, runId });
      services[name] = servedInProcess(service, faults[name]);
    }
    const { dynamodb, s3, ssm } = ports;
    const endpoints = { dynamodb: dynamodb.endpoint, s3: s3.endpoint, ssm: ssm.endpoint, accessKeyId };
    return {
      endpoints,
      inProcess: {
        ...endpoints,
        inProcess: {
          handlers: {
            dynamodb: requestHandlerOf(services.dynamodb),
            s3: requestHandlerOf(services.s3),
            ssm: requestHandlerOf(services.ssm),
          },
          documents: (client) => inProcessDocuments(client, services.dynamodb),
        },
      },
      runId,
      faults,
      onWrite: (listener) => void listeners.push(listener),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

const WRITES = /^(Put|Update|Delete|TransactWrite|BatchWrite)/;

const noticing = (service: LocalService, written: () => void): LocalService => ({
  ...service,
  async answer(request) {
    const reply = await service.answer(request);
    if (reply.status < 300 && WRITES.test(service.operationOf(request))) written();
    return reply;
  },
});
