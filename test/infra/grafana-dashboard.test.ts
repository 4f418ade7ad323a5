// The dashboard for Grafana: what the command prints is checked against the types that Grafana Labs generate from its schemas.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { alarmDefinitions } from '../../infra/catalog/alarms.ts';
import { formatMetrics } from '../../lib/api/read-model/metrics.ts';
import { readSystemStatus } from '../../lib/execution/use-cases/system-status.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { runOf } from '../support/inference/sample-signals.ts';
import { START_MS, signalOf, TradingWorld } from '../support/trading/trading-world.ts';

const print = (...options: string[]) =>
  promisify(execFile)(process.execPath, [
    'node_modules/tsx/dist/cli.mjs',
    'infra/grafana/print-grafana-dashboard.ts',
    ...options,
  ]);

interface Target {
  readonly expr?: string;
  readonly id: string;
  readonly refId: string;
  readonly hide?: boolean;
  readonly namespace?: string;
  readonly metricName?: string;
  readonly dimensions?: Readonly<Record<string, string>>;
  readonly expression?: string;
}

interface Panel {
  readonly type: string;
  readonly title: string;
  readonly targets: readonly Target[];
}

let text: string;
let local: string;
let panels: readonly Panel[];
let graphs: readonly Panel[];

beforeAll(async () => {
  text = (await print('--stage', 'dev')).stdout;
  local = (await print('--prometheus')).stdout;
  panels = JSON.parse(text).panels;
  graphs = panels.filter(({ type }) => type !== 'row');
}, 60_000);

/** Whatever of `json` the schema of dashboards, graphs and CloudWatch queries does not have, or has otherwise. */
function schemaFaults(json: string, query: 'MetricsQuery' | 'Dataquery' = 'MetricsQuery'): string[] {
  const file = `${process.cwd()}/grafana-dashboard-as-printed.ts`;
  const source = `
    import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
    import type { MetricsQuery } from '@grafana/grafana-foundation-sdk/cloudwatch';
    import type { Dataquery } from '@grafana/grafana-foundation-sdk/prometheus';
    import type * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
    import type * as stat from '@grafana/grafana-foundation-sdk/stat';
    import type * as timeline from '@grafana/grafana-foundation-sdk/statetimeline';
    // JSON has an enumeration's values, and none of the types' marks.
    type Json<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
      : T extends readonly (infer Each)[] ? Json<Each>[]
      : T extends object ? { [K in keyof T as K extends \`_\${string}\` ? never : K]: Json<T[K]> } : T;
    type Config<Custom> = Omit<Json<NonNullable<Panel['fieldConfig']>>, 'defaults'> & {
      defaults: Omit<Json<NonNullable<NonNullable<Panel['fieldConfig']>['defaults']>>, 'custom'> & Custom;
    };
    type Shown<Type, Options, Custom> = Omit<Json<Panel>, 'type' | 'targets' | 'options' | 'fieldConfig'> & {
      type: Type; targets: Json<${query}>[]; options: Json<Options>; fieldConfig: Config<Custom>;
    };
    type Each = Shown<'timeseries', timeseries.Options, { custom: Json<Partial<timeseries.FieldConfig>> }>
      | Shown<'state-timeline', Partial<timeline.Options>, { custom?: Json<Partial<timeline.FieldConfig>> }>
      | Shown<'stat', Partial<stat.Options>, {}>
      | Json<RowPanel> & { type: 'row' };
    const dashboard: Omit<Json<Dashboard>, 'panels'> & { panels: Each[] } = ${json};`;
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, source, rest[0]) : getSourceFile(name, ...rest);
  return ts
    .getPreEmitDiagnostics(ts.createProgram([file], options, host))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

describe('the dashboard for Grafana', () => {
  it('keeps to Grafana’s schema, which refuses what it does not know', { timeout: 60_000 }, () => {
    expect(schemaFaults(text)).toEqual([]);
    const harmed = text
      .replace('"metricName"', '"metric"')
      .replace('"schemaVersion": 42', '"schemaVersion": "42"');
    expect(schemaFaults(harmed)).toEqual([
      expect.stringMatching(/'string' is not assignable to type 'number'/),
      expect.stringMatching(/metric/),
    ]);
  });

  it('keeps to it for a system on one machine too', { timeout: 60_000 }, () => {
    expect(schemaFaults(local, 'Dataquery')).toEqual([]);
    expect(schemaFaults(local.replace('"expr"', '"expression"'), 'Dataquery')).not.toEqual([]);
  });

  it('shows state in words, by metrics that the functions record', () => {
    const stats = graphs.filter(({ type }) => type === 'stat');
    expect(stats.map(({ title }) => title)).toEqual([
      'Mode',
      'Age of the bar when acted on',
      'Circuit breaker, paper',
      'Circuit breaker, live',
      'Capital level',
      'GO/NO-GO',
      'Equity, paper',
      'Equity, live',
    ]);
    expect(stats.map(({ targets }) => targets.map(({ metricName }) => metricName).join())).toEqual([
      'Mode',
      'BarAge',
      'BreakerTripped',
      'BreakerTripped',
      'CapitalLevel',
      'Go',
      'EquityUsdt',
      'EquityUsdt',
    ]);
    // What is older than its panel's own time is no state.
    for (const stat of stats) expect(stat).toMatchObject({ timeFrom: expect.stringMatching(/^(15m|3h)$/) });
    expect(stats[0]).toMatchObject({
      fieldConfig: {
        defaults: {
          noValue: 'unknown',
          mappings: [{ options: { 0: { text: 'OFF' }, 1: { text: 'PAPER' }, 2: { text: 'LIVE' } } }],
        },
      },
    });
  });

  it('of one machine shows every metric that /api/metrics has, and asks for no other', async () => {
    const world = await TradingWorld.open(signalOf('BTCUSDT', 'BUY'));
    await world.signals.putRun(runOf(START_MS - BAR_MS, { written: 1 }));
    const status = await readSystemStatus({ ...world, readShards: async () => 1 });
    // With a high, from which there is a drawdown.
    const breaker = status.breaker && { ...status.breaker, highWaterMicroUsdt: 1 };
    const metrics = formatMetrics({ ...status, breaker }, world.nowMs);
    const offered = new Set([...metrics.matchAll(/^# TYPE (qt_\w+) gauge$/gm)].map(([, name]) => name));
    const shown = JSON.parse(local).panels as readonly Panel[];
    const asked = new Set(
      shown.flatMap(({ targets = [] }) =>
        targets.flatMap(({ expr }) => [...expr!.matchAll(/qt_\w+/g)].map(([name]) => name)),
      ),
    );
    expect([...asked].sort()).toEqual([...offered].sort());
    const types = shown.map(({ type }) => type);
    for (const type of ['stat', 'state-timeline', 'timeseries']) expect(types).toContain(type);
    for (const { targets = [] } of shown)
      for (const target of targets)
        expect(target).toMatchObject({ datasource: { type: 'prometheus', uid: '$datasource' } });
  });

  it('asks for metrics in every graph, from the data source and of the stage that are chosen', () => {
    const { templating } = JSON.parse(text);
    expect(templating.list).toMatchObject([
      { name: 'datasource', type: 'datasource', query: 'cloudwatch' },
      { name: 'stage', type: 'custom', query: 'dev', current: { value: 'dev' } },
    ]);
    for (const { title, targets } of graphs) {
      expect([title, targets.filter(({ hide }) => !hide).length > 0]).toEqual([title, true]);
      expect(new Set(targets.map(({ id }) => id)).size).toBe(targets.length);
      for (const target of targets) {
        expect(target).toMatchObject({ datasource: { type: 'cloudwatch', uid: '$datasource' } });
        if (target.expression === undefined)
          expect(Object.values(target.dimensions!).some((value) => value.includes('$stage'))).toBe(true);
        else
          for (const [name] of target.expression.matchAll(/\bq\d\w*/g))
            expect(targets.map(({ id }) => id)).toContain(name);
      }
    }
  });

  it('has a graph for every runbook, with the metric of every alarm', () => {
    const alarms = alarmDefinitions({ stage: '$stage', shards: 1 });
    const titles = graphs.map(({ title }) => title);
    for (const { runbook } of alarms) expect(titles.filter((title) => title === runbook)).toEqual([runbook]);
    const shown = (runbook: string) =>
      graphs.find(({ title }) => title === runbook)!.targets.filter(({ hide }) => !hide).length;
    for (const runbook of new Set(alarms.map((alarm) => alarm.runbook)))
      expect([runbook, shown(runbook)]).toEqual([
        runbook,
        alarms.filter((alarm) => alarm.runbook === runbook).length,
      ]);
  });

  it('is not printed for a stage that there is not', async () => {
    await expect(print('--stage', 'nowhere')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/stages has no nowhere/),
    });
  });
});
