// Use case: choose the universe anew, once a day. An exchange's answer is used only when it is complete and plausible; otherwise the
// active universe stays, and the outcome says why. Every change is recorded, with a reason for each symbol, before it takes effect.

import type { Clock, ObjectStore, WriteCondition } from '../../core/ports.ts';
import { type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../candle.ts';
import {
  type ChosenUniverse,
  chooseUniverse,
  doubtAbout,
  lastRankThatMatters,
  type PairRanking,
  rankPairs,
  withoutPairs,
} from '../choose-universe.ts';
import { ROW_WINDOW_BARS } from '../grid.ts';
import type { MarketData, MarketDataError, MarketDataErrorCode } from '../ports.ts';
import { UNIVERSE_KEY, type Universe, type UniverseChange, universeChangeKey } from '../universe.ts';
import { readStoredUniverse, writeUniverse, writeUniverseChange } from './active-universe.ts';

/** The exchange does not know it, or its candles make no sense: no history that features could be computed from. */
const SYMBOL_ERRORS: ReadonlySet<MarketDataErrorCode> = new Set(['unknown_symbol', 'invalid_candle']);

/** Why the active universe stays as it is. Closed. */
export interface Kept {
  readonly code:
    | 'exchange_unavailable'
    | 'too_few_pairs'
    | 'too_many_gone'
    | 'store_unavailable'
    | 'conflict';
  /** One line. */
  readonly message: string;
}

export type UniverseRefresh =
  | {
      readonly outcome: 'changed' | 'confirmed';
      readonly universe: Universe;
      readonly chosen: ChosenUniverse;
    }
  | { readonly outcome: 'kept'; readonly reason: Kept; readonly universe: Universe | undefined };

export interface RefreshDependencies {
  readonly market: MarketData;
  readonly objects: ObjectStore;
  readonly clock: Clock;
}

interface RefreshQuery {
  /** How many symbols. */
  readonly size: number;
  /** Choose as if there were no active universe: for an operator, when it cannot be read or the plausibility check is to be skipped. */
  readonly afresh: boolean;
}

/** Store and exchange errors are outcomes: it rejects only when an invariant is broken. */
export async function refreshUniverse(
  dependencies: RefreshDependencies,
  { size, afresh }: RefreshQuery,
): Promise<UniverseRefresh> {
  const { objects, market } = dependencies;
  let active: Universe | undefined;
  const keep = (reason: Kept): UniverseRefresh => ({ outcome: 'kept', reason, universe: active });
  try {
    const { universe, condition } = await readActive(objects, afresh);
    active = universe;
    const members = universe?.symbols ?? [];
    const ranking = await rankMarket(market, size);
    if (!ranking.ok) return keep({ code: 'exchange_unavailable', message: ranking.error.message });
    const doubt = doubtAbout(ranking.value, { members, size });
    if (doubt !== undefined) return keep(doubt);
    const chosen = chooseUniverse(ranking.value, { members, size });
    const written = await write(dependencies, { active, condition, size, chosen });
    if (written === undefined) return keep({ code: 'conflict', message: 'it was changed concurrently' });
    return { ...written, chosen };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return keep({ code: 'store_unavailable', message: error.message });
  }
}

async function readActive(objects: ObjectStore, afresh: boolean): Promise<Active> {
  const absent: Active = { universe: undefined, condition: { ifAbsent: true } };
  if (!afresh) return (await readStoredUniverse(objects)) ?? absent;
  const info = await objects.head(UNIVERSE_KEY);
  return info === undefined ? absent : { universe: undefined, condition: { ifMatch: info.etag } };
}

interface Active {
  readonly universe: Universe | undefined;
  readonly condition: WriteCondition;
}

/** The exchange's pairs that can be traded; as many of the first as matter have the history that features need. */
export async function rankMarket(
  market: MarketData,
  size: number,
): Promise<Result<PairRanking, MarketDataError>> {
  const time = await market.serverTimeMs();
  if (!time.ok) return time;
  const pairs = await market.pairs();
  if (!pairs.ok) return pairs;
  const firstNeededMs = lastClosedOpenTimeMs(time.value) - (ROW_WINDOW_BARS - 1) * BAR_MS;
  let ranking = rankPairs(pairs.value, time.value);
  let checked = 0;
  // A pair that is too young lets those behind it move up, and they are checked in turn.
  for (;;) {
    const batch = ranking.ranked.slice(checked, lastRankThatMatters(size)).map(({ symbol }) => symbol);
    if (batch.length === 0) return success(ranking);
    const young = await findYoung(market, batch, firstNeededMs);
    if (!young.ok) return young;
    ranking = withoutPairs(ranking, young.value, 'too_little_history');
    checked += batch.length - young.value.size;
  }
}

/** Those without a candle at or before the time. */
async function findYoung(
  market: MarketData,
  symbols: readonly string[],
  lastOpenTimeMs: number,
): Promise<Result<ReadonlySet<string>, MarketDataError>> {
  const young = new Set<string>();
  const answers = await Promise.all(
    symbols.map((symbol) => market.closedCandles({ symbol, count: 1, lastOpenTimeMs })),
  );
  for (const [index, answer] of answers.entries()) {
    if (answer.ok && answer.value.length > 0) continue;
    // An error of this symbol alone must not stop the refresh of all others.
    if (!answer.ok && !SYMBOL_ERRORS.has(answer.error.code)) return answer;
    young.add(symbols[index]!);
  }
  return success(young);
}

/** The change first, so that an active universe never lacks its reasons. undefined when someone else wrote first. */
async function write(
  { objects, clock }: RefreshDependencies,
  change: {
    readonly active: Universe | undefined;
    readonly condition: WriteCondition;
    readonly size: number;
    readonly chosen: ChosenUniverse;
  },
): Promise<{ outcome: 'changed' | 'confirmed'; universe: Universe } | undefined> {
  const { active, condition, size } = change;
  const { symbols, entering, leaving } = change.chosen;
  const atMs = clock.nowMs();
  const asOf = new Date(atMs).toISOString().slice(0, 10);
  const isChanged = active === undefined || entering.length + leaving.length > 0;
  if (!isChanged && active.asOf === asOf) return { outcome: 'confirmed', universe: active };
  const key = isChanged ? universeChangeKey(atMs) : active.change;
  if (isChanged) {
    const record: UniverseChange = {
      schemaVersion: 1,
      asOf,
      atMs,
      previousAsOf: active?.asOf ?? null,
      size,
      entering: [...entering],
      leaving: [...leaving],
    };
    if ((await writeUniverseChange(objects, record)) === 'conflict') return undefined;
  }
  const universe: Universe = {
    schemaVersion: 1,
    asOf,
    symbols: [...symbols],
    ...(key !== undefined && { change: key }),
  };
  if ((await writeUniverse(objects, universe, condition)) === 'conflict') return undefined;
  return { outcome: isChanged ? 'changed' : 'confirmed', universe };
}
