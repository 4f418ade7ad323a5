// What outlives every version of the code: signals, risk records, models, flags, and the topic that tells people. Destroying the
// stack keeps tables and bucket; nobody, whatever his role, may delete what decisions rest on.
import { Duration, RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import { type Attribute, AttributeType, BillingMode, ProjectionType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { AnyPrincipal, Effect, ManagedPolicy, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { RISK_TABLE, SIGNALS_TABLE, type TableDefinition } from '../../lib/adapters/aws/resources.ts';
import { COLLECTED_PREFIX } from '../../lib/market/use-cases/collected-candles.ts';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { acknowledgeWildcards, OPERATOR_GRANTS, statementsOf } from '../catalog/grants.ts';
import { bucketNameOf, topicNameOf } from '../catalog/shared-resources.ts';
import type { StageSettings } from '../catalog/stage-settings.ts';
import { CreateOnce } from '../constructs/create-once.ts';

const KEPT_FOR_EVER = [
  'candles',
  'models',
  'ensembles',
  'quarantine',
  'profiles',
  'audit',
  'evidence',
  'universe',
] as const;
const SHADOW_RECORD_DAYS = 90;
/** The month under way is written anew every day. */
const REPLACED_CANDLE_DAYS = 30;

export class DataStack extends Stack {
  constructor(scope: Construct, id: string, props: StackProps & { readonly settings: StageSettings }) {
    super(scope, id, { ...props, terminationProtection: true });
    const { stage, exchange, shards, symbols, universe, notifyEmail } = props.settings;
    const names = resourcesOfStage(stage);
    const bucket = this.createBucket(stage);
    const topic = this.createTopic(stage, notifyEmail);
    this.createTable('Signals', names.signalsTable, SIGNALS_TABLE);
    this.createTable('Risk', names.riskTable, RISK_TABLE);
    this.createOperatorPolicy(stage);
    new CreateOnce(this, 'CreateOnce', { stage, bucket, universe });
    const parameters = [
      ['Bucket', names.bucketParameter, bucket.bucketName],
      ['AlarmTopic', names.topicParameter, topic.topicArn],
      ['Shards', names.shardsParameter, String(shards)],
      ['Exchange', names.exchangeParameter, exchange],
      ['Symbols', names.symbolsParameter, String(symbols)],
    ] as const;
    for (const [what, parameterName, stringValue] of parameters)
      new StringParameter(this, `${what}Parameter`, { parameterName, stringValue });
  }

  private createTable(id: string, tableName: string, definition: TableDefinition): void {
    const { partitionKey, sortKey, byBar, timeToLiveAttribute } = definition;
    const table = new Table(this, id, {
      tableName,
      partitionKey: attribute(partitionKey),
      sortKey: attribute(sortKey),
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      ...(timeToLiveAttribute !== undefined && { timeToLiveAttribute }),
    });
    if (byBar !== undefined)
      table.addGlobalSecondaryIndex({
        indexName: byBar.name,
        partitionKey: attribute(byBar.partitionKey),
        sortKey: attribute(byBar.sortKey),
        projectionType: ProjectionType.ALL,
      });
  }

  private createBucket(stage: string): Bucket {
    const bucket = new Bucket(this, 'Bucket', {
      bucketName: bucketNameOf(stage),
      versioned: true,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        { id: 'unfinished-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
        {
          id: 'shadow-records',
          prefix: 'shadow/',
          expiration: Duration.days(SHADOW_RECORD_DAYS),
          noncurrentVersionExpiration: Duration.days(1),
        },
        {
          id: 'replaced-candles',
          prefix: COLLECTED_PREFIX,
          noncurrentVersionExpiration: Duration.days(REPLACED_CANDLE_DAYS),
        },
      ],
    });
    bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'NobodyDeletesModelsOrEvidence',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
        resources: KEPT_FOR_EVER.map((prefix) => bucket.arnForObjects(`${prefix}/*`)),
      }),
    );
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Every change of what serves is audited in the bucket itself (audit/), and its versions keep what was before; reads are few and made by named roles.',
    });
    return bucket;
  }

  /** For the roles of people; whom to give it to is the deployer's decision. */
  private createOperatorPolicy(stage: string): void {
    const statements = statementsOf(OPERATOR_GRANTS, this, stage);
    const policy = new ManagedPolicy(this, 'Operator', {
      managedPolicyName: `qt-${stage}-operator`,
      description: 'The qt command: flags, releases, emergency stop',
      statements,
    });
    acknowledgeWildcards(policy, statements, 'The objects under the prefixes that an operator releases to.');
  }

  private createTopic(stage: string, email: string | undefined): Topic {
    const topic = new Topic(this, 'Alarms', { topicName: topicNameOf(stage), enforceSSL: true });
    // A topic with a policy of its own has no default one, under which alarms could publish.
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsOfThisAccount',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    );
    if (email !== undefined) topic.addSubscription(new EmailSubscription(email));
    return topic;
  }
}

const attribute = ({ name, type }: TableDefinition['partitionKey']): Attribute => ({
  name,
  type: type === 'S' ? AttributeType.STRING : AttributeType.NUMBER,
});
