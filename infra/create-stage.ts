// The stacks of one stage, in the order in which they are deployed: data, the jobs that fill it, trading, inference (which starts
// execute), monitoring.
import { type App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { RETRAINING } from './catalog/shared-resources.ts';
import type { StageSettings } from './catalog/stage-settings.ts';
import { FunctionStack } from './constructs/function-stack.ts';
import { DataStack } from './stacks/data-stack.ts';
import { MonitoringStack } from './stacks/monitoring-stack.ts';
import { RetrainingStack } from './stacks/retraining-stack.ts';

/** Synthesis fails on every finding of cdk-nag that is not acknowledged where it stands. */
export function createStage(app: App, settings: StageSettings): void {
  const { stage, region } = settings;
  const id = (name: string) => `qt-${stage}-${name}`;
  const props = { settings, ...(region !== undefined && { env: { region } }) };
  const data = new DataStack(app, id('data'), props);
  const dataJobs = new FunctionStack(app, id('data-jobs'), { ...props, concern: 'data-jobs' });
  const trading = new FunctionStack(app, id('trading'), { ...props, concern: 'trading' });
  const inference = new FunctionStack(app, id('inference'), { ...props, concern: 'inference' });
  const monitoring = new MonitoringStack(app, id('monitoring'), props);
  dataJobs.addStackDependency(data);
  trading.addStackDependency(data);
  inference.addStackDependency(trading);
  monitoring.addStackDependency(inference);
  monitoring.addStackDependency(dataJobs);
  if (settings.retraining !== undefined) {
    const { retraining } = settings;
    const { settings: _, ...stackProps } = props;
    const weekly = new RetrainingStack(app, id(RETRAINING), { ...stackProps, stage, retraining });
    weekly.addStackDependency(dataJobs);
    monitoring.addStackDependency(weekly);
  }
  Tags.of(app).add('application', 'quantum-trader');
  Tags.of(app).add('stage', stage);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
}
