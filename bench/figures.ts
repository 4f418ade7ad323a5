// The figures that `npm run bench -- --json` prints, with the target of each: what is measured, in which unit, and how good it must be.

/** A value at most, or at least, this. */
type Target = { readonly atMost: number } | { readonly atLeast: number };

interface FigureDefinition {
  readonly unit: string;
  readonly target?: Target;
}

interface Figure {
  /** null where it could not be measured, e.g. for want of a peer: a target is then not met. */
  readonly value: number | null;
  readonly unit: string;
  readonly target: string | null;
  readonly met: boolean | null;
}

const times = (ratio: number) => ({ unit: '×', target: { atMost: ratio } });
const ms = (most?: number): FigureDefinition =>
  most === undefined ? { unit: 'ms' } : { unit: 'ms', target: { atMost: most } };
const rate = (least: number) => ({ unit: 'symbol-bars/s of one core', target: { atLeast: least } });

/** By part and name. Numbers that are not listed here are told without unit and target. */
const FIGURES: Readonly<Record<string, FigureDefinition>> = {
  'features.batchNsPerBar': { unit: 'ns', target: { atMost: 200 } },
  'features.freshMemoryNsPerBar': { unit: 'ns' },
  'features.lastRowUs': { unit: 'µs', target: { atMost: 60 } },
  'features.speedupVsFastestLibrary': { unit: '×', target: { atLeast: 5 } },
  'features.wholeSetVsFastestLibrary': { unit: '×' },
  'features.twoWorkersMs100Symbols': ms(2_500),
  'infer.loadMs': ms(700),
  'infer.p50Ms100Symbols': ms(150),
  'infer.p99MsPerSymbol': ms(10),
  'infer.rssMb': { unit: 'MB', target: { atMost: 350 } },
  'infer.modelsMs100Rows': ms(6),
  'infer.modelsMs1000Rows': ms(50),
  'infer.cycleCpuMs100Symbols': ms(150),
  'fetch.ms100Symbols': ms(2_000),
  'fetch.msNewest100Symbols': ms(),
  'backtest.fewTradesPerSecond': rate(500_000),
  'backtest.manyTradesPerSecond': rate(500_000),
  'backtest.withModelsPerSecond': rate(3_000),
  'backtest.manyTrades': { unit: 'trades' },
  'backtest.twiceTheBars': times(2.5),
  'backtest.fourTimesTheBars': times(5),
  'backtest.fiveTimesTheSymbols': times(6),
  'backtest.tenTimesTheSymbols': times(12),
  'year.rssMb': { unit: 'MB', target: { atMost: 1_000 } },
  'year.cpuS': { unit: 's' },
  'year.symbolBarsPerSecond': rate(500_000),
  'year.trades': { unit: 'trades' },
  'cold.circuit-breaker.readyMs': ms(120),
  'cold.infer.readyMs': ms(400),
  // More than ready: models are proven in the first run. Then it answers an event that has no symbols.
  'cold.infer.provenMs': ms(400),
  'cold.infer.answeredMs': ms(),
  'cold.infer.100SymbolsWarmMs': ms(1_500),
  'start.twelveBarsMs': ms(5_000),
  'scale.coldMs': ms(300_000),
  'scale.warmMs': ms(300_000),
  'scale.signals': { unit: 'symbols', target: { atLeast: 1_000 } },
  'scale.signalsOneAddress': { unit: 'symbols', target: { atLeast: 1_000 } },
  'scale.weightOneAddress': { unit: 'units a minute', target: { atMost: 2_400 } },
  'day.symbolBars': { unit: 'symbol-bars' },
  'day.signals': { unit: 'signals' },
  'day.abstained': { unit: 'symbol-bars' },
  'day.abstainedFirstBar': { unit: 'symbol-bars' },
  'day.lost': { unit: 'symbol-bars', target: { atMost: 0 } },
  'day.doubled': { unit: 'symbol-bars', target: { atMost: 0 } },
  'day.rssMb': { unit: 'MB' },
  'day.memoryGrowth': { unit: '×', target: { atMost: 1.1 } },
  'day.wallS': { unit: 's' },
  'peers.TA-Lib.ratio': { unit: '×' },
  'peers.vector-ta.ratio': { unit: '×' },
  'peers.freqtrade.ratio': { unit: '×', target: { atLeast: 10 } },
  'peers.NautilusTrader.ratio': { unit: '×', target: { atLeast: 10 } },
  'peers.backtesting.ratio': { unit: '×' },
  'peers.vectorbt.ratio': { unit: '×' },
};

function figureOf(name: string, value: number | null): Figure {
  const { unit = '', target } = FIGURES[name] ?? {};
  if (target === undefined) return { value, unit, target: null, met: null };
  return 'atMost' in target
    ? { value, unit, target: `≤ ${target.atMost}`, met: value !== null && value <= target.atMost }
    : { value, unit, target: `≥ ${target.atLeast}`, met: value !== null && value >= target.atLeast };
}

/** Every number of the parts' results, by part and name; and what is listed of these parts and was not measured. */
export function figuresOf(results: Readonly<Record<string, Readonly<Record<string, unknown>>>>) {
  const figures: Record<string, Figure> = {};
  for (const [part, result] of Object.entries(results)) {
    for (const name of Object.keys(FIGURES))
      if (name.startsWith(`${part}.`)) figures[name] = figureOf(name, null);
    for (const [key, value] of Object.entries(result))
      if (typeof value === 'number') figures[`${part}.${key}`] = figureOf(`${part}.${key}`, value);
  }
  return figures;
}
