// What a local run shows while it runs: on a terminal one screen that changes, elsewhere one line per bar.
import { createLogUpdate } from 'log-update';
import { formatCounts, formatInstant, formatUsdt } from '../../lib/core/format-figure.ts';
import { printable } from '../../lib/core/printable.ts';
import { signalsOf } from '../../lib/inference/missed-bars.ts';
import { type BarView, formatQuarantine, formatScreen } from './live-screen.ts';

export interface LiveView {
  /** What happens before the first bar. */
  progress(text: string): void;
  show(view: BarView): void;
  /** Keeps the last screen. */
  end(): void;
}

export function createLiveView(output: NodeJS.WriteStream): LiveView {
  if (!output.isTTY)
    return {
      progress: (text) => output.write(`${printable(text)}\n`),
      show: (view) => output.write(`${formatBarLine(view)}\n`),
      end: () => {},
    };
  const screen = createLogUpdate(output);
  let shown: BarView | undefined;
  const draw = (view: BarView, note?: string) => {
    const size = { rows: output.rows || ROWS_DEFAULT, columns: output.columns || COLUMNS_DEFAULT };
    // Drawn anew: patched from one height to another, the screen of a full terminal loses its first line.
    screen.clear();
    screen(formatScreen(view, size, note));
  };
  return {
    // From the first bar on mode and money stay in sight.
    progress(text) {
      const line = printable(text);
      if (shown === undefined) screen(line);
      else draw(shown, line);
    },
    show(view) {
      shown = view;
      draw(view);
    },
    end: () => screen.done(),
  };
}

/** Of a terminal that does not tell its size. */
const ROWS_DEFAULT = 24;
const COLUMNS_DEFAULT = 80;

/** `2024-08-05 00:00 [3/12] 20 signals: 1 BUY, 0 SELL, 19 HOLD; 0 abstained; 812 ms` */
export function formatBarLine({ bar, bars, run, status, failed }: BarView): string {
  const { actions, abstentions, quarantined, timingsMs } = run;
  return [
    `${formatInstant(run.barOpenTimeMs)} [${bar}${bars === undefined ? '' : `/${bars}`}] ${signalsOf(run)} signals`,
    `: ${actions.BUY} BUY, ${actions.SELL} SELL, ${actions.HOLD} HOLD; ${abstentions.length} abstained`,
    abstentions.length > 0 ? ` (${formatCounts(abstentions.map(({ abstained }) => abstained))})` : '',
    quarantined.length > 0 ? `; quarantined: ${formatQuarantine(run)}` : '',
    `; ${status.mode}, ${status.positions.length} positions`,
    status.equity === null ? '' : `, ${formatUsdt(status.equity.equityMicroUsdt)}`,
    `; ${Math.round(timingsMs.total)} ms`,
    failed === undefined ? '' : `; FAILED ${failed}`,
  ].join('');
}
