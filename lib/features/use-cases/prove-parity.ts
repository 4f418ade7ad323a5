// The parity proof: on fresh candles of a few symbols, features computed for many bars at once and bar by bar have the same
// bits. Symbols take turns, so that the whole universe is proven in time.

import { messageOf } from '../../core/message-of.ts';
import { HOUR_MS } from '../../core/units.ts';
import { lastClosedOpenTimeMs } from '../../market/candle.ts';
import { REQUEST_BARS } from '../../market/grid.ts';
import type { MarketData } from '../../market/ports.ts';
import { compareWindows } from '../compare-windows.ts';
import type { ParityProof } from '../parity-proof.ts';

const SYMBOLS_PER_PROOF = 4;
const ROWS_PER_SYMBOL = 24;
const PROBLEMS_MAX = 20;

/** Never rejects: a symbol that cannot be read proves nothing, and a problem says why. */
export async function proveParity(
  market: MarketData,
  { universe, nowMs }: { readonly universe: readonly string[]; readonly nowMs: number },
): Promise<ParityProof> {
  const symbols = takeTurns(universe, nowMs);
  const found: Findings = { values: 0, mismatches: 0, problems: [] };
  if (symbols.length === 0) found.problems.push('there is no universe that can be read');
  try {
    await compareSymbols(market, symbols, found);
  } catch (error) {
    found.problems.push(messageOf(error));
  }
  return { atMs: nowMs, symbols, ...found, problems: found.problems.slice(0, PROBLEMS_MAX) };
}

interface Findings {
  values: number;
  mismatches: number;
  readonly problems: string[];
}

/** Adds what it finds as it goes on, so that an error leaves what was compared before. */
async function compareSymbols(
  market: MarketData,
  symbols: readonly string[],
  found: Findings,
): Promise<void> {
  const serverTime = await market.serverTimeMs();
  if (!serverTime.ok) {
    found.problems.push(serverTime.error.message);
    return;
  }
  const lastOpenTimeMs = lastClosedOpenTimeMs(serverTime.value);
  for (const symbol of symbols) {
    const candles = await market.closedCandles({ symbol, count: REQUEST_BARS, lastOpenTimeMs });
    if (!candles.ok) {
      found.problems.push(`${symbol}: ${candles.error.message}`);
      continue;
    }
    const compared = compareWindows(candles.value, ROWS_PER_SYMBOL);
    found.values += compared.values;
    found.mismatches += compared.mismatches.length;
    found.problems.push(...compared.mismatches.map((mismatch) => `${symbol} ${mismatch}`));
  }
}

function takeTurns(universe: readonly string[], nowMs: number): string[] {
  const count = Math.min(SYMBOLS_PER_PROOF, universe.length);
  const first = Math.floor(nowMs / HOUR_MS) * count;
  return Array.from({ length: count }, (_, turn) => universe[(first + turn) % universe.length]!);
}
