// Reads how a Binance futures account is set: its modes, and what is set per symbol.
import * as z from 'zod';
import { reader } from './answer-reader.ts';

export const readHedgeMode = reader(
  'a position mode',
  z.object({ dualSidePosition: z.boolean() }).transform(({ dualSidePosition }) => dualSidePosition),
);
export const readMultiAssets = reader(
  'an asset mode',
  z.object({ multiAssetsMargin: z.boolean() }).transform(({ multiAssetsMargin }) => multiAssetsMargin),
);
export const readSymbolConfig = reader(
  "a symbol's configuration",
  z
    .array(z.object({ symbol: z.string(), marginType: z.string(), leverage: z.int() }))
    .length(1)
    .transform(([only]) => only!),
);

const doneSchema = z.object({ code: z.coerce.number().pipe(z.literal(200)) });
export function readDone(body: unknown): void {
  reader('word that it is done', doneSchema)(body);
}
