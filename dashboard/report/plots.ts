// What a report hands to its script to draw: written by the command line, read in the page.

export type Colour = 'accent' | 'muted' | 'text' | 'gain' | 'loss';

export interface PlotSeries {
  readonly name: string;
  /** `bars` are gain above zero and loss below; `fall` hangs from zero. */
  readonly type: 'line' | 'dashed' | 'bars' | 'fall';
  readonly colour: Colour;
  /** One for each of `at`; null where there is none. */
  readonly values: readonly (number | null)[];
}

export interface PlotPane {
  readonly unit: 'number' | 'percent';
  readonly series: readonly PlotSeries[];
}

export interface TradeMark {
  readonly side: 'BUY' | 'SELL';
  /** Of the candles that it was opened and closed in, in seconds. */
  readonly openedAt: number;
  readonly closedAt: number;
  readonly entryPrice: number;
  readonly exitPrice: number;
  readonly won: boolean;
  readonly text: string;
}

export interface Plot {
  readonly id: string;
  /** What it shows, for who cannot see it. */
  readonly summary: string;
  readonly tall: boolean;
  /** Epoch seconds, ascending; or, with `names`, 0, 1, 2 … */
  readonly at: readonly number[];
  /** Of the places on the axis, where it is none of time. */
  readonly names?: readonly string[];
  readonly panes: readonly PlotPane[];
  readonly candles?: {
    readonly open: readonly number[];
    readonly high: readonly number[];
    readonly low: readonly number[];
    readonly close: readonly number[];
    readonly trades: readonly TradeMark[];
  };
}
