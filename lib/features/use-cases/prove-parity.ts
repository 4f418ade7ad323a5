// The parity proof: on fresh candles of a few symbols, features computed for many bars at once and bar by bar have the same
// bits. Symbols take turns, so that the whole universe is proven in time.

import { lastClosedOpenTimeMs } from '../../market/candle.ts';
import { REQUEST_BARS } from '../../market/grid.ts';
import type { MarketData } from '../../market/ports.ts';
import { compareWindows } from '../compare-windows.ts';
import type { ParityProof } from '../parity-proof.ts';

const SYMBOLS_PER_PROOF = 4;
const ROWS_PER_SYMBOL = 24;
const REMARKS_MAX = 20;
const HOUR_MS = 3_600_000;

/** Never rejects: a symbol that cannot be read proves nothing, and a remark says why. */
export async function proveParity(
  market: MarketData,
  { universe, nowMs }: { readonly universe: readonly string[]; readonly nowMs: number },
): Promise<ParityProof> {
  const symbols = takeTurns(universe, nowMs);
  const remarks: string[] = symbols.length === 0 ? ['there is no universe that can be read'] : [];
  let values = 0;
  let mismatches = 0;
  try {
    const serverTime = await market.serverTimeMs();
    if (!serverTime.ok) throw new Error(serverTime.error.message);
    const lastOpenTimeMs = lastClosedOpenTimeMs(serverTime.value);
    for (const symbol of symbols) {
      const candles = await market.closedCandles({ symbol, count: REQUEST_BARS, lastOpenTimeMs });
      if (!candles.ok) {
        remarks.push(`${symbol}: ${candles.error.message}`);
        continue;
      }
      const compared = compareWindows(candles.value, ROWS_PER_SYMBOL);
      values += compared.values;
      mismatches += compared.mismatches.length;
      remarks.push(...compared.mismatches.map((what) => `${symbol} ${what}`));
    }
  } catch (error) {
    remarks.push(error instanceof Error ? error.message : String(error));
  }
  return { atMs: nowMs, symbols, values, mismatches, remarks: remarks.slice(0, REMARKS_MAX) };
}

function takeTurns(universe: readonly string[], nowMs: number): string[] {
  const count = Math.min(SYMBOLS_PER_PROOF, universe.length);
  const first = Math.floor(nowMs / HOUR_MS) * count;
  return Array.from({ length: count }, (_, turn) => universe[(first + turn) % universe.length]!);
}
