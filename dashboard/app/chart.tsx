// A chart that fills its box, in the page's colours, and with times in UTC. What it shows is drawn by the caller.
import {
  createChart,
  type DeepPartial,
  type IChartApi,
  type TimeChartOptions,
  type UTCTimestamp,
} from 'lightweight-charts';
import { useEffect, useRef, useState } from 'preact/hooks';

export interface Colours {
  readonly text: string;
  readonly grid: string;
  readonly gain: string;
  readonly loss: string;
  readonly accent: string;
  readonly muted: string;
  readonly warn: string;
}

/** Of values in percent. */
export const PERCENT = {
  type: 'custom' as const,
  minMove: 0.01,
  formatter: (value: number) => `${value.toFixed(2)} %`,
};

export const timeOf = (ms: number): UTCTimestamp => Math.floor(ms / 1000) as UTCTimestamp;

function coloursNow(): Colours {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    text: of('text-soft'),
    grid: of('grid'),
    gain: of('gain'),
    loss: of('loss'),
    accent: of('accent'),
    muted: of('muted'),
    warn: of('warn'),
  };
}

const optionsOf = ({ text, grid }: Colours): DeepPartial<TimeChartOptions> => ({
  autoSize: true,
  layout: {
    background: { color: 'transparent' },
    textColor: text,
    fontFamily: 'system-ui, sans-serif',
    // The footer names and links the library; its logo would need a style that the page's policy forbids.
    attributionLogo: false,
    panes: { separatorColor: grid },
  },
  grid: { vertLines: { color: grid }, horzLines: { color: grid } },
  rightPriceScale: { borderColor: grid },
  timeScale: { borderColor: grid, timeVisible: true, secondsVisible: false },
  handleScroll: { vertTouchDrag: false },
  localization: {
    timeFormatter: (time: unknown) =>
      `${new Date(Number(time) * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`,
  },
});

/**
 * @param props.open makes the chart's series, once for each `id`, and returns what brings them up to date
 * @param props.data handed to that whenever it changes
 * @param props.summary what the chart shows, for who cannot see it
 */
export function Chart<T>({
  id,
  data,
  open,
  summary,
  tall = false,
}: {
  id: string;
  data: T;
  open: (chart: IChartApi, colours: Colours) => (data: T) => void;
  summary: string;
  tall?: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  const update = useRef<((data: T) => void) | undefined>(undefined);
  const scheme = useScheme();
  useEffect(() => {
    const colours = coloursNow();
    const chart = createChart(box.current!, optionsOf(colours));
    update.current = open(chart, colours);
    update.current(data);
    return () => {
      update.current = undefined;
      chart.remove();
    };
  }, [id, scheme]);
  useEffect(() => update.current?.(data), [data]);
  return (
    <div class={tall ? 'chart tall' : 'chart'} ref={box} role="img" aria-label={summary} data-chart={id} />
  );
}

const DARK = '(prefers-color-scheme: dark)';

function useScheme(): boolean {
  const [dark, setDark] = useState(() => matchMedia(DARK).matches);
  useEffect(() => {
    const query = matchMedia(DARK);
    const changed = () => setDark(query.matches);
    query.addEventListener('change', changed);
    return () => query.removeEventListener('change', changed);
  }, []);
  return dark;
}
