// The dashboard of a system on one machine: Prometheus reads its /api/metrics (docs/OPERATIONS.md), and Grafana reads Prometheus.
import {
  LegendDisplayMode,
  LegendPlacement,
  VizLegendOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type Dashboard,
  DashboardBuilder,
  DatasourceVariableBuilder,
  RowBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import {
  BREAKER_STATES,
  LEVEL_STATES,
  MODE_STATES,
  mappingOf,
  type StatDefinition,
  statPanel,
} from './stat-panel.ts';

const DATA_SOURCE = { type: 'prometheus', uid: '$datasource' };
const GRAPH = { widthOf24: 8, height: 8 };
const TIMELINE = { widthOf24: 12, height: 5 };

/** The mode's number: the samples are 1 for the one in effect. */
const MODE =
  '(qt_mode{mode="PAPER"} == 1) * 1 or (qt_mode{mode="LIVE"} == 1) * 2 or (qt_mode{mode="OFF"} == 1) * 0';
const STATS: readonly (StatDefinition & { readonly expr: string })[] = [
  { title: 'Mode', states: MODE_STATES, expr: MODE },
  { title: 'Circuit breaker', states: BREAKER_STATES, expr: 'qt_breaker_tripped' },
  { title: 'Capital level', states: LEVEL_STATES, expr: 'qt_level' },
  { title: 'Equity', unit: 'currencyUSD', expr: 'qt_equity_usdt' },
  { title: 'Age of the last bar', unit: 's', redFrom: 600, expr: 'qt_last_bar_age_seconds' },
  { title: 'Open positions', expr: 'qt_open_positions' },
  { title: 'Drawdown', unit: 'percentunit', redFrom: 0.05, expr: 'qt_drawdown_ratio' },
  { title: 'Lease, seconds left', description: 'Below 0 nothing is entered.', expr: 'qt_lease_seconds' },
  { title: 'Age of the equity', unit: 's', redFrom: 150, expr: 'qt_equity_age_seconds' },
  { title: 'Missed bars of the last hour', redFrom: 1, expr: 'qt_missed_bars' },
  { title: 'Parts of the status unread', redFrom: 1, expr: 'qt_unread' },
  { title: 'Exposure', unit: 'currencyUSD', expr: 'qt_exposure_usdt' },
];

const TIMELINES = [
  { title: 'Mode', states: MODE_STATES, expr: MODE },
  { title: 'Circuit breaker', states: BREAKER_STATES, expr: 'qt_breaker_tripped' },
] as const;

const GRAPHS: readonly { readonly title: string; readonly queries: Readonly<Record<string, string>> }[] = [
  {
    title: 'Equity and wallet, USDT',
    queries: { 'equity, {{scope}}': 'qt_equity_usdt', 'wallet, {{scope}}': 'qt_wallet_usdt' },
  },
  { title: 'Drawdown', queries: { '{{scope}}': 'qt_drawdown_ratio' } },
  { title: 'Signals of the last bar', queries: { '{{action}}': 'qt_signals' } },
  {
    title: 'Positions and exposure',
    queries: { positions: 'qt_open_positions', 'exposure, USDT': 'qt_exposure_usdt' },
  },
  {
    title: 'Age of bar and equity, seconds',
    queries: { bar: 'qt_last_bar_age_seconds', equity: 'qt_equity_age_seconds' },
  },
  { title: 'Infer, seconds by part', queries: { '{{part}}': 'qt_infer_seconds' } },
  { title: 'Memory of infer, bytes', queries: { resident: 'qt_infer_resident_bytes' } },
  { title: 'Consensus of the last bar', queries: { 'mean share that agrees': 'qt_consensus_ratio' } },
  { title: 'Why the mode is not LIVE', queries: { '{{code}}': 'qt_mode_reason' } },
];

export function prometheusDashboard(): Dashboard {
  const dashboard = new DashboardBuilder('Quantum Trader, this machine')
    .uid('quantum-trader-local')
    .tags(['quantum-trader'])
    .timezone('utc')
    .time({ from: 'now-24h', to: 'now' })
    .refresh('30s')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'));
  for (const { expr, ...stat } of STATS)
    dashboard.withPanel(statPanel(stat).datasource(DATA_SOURCE).withTarget(query('A', expr).instant()));
  dashboard.withRow(new RowBuilder('Over time'));
  for (const { title, states, expr } of TIMELINES)
    dashboard.withPanel(
      new StateTimelineBuilder()
        .title(title)
        .datasource(DATA_SOURCE)
        .span(TIMELINE.widthOf24)
        .height(TIMELINE.height)
        .mappings([mappingOf(states)])
        .legend(legend(false))
        .withTarget(query('A', expr).legendFormat(title).range()),
    );
  for (const { title, queries } of GRAPHS) {
    const graph = new GraphBuilder()
      .title(title)
      .datasource(DATA_SOURCE)
      .span(GRAPH.widthOf24)
      .height(GRAPH.height)
      .legend(legend(true));
    for (const [index, [legendFormat, expr]] of Object.entries(queries).entries())
      graph.withTarget(query(`q${index}`, expr).legendFormat(legendFormat).range());
    dashboard.withPanel(graph);
  }
  return dashboard.build();
}

const query = (refId: string, expr: string): DataqueryBuilder =>
  new DataqueryBuilder().refId(refId).expr(expr).datasource(DATA_SOURCE);

const legend = (isShown: boolean): VizLegendOptionsBuilder =>
  new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.List)
    .placement(LegendPlacement.Bottom)
    .showLegend(isShown)
    .calcs([]);
