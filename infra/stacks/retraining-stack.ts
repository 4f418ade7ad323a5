// The optional weekly retraining: a container that trains on the collected candles and publishes the result as a candidate in
// shadow. Its role can neither activate nor delete anything, so the worst that it can do is to fail; then an alarm sounds.
import { fileURLToPath } from 'node:url';
import { type CfnElement, Duration, RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import {
  GatewayVpcEndpointAwsService,
  type IVpc,
  Peer,
  Port,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import {
  Cluster,
  ContainerImage,
  ContainerInsights,
  FargatePlatformVersion,
  FargateTaskDefinition,
  type ICluster,
  LogDrivers,
} from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, IntegrationPattern, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { EcsFargateLaunchTarget, EcsRunTask } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import { acknowledgeWildcards, RETRAINING_GRANTS, statementsOf } from '../catalog/grants.ts';
import { functionNameOf, RETRAINING } from '../catalog/shared-resources.ts';
import type { StageSettings } from '../catalog/stage-settings.ts';
import { createFailedEvents } from '../constructs/failed-events.ts';
import { createSchedules } from '../constructs/schedules.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** 90 days of 100 symbols are 2.6 million rows, which the sequence models hold in memory. */
const TASK = { cpu: 4096, memoryLimitMiB: 30_720, ephemeralStorageGiB: 40 };
/** Four models of 100 symbols take some hours on four cores. */
const RUN_HOURS_MAX = 20;

interface RetrainingStackProps extends StackProps {
  readonly stage: string;
  readonly retraining: NonNullable<StageSettings['retraining']>;
}

export class RetrainingStack extends Stack {
  private readonly stage: string;

  constructor(scope: Construct, id: string, props: RetrainingStackProps) {
    super(scope, id, props);
    const { stage, retraining } = props;
    this.stage = stage;
    const machine = this.createStateMachine(this.createVpc(), this.createTask(retraining));
    this.createSchedule(machine, retraining.cron);
  }

  /** Public subnets, to do without a NAT gateway that is charged by the hour. Nothing listens, and nothing can connect. */
  private createVpc(): IVpc {
    const vpc = new Vpc(this, 'Vpc', {
      maxAzs: 2,
      natGateways: 0,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [{ name: 'public', subnetType: SubnetType.PUBLIC, mapPublicIpOnLaunch: false }],
    });
    vpc.addGatewayEndpoint('Objects', { service: GatewayVpcEndpointAwsService.S3 });
    Validations.of(vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason:
        'One task a week runs here, with outbound traffic only; its own log and the audit say what it did.',
    });
    // CDK's own classes do not pass for its interfaces under exactOptionalPropertyTypes.
    return vpc as IVpc;
  }

  private createTask(retraining: RetrainingStackProps['retraining']): FargateTaskDefinition {
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/qt/${this.stage}/${RETRAINING}`,
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    const taskRole = new Role(this, 'TaskRole', {
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
    });
    const statements = statementsOf(RETRAINING_GRANTS, this, this.stage);
    for (const statement of statements) taskRole.addToPolicy(statement);
    acknowledgeWildcards(
      taskRole,
      statements,
      'The objects under the prefixes that training reads and writes.',
    );
    const task = new FargateTaskDefinition(this, 'Task', { ...TASK, taskRole });
    Validations.of(task.obtainExecutionRole()).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'The token for pulling an image is for the whole registry: it has no resource.',
    });
    task.addContainer('Training', {
      image: ContainerImage.fromAsset(PROJECT, {
        file: 'training/Dockerfile',
        platform: Platform.LINUX_AMD64,
        buildArgs: { NODE_IMAGE: retraining.nodeImage, PYTHON_IMAGE: retraining.pythonImage },
      }),
      command: [...retraining.trainArguments],
      environment: { QT_STAGE: this.stage, AWS_REGION: this.region },
      logging: LogDrivers.awsLogs({ streamPrefix: RETRAINING, logGroup }),
    });
    Validations.of(task).acknowledge({
      id: 'AwsSolutions-ECS2',
      reason: 'The names of stage and region are not secret.',
    });
    return task;
  }

  private createStateMachine(vpc: IVpc, task: FargateTaskDefinition): StateMachine {
    const cluster = new Cluster(this, 'Cluster', { vpc, containerInsightsV2: ContainerInsights.ENABLED });
    const securityGroup = new SecurityGroup(this, 'CallsOut', { vpc, allowAllOutbound: false });
    securityGroup.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'AWS');
    const train = new EcsRunTask(this, 'Train', {
      integrationPattern: IntegrationPattern.RUN_JOB,
      cluster: cluster as ICluster,
      taskDefinition: task,
      launchTarget: new EcsFargateLaunchTarget({ platformVersion: FargatePlatformVersion.LATEST }),
      assignPublicIp: true,
      subnets: { subnetType: SubnetType.PUBLIC },
      securityGroups: [securityGroup],
    });
    // Retries once, from the start: a version that is already published is found unchanged.
    train.addRetry({ maxAttempts: 1, interval: Duration.minutes(10) });
    const machine = new StateMachine(this, 'StateMachine', {
      stateMachineName: functionNameOf(this.stage, RETRAINING),
      definitionBody: DefinitionBody.fromChainable(train),
      timeout: Duration.hours(RUN_HOURS_MAX),
      tracingEnabled: true,
      logs: {
        level: LogLevel.ALL,
        includeExecutionData: true,
        destination: new LogGroup(this, 'Executions', {
          logGroupName: `/aws/vendedlogs/states/${functionNameOf(this.stage, RETRAINING)}`,
          retention: RetentionDays.THREE_MONTHS,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
      },
    });
    Validations.of(machine.role).acknowledge(
      {
        id: `AwsSolutions-IAM5[Resource::${anyRevisionOf(this.getLogicalId(task.node.defaultChild as CfnElement))}]`,
        reason: 'All revisions of its own task: a deploy creates a new one while the old one runs.',
      },
      {
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'Tasks are named when they start, and deliveries of logs and traces have no name.',
      },
    );
    return machine;
  }

  private createSchedule(machine: StateMachine, cron: string): void {
    createSchedules(this, {
      starts: { action: 'states:StartExecution', arn: machine.stateMachineArn },
      failedEvents: createFailedEvents(this, this.stage, RETRAINING).queueArn,
      cron,
      eventAgeMaxS: 3_600,
      schedules: [{ id: 'Schedule', name: functionNameOf(this.stage, RETRAINING), input: {} }],
    });
  }
}

/** As cdk-nag writes the ARN of a task definition with all its revisions, which CDK takes apart at every colon and slash. */
function anyRevisionOf(logicalId: string): string {
  const part = (index: number, separator: string, of: string) =>
    `{"Fn::Select":[${index},{"Fn::Split":["${separator}",${of}]}]}`;
  const ofArn = (index: number) => part(index, ':', `{"Ref":"${logicalId}"}`);
  const family = [0, 1].map((index) => part(index, '/', ofArn(5)));
  return `arn:${[1, 2, 3, 4].map(ofArn).join(':')}:${family.join('/')}:*`;
}
