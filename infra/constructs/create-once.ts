// What a deploy creates if it is missing and never changes afterwards: the operator's flags and the first universe. CloudFormation
// resources would be reset to the template's value by any later change of their definition, which could reopen a flag that an
// operator closed. Here neither the call nor its role can overwrite, and what was created outlives the stack.
import { CustomResource, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { flagPath } from '../../lib/adapters/aws/resources.ts';
import { UNIVERSE_KEY, type Universe, universeSchema } from '../../lib/market/universe.ts';
import { FLAG_NAMES, FLAGS } from '../../lib/risk/flags.ts';
import { sharedArns } from '../catalog/shared-resources.ts';
import type { Missing } from '../create-once/create-missing.ts';
import { bundleCreateOnce } from './bundle-function.ts';

interface CreateOnceProps {
  readonly stage: string;
  readonly bucket: Bucket;
  /** @default none is stored */
  readonly universe?: Pick<Universe, 'asOf' | 'symbols'> | undefined;
}

/** For the retries; IAM takes seconds as a rule, and minutes at worst. */
const TIMEOUT = Duration.minutes(6);
/** CloudFormation gives up a custom resource that does not answer after an hour otherwise. */
const ANSWER_TIMEOUT = Duration.minutes(10);

export class CreateOnce extends Construct {
  constructor(scope: Construct, id: string, { stage, bucket, universe }: CreateOnceProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Log', {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = this.createRole(stage, bucket, universe !== undefined);
    logGroup.grantWrite(role);
    const lambda = new LambdaFunction(this, 'Function', {
      description: 'Creates the flags and the first universe of a stage where they are missing',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.X86_64,
      code: bundleCreateOnce(),
      handler: 'handler.handler',
      memorySize: 512,
      timeout: TIMEOUT,
      role,
      logGroup,
    });
    const properties: Missing = {
      Flags: FLAG_NAMES.map((flag) => ({
        Name: flagPath(stage) + flag,
        Value: FLAGS[flag].deployed,
        AllowedPattern: FLAGS[flag].pattern,
        Description: FLAGS[flag].allowed,
      })),
      Objects:
        universe === undefined
          ? []
          : [
              {
                Bucket: bucket.bucketName,
                Key: UNIVERSE_KEY,
                Body: JSON.stringify(universeSchema.parse({ schemaVersion: 1, ...universe })),
              },
            ],
    };
    const resource = new CustomResource(this, 'Missing', {
      serviceToken: lambda.functionArn,
      resourceType: 'Custom::CreateOnce',
      serviceTimeout: ANSWER_TIMEOUT,
      properties,
    });
    resource.node.addDependency(role);
  }

  /** May create, but neither overwrite nor delete. */
  private createRole(stage: string, bucket: Bucket, hasUniverse: boolean): Role {
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['ssm:PutParameter'],
        resources: FLAG_NAMES.map(sharedArns(Stack.of(this), stage).flag),
        conditions: { StringEquals: { 'ssm:Overwrite': 'false' } },
      }),
    );
    if (hasUniverse)
      role.addToPolicy(
        new PolicyStatement({
          actions: ['s3:PutObject'],
          resources: [bucket.arnForObjects(UNIVERSE_KEY)],
          conditions: { Null: { 's3:if-none-match': 'false' } },
        }),
      );
    return role;
  }
}
