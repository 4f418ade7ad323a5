// One function of the catalog with everything that belongs to it: code, role, log and queue of failed events. The role is written
// statement by statement, because AWS's managed policies would let every function write every log.
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
import { Construct } from 'constructs';
import {
  FUNCTION_SETTINGS,
  type FunctionEnvironment,
  type FunctionName,
} from '../../lib/runtime/config/function-settings.ts';
import { FUNCTIONS, type FunctionDefinition } from '../catalog/functions.ts';
import { acknowledgeWildcards, statementsOf } from '../catalog/grants.ts';
import { functionNameOf, type SharedArns, sharedArns } from '../catalog/shared-resources.ts';
import { bundleFunction } from './bundle-function.ts';
import { createFailedEvents } from './failed-events.ts';

interface StageFunctionProps {
  readonly name: FunctionName;
  readonly stage: string;
  /** Values of all settings; the function gets those of its own table. */
  readonly environment: FunctionEnvironment;
}

export class StageFunction extends Construct {
  private readonly definition: FunctionDefinition;
  private readonly arns: SharedArns;
  readonly lambda: LambdaFunction;

  constructor(scope: Construct, id: string, { name, stage, environment }: StageFunctionProps) {
    super(scope, id);
    const definition = FUNCTIONS[name];
    const { loadsModels, files, concurrency, retry, onSuccess } = definition;
    const functionName = functionNameOf(stage, name);
    this.definition = definition;
    this.arns = sharedArns(Stack.of(this), stage);
    const failedEvents = createFailedEvents(this, stage, name);
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
      code: bundleFunction({ name, loadsModels, files }),
      handler: 'handler.handler',
      memorySize: definition.memoryMb,
      timeout: Duration.seconds(definition.timeoutS),
      ...(concurrency !== undefined && { reservedConcurrentExecutions: concurrency }),
      environment: environmentOf(name, environment),
      role: this.createRole(name, stage, logGroup),
      logGroup,
      tracing: Tracing.ACTIVE,
      retryAttempts: retry.attempts,
      maxEventAge: Duration.seconds(retry.ageMaxS),
      onFailure: new SqsDestination(failedEvents),
      ...(onSuccess !== undefined && { onSuccess: this.functionDestination(onSuccess) }),
    });
  }

  private createRole(name: FunctionName, stage: string, logGroup: LogGroup): Role {
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
      `The objects under the prefixes, and the log streams, of ${name}.`,
    );
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'X-Ray has no resource-level permissions: its two actions only write traces.',
    });
    return role;
  }

  /** CDK's own destination would let the role start every version and alias of the function. */
  private functionDestination(name: FunctionName): IDestination {
    return { bind: () => ({ destination: this.arns.function(name) }) };
  }
}

const environmentOf = (name: FunctionName, values: FunctionEnvironment): Record<string, string> =>
  Object.fromEntries(FUNCTION_SETTINGS[name].required.map((setting) => [setting, values[setting]]));
