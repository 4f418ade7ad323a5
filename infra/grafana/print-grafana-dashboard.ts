// `npm run --silent grafana -- --stage NAME` prints the dashboard as JSON for import into Grafana.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { messageOf } from '../../lib/core/message-of.ts';
import { readStageSettings } from '../catalog/stage-settings.ts';
import { grafanaDashboard } from './grafana-dashboard.ts';

const { context } = JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8'));
try {
  const { values } = parseArgs({ options: { stage: { type: 'string', default: context.stage } } });
  const settings = readStageSettings((key) => ({ ...context, ...values })[key]);
  const dashboard = grafanaDashboard(settings, Object.keys(context.stages));
  process.stdout.write(`${JSON.stringify(dashboard, null, 2)}\n`);
} catch (error) {
  console.error(messageOf(error));
  process.exit(1);
}
