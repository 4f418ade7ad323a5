// Open positions at the price of now.
import * as z from 'zod';
import { messageOf } from '../../core/message-of.ts';
import { MICRO } from '../../core/units.ts';
import { type PositionRecord, positionRecordSchema } from '../../execution/records.ts';
import { executionRecords } from '../../execution/use-cases/execution-records.ts';
import type { MarketData } from '../../market/ports.ts';
import type { RiskStore } from '../../risk/ports.ts';
import { allValues } from '../../risk/use-cases/typed-records.ts';
import type { positionsQuerySchema } from '../read-queries.ts';

export const positionsAnswerSchema = z.strictObject({
  positions: z.array(
    positionRecordSchema.extend({
      price: z.number().positive().nullable().describe('Last price; null when the exchange gave none.'),
      unrealisedMicroUsdt: z.int().nullable().describe('At that price, before fees and funding.'),
      stopDistanceFraction: z
        .number()
        .nullable()
        .describe('How far the price may move against it until the stop, as a share of the price.'),
    }),
  ),
  problems: z.array(z.string()).describe('Why prices are missing.'),
});
type PositionsAnswer = z.infer<typeof positionsAnswerSchema>;

/** By symbol. Throws StoreError; an exchange that gives no prices is a problem in the answer. */
export async function readPositions(
  { risk, market }: { readonly risk: RiskStore; readonly market: MarketData },
  { scope }: z.infer<typeof positionsQuerySchema>,
): Promise<PositionsAnswer> {
  const positions = allValues(await executionRecords(risk).positions.all(scope));
  const { prices, problems } = await readPrices(market, positions);
  return { positions: positions.map((position) => priced(position, prices.get(position.symbol))), problems };
}

async function readPrices(market: MarketData, positions: readonly PositionRecord[]) {
  const none = new Map<string, number>();
  if (positions.length === 0) return { prices: none, problems: [] };
  try {
    const prices = await market.prices(positions.map(({ symbol }) => symbol));
    if (prices.ok) return { prices: prices.value, problems: [] };
    return { prices: none, problems: [`${prices.error.code}: ${prices.error.message}`] };
  } catch (error) {
    return { prices: none, problems: [messageOf(error)] };
  }
}

function priced(position: PositionRecord, price: number | undefined): PositionsAnswer['positions'][number] {
  if (price === undefined)
    return { ...position, price: null, unrealisedMicroUsdt: null, stopDistanceFraction: null };
  const direction = position.side === 'BUY' ? 1 : -1;
  return {
    ...position,
    price,
    unrealisedMicroUsdt: Math.round(direction * (price - position.entryPrice) * position.quantity * MICRO),
    stopDistanceFraction: (direction * (price - position.stopPrice)) / price,
  };
}
