// The exchange's leverage brackets: the larger a position, the lower the leverage that it may be held at.

/** One step of a symbol's table: up to this notional a position may be held at this leverage. */
export interface LeverageBracket {
  readonly notionalCapUsdt: number;
  readonly leverageMax: number;
}

/** By symbol, smallest notional first. */
export type LeverageBrackets = ReadonlyMap<string, readonly LeverageBracket[]>;

/**
 * The largest notional, in USDT, that may be held at a leverage; undefined for a table that says nothing reliable: it is empty, or
 * not in order.
 */
export function notionalCapUsdt(brackets: readonly LeverageBracket[], leverage: number): number | undefined {
  if (brackets.length === 0) return undefined;
  let cap = 0;
  for (const [index, { notionalCapUsdt: notional, leverageMax }] of brackets.entries()) {
    const before = brackets[index - 1];
    const follows =
      before === undefined || (notional > before.notionalCapUsdt && leverageMax < before.leverageMax);
    if (!(notional > 0 && Number.isFinite(notional) && leverageMax >= 1 && follows)) return undefined;
    if (leverageMax >= leverage) cap = notional;
  }
  return cap;
}
