// What outlives every version of the code: signals, risk records, models, flags and the topic for notifications. Destroying the stack
// keeps tables and bucket; no role may delete data that decisions are based on.
//
// A creation that fails leaves nothing behind, so that the next one can start: tables and bucket go with it. That needs an order,
// for CloudFormation can delete neither a bucket with objects nor a protected table: what may fail comes first, then what puts
// objects into the bucket, then the tables.
import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { type Attribute, AttributeType, BillingMode, ProjectionType, Table } from 'aws-cdk-lib/aws-dynamodb';
import { AnyPrincipal, Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { RISK_TABLE, SIGNALS_TABLE, type TableDefinition } from '../../lib/adapters/aws/resources.ts';
import { COLLECTED_PREFIX } from '../../lib/market/use-cases/collected-candles.ts';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { bucketNameOf, topicNameOf } from '../catalog/shared-resources.ts';
import { CreateOnce } from '../constructs/create-once.ts';
import type { StageStackProps } from '../constructs/function-stack.ts';
import { createPeoplePolicies } from '../constructs/people-policies.ts';

const KEPT_FOREVER = [
  'candles',
  'models',
  'ensembles',
  'policies',
  'quarantine',
  'profiles',
  'audit',
  'evidence',
  'universe',
] as const;
const SHADOW_RECORD_DAYS = 90;
/** The current month is rewritten every day. */
const REPLACED_CANDLE_DAYS = 30;

export class DataStack extends Stack {
  constructor(scope: Construct, id: string, props: StageStackProps) {
    super(scope, id, { ...props, terminationProtection: true });
    const { stage, exchange, shards, symbols, universe, notifyEmail } = props.settings;
    const names = resourcesOfStage(stage);
    const bucket = this.createBucket(stage);
    const topic = this.createTopic(stage, notifyEmail);
    createPeoplePolicies(this, stage);
    const parameters = [
      ['Bucket', names.bucketParameter, bucket.bucketName],
      ['AlarmTopic', names.topicParameter, topic.topicArn],
      ['Shards', names.shardsParameter, String(shards)],
      ['Exchange', names.exchangeParameter, exchange],
      ['Symbols', names.symbolsParameter, String(symbols)],
    ] as const;
    for (const [name, parameterName, stringValue] of parameters)
      new StringParameter(this, `${name}Parameter`, { parameterName, stringValue });
    const others = this.node.children.filter(Construct.isConstruct);
    const createOnce = new CreateOnce(this, 'CreateOnce', { stage, bucket, universe });
    createOnce.node.addDependency(...others);
    for (const table of [
      this.createTable('Signals', names.signalsTable, SIGNALS_TABLE),
      this.createTable('Risk', names.riskTable, RISK_TABLE),
    ])
      table.node.addDependency(createOnce);
  }

  private createTable(id: string, tableName: string, definition: TableDefinition): Table {
    const { partitionKey, sortKey, index, timeToLiveAttribute } = definition;
    const table = new Table(this, id, {
      tableName,
      partitionKey: attribute(partitionKey),
      sortKey: attribute(sortKey),
      billingMode: BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      ...(timeToLiveAttribute !== undefined && { timeToLiveAttribute }),
    });
    if (index !== undefined)
      table.addGlobalSecondaryIndex({
        indexName: index.name,
        partitionKey: attribute(index.partitionKey),
        sortKey: attribute(index.sortKey),
        projectionType: ProjectionType.ALL,
      });
    return table;
  }

  private createBucket(stage: string): Bucket {
    const bucket = new Bucket(this, 'Bucket', {
      bucketName: bucketNameOf(stage, this),
      versioned: true,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
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
        resources: KEPT_FOREVER.map((prefix) => bucket.arnForObjects(`${prefix}/*`)),
      }),
    );
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason:
        'Every change of the serving models is audited in the bucket itself (audit/), and versions keep the previous state; reads are few and made by named roles.',
    });
    return bucket;
  }

  private createTopic(stage: string, email: string | undefined): Topic {
    const topic = new Topic(this, 'Alarms', { topicName: topicNameOf(stage), enforceSSL: true });
    // A topic with its own policy has no default one that would let alarms publish.
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
