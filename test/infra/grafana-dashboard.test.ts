// The dashboard for Grafana: what the command prints is checked against the types that Grafana Labs generate from its schemas.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { alarmDefinitions } from '../../infra/catalog/alarms.ts';

const print = (...options: string[]) =>
  promisify(execFile)(process.execPath, [
    'node_modules/tsx/dist/cli.mjs',
    'infra/grafana/print-grafana-dashboard.ts',
    ...options,
  ]);

interface Target {
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
let panels: readonly Panel[];
let graphs: readonly Panel[];

beforeAll(async () => {
  text = (await print('--stage', 'dev')).stdout;
  panels = JSON.parse(text).panels;
  graphs = panels.filter(({ type }) => type !== 'row');
}, 60_000);

/** Whatever of `json` the schema of dashboards, graphs and CloudWatch queries does not have, or has otherwise. */
function schemaFaults(json: string): string[] {
  const file = `${process.cwd()}/grafana-dashboard-as-printed.ts`;
  const source = `
    import type { Dashboard, Panel, RowPanel } from '@grafana/grafana-foundation-sdk/dashboard';
    import type { MetricsQuery } from '@grafana/grafana-foundation-sdk/cloudwatch';
    import type { Options, FieldConfig } from '@grafana/grafana-foundation-sdk/timeseries';
    // JSON has an enumeration's values, and none of the types' marks.
    type Json<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
      : T extends readonly (infer Each)[] ? Json<Each>[]
      : T extends object ? { [K in keyof T as K extends \`_\${string}\` ? never : K]: Json<T[K]> } : T;
    type Config = Omit<Json<NonNullable<Panel['fieldConfig']>>, 'defaults'> & {
      defaults: Omit<Json<NonNullable<NonNullable<Panel['fieldConfig']>['defaults']>>, 'custom'> & { custom: Json<Partial<FieldConfig>> };
    };
    type Graph = Omit<Json<Panel>, 'type' | 'targets' | 'options' | 'fieldConfig'> & {
      type: 'timeseries'; targets: Json<MetricsQuery>[]; options: Json<Options>; fieldConfig: Config;
    };
    const dashboard: Omit<Json<Dashboard>, 'panels'> & { panels: (Graph | Json<RowPanel> & { type: 'row' })[] } = ${json};`;
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
