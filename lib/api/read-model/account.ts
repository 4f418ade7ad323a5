// What an account did: closed trades, orders, equity by snapshot and by day.
import * as z from 'zod';
import { MICRO } from '../../core/units.ts';
import { orderRecordSchema } from '../../execution/records.ts';
import { executionRecords } from '../../execution/use-cases/execution-records.ts';
import { maxDrawdown } from '../../risk/drawdown.ts';
import type { RiskStore } from '../../risk/ports.ts';
import { equitySnapshotSchema, tradeRecordSchema } from '../../risk/records.ts';
import { allRecords } from '../../risk/use-cases/typed-records.ts';
import type {
  daysQuerySchema,
  equityQuerySchema,
  ordersQuerySchema,
  tradesQuerySchema,
} from '../read-queries.ts';
import { nextSchema, readSpan } from './page.ts';

interface Source {
  readonly risk: RiskStore;
}

const isOf = (symbol: string | undefined) =>
  symbol === undefined ? undefined : (record: { readonly symbol: string }) => record.symbol === symbol;

export const tradesAnswerSchema = z.strictObject({ trades: z.array(tradeRecordSchema), next: nextSchema });

/** By the time of closing. Throws StoreError. */
export async function readTrades(
  { risk }: Source,
  query: z.infer<typeof tradesQuerySchema>,
): Promise<z.infer<typeof tradesAnswerSchema>> {
  const { items, next } = await readSpan(executionRecords(risk).trades, query, isOf(query.symbol));
  return { trades: [...items], next };
}

export const ordersAnswerSchema = z.strictObject({ orders: z.array(orderRecordSchema), next: nextSchema });

/** By the time of writing them down. Throws StoreError. */
export async function readOrders(
  { risk }: Source,
  query: z.infer<typeof ordersQuerySchema>,
): Promise<z.infer<typeof ordersAnswerSchema>> {
  const { items, next } = await readSpan(executionRecords(risk).orders, query, isOf(query.symbol));
  return { orders: [...items], next };
}

export const equityAnswerSchema = z.strictObject({
  snapshots: z.array(equitySnapshotSchema),
  drawdown: z
    .strictObject({
      fraction: z.number(),
      startMs: z.int(),
      bottomMs: z.int(),
      recoveredMs: z.int().nullable(),
    })
    .nullable()
    .describe('The deepest fall within these snapshots; null when equity never fell.'),
  next: nextSchema,
});

/** Every snapshot, one a minute. Throws StoreError. */
export async function readEquity(
  { risk }: Source,
  query: z.infer<typeof equityQuerySchema>,
): Promise<z.infer<typeof equityAnswerSchema>> {
  const { items, next } = await readSpan(executionRecords(risk).equity, query);
  const oldestFirst = items.toReversed();
  const deepest = maxDrawdown({
    timeMs: oldestFirst.map(({ atMs }) => atMs),
    equityUsdt: oldestFirst.map(({ equityMicroUsdt }) => equityMicroUsdt / MICRO),
  });
  return {
    snapshots: [...items],
    drawdown: deepest === undefined ? null : { ...deepest, recoveredMs: deepest.recoveredMs ?? null },
    next,
  };
}

export const daysAnswerSchema = z.strictObject({
  days: z.array(
    z.strictObject({
      day: z.iso.date().describe('UTC.'),
      startMicroUsdt: z.int().describe('Equity when the day began.'),
      changeMicroUsdt: z
        .int()
        .nullable()
        .describe('Until the next recorded day began, transfers included; of the last day, until now.'),
    }),
  ),
});

/** Days on which the account was valued, newest first. Throws StoreError. */
export async function readDays(
  { risk }: Source,
  { scope }: z.infer<typeof daysQuerySchema>,
): Promise<z.infer<typeof daysAnswerSchema>> {
  const records = executionRecords(risk);
  const [days, newest] = await Promise.all([
    records.days.all(scope).then(allRecords),
    records.equity.latest(scope),
  ]);
  let end = newest?.equityMicroUsdt;
  return {
    days: days.toReversed().map(({ id, value: { startMicroUsdt } }) => {
      const changeMicroUsdt = end === undefined ? null : end - startMicroUsdt;
      end = startMicroUsdt;
      return { day: id, startMicroUsdt, changeMicroUsdt };
    }),
  };
}
