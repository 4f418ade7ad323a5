// The whole market over the last day: what share of the symbols acts, holds and abstains, and how far the models agree.
import { HistogramSeries, type IChartApi, LineSeries } from 'lightweight-charts';
import { type Bar, read, type Status } from './api.ts';
import { Chart, type Colours, PERCENT, timeOf } from './chart.tsx';
import { instant, percent, words } from './format.ts';
import { usePolled } from './use-polled.ts';

const BARS = 288;
const EVERY_MS = 60_000;

const totalOf = ({ actions, abstained }: Bar): number =>
  actions.BUY + actions.SELL + actions.HOLD + abstained;

/** Drawn one upon the other: the first reaches the highest. */
const LAYERS = [
  { colour: 'warn', heightOf: totalOf },
  { colour: 'muted', heightOf: ({ actions }: Bar) => actions.BUY + actions.SELL + actions.HOLD },
  { colour: 'loss', heightOf: ({ actions }: Bar) => actions.BUY + actions.SELL },
  { colour: 'gain', heightOf: ({ actions }: Bar) => actions.BUY },
] as const;

export function Overview({ token, status }: { token: string; status: Status }) {
  const { data, problem } = usePolled(
    'bars',
    (cancelled) => read(token, '/api/bars', { count: BARS }, cancelled),
    { everyMs: EVERY_MS, trigger: status.lastBar?.barOpenTimeMs },
  );
  const newest = data?.bars[0];
  if (data === undefined) return <p class="empty">{problem ?? 'Reading …'}</p>;
  return (
    <section class="overview" aria-label="Whole market">
      <h2>
        Whole market{' '}
        <span class="soft">
          {newest === undefined ? 'nothing decided yet' : `bar of ${instant(newest.barOpenTimeMs)} UTC`}
        </span>
      </h2>
      {problem !== undefined && <p class="problem">Not updated: {problem}</p>}
      {newest !== undefined && (
        <>
          <p>{describe(newest)}</p>
          <Chart
            id="market"
            data={data.bars}
            open={openOverview}
            summary={`Decisions by bar over the last ${data.bars.length} bars. ${describe(newest)}`}
          />
          <p class="soft">
            By bar, share of the symbols: <span class="gain">BUY</span>, <span class="loss">SELL</span>, HOLD
            (grey), <span class="warn">abstaining</span>. Line: mean consensus.
          </p>
        </>
      )}
    </section>
  );
}

function describe(bar: Bar): string {
  const { actions, abstained, abstentions, meanConsensus, missingShards } = bar;
  const share = (count: number) => percent(count / Math.max(1, totalOf(bar)), 0);
  const reasons = Object.entries(abstentions).map(([reason, count]) => `${count} ${words(reason)}`);
  return (
    `BUY ${share(actions.BUY)}, SELL ${share(actions.SELL)}, HOLD ${share(actions.HOLD)}, abstaining ${share(abstained)}` +
    `${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}; ` +
    `mean consensus ${meanConsensus === null ? 'unknown' : percent(meanConsensus, 0)}.` +
    `${missingShards === 0 ? '' : ` ${missingShards} shards have not decided it.`}`
  );
}

function openOverview(chart: IChartApi, colours: Colours) {
  const quiet = { lastValueVisible: false, priceLineVisible: false, priceFormat: PERCENT };
  const range = { minValue: 0, maxValue: 100 };
  const whole = { autoscaleInfoProvider: () => ({ priceRange: range }) };
  const layers = LAYERS.map(({ colour, heightOf }) => ({
    heightOf,
    series: chart.addSeries(HistogramSeries, { ...quiet, ...whole, color: colours[colour] }),
  }));
  const consensus = chart.addSeries(LineSeries, {
    ...{ ...quiet, ...whole, color: colours.accent, lineWidth: 2 as const },
  });
  return (bars: readonly Bar[]) => {
    const decided = bars.toReversed().filter((bar) => totalOf(bar) > 0);
    for (const { heightOf, series } of layers)
      series.setData(
        decided.map((bar) => ({
          time: timeOf(bar.barOpenTimeMs),
          value: (100 * heightOf(bar)) / totalOf(bar),
        })),
      );
    consensus.setData(
      decided.flatMap(({ barOpenTimeMs, meanConsensus }) =>
        meanConsensus === null ? [] : [{ time: timeOf(barOpenTimeMs), value: meanConsensus * 100 }],
      ),
    );
    chart.timeScale().fitContent();
  };
}
