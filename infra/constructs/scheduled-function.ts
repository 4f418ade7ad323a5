// One function of the table with all that belongs to it: code, role, log, queue of events that failed, and schedules. Its role is
// written here statement by statement, because a managed policy would let every function write every log.
import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  type IDestination,
  Function as LambdaFunction,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import {
  type EnvironmentName,
  FUNCTIONS,
  type FunctionDefinition,
  type FunctionName,
} from '../catalog/functions.ts';
import { acknowledgeWildcards, statementsOf } from '../catalog/grants.ts';
import {
  failedEventsNameOf,
  functionNameOf,
  type SharedArns,
  sharedArns,
} from '../catalog/shared-resources.ts';
import { bundleFunction } from './bundle-function.ts';

interface ScheduledFunctionProps {
  readonly name: FunctionName;
  readonly stage: string;
  readonly environment: Readonly<Record<EnvironmentName, string | undefined>>;
  readonly shards: number;
}

export class ScheduledFunction extends Construct {
  private readonly definition: FunctionDefinition;
  private readonly arns: SharedArns;
  readonly lambda: LambdaFunction;
  /** Events whose last attempt failed, with the error. */
  private readonly failedEvents: Queue;

  constructor(scope: Construct, id: string, props: ScheduledFunctionProps) {
    super(scope, id);
    const { name, stage, environment } = props;
    const definition = FUNCTIONS[name];
    const functionName = functionNameOf(stage, name);
    this.definition = definition;
    this.arns = sharedArns(Stack.of(this), stage);
    this.failedEvents = new Queue(this, 'FailedEvents', {
      queueName: failedEventsNameOf(stage, name),
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(this.failedEvents).acknowledge({
      id: 'AwsSolutions-SQS3',
      reason: 'It is itself the queue of what failed, and an alarm says when it is not empty.',
    });
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/aws/lambda/${functionName}`,
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    });
    this.lambda = new LambdaFunction(this, 'Function', {
      functionName,
      description: definition.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.X86_64,
      code: bundleFunction({ name, loadsModels: definition.loadsModels, files: definition.files }),
      handler: 'handler.handler',
      memorySize: definition.memoryMb,
      timeout: Duration.seconds(definition.timeoutS),
      ...(definition.concurrency !== undefined && { reservedConcurrentExecutions: definition.concurrency }),
      environment: Object.fromEntries(
        definition.environment.flatMap((key) => {
          const value = environment[key];
          return value === undefined ? [] : [[key, value]];
        }),
      ),
      role: this.createRole(props, logGroup),
      logGroup,
      tracing: Tracing.ACTIVE,
      retryAttempts: definition.retry.attempts,
      maxEventAge: Duration.seconds(definition.retry.ageMaxS),
      onFailure: new SqsDestination(this.failedEvents),
      ...(definition.onSuccess !== undefined && {
        onSuccess: this.functionDestination(definition.onSuccess),
      }),
    });
    this.createSchedules(props);
  }

  private createRole({ name, stage }: ScheduledFunctionProps, logGroup: LogGroup): Role {
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    const { onSuccess, grants } = this.definition;
    const statements = [
      new PolicyStatement({
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.logGroupArn],
      }),
      ...statementsOf(grants, Stack.of(this), stage),
      ...(onSuccess === undefined
        ? []
        : [
            new PolicyStatement({
              actions: ['lambda:InvokeFunction'],
              resources: [this.arns.function(onSuccess)],
            }),
          ]),
    ];
    for (const statement of statements) role.addToPolicy(statement);
    acknowledgeWildcards(
      role,
      statements,
      `The objects under the prefixes, and the log streams, that ${name} uses.`,
    );
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'X-Ray knows no resources: its two actions only write traces.',
    });
    return role;
  }

  /** CDK's own would let the role start every version and alias of the function. */
  private functionDestination(name: FunctionName): IDestination {
    return { bind: () => ({ destination: this.arns.function(name) }) };
  }

  private createSchedules({ name, stage, shards }: ScheduledFunctionProps): void {
    const { schedule, retry } = this.definition;
    if (schedule === undefined) return;
    const role = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    role.addToPolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [this.lambda.functionArn] }),
    );
    role.addToPolicy(
      new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [this.failedEvents.queueArn] }),
    );
    const count = schedule.times === 'per_shard' ? shards : 1;
    for (let shard = 0; shard < count; shard++) {
      const suffix = schedule.times === 'per_shard' ? `-${shard}-of-${shards}` : '';
      const created = new CfnSchedule(this, `Schedule${suffix}`, {
        name: functionNameOf(stage, name) + suffix,
        scheduleExpression: schedule.cron,
        scheduleExpressionTimezone: 'UTC',
        flexibleTimeWindow: { mode: 'OFF' },
        target: {
          arn: this.lambda.functionArn,
          roleArn: role.roleArn,
          input: schedule.times === 'per_shard' ? JSON.stringify({ shard, shardCount: shards }) : '{}',
          deadLetterConfig: { arn: this.failedEvents.queueArn },
          retryPolicy: { maximumRetryAttempts: 3, maximumEventAgeInSeconds: Math.max(60, retry.ageMaxS) },
        },
      });
      // Its first call must not find a role that may not make it.
      created.node.addDependency(role);
    }
  }
}
