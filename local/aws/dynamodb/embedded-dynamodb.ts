// DynamoDB for `npm start` and the tests: dynalite on LevelDB, behind our own listener. dynalite alone throws out of the
// process when a client breaks off, when its folder is held by another process or when a disk is full; it answers pages of any
// site, and does not know UpdateTimeToLive.
import { EventEmitter } from 'node:events';
import dynalite from 'dynalite';
import dynaliteDatabase from 'dynalite/db/index.js';
import { MIB } from '../../../lib/core/units.ts';
import type { FaultPlan } from '../host/fault-plan.ts';
import { type LocalRequest, type OpenedService, type Reply, readBody } from '../host/http-listener.ts';
import { DOOR_REFUSALS } from '../host/local-door.ts';
import { describeDamage, describeFileFailure } from '../host/local-start-error.ts';
import { makePrivateFolder } from '../host/private-file.ts';
import { type CountedDatabase, openCountedDatabase } from './counted-database.ts';
import { LaggingTables } from './lagging-tables.ts';
import { findLevelDbDamage } from './leveldb-files.ts';

const REQUEST_BYTES_MAX = 16 * MIB;
const JSON_HEADERS = { 'content-type': 'application/x-amz-json-1.0' } as const;

/** What of a request decides which view answers it. */
interface ReadRequest {
  readonly IndexName?: unknown;
  readonly ConsistentRead?: unknown;
}

/** DynamoDB in a folder that nobody else has. Throws LocalStartError when the folder cannot be used or is damaged. */
export async function openEmbeddedDynamoDb(dir: string, faults: FaultPlan): Promise<OpenedService> {
  const database = await openUndamaged(dir);
  const tables = new LaggingTables(database.store, faults);
  const consistent = dynaliteOn(database.store);
  const eventual = dynaliteOn(tables.eventual);
  return {
    service: {
      operationOf,
      answer: async (request) => {
        const body = await readBody(request, REQUEST_BYTES_MAX);
        const operation = operationOf(request);
        if (operation === 'UpdateTimeToLive') return acceptTimeToLive(body);
        await tables.settleIndexes();
        return askDynalite(isEventual(operation, body) ? eventual : consistent, request, body);
      },
      refusalReply: (refusal) => errorReply(400, 'UnrecognizedClientException', DOOR_REFUSALS[refusal]),
      throttleReply: () => errorReply(400, 'ProvisionedThroughputExceededException', 'injected fault'),
      deniedReply: () => errorReply(400, 'AccessDeniedException', 'injected fault'),
      internalErrorReply: (message) => errorReply(500, 'InternalServerError', message),
    },
    close: async () => {
      await tables.settleIndexes(true);
      await database.close();
    },
  };
}

async function openUndamaged(dir: string): Promise<CountedDatabase> {
  await makePrivateFolder(dir);
  let database: CountedDatabase;
  try {
    const damage = await findLevelDbDamage(dir);
    if (damage !== undefined) throw describeDamage(dir, damage);
    database = await openCountedDatabase(dir);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const isDamage = (cause as NodeJS.ErrnoException).code === 'LEVEL_CORRUPTION';
    throw isDamage
      ? describeDamage(dir, (cause as Error).message.split('\n')[0]!, cause)
      : describeFileFailure(dir, cause);
  }
  if (database.loss === undefined) return database;
  await database.close();
  throw describeDamage(dir, database.loss);
}

/** Reads of an index are never consistent, and lag by themselves. */
function isEventual(operation: string, body: Buffer): boolean {
  if (!['GetItem', 'Query', 'Scan'].includes(operation)) return false;
  try {
    const { IndexName, ConsistentRead } = JSON.parse(body.toString()) as ReadRequest;
    return IndexName === undefined && ConsistentRead !== true;
  } catch {
    return false;
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

function operationOf(request: LocalRequest): string {
  return String(request.headers['x-amz-target'] ?? '').split('.')[1] ?? 'unknown';
}

/** dynalite wants to be shown credentials, which it does not look at: the listener's door knows its callers. */
const CREDENTIALS_SHOWN = {
  authorization: 'AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=none',
  'x-amz-date': '19700101T000000Z',
} as const;

/** Hands dynalite a request whose body is complete, so that nothing it throws while reading can leave this function. */
function askDynalite(server: EventEmitter, request: LocalRequest, body: Buffer): Promise<Reply> {
  return new Promise((resolve) => {
    const headers: Record<string, string> = {};
    const dynaliteRequest = Object.assign(new EventEmitter(), {
      method: request.method,
      url: request.url,
      headers: { ...request.headers, ...CREDENTIALS_SHOWN },
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
