// The stacks of one stage, in the order in which they are deployed: data, the jobs that fill it, the network where there is one,
// trading, inference (which starts execute), monitoring, and last the schedules that set it all in motion.
import { type App, Tags, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { RETRAINING } from './catalog/shared-resources.ts';
import type { StageSettings } from './catalog/stage-settings.ts';
import { DataJobsStack } from './stacks/data-jobs-stack.ts';
import { DataStack } from './stacks/data-stack.ts';
import { InferenceStack } from './stacks/inference-stack.ts';
import { MonitoringStack } from './stacks/monitoring-stack.ts';
import { NetworkStack } from './stacks/network-stack.ts';
import { RetrainingStack } from './stacks/retraining-stack.ts';
import { ScheduleStack } from './stacks/schedule-stack.ts';
import { TradingStack } from './stacks/trading-stack.ts';

export interface DeployTarget {
  readonly account?: string | undefined;
  readonly region?: string | undefined;
}

/**
 * Tables and bucket outlive their stack, and CloudFormation imports only what has a name without a function; so the stack that has
 * them knows its account and region. The others stay as they are: a network would look its zones up.
 */
function dataPlace(chosen: string | undefined, deploying: DeployTarget) {
  const { account } = deploying;
  const region = chosen ?? deploying.region;
  return account !== undefined && region !== undefined ? { env: { account, region } } : {};
}

/**
 * Synthesis fails on every finding of cdk-nag that is not acknowledged where it arises.
 * @param deploying where to, as far as it is known; nothing is when it is synthesised offline
 */
export function createStage(app: App, settings: StageSettings, deploying: DeployTarget = {}): void {
  const { stage, region, network, retraining } = settings;
  const id = (name: string) => `qt-${stage}-${name}`;
  const stackProps = region === undefined ? {} : { env: { region } };
  const props = { settings, ...stackProps };
  const data = new DataStack(app, id('data'), { ...props, ...dataPlace(region, deploying) });
  const dataJobs = new DataJobsStack(app, id('data-jobs'), props);
  const trading = new TradingStack(app, id('trading'), props);
  const inference = new InferenceStack(app, id('inference'), props);
  const monitoring = new MonitoringStack(app, id('monitoring'), props);
  const schedules = new ScheduleStack(app, id('schedules'), props);
  dataJobs.addStackDependency(data);
  trading.addStackDependency(data);
  inference.addStackDependency(trading);
  monitoring.addStackDependency(inference);
  monitoring.addStackDependency(dataJobs);
  schedules.addStackDependency(monitoring);
  if (network !== undefined)
    trading.addStackDependency(new NetworkStack(app, id('network'), { ...props, network }));
  if (retraining !== undefined) {
    const weekly = new RetrainingStack(app, id(RETRAINING), { ...stackProps, stage, retraining });
    weekly.addStackDependency(dataJobs);
    monitoring.addStackDependency(weekly);
  }
  Tags.of(app).add('application', 'quantum-trader');
  Tags.of(app).add('stage', stage);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
}
