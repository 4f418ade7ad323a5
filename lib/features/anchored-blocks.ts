// Where the plain recursions (short EMAs, Wilder averages) are seeded, so that a row computed from 998 bars has the same
// bits as one computed from years.
//
// Seeding at the first bar given would do that only almost: two recursions with different seeds approach each other to the
// last bits and may stay there while prices stand still, and a ratio of two averages that both fade (RSI, ADX) remembers
// their seeds for ever. So bars are cut into blocks by their absolute index, and the recursion that gives a block's values
// is seeded at the first bar of the block before. A value then depends on 432…863 bars before it, the same ones whatever
// the series starts with, and differs from the endless recursion by (25/27)^432 = 4e-15 of its seed's error at most.
//
// Every recursion therefore runs twice side by side: `newer` is seeded where the block begins, and where the next block begins
// it becomes `older`, whose values count. A processor runs both in the time of one, since neither waits for the other.

/** Two blocks, 12 bars for the slopes and one for a previous close stay within the 880 bars that a row may depend on. */
const BLOCK_BARS = 432;

/** Bars `from` (inclusive) to `to` (exclusive). */
interface AnchoredBlock {
  readonly from: number;
  readonly to: number;
}

/**
 * The block before the one that holds bar `from`, which only seeds, and all blocks from there until bar `to` (exclusive), in order.
 * @param firstIndex absolute index (openTimeMs / 300000) of bar 0
 */
export function anchoredBlocks(firstIndex: number, from: number, to: number): AnchoredBlock[] {
  const blocks: AnchoredBlock[] = [];
  const first = (Math.floor((firstIndex + from) / BLOCK_BARS) - 1) * BLOCK_BARS - firstIndex;
  for (let start = first; start < to; start += BLOCK_BARS) {
    blocks.push({ from: start, to: Math.min(start + BLOCK_BARS, to) });
  }
  return blocks;
}
