// Signals and infer runs in the signals table. What is read back is parsed as strictly as what comes from outside: an item
// that is not a signal is an error that names it, never half a signal.
import {
  type DynamoDBDocumentClient,
  PutCommand,
  paginateQuery,
  type QueryCommandInput,
} from '@aws-sdk/lib-dynamodb';
import type * as z from 'zod';
import { invariant } from '../../../core/invariant.ts';
import type { Clock } from '../../../core/ports.ts';
import { StoreError } from '../../../core/store-error.ts';
import { DAY_MS, SECOND_MS } from '../../../core/units.ts';
import { type InferRun, inferRunSchema } from '../../../inference/infer-run.ts';
import { signalsOf } from '../../../inference/missed-bars.ts';
import type { SignalStore } from '../../../inference/ports.ts';
import { type Signal, signalSchema } from '../../../inference/signal.ts';
import { SIGNALS_TABLE } from '../resources.ts';
import { storeError } from '../store-failure.ts';
import { isWritten } from './is-written.ts';

/** Runs stand beside the signals under keys that no symbol begins with, and that sort before every symbol. */
const RUN_MARK = '#';
const AFTER_RUNS = '$';

/**
 * SignalStore on DynamoDB. Throws StoreError; for an item that breaks its schema one that names the item and the field.
 * @param settings.retentionDays items are deleted by the table's TTL this long after they were written
 */
export function createDynamoSignalStore(settings: {
  client: DynamoDBDocumentClient;
  table: string;
  retentionDays: number;
  clock: Clock;
}): SignalStore {
  const { client, table, retentionDays, clock } = settings;
  const keptMs = retentionDays * DAY_MS;
  const expiry = () => ({
    [SIGNALS_TABLE.timeToLiveAttribute]: Math.floor((clock.nowMs() + keptMs) / SECOND_MS),
  });

  return {
    async put(signal) {
      const parsed = signalSchema.safeParse(signal);
      invariant(parsed.success, `not a signal: ${parsed.success || describeIssue(parsed.error)}`);
      const { symbol, barOpenTimeMs } = signal;
      invariant(!symbol.startsWith(RUN_MARK), `${symbol} is not a symbol`);
      const command = new PutCommand({
        TableName: table,
        Item: { ...signal, ...expiry() },
        ConditionExpression: 'attribute_not_exists(symbol)',
      });
      const what = `writing the signal of ${symbol} at ${barOpenTimeMs} to ${table}`;
      return (await isWritten(client.send(command), what)) ? 'written' : 'already_decided';
    },

    async lastOfSymbol(symbol, count) {
      const what = `reading the signals of ${symbol} from ${table}`;
      return queryItems(settings, { parse: parseSignal, what }, { ...newestOf(symbol), count });
    },

    async ofBar(barOpenTimeMs) {
      const what = `reading the signals of bar ${barOpenTimeMs} from ${table}`;
      return queryItems(
        settings,
        { parse: parseSignal, what },
        {
          IndexName: SIGNALS_TABLE.index.name,
          KeyConditionExpression: 'barOpenTimeMs = :bar AND symbol >= :afterRuns',
          ExpressionAttributeValues: { ':bar': barOpenTimeMs, ':afterRuns': AFTER_RUNS },
        },
      );
    },

    async putRun(run) {
      const parsed = inferRunSchema.safeParse(run);
      invariant(parsed.success, `not an infer run: ${parsed.success || describeIssue(parsed.error)}`);
      const decided = signalsOf(run);
      const command = new PutCommand({
        TableName: table,
        // `decided` is for the condition alone.
        Item: { ...run, symbol: runKey(run), decided, ...expiry() },
        ConditionExpression: 'attribute_not_exists(decided) OR decided <= :decided',
        ExpressionAttributeValues: { ':decided': decided },
      });
      await isWritten(client.send(command), `writing the infer run of ${run.barOpenTimeMs} to ${table}`);
    },

    async runsOfBar(barOpenTimeMs) {
      const what = `reading the infer runs of bar ${barOpenTimeMs} from ${table}`;
      return queryItems(
        settings,
        { parse: parseRun, what },
        {
          IndexName: SIGNALS_TABLE.index.name,
          KeyConditionExpression: 'barOpenTimeMs = :bar AND symbol < :afterRuns',
          ExpressionAttributeValues: { ':bar': barOpenTimeMs, ':afterRuns': AFTER_RUNS },
        },
      );
    },

    async lastRuns({ shard, shardCount, count }) {
      const what = `reading the infer runs of shard ${shard}/${shardCount} from ${table}`;
      const newest = newestOf(runKey({ shard, shardCount }));
      return queryItems(settings, { parse: parseRun, what }, { ...newest, count });
    },
  };
}

/** Throws StoreError, for an item that breaks its schema too. */
async function queryItems<T>(
  { client, table }: { readonly client: DynamoDBDocumentClient; readonly table: string },
  { parse, what }: { parse: (item: TableItem) => z.ZodSafeParseResult<T>; what: string },
  {
    count = Number.POSITIVE_INFINITY,
    ...condition
  }: Omit<QueryCommandInput, 'TableName'> & { count?: number },
): Promise<T[]> {
  if (count <= 0) return [];
  const found: T[] = [];
  const pages = paginateQuery(
    { client, ...(Number.isFinite(count) && { pageSize: count }) },
    { TableName: table, ...condition },
  );
  try {
    for await (const page of pages) {
      for (const item of page.Items ?? []) {
        const parsed = parse(item);
        if (!parsed.success) {
          const why = `item ${item.symbol}/${item.barOpenTimeMs} of ${table} is malformed: ${describeIssue(parsed.error)}`;
          throw new StoreError(why, { cause: parsed.error, retryable: false });
        }
        found.push(parsed.data);
        if (found.length === count) return found;
      }
    }
    return found;
  } catch (error) {
    throw storeError(what, error);
  }
}

const newestOf = (symbol: string): Omit<QueryCommandInput, 'TableName'> => ({
  KeyConditionExpression: 'symbol = :symbol',
  ExpressionAttributeValues: { ':symbol': symbol },
  ScanIndexForward: false,
  ConsistentRead: true,
});

const runKey = ({ shard, shardCount }: { shard: number; shardCount: number }) =>
  `${RUN_MARK}run/${shard}/${shardCount}`;

const describeIssue = (error: z.ZodError) =>
  `${error.issues[0]!.path.join('.')}: ${error.issues[0]!.message}`;

type TableItem = Record<string, unknown>;

function parseSignal({
  [SIGNALS_TABLE.timeToLiveAttribute]: _,
  ...signal
}: TableItem): z.ZodSafeParseResult<Signal> {
  return signalSchema.safeParse(signal);
}

function parseRun({
  [SIGNALS_TABLE.timeToLiveAttribute]: _,
  symbol,
  ...run
}: TableItem): z.ZodSafeParseResult<InferRun> {
  return inferRunSchema.safeParse(run);
}
