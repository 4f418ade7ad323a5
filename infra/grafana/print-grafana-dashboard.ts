// `npm run --silent grafana -- --stage NAME` prints the dashboard as JSON for import into Grafana; with `--prometheus`, that of a system
// on one machine.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { messageOf } from '../../lib/core/message-of.ts';
import { readStageSettings } from '../catalog/stage-settings.ts';
import { grafanaDashboard } from './grafana-dashboard.ts';
import { prometheusDashboard } from './prometheus-dashboard.ts';

const { context } = JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'));
try {
  const { values } = parseArgs({
    options: {
      stage: { type: 'string', default: context.stage },
      prometheus: { type: 'boolean', default: false },
    },
  });
  const dashboard = values.prometheus ? prometheusDashboard() : stageDashboard(values.stage);
  process.stdout.write(`${JSON.stringify(dashboard, null, 2)}\n`);
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}

function stageDashboard(stage: string) {
  const settings = readStageSettings((key) => ({ ...context, stage })[key]);
  return grafanaDashboard(settings, Object.keys(context.stages));
}
