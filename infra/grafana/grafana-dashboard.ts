// State, the same graphs and the alarms for Grafana: one dashboard over its CloudWatch data source, for any stage.

import {
  MetricEditorMode,
  MetricQueryType,
  MetricsQueryBuilder,
} from '@grafana/grafana-foundation-sdk/cloudwatch';
import {
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  VizLegendOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  CustomVariableBuilder,
  type Dashboard,
  DashboardBuilder,
  DatasourceVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { type IMetric, MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { AlarmDefinition } from '../catalog/alarm.ts';
import { alarmDefinitions } from '../catalog/alarms.ts';
import { dashboardRows, stateMetrics } from '../catalog/dashboard-panels.ts';
import type { StageSettings } from '../catalog/stage-settings.ts';
import { BREAKER_STATES, LEVEL_STATES, MODE_STATES, type StatDefinition, statPanel } from './stat-panel.ts';

/** Grafana replaces it by the selected stage. */
const STAGE = '$stage';
const DATA_SOURCE = { type: 'cloudwatch', uid: '$datasource' };
const PANEL = { widthOf24: 8, height: 8 };

const HOURLY = { within: '3h' };
const STATS: Readonly<Record<keyof ReturnType<typeof stateMetrics>, StatDefinition>> = {
  mode: { title: 'Mode', states: MODE_STATES },
  barAge: {
    title: 'Age of the bar when acted on',
    description: 'Unknown while no bar is acted on. Signals older than 120 s are rejected.',
    unit: 's',
    redFrom: 120,
  },
  breakerPaper: { title: 'Circuit breaker, paper', states: BREAKER_STATES },
  breakerLive: { title: 'Circuit breaker, live', states: BREAKER_STATES },
  level: { title: 'Capital level', states: LEVEL_STATES, ...HOURLY },
  go: { title: 'GO/NO-GO', states: { 0: ['NO-GO', 'orange'], 1: ['GO', 'green'] }, ...HOURLY },
  equityPaper: { title: 'Equity, paper', unit: 'currencyUSD' },
  equityLive: { title: 'Equity, live', unit: 'currencyUSD' },
};

/** @param settings of the stage that is selected first; the thresholds shown are its own */
export function grafanaDashboard(
  { stage, shards }: Pick<StageSettings, 'stage' | 'shards'>,
  stages: readonly string[],
): Dashboard {
  const dashboard = new DashboardBuilder('Quantum Trader')
    .uid('quantum-trader')
    .tags(['quantum-trader'])
    .timezone('utc')
    .time({ from: 'now-24h', to: 'now' })
    .refresh('1m')
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('cloudwatch'))
    .withVariable(
      new CustomVariableBuilder('stage')
        .label('Stage')
        .values(stages.join(','))
        .current({ text: stage, value: stage }),
    );
  const state = stateMetrics(STAGE);
  for (const [name, stat] of Object.entries(STATS))
    dashboard.withPanel(
      statPanel(stat)
        .datasource(DATA_SOURCE)
        .withTarget(metricTarget(state[name as keyof typeof STATS], 'q0')),
    );
  for (const { title, metrics } of dashboardRows(STAGE).flat()) dashboard.withPanel(graph(title, metrics));
  dashboard.withRow(new RowBuilder('What the alarms watch'));
  const alarms = alarmDefinitions({ stage: STAGE, shards });
  for (const runbook of new Set(alarms.map((alarm) => alarm.runbook)))
    dashboard.withPanel(
      alarmGraph(
        runbook,
        alarms.filter((alarm) => alarm.runbook === runbook),
      ),
    );
  return dashboard.build();
}

/** One graph for all alarms with one runbook, with the threshold where it is the same for all. */
function alarmGraph(runbook: string, alarms: readonly AlarmDefinition[]): PanelBuilder {
  const panel = graph(
    runbook,
    alarms.map(({ metric }) => metric),
  ).description(`${alarms.map(({ meaning }) => meaning).join('. ')}. Runbook: docs/OPERATIONS.md#${runbook}`);
  const [threshold, ...others] = new Set(alarms.map((alarm) => alarm.threshold));
  if (threshold === undefined || others.length > 0) return panel;
  return panel
    .thresholds(
      new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([
        { value: null, color: 'transparent' },
        { value: threshold, color: 'red' },
      ]),
    )
    .thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Line));
}

function graph(title: string, metrics: readonly IMetric[]): PanelBuilder {
  const panel = new PanelBuilder()
    .title(title)
    .datasource(DATA_SOURCE)
    .span(PANEL.widthOf24)
    .height(PANEL.height)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    );
  for (const [index, metric] of metrics.entries())
    for (const target of targetsOf(metric, `q${index}`)) panel.withTarget(target);
  return panel;
}

/** @param id unique in its panel */
function targetsOf(metric: IMetric, id: string): MetricsQueryBuilder[] {
  if (metric instanceof Metric) return [metricTarget(metric, id)];
  if (!(metric instanceof MathExpression)) throw new Error(`unknown kind of metric: ${id}`);
  const { expression, usingMetrics, label, period } = metric;
  // Names of metrics are unique per expression; Grafana needs them unique per panel.
  const named = expression.replace(/\b[a-z]\w*\b/g, (name) =>
    name in usingMetrics ? `${id}_${name}` : name,
  );
  return [
    ...Object.entries(usingMetrics).map(([name, used]) =>
      metricTarget(used as Metric, `${id}_${name}`).hide(true),
    ),
    target(id)
      .metricEditorMode(MetricEditorMode.Code)
      .expression(named)
      .period(String(period.toSeconds()))
      .label(label ?? id),
  ];
}

function metricTarget({ namespace, metricName, dimensions, statistic, period, label }: Metric, id: string) {
  return target(id)
    .metricEditorMode(MetricEditorMode.Builder)
    .namespace(namespace)
    .metricName(metricName)
    .dimensions(dimensions as Record<string, string>)
    .statistic(statistic)
    .period(String(period.toSeconds()))
    .label(label ?? metricName);
}

const target = (id: string): MetricsQueryBuilder =>
  new MetricsQueryBuilder()
    .id(id)
    .refId(id)
    .datasource(DATA_SOURCE)
    .region('default')
    .metricQueryType(MetricQueryType.Search)
    .matchExact(true);
