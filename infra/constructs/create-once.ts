// What a deploy creates if it is missing and never changes afterwards: the operator's flags and the first universe. CloudFormation
// resources would be reset to the template's value by any later change of their definition, which could reopen a flag that an
// operator closed. Here neither the call nor its role can overwrite.
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsCustomResource, type AwsSdkCall, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { flagPath } from '../../lib/adapters/aws/resources.ts';
import { UNIVERSE_KEY, type Universe, universeSchema } from '../../lib/market/universe.ts';
import { FLAG_NAMES, FLAGS } from '../../lib/risk/flags.ts';
import { sharedArns } from '../catalog/shared-resources.ts';

interface CreateOnceProps {
  readonly stage: string;
  readonly bucket: Bucket;
  /** @default none is stored */
  readonly universe?: Pick<Universe, 'asOf' | 'symbols'> | undefined;
}

export class CreateOnce extends Construct {
  /** May create, but neither overwrite nor delete. */
  private readonly role: Role;
  private readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, { stage, bucket, universe }: CreateOnceProps) {
    super(scope, id);
    this.logGroup = new LogGroup(this, 'Log', {
      retention: RetentionDays.THREE_MONTHS,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.logGroup.grantWrite(this.role);
    this.createFlags(stage);
    if (universe !== undefined) this.createUniverse(bucket, universe);
  }

  private createFlags(stage: string): void {
    this.role.addToPolicy(
      new PolicyStatement({
        actions: ['ssm:PutParameter'],
        resources: FLAG_NAMES.map(sharedArns(Stack.of(this), stage).flag),
        conditions: { StringEquals: { 'ssm:Overwrite': 'false' } },
      }),
    );
    for (const flag of FLAG_NAMES) {
      const { deployed, pattern, allowed } = FLAGS[flag];
      const Name = flagPath(stage) + flag;
      this.create(flag, Name, {
        service: 'SSM',
        action: 'PutParameter',
        parameters: {
          Name,
          Value: deployed,
          Type: 'String',
          AllowedPattern: pattern,
          Description: allowed,
          Overwrite: false,
        },
        ignoreErrorCodesMatching: '^ParameterAlreadyExists$',
      });
    }
  }

  private createUniverse(bucket: Bucket, universe: Pick<Universe, 'asOf' | 'symbols'>): void {
    this.role.addToPolicy(
      new PolicyStatement({
        actions: ['s3:PutObject'],
        resources: [bucket.arnForObjects(UNIVERSE_KEY)],
        conditions: { Null: { 's3:if-none-match': 'false' } },
      }),
    );
    this.create('Universe', UNIVERSE_KEY, {
      service: 'S3',
      action: 'PutObject',
      parameters: {
        Bucket: bucket.bucketName,
        Key: UNIVERSE_KEY,
        Body: JSON.stringify(universeSchema.parse({ schemaVersion: 1, ...universe })),
        IfNoneMatch: '*',
      },
      ignoreErrorCodesMatching: '^(PreconditionFailed|ConditionalRequestConflict)$',
    });
  }

  private create(id: string, physicalId: string, call: AwsSdkCall): void {
    const resource = new AwsCustomResource(this, id, {
      onCreate: { ...call, physicalResourceId: PhysicalResourceId.of(physicalId) },
      role: this.role,
      logGroup: this.logGroup,
      installLatestAwsSdk: false,
      timeout: Duration.minutes(2),
    });
    resource.node.addDependency(this.role);
  }
}
