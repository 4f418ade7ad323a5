// Every entry that signals of a range call for, with the state that a sizing policy would read of it and what became of it. In order
// of time, the largest expected edge first, as execute takes them. How the sizes of one bear on the account of the next is not in them:
// that follows from the policy, and is added up by whoever plays the episodes.
import { invariant } from '../../core/invariant.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { ACCOUNT_COLUMNS, signalState, volatilityPerBar } from '../../execution/entry-account.ts';
import type { EntryOrder } from '../../execution/order.ts';
import { PAPER_BRACKETS } from '../../execution/paper/paper-brackets.ts';
import { planEntry } from '../../execution/plan-entry.ts';
import { sizeEntry } from '../../execution/sizing.ts';
import type { Signal } from '../../inference/signal.ts';
import { BAR_MS } from '../../market/candle.ts';
import { type CandleSeries, countUntil, lastPrice } from '../../market/candle-series.ts';
import { SIZING_COLUMNS } from '../../models/sizing-policy.ts';
import { EXECUTE_MS } from '../backtest-run.ts';
import { type CandidateTerms, DEPOSIT_MICRO_USDT, followCandidate } from '../episodes/follow-candidate.ts';
import { type ActingSignals, findActingSignals } from '../replay/acting-signals.ts';
import type { DecidedBars } from '../replay/decided-bars.ts';
import { RecordedFilters } from '../replay/recorded-filters.ts';
import { Unplayable } from '../replay/replayed-account.ts';
import { type Predictions, signalOfRow } from './predictions.ts';

type SignalState = ReturnType<typeof signalState>;

/** Columns of the state that follow from the signal. */
export const SIGNAL_COLUMNS = SIZING_COLUMNS.filter(
  (column): column is keyof SignalState => !ACCOUNT_COLUMNS.some((name) => name === column),
);

interface EpisodeSymbol {
  readonly series: CandleSeries;
  readonly decided: DecidedBars;
  readonly predictions: Predictions;
}

interface EpisodeTerms extends Omit<CandidateTerms, 'symbol' | 'series' | 'filters'> {
  readonly fromMs: number;
}

/** One candidate. */
export interface Episode {
  readonly openTimeMs: number;
  /** Index of the symbol. */
  readonly symbol: number;
  readonly side: 'BUY' | 'SELL';
  readonly state: SignalState;
  /** Its full size as a share of the allocated equity. */
  readonly fullShare: number;
  readonly barsHeld: number;
  readonly isStopped: boolean;
  readonly path: Float32Array;
}

export interface Episodes {
  readonly rows: readonly Episode[];
  /** Signals that act and are none of them, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

export function collectEpisodes(symbols: readonly EpisodeSymbol[], terms: EpisodeTerms): Episodes {
  const acting = findActingSignals(symbols, terms, terms.ensemble);
  const against = findAgainst(acting, symbols, terms);
  const filters = symbols.map(({ series }) => new RecordedFilters([series]));
  const rows: Episode[] = [];
  const dropped: Record<string, number> = {};
  for (let bar = 0; bar + 1 < acting.start.length; bar++) {
    const ofBar: { readonly edgeBps: number; readonly row: Episode }[] = [];
    for (let place = acting.start[bar]!; place < acting.start[bar + 1]!; place++) {
      const symbol = acting.symbol[place]!;
      const { predictions, series } = symbols[symbol]!;
      const signal = signalOfRow(predictions, acting.row[place]!, terms.ensemble);
      const candidate = { ...terms, symbol: predictions.symbol, series, filters: filters[symbol]! };
      const episode = episodeOf(signal, candidate, against.get(place));
      if (!episode.ok) dropped[episode.error] = (dropped[episode.error] ?? 0) + 1;
      else ofBar.push({ edgeBps: signal.expectedEdgeBps ?? 0, row: { ...episode.value, symbol } });
    }
    rows.push(...ofBar.sort((a, b) => b.edgeBps - a.edgeBps).map(({ row }) => row));
  }
  return { rows, dropped };
}

/** By place of the signal: close of the first later bar whose signal of the same symbol is on the other side, within the horizon. */
function findAgainst(
  { start, symbol, row }: ActingSignals,
  symbols: readonly EpisodeSymbol[],
  { fromMs }: EpisodeTerms,
): ReadonlyMap<number, number> {
  const against = new Map<number, number>();
  const next = new Map<
    number,
    { readonly lean: number; readonly closeMs: number; readonly turn: number | undefined }
  >();
  for (let bar = start.length - 2; bar >= 0; bar--) {
    const closeMs = fromMs + (bar + 1) * BAR_MS;
    for (let place = start[bar]!; place < start[bar + 1]!; place++) {
      const index = symbol[place]!;
      const lean = symbols[index]!.decided.lean[row[place]!]!;
      const later = next.get(index);
      // The next signal is on the other side, or is itself turned against by a later one.
      const turn = later === undefined ? undefined : later.lean === lean ? later.turn : later.closeMs;
      if (turn !== undefined) against.set(place, turn);
      next.set(index, { lean, closeMs, turn });
    }
  }
  return against;
}

function episodeOf(
  signal: Signal,
  terms: CandidateTerms,
  againstMs: number | undefined,
): Result<Omit<Episode, 'symbol'>, string> {
  const entry = plan(signal, terms);
  if (!entry.ok) return entry;
  try {
    const followed = followCandidate(entry.value, terms, againstMs);
    if (followed === undefined) return failure('unfinished');
    return success({
      openTimeMs: signal.barOpenTimeMs,
      side: entry.value.side,
      state: signalState(signal),
      fullShare: fullShareOf(signal, terms.limits),
      barsHeld: followed.barsHeld,
      isStopped: followed.reason === 'stop',
      path: followed.path,
    });
  } catch (error) {
    if (error instanceof Unplayable) return failure('unplayable');
    throw error;
  }
}

/** As sizing has it, before it is rounded to the symbol's steps. */
function fullShareOf(signal: Signal, limits: CandidateTerms['limits']): number {
  const size = sizeEntry({
    allocatedMicroUsdt: DEPOSIT_MICRO_USDT,
    volatilityPerBar: volatilityPerBar(signal),
    targetDailyVolatility: limits.targetDailyVolatility,
    policy: 1,
    positionFractionMax: limits.positionFractionMax,
    exposureMicroUsdtMax: DEPOSIT_MICRO_USDT,
    exposureMicroUsdt: 0,
  });
  invariant(size.ok, () => `an entry of ${signal.symbol} was planned that has no size`);
  return size.value / DEPOSIT_MICRO_USDT;
}

/** The entry at its full size, in an account that holds nothing. */
function plan(
  signal: Signal,
  { filters, limits, ensemble, series }: CandidateTerms,
): Result<EntryOrder, string> {
  const nowMs = signal.barOpenTimeMs + BAR_MS + EXECUTE_MS;
  filters.ask(nowMs);
  const known = filters.of(0);
  if (known === undefined) return failure('not_listed');
  const closed = countUntil(series, nowMs - BAR_MS);
  const planned = planEntry({
    ...{ scope: 'paper', filters: known, brackets: PAPER_BRACKETS, limits, nowMs },
    // Limits of the book are no part of what one entry returns.
    signal: { ...signal, betaToBitcoin: 0 },
    price: closed === 0 ? Number.NaN : lastPrice(series, closed, nowMs),
    volatilityPerBar: volatilityPerBar(signal),
    policy: 1,
    stopAtrMultiple: ensemble.stopAtrMultiple,
    account: {
      ...{ equityMicroUsdt: DEPOSIT_MICRO_USDT, allocatedMicroUsdt: DEPOSIT_MICRO_USDT, positions: 1 },
      ...{ exposureMicroUsdt: 0, sideMicroUsdt: { BUY: 0, SELL: 0 }, netBetaMicroUsdt: 0 },
      ...{ oldestBetaAtMs: nowMs, positionCount: 0, reservedSymbols: new Set<string>(), ordersLastMinute: 0 },
    },
  });
  return planned.ok ? planned : failure(planned.error[0]!);
}
