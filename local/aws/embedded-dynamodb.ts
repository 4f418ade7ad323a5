// DynamoDB for `npm start` and the tests: dynalite on LevelDB, behind our own listener. dynalite alone throws out of the
// process when a client breaks off or when its folder is held by another process, and it does not know UpdateTimeToLive.
import { EventEmitter } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import dynalite from 'dynalite';
import dynaliteDatabase from 'dynalite/db/index.js';
import type { FaultPlan } from './fault-plan.ts';
import { type Listener, type LocalService, listen, type Reply, readBody } from './http-listener.ts';
import { describeFileFailure, LocalStartError } from './local-start-error.ts';

const REQUEST_BYTES_MAX = 16 * 1024 * 1024;
const JSON_HEADERS = { 'content-type': 'application/x-amz-json-1.0' } as const;

/**
 * DynamoDB in a folder. The folder's LevelDB lock, which the system releases even after kill -9, is also what keeps a second
 * process out of the whole state folder: start this service first.
 */
export async function startEmbeddedDynamoDb(options: {
  dir: string;
  host: string;
  port: number;
  faults: FaultPlan;
}): Promise<Listener> {
  const store = await openStore(options.dir);
  const server = dynaliteOn(store);
  const service: LocalService = {
    name: 'DynamoDB',
    operationOf,
    answer: async (request) => {
      const body = await readBody(request, REQUEST_BYTES_MAX);
      if (operationOf(request) === 'UpdateTimeToLive') return acceptTimeToLive(body);
      return askDynalite(server, request, body);
    },
    throttleReply: () => errorReply(400, 'ProvisionedThroughputExceededException', 'injected fault'),
    internalErrorReply: (message) => errorReply(500, 'InternalServerError', message),
  };
  try {
    const listener = await listen(service, options.faults, options);
    return {
      endpoint: listener.endpoint,
      close: async () => {
        await listener.close();
        await store.db.close();
      },
    };
  } catch (error) {
    await store.db.close();
    throw error;
  }
}

async function openStore(dir: string): Promise<dynaliteDatabase.Store> {
  try {
    await mkdir(dir, { recursive: true });
  } catch (error) {
    throw describeFileFailure(dir, error);
  }
  const store = dynaliteDatabase.create({
    path: dir,
    createTableMs: 0,
    deleteTableMs: 0,
    updateTableMs: 0,
  });
  endIterators(store);
  try {
    await store.db.open();
    return store;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    if (code === 'LEVEL_LOCKED') {
      throw new LocalStartError(
        `${dir} is in use by another process: stop it, or choose another state folder`,
        { cause },
      );
    }
    if (code === 'LEVEL_CORRUPTION') {
      throw new LocalStartError(
        `${dir} is damaged (${reason}); restore the folder from a copy, or move it away to start without it`,
        { cause },
      );
    }
    throw describeFileFailure(dir, cause);
  }
}

/**
 * dynalite ends what a query has read from by `return()`, which LevelDB's iterators do not have: each query of a long run would
 * keep one open, with its snapshot and all the table files behind it.
 */
function endIterators({ db }: dynaliteDatabase.Store): void {
  for (const kind of ['keys', 'values'] as const) {
    const open = db[kind].bind(db);
    db[kind] = (options) => {
      const iterator = open(options);
      return Object.assign(iterator, { return: () => iterator.close() });
    };
  }
}

/**
 * dynalite opens its store by itself and reports a failure to do so only by an uncaught exception in the first request. So it
 * is given the one that is open already, through the very function that it calls for it.
 */
function dynaliteOn(store: dynaliteDatabase.Store): EventEmitter {
  const { create } = dynaliteDatabase;
  dynaliteDatabase.create = () => store;
  try {
    return dynalite(store.options);
  } finally {
    dynaliteDatabase.create = create;
  }
}

function operationOf(request: IncomingMessage): string {
  return String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? 'unknown';
}

/** Hands dynalite a request whose body is complete, so that nothing it throws while reading can leave this function. */
function askDynalite(server: EventEmitter, request: IncomingMessage, body: Buffer): Promise<Reply> {
  return new Promise((resolve) => {
    const headers: Record<string, string> = {};
    const dynaliteRequest = Object.assign(new EventEmitter(), {
      method: request.method,
      url: request.url,
      headers: request.headers,
    });
    const dynaliteResponse = {
      statusCode: 200,
      setHeader: (name: string, value: unknown) => {
        headers[name.toLowerCase()] = String(value);
      },
      end: (text = '') => {
        // dynalite counts the answer's CRC and length over this very text.
        resolve({ status: dynaliteResponse.statusCode, headers, body: text });
      },
    };
    server.emit('request', dynaliteRequest, dynaliteResponse);
    dynaliteRequest.emit('data', body);
    dynaliteRequest.emit('end');
  });
}

/** Expired items stay: DynamoDB too only promises to delete them some time. */
function acceptTimeToLive(body: Buffer): Reply {
  const { TimeToLiveSpecification } = JSON.parse(body.toString()) as { TimeToLiveSpecification: unknown };
  return { status: 200, headers: JSON_HEADERS, body: JSON.stringify({ TimeToLiveSpecification }) };
}

function errorReply(status: number, type: string, message: string): Reply {
  return {
    status,
    headers: JSON_HEADERS,
    body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message }),
  };
}
