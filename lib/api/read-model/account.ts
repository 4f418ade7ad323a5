// What an account did: closed trades, orders, equity by snapshot and by day.
import { z } from 'zod';
import { maxDrawdown } from '../../risk/drawdown.ts';
import type { RiskStore } from '../../risk/ports.ts';
import {
  dayRecordSchema,
  equitySnapshotSchema,
  type OrderRecord,
  orderRecordSchema,
  type TradeRecord,
  tradeRecordSchema,
} from '../../risk/records.ts';
import type {
  daysQuerySchema,
  equityQuerySchema,
  ordersQuerySchema,
  tradesQuerySchema,
} from '../read-queries.ts';
import { nextSchema, readSorted, readSpan } from './page.ts';

const MICRO = 1_000_000;

interface Source {
  readonly risk: RiskStore;
}

export const tradesAnswerSchema = z.strictObject({ trades: z.array(tradeRecordSchema), next: nextSchema });

/** By the time of closing. Throws StoreError. */
export async function readTrades(
  { risk }: Source,
  query: z.infer<typeof tradesQuerySchema>,
): Promise<z.infer<typeof tradesAnswerSchema>> {
  const kind = { prefix: 'trade#', schema: tradeRecordSchema as z.ZodType<TradeRecord> };
  const { items, next } = await readSpan(risk, kind, query);
  return { trades: [...items], next };
}

export const ordersAnswerSchema = z.strictObject({ orders: z.array(orderRecordSchema), next: nextSchema });

/** By the time of writing them down. Reads every order that is kept. Throws StoreError. */
export async function readOrders(
  { risk }: Source,
  query: z.infer<typeof ordersQuerySchema>,
): Promise<z.infer<typeof ordersAnswerSchema>> {
  const kind = {
    prefix: 'order#',
    schema: orderRecordSchema as z.ZodType<OrderRecord>,
    timeOf: ({ createdAtMs }: OrderRecord) => createdAtMs,
  };
  const { items, next } = await readSorted(risk, kind, query);
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
  const kind = { prefix: 'equity#', schema: equitySnapshotSchema };
  const { items, next } = await readSpan(risk, kind, query);
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
  const [days, equity] = await Promise.all([
    risk.list({ scope, prefix: 'day#', newestFirst: true }, dayRecordSchema),
    risk.list({ scope, prefix: 'equity#', newestFirst: true, count: 1 }, equitySnapshotSchema),
  ]);
  let end = equity[0]?.value.equityMicroUsdt;
  return {
    days: days.map(({ key, value: { startMicroUsdt } }) => {
      const changeMicroUsdt = end === undefined ? null : end - startMicroUsdt;
      end = startMicroUsdt;
      return { day: key.slice('day#'.length), startMicroUsdt, changeMicroUsdt };
    }),
  };
}
