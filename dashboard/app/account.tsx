// What the account did: equity and drawdown from every snapshot, what is held, what was closed, and what each day brought.
import { AreaSeries, type IChartApi, LineSeries } from 'lightweight-charts';
import { type Day, type Equity, type Order, type Position, read, type Status, type Trade } from './api.ts';
import { Chart, type Colours, PERCENT, timeOf } from './chart.tsx';
import { duration, figure, instant, percent, signClass, signedUsdt, usdt, words } from './format.ts';
import { Table } from './table.tsx';
import { usePolled } from './use-polled.ts';

const SNAPSHOTS = 5_000;
const ORDERS = 50;
const EVERY_MS = 30_000;

export function Account({
  token,
  status,
  positions,
  trades,
}: {
  token: string;
  status: Status;
  positions: readonly Position[];
  trades: readonly Trade[];
}) {
  const { scope } = status;
  const trigger = `${status.lastBar?.barOpenTimeMs} ${positions.length} ${trades[0]?.closedAtMs}`;
  const equity = usePolled(
    scope,
    (cancelled) => read(token, '/api/equity', { scope, count: SNAPSHOTS }, cancelled),
    { everyMs: EVERY_MS, trigger },
  );
  const days = usePolled(scope, (cancelled) => read(token, '/api/equity/days', { scope }, cancelled), {
    everyMs: EVERY_MS,
    trigger,
  });
  const orders = usePolled(
    scope,
    (cancelled) => read(token, '/api/orders', { scope, count: ORDERS }, cancelled),
    { everyMs: EVERY_MS, trigger },
  );
  return (
    <>
      {[equity, days, orders].map(
        ({ problem }) =>
          problem !== undefined && <p class="problem">Not everything could be read: {problem}</p>,
      )}
      <EquityPanel equity={equity.data} />
      <h2>Open positions</h2>
      <Positions positions={positions} atMs={status.atMs} />
      <h2>Closed trades</h2>
      <Trades trades={trades} />
      <div class="columns">
        <section>
          <h2>Months</h2>
          <Changes label="Months" head="month, UTC" changes={monthsOf(days.data?.days ?? [])} />
          <h2>Days</h2>
          <Changes label="Days" head="day, UTC" changes={days.data?.days ?? []} />
        </section>
        <section>
          <h2>Newest orders</h2>
          <Orders orders={orders.data?.orders ?? []} />
        </section>
      </div>
    </>
  );
}

function EquityPanel({ equity }: { equity: Equity | undefined }) {
  const newest = equity?.snapshots[0];
  if (equity === undefined || newest === undefined) return <p class="empty">No equity snapshot yet.</p>;
  const { drawdown } = equity;
  const deepest =
    drawdown === null
      ? 'It never fell.'
      : `Deepest fall ${percent(drawdown.fraction)}, from ${instant(drawdown.startMs)} to ${instant(drawdown.bottomMs)} UTC.`;
  return (
    <section>
      <h2>
        Equity <span class="soft">{usdt(newest.equityMicroUsdt)} USDT</span>
      </h2>
      <p class="soft">
        {equity.snapshots.length} snapshots since {instant(equity.snapshots.at(-1)!.atMs)} UTC. {deepest}
      </p>
      <Chart id="equity" data={equity} open={openEquityChart} summary={`Equity over time. ${deepest}`} />
    </section>
  );
}

/** Equity above, the fall from the highest value so far below. */
function openEquityChart(chart: IChartApi, colours: Colours) {
  const line = chart.addSeries(LineSeries, { color: colours.accent, lineWidth: 2, title: 'USDT' });
  const fall = chart.addSeries(
    AreaSeries,
    {
      ...{
        lineColor: colours.loss,
        topColor: colours.loss,
        bottomColor: 'transparent',
        lineWidth: 1 as const,
      },
      ...{ invertFilledArea: true, title: 'drawdown', priceFormat: PERCENT },
    },
    1,
  );
  chart.panes()[1]!.setStretchFactor(0.4);
  return ({ snapshots }: Equity) => {
    let peak = Number.NEGATIVE_INFINITY;
    const points = snapshots.toReversed().map(({ atMs, equityMicroUsdt }) => {
      peak = Math.max(peak, equityMicroUsdt);
      return { time: timeOf(atMs), equity: equityMicroUsdt / 1e6, fall: (equityMicroUsdt / peak - 1) * 100 };
    });
    line.setData(points.map(({ time, equity }) => ({ time, value: equity })));
    fall.setData(points.map((point) => ({ time: point.time, value: point.fall })));
    chart.timeScale().fitContent();
  };
}

const sideOf = (side: string) => (side === 'BUY' ? 'long' : 'short');

function Positions({ positions, atMs }: { positions: readonly Position[]; atMs: number }) {
  return (
    <Table
      label="Open positions"
      rows={positions}
      keyOf={({ symbol }) => symbol}
      empty="Nothing is held."
      columns={[
        { head: 'symbol', cell: ({ symbol }) => symbol },
        { head: 'side', cell: ({ side }) => sideOf(side) },
        { head: 'quantity', numeric: true, cell: ({ quantity }) => figure(quantity) },
        { head: 'entry', numeric: true, cell: ({ entryPrice }) => figure(entryPrice) },
        { head: 'price', numeric: true, cell: ({ price }) => (price === null ? 'unknown' : figure(price)) },
        {
          head: 'P&L USDT',
          numeric: true,
          cell: ({ unrealisedMicroUsdt: profit }) => (profit === null ? 'unknown' : signedUsdt(profit)),
          classOf: ({ unrealisedMicroUsdt }) => signClass(unrealisedMicroUsdt),
        },
        {
          head: 'stop',
          numeric: true,
          cell: ({ stopPrice, stopClientOrderId }) =>
            stopClientOrderId === null ? 'NONE' : figure(stopPrice),
          classOf: ({ stopClientOrderId }) => (stopClientOrderId === null ? 'loss' : ''),
        },
        {
          head: 'to the stop',
          numeric: true,
          cell: ({ price, stopPrice }) => (price === null ? '' : percent(Math.abs(stopPrice / price - 1))),
        },
        { head: 'age', numeric: true, cell: ({ openedAtMs }) => duration(atMs - openedAtMs) },
        { head: 'closes within', numeric: true, cell: ({ exitDueMs }) => duration(exitDueMs - atMs) },
      ]}
    />
  );
}

function Trades({ trades }: { trades: readonly Trade[] }) {
  return (
    <Table
      label="Closed trades"
      rows={trades}
      keyOf={({ entryClientOrderId, closedAtMs }) => entryClientOrderId + closedAtMs}
      empty="No position was closed yet."
      columns={[
        { head: 'closed, UTC', cell: ({ closedAtMs }) => instant(closedAtMs) },
        { head: 'symbol', cell: ({ symbol }) => symbol },
        { head: 'side', cell: ({ side }) => sideOf(side) },
        { head: 'quantity', numeric: true, cell: ({ quantity }) => figure(quantity) },
        { head: 'entry', numeric: true, cell: ({ entryPrice }) => figure(entryPrice) },
        {
          head: 'exit',
          numeric: true,
          cell: ({ exitPrice }) => (exitPrice === null ? 'unknown' : figure(exitPrice)),
        },
        { head: 'reason', cell: ({ reason }) => words(reason) },
        {
          head: 'held',
          numeric: true,
          cell: ({ openedAtMs, closedAtMs }) => duration(closedAtMs - openedAtMs),
        },
        { head: 'fees USDT', numeric: true, cell: ({ feesMicroUsdt }) => usdt(feesMicroUsdt) },
        {
          head: 'P&L USDT',
          numeric: true,
          cell: ({ profitMicroUsdt }) => signedUsdt(profitMicroUsdt),
          classOf: ({ profitMicroUsdt }) => signClass(profitMicroUsdt),
        },
      ]}
    />
  );
}

/** Newest first, as the days are. A month with a day that is not known is not known. */
function monthsOf(days: readonly Day[]): Day[] {
  const months = new Map<string, Day>();
  for (const { day, startMicroUsdt, changeMicroUsdt } of days) {
    const month = day.slice(0, 7);
    const later = months.get(month)?.changeMicroUsdt;
    const sum = changeMicroUsdt === null || later === null ? null : changeMicroUsdt + (later ?? 0);
    months.set(month, { day: month, startMicroUsdt, changeMicroUsdt: sum });
  }
  return [...months.values()];
}

function Changes({ label, head, changes }: { label: string; head: string; changes: readonly Day[] }) {
  return (
    <Table
      label={label}
      rows={changes}
      keyOf={({ day }) => day}
      empty="No day was recorded yet."
      columns={[
        { head, cell: ({ day }) => day },
        { head: 'start USDT', numeric: true, cell: ({ startMicroUsdt }) => usdt(startMicroUsdt) },
        {
          head: 'P&L USDT',
          numeric: true,
          cell: ({ changeMicroUsdt: change }) => (change === null ? 'unknown' : signedUsdt(change)),
          classOf: ({ changeMicroUsdt }) => signClass(changeMicroUsdt),
        },
        {
          head: 'P&L',
          numeric: true,
          cell: ({ changeMicroUsdt: change, startMicroUsdt: start }) =>
            change === null || start === 0 ? '' : percent(change / start),
          classOf: ({ changeMicroUsdt }) => signClass(changeMicroUsdt),
        },
      ]}
    />
  );
}

function Orders({ orders }: { orders: readonly Order[] }) {
  return (
    <Table
      label="Newest orders"
      rows={orders}
      keyOf={({ clientOrderId }) => clientOrderId}
      empty="No order was sent yet."
      columns={[
        { head: 'time, UTC', cell: ({ createdAtMs }) => instant(createdAtMs) },
        { head: 'symbol', cell: ({ symbol }) => symbol },
        { head: 'leg', cell: ({ leg }) => leg },
        { head: 'side', cell: ({ side }) => side },
        { head: 'state', cell: ({ state }) => words(state.status) },
        {
          head: 'filled',
          numeric: true,
          cell: ({ state }) => `${figure(state.filledQuantity)} of ${figure(state.quantity)}`,
        },
        { head: 'note', cell: ({ note }) => words(note) },
      ]}
    />
  );
}
