// Asks the models about every evaluated bar, one symbol at a time, through the serving code (askModels: verified sessions, one
// decision function). Of each answer only numbers are kept, in columns, so that a million rows fit into memory.

import { invariant } from '../../core/invariant.ts';
import { failure, type Result, success } from '../../core/result.ts';
import type { Signal } from '../../inference/signal.ts';
import { SignalTally } from '../../inference/signal-tally.ts';
import { askModels } from '../../inference/use-cases/ask-models.ts';
import type { OpenTimeRange } from '../../market/bar-range.ts';
import { BAR_MS } from '../../market/candle.ts';
import type { CandleSource } from '../../market/ports.ts';
import type { LoadedEnsemble } from '../../models/use-cases/loaded-ensemble.ts';
import type { Probabilities } from '../../models/vote.ts';
import type { DropCounts } from '../labels/dataset-rows.ts';
import { ActedEdgeTally } from '../metrics/acted-edge.ts';
import type { EvaluatedRows } from '../metrics/evaluate-probabilities.ts';
import { ProfitReliabilityTally } from '../metrics/profit-reliability.ts';
import { VoteTally } from '../metrics/vote-tally.ts';
import type { CandidateTrade } from '../run-portfolio.ts';
import type { SymbolProblem } from '../symbol-problem.ts';
import { tracePath } from '../trades/follow-trade.ts';
import { type LabelledBars, labelledBars } from './labelled-bars.ts';

/** A batch of sequences is then 786 KB. */
const BATCH_ROWS = 256;
/** The ensemble's place among the voters; no model may have this name. */
export const ENSEMBLE_VOTER = '(ensemble)';

export interface EvaluationProgress {
  readonly done: number;
  readonly of: number;
  readonly symbol: string;
  /** Rows evaluated, or why the symbol is skipped. */
  readonly outcome: Result<number, string>;
}

export interface CollectRequest {
  readonly source: CandleSource;
  readonly loaded: LoadedEnsemble;
  readonly symbols: readonly string[];
  readonly range: OpenTimeRange;
  /** Only bars whose number on the clock is a multiple of this, so that all symbols keep the same bars. */
  readonly everyBars: number;
  readonly onProgress: (progress: EvaluationProgress) => void;
  /** Called with every signal as it is decided. */
  readonly onSignal?: ((signal: Signal) => void) | undefined;
}

interface Answered {
  /** [rows, 3]; zeros where `isAnswered` is 0. */
  readonly probabilities: Float32Array;
  /** In barriers. */
  readonly expectedMoves: Float32Array;
  readonly isAnswered: Uint8Array;
}

/** One symbol's evaluated rows and what every voter answered. */
interface AnswerBlock {
  readonly symbol: string;
  readonly openTimeMs: Float64Array;
  readonly labels: Uint8Array;
  readonly forwardReturns: Float32Array;
  readonly voters: ReadonlyMap<string, Answered>;
  readonly tally: SignalTally;
  readonly edge: ActedEdgeTally;
  /** Closes from the first evaluated bar on, to value open positions. */
  readonly closes: Float64Array;
}

export interface CollectedAnswers {
  /** Symbols with at least one evaluated row. */
  readonly blocks: readonly AnswerBlock[];
  readonly tally: SignalTally;
  readonly votes: ReadonlyMap<string, VoteTally>;
  readonly edge: ActedEdgeTally;
  readonly confidence: ProfitReliabilityTally;
  /** `symbol` is the index into `blocks`. */
  readonly candidates: readonly (CandidateTrade & { readonly stopped: boolean })[];
  readonly dropped: DropCounts;
  readonly symbolProblems: readonly SymbolProblem[];
}

/** A symbol whose candles cannot be used is skipped and reported. */
export async function collectAnswers(request: CollectRequest): Promise<CollectedAnswers> {
  const { ensemble, serving } = request.loaded;
  const collected = {
    blocks: [] as AnswerBlock[],
    tally: new SignalTally(),
    votes: new Map(ensemble.members.map(({ name }) => [name, new VoteTally(name)])),
    edge: new ActedEdgeTally(),
    confidence: new ProfitReliabilityTally(2 * (ensemble.costs.feeBps + ensemble.costs.slippageBps)),
    candidates: [] as CollectedAnswers['candidates'][number][],
    dropped: {} as Record<string, number>,
    symbolProblems: [] as SymbolProblem[],
  };
  const withSequences = serving.some(({ input }) => input.kind === 'sequence');
  for (const [index, symbol] of request.symbols.entries()) {
    const candles = await request.source.read(symbol);
    const bars = candles.ok
      ? labelledBars(symbol, candles.value, { range: request.range, label: ensemble.label, withSequences })
      : failure(candles.error);
    let rows = 0;
    if (bars.ok) {
      for (const [reason, count] of Object.entries(bars.value.dropped))
        collected.dropped[reason] = (collected.dropped[reason] ?? 0) + count;
      rows = await collectSymbol(request, { symbol, bars: bars.value }, collected);
    } else collected.symbolProblems.push({ symbol, message: bars.error });
    const outcome = bars.ok ? success(rows) : bars;
    request.onProgress({ done: index + 1, of: request.symbols.length, symbol, outcome });
  }
  return collected;
}

interface Accumulated {
  readonly blocks: AnswerBlock[];
  readonly tally: SignalTally;
  readonly votes: ReadonlyMap<string, VoteTally>;
  readonly edge: ActedEdgeTally;
  readonly confidence: ProfitReliabilityTally;
  readonly candidates: CollectedAnswers['candidates'][number][];
}

async function collectSymbol(
  { loaded, everyBars, onSignal }: CollectRequest,
  { symbol, bars }: { symbol: string; bars: LabelledBars },
  into: Accumulated,
): Promise<number> {
  const { ensemble } = loaded;
  const rows = selectRows(bars, everyBars);
  if (rows.length === 0) return 0;
  const block = allocateBlock(symbol, bars, { rows, voters: ensemble.members.map(({ name }) => name) });
  const symbolIndex = into.blocks.push(block) - 1;
  for (let start = 0; start < rows.length; start += BATCH_ROWS) {
    const batch = Array.from(rows.subarray(start, start + BATCH_ROWS), (row) => bars.row(row));
    const { signals } = await askModels(loaded, batch);
    signals.forEach((signal, offset) => {
      const position = start + offset;
      onSignal?.(signal);
      into.tally.add(signal);
      block.tally.add(signal);
      const heldReturn = bars.heldReturn(rows[position]!, ensemble.holdBars);
      if (heldReturn !== undefined) into.confidence.add(signal, heldReturn);
      for (const tally of into.votes.values()) tally.add(signal);
      keepAnswers(block, position, { signal, barrierBps: bars.barrierBps[rows[position]!]! });
      if (signal.action === 'HOLD' || heldReturn === undefined) return;
      into.candidates.push(followDecision(bars, rows[position]!, { signal, symbolIndex, ensemble }));
      const edge = { side: signal.action, barOpenTimeMs: signal.barOpenTimeMs, forwardReturn: heldReturn };
      into.edge.add(edge);
      block.edge.add(edge);
    });
  }
  return rows.length;
}

/** Indexes of the labelled bars that are evaluated. */
function selectRows({ grid, bars }: LabelledBars, everyBars: number): Int32Array {
  const all = Int32Array.from(bars, (_, index) => index);
  if (everyBars === 1) return all;
  return all.filter((index) => (grid.openTimeMs[bars[index]!]! / BAR_MS) % everyBars === 0);
}

function allocateBlock(
  symbol: string,
  { grid, bars, classes, forwardReturns }: LabelledBars,
  { rows, voters }: { rows: Int32Array; voters: readonly string[] },
): AnswerBlock {
  const answered = () => ({
    probabilities: new Float32Array(rows.length * 3),
    expectedMoves: new Float32Array(rows.length),
    isAnswered: new Uint8Array(rows.length),
  });
  return {
    symbol,
    openTimeMs: Float64Array.from(rows, (row) => grid.openTimeMs[bars[row]!]!),
    labels: Uint8Array.from(rows, (row) => classes[row]!),
    forwardReturns: Float32Array.from(rows, (row) => forwardReturns[row]!),
    voters: new Map([...voters, ENSEMBLE_VOTER].map((voter) => [voter, answered()])),
    tally: new SignalTally(),
    edge: new ActedEdgeTally(),
    // A copy, so that the symbol's other candles can be released.
    closes: grid.close.slice(bars[rows[0]!]!),
  };
}

function keepAnswers(
  { voters }: AnswerBlock,
  row: number,
  { signal, barrierBps }: { signal: Signal; barrierBps: number },
): void {
  const keep = (voter: string, { sell, hold, buy }: Probabilities, expectedMove: number) => {
    const { probabilities, expectedMoves, isAnswered } = voters.get(voter)!;
    expectedMoves[row] = expectedMove;
    probabilities[row * 3] = sell;
    probabilities[row * 3 + 1] = hold;
    probabilities[row * 3 + 2] = buy;
    isAnswered[row] = 1;
  };
  for (const vote of signal.votes)
    if ('probabilities' in vote) keep(vote.model, vote.probabilities, vote.move.expected);
  if (signal.probabilities !== null && signal.expectedMoveBps !== null)
    keep(ENSEMBLE_VOTER, signal.probabilities, signal.expectedMoveBps / barrierBps);
}

/** As the ensemble trades: left at its stop, or after the bars that it holds. */
function followDecision(
  { grid, bars }: LabelledBars,
  row: number,
  decided: { signal: Signal; symbolIndex: number; ensemble: LoadedEnsemble['ensemble'] },
) {
  const { signal, symbolIndex, ensemble } = decided;
  const { action: side, stopAtr, expectedEdgeBps, barOpenTimeMs } = signal;
  invariant(side !== 'HOLD' && expectedEdgeBps !== null, 'an action has an edge');
  const { stopAtrMultiple: multiple, stopAtrTimeframe: timeframe, holdBars, costs } = ensemble;
  const studied = { bar: bars[row]!, side, atr: { [timeframe]: stopAtr }, expectedMove: NO_MOVES };
  const rule = { name: 'ensemble', stop: { multiple, timeframe }, holdBars };
  const path = tracePath(grid, studied, { rule, costs });
  invariant(path !== undefined, 'what is taken is entered');
  const { entry, exit } = path;
  return {
    symbol: symbolIndex,
    side,
    entryBarMs: barOpenTimeMs + BAR_MS,
    exitBarMs: grid.openTimeMs[exit.bar]!,
    entryPrice: entry.price,
    exitPrice: exit.price,
    expectedEdgeBps,
    stopped: exit.stopped,
  };
}

const NO_MOVES = new Float64Array();

/** The rows that a voter answered, of all symbols; the ensemble is ENSEMBLE_VOTER. */
export function rowsAnsweredBy(blocks: readonly AnswerBlock[], voter: string): EvaluatedRows {
  const count = blocks.reduce((sum, { voters }) => sum + countAnswered(voters.get(voter)!), 0);
  const rows = {
    barOpenTimeMs: new Float64Array(count),
    symbols: new Uint16Array(count),
    labels: new Uint8Array(count),
    forwardReturns: new Float32Array(count),
    probabilities: new Float32Array(count * 3),
    expectedMoves: new Float32Array(count),
  };
  let next = 0;
  blocks.forEach((block, symbol) => {
    const { probabilities, expectedMoves, isAnswered } = block.voters.get(voter)!;
    for (let row = 0; row < isAnswered.length; row++) {
      if (isAnswered[row] === 0) continue;
      rows.barOpenTimeMs[next] = block.openTimeMs[row]!;
      rows.symbols[next] = symbol;
      rows.labels[next] = block.labels[row]!;
      rows.forwardReturns[next] = block.forwardReturns[row]!;
      rows.expectedMoves[next] = expectedMoves[row]!;
      rows.probabilities.set(probabilities.subarray(row * 3, row * 3 + 3), next * 3);
      next++;
    }
  });
  return rows;
}

const countAnswered = ({ isAnswered }: Answered): number => isAnswered.reduce((sum, is) => sum + is, 0);
