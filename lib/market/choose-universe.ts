// Which symbols are in the universe: the pairs that trade most, with a buffer at the edge. A symbol that enters and leaves every
// day loses its history of signals and trades on noise, so the rule is that of stock indices (FTSE UK Index Series, "buffer rule"):
// a pair ranked well inside enters, a member ranked well outside leaves, and in between members stay.
import { type ExclusionReason, exclusionOf, type ListedPair } from './pair-exclusion.ts';

/** Of the size: a newcomer of this rank or better enters, and displaces the last member. */
const ENTERS_WITHIN = 0.8;
/** Of the size: a member of a worse rank leaves. */
const STAYS_WITHIN = 1.2;
/** Of what was asked for, and of the members: an answer with less than this share is rejected. */
const BELIEVED_SHARE_MIN = 0.5;

export interface PairRanking {
  /** By turnover, largest first; by name where it is the same, so that two runs choose alike. */
  readonly ranked: readonly ListedPair[];
  readonly excluded: ReadonlyMap<string, ExclusionReason>;
}

/** Of all that an exchange lists, by its clock. A symbol that it lists twice is not tradable: one of the two is wrong. */
export function rankPairs(pairs: readonly ListedPair[], nowMs: number): PairRanking {
  const bases = new Set(pairs.map(({ base }) => base));
  const excluded = new Map<string, ExclusionReason>();
  const eligible = new Map<string, ListedPair>();
  for (const pair of pairs) {
    const isRepeated = eligible.delete(pair.symbol) || excluded.has(pair.symbol);
    const reason = isRepeated ? 'not_tradable' : exclusionOf(pair, { bases, nowMs });
    if (reason === undefined) eligible.set(pair.symbol, pair);
    else excluded.set(pair.symbol, reason);
  }
  const ranked = [...eligible.values()].sort(
    (a, b) => b.quoteVolumeUsdt! - a.quoteVolumeUsdt! || (a.symbol < b.symbol ? -1 : 1),
  );
  return { ranked, excluded };
}

/** The ranking without the pairs that lack something; who was behind them moves up. */
export function withoutPairs(
  { ranked, excluded }: PairRanking,
  symbols: ReadonlySet<string>,
  reason: ExclusionReason,
): PairRanking {
  return {
    ranked: ranked.filter(({ symbol }) => !symbols.has(symbol)),
    excluded: new Map([...excluded, ...[...symbols].map((symbol) => [symbol, reason] as const)]),
  };
}

/** Worse ranks than this one change nothing. */
export const lastRankThatMatters = (size: number): number => Math.ceil(size * STAYS_WITHIN);

/** `first` where there was no universe; `vacancy` for the best one outside when a place was free. */
export const ENTRY_REASONS = ['first', 'rank', 'vacancy'] as const;
/** `rank` beyond the margin; `displaced` as the last member, by one that entered by rank or because the universe was made smaller. */
export const LEAVE_REASONS = ['rank', 'displaced'] as const;

export interface Entering {
  readonly symbol: string;
  readonly reason: (typeof ENTRY_REASONS)[number];
  /** 1 has the largest turnover. */
  readonly rank: number;
  readonly quoteVolumeUsdt: number;
}

export interface Leaving {
  readonly symbol: string;
  readonly reason: (typeof LEAVE_REASONS)[number] | ExclusionReason;
  /** null for one that is excluded. */
  readonly rank: number | null;
}

export interface ChosenUniverse {
  /** Largest turnover first; `size` of them, or all there are. */
  readonly symbols: readonly string[];
  readonly entering: readonly Entering[];
  readonly leaving: readonly Leaving[];
}

/** @param members of the active universe; none when there is none */
export function chooseUniverse(
  { ranked, excluded }: PairRanking,
  { members, size }: { readonly members: readonly string[]; readonly size: number },
): ChosenUniverse {
  const rankOf = new Map(ranked.map(({ symbol }, index) => [symbol, index + 1]));
  const isMember = new Set(members);
  const entersWithin = Math.max(1, Math.floor(size * ENTERS_WITHIN));
  const byRight = ranked.filter(
    ({ symbol }, index) => index + 1 <= (isMember.has(symbol) ? lastRankThatMatters(size) : entersWithin),
  );
  // Who enters by right is among the best `entersWithin` of all: only members can be too many.
  const kept = new Set(byRight.slice(0, size).map(({ symbol }) => symbol));
  const settled = new Set(kept);
  for (const { symbol } of ranked) if (kept.size < size) kept.add(symbol);
  const entering = ranked.flatMap(({ symbol, quoteVolumeUsdt }): Entering[] => {
    if (!kept.has(symbol) || isMember.has(symbol)) return [];
    const reason = isMember.size === 0 ? 'first' : settled.has(symbol) ? 'rank' : 'vacancy';
    return [{ symbol, reason, rank: rankOf.get(symbol)!, quoteVolumeUsdt: quoteVolumeUsdt! }];
  });
  const leaving = [...isMember]
    .filter((symbol) => !kept.has(symbol))
    .map((symbol): Leaving => {
      const rank = rankOf.get(symbol) ?? null;
      if (rank === null) return { symbol, reason: excluded.get(symbol) ?? 'not_tradable', rank };
      return { symbol, reason: rank > lastRankThatMatters(size) ? 'rank' : 'displaced', rank };
    });
  return {
    symbols: ranked.filter(({ symbol }) => kept.has(symbol)).map(({ symbol }) => symbol),
    entering,
    leaving,
  };
}

/** Why a well-formed answer is rejected: an exchange that is half down answers too. */
export function doubtAbout(
  { ranked }: PairRanking,
  { members, size }: { readonly members: readonly string[]; readonly size: number },
): { readonly code: 'too_few_pairs' | 'too_many_gone'; readonly message: string } | undefined {
  if (ranked.length < size * BELIEVED_SHARE_MIN)
    return { code: 'too_few_pairs', message: `${ranked.length} pairs can be traded, ${size} were asked for` };
  const eligible = new Set(ranked.map(({ symbol }) => symbol));
  const left = members.filter((symbol) => eligible.has(symbol)).length;
  if (left < members.length * BELIEVED_SHARE_MIN)
    return {
      code: 'too_many_gone',
      message: `only ${left} of the ${members.length} active symbols can be traded`,
    };
  return undefined;
}
