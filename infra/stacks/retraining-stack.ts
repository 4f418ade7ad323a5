// The weekly retraining, for those who switch it on: a container that trains on the candles collected, and publishes what comes
// out as a candidate in shadow. Its role may neither put anything in force nor delete anything, so the worst that it can do is
// to fail; then it tells people.
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
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { DefinitionBody, IntegrationPattern, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { EcsFargateLaunchTarget, EcsRunTask } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { Construct } from 'constructs';
import { acknowledgeWildcards, RETRAINING_GRANTS, statementsOf } from '../catalog/grants.ts';
import { failedEventsNameOf, functionNameOf, RETRAINING } from '../catalog/shared-resources.ts';
import type { StageSettings } from '../catalog/stage-settings.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** All candles of 100 symbols and 90 days are 2.6 million rows; the sequence models hold them in memory. */
const TASK = { cpu: 4096, memoryLimitMiB: 30_720, ephemeralStorageGiB: 40 };
/** The four models of 100 symbols need some hours on four cores. */
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
    const machine = this.createStateMachine(this.createVpc(), this.createTask(retraining.trainArguments));
    this.createSchedule(machine, retraining.cron);
  }

  /** Public subnets without a gateway that costs money by the hour; nothing listens, and nobody may call. */
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
        'One task a week runs here, and may only call out: what it did is in its own log and in the audit.',
    });
    // CDK's own classes do not pass for its interfaces under exactOptionalPropertyTypes.
    return vpc as IVpc;
  }

  private createTask(trainArguments: readonly string[]): FargateTaskDefinition {
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
      'The objects under the prefixes that training reads and adds to.',
    );
    const task = new FargateTaskDefinition(this, 'Task', { ...TASK, taskRole });
    Validations.of(task.obtainExecutionRole()).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'The token with which an image is fetched is of the whole registry: it has no resource.',
    });
    task.addContainer('Training', {
      image: ContainerImage.fromAsset(PROJECT, {
        file: 'training/Dockerfile',
        platform: Platform.LINUX_AMD64,
      }),
      command: [...trainArguments],
      environment: { QT_STAGE: this.stage, AWS_REGION: this.region },
      logging: LogDrivers.awsLogs({ streamPrefix: RETRAINING, logGroup }),
    });
    Validations.of(task).acknowledge({
      id: 'AwsSolutions-ECS2',
      reason: 'The name of the stage and the region are no secrets.',
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
    // Once more, from the start: a version that was published already is found as it is.
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
        reason: 'Every revision of its own task: a deploy makes a new one while the old one runs.',
      },
      {
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'Tasks get their names when they start, and the deliveries of logs and traces have none.',
      },
    );
    return machine;
  }

  private createSchedule(machine: StateMachine, cron: string): void {
    const failedEvents = new Queue(this, 'FailedEvents', {
      queueName: failedEventsNameOf(this.stage, RETRAINING),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(failedEvents).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is itself the queue of what failed, and an alarm says when it is not empty.',
    });
    const role = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    });
    role.addToPolicy(
      new PolicyStatement({ actions: ['states:StartExecution'], resources: [machine.stateMachineArn] }),
    );
    role.addToPolicy(
      new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [failedEvents.queueArn] }),
    );
    const schedule = new CfnSchedule(this, 'Schedule', {
      name: functionNameOf(this.stage, RETRAINING),
      scheduleExpression: cron,
      scheduleExpressionTimezone: 'UTC',
      flexibleTimeWindow: { mode: 'OFF' },
      target: {
        arn: machine.stateMachineArn,
        roleArn: role.roleArn,
        input: '{}',
        deadLetterConfig: { arn: failedEvents.queueArn },
        retryPolicy: { maximumRetryAttempts: 3, maximumEventAgeInSeconds: 3_600 },
      },
    });
    schedule.node.addDependency(role);
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
