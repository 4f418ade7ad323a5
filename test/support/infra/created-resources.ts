// Creates, changes and deletes the resources of a synthesised stack as CloudFormation does, through each service's own API, with exactly
// the properties of the template: in the order of its dependencies, with its deletion policies, and with its rules for imports. What
// no service of the emulator is asked to hold is left out and named.
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceNotFoundException,
  UpdateContinuousBackupsCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  HeadBucketCommand,
  NotFound,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketOwnershipControlsCommand,
  PutBucketVersioningCommand,
  PutPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateTopicCommand, DeleteTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import {
  DeleteParameterCommand,
  GetParameterCommand,
  ParameterNotFound,
  PutParameterCommand,
  SSMClient,
} from '@aws-sdk/client-ssm';
import type { EmulatedAws } from '../emulated-aws.ts';
import type { Json, Resource, SynthesisedStage } from './synthesised-stage.ts';

/** One kind of resource, at one service. */
interface Kind {
  readonly create: (properties: Json) => Promise<unknown>;
  readonly exists: (properties: Json) => Promise<boolean>;
  readonly remove: (properties: Json) => Promise<unknown>;
  /** @default its changes are refused */
  readonly update?: (properties: Json) => Promise<unknown>;
}

/** Runs the function behind a custom resource. */
export type CustomProvider = (stage: SynthesisedStage, properties: Json) => Promise<void>;

interface Deploy {
  readonly stage: SynthesisedStage;
  /** Name of the stack. */
  readonly stack: string;
  /** As `cdk deploy --import-existing-resources`. @default false */
  readonly importsExisting?: boolean;
  /** Instead of this resource's creation there is an error. @default none */
  readonly failsAt?: string;
}

const IMPORTABLE = ['Retain', 'RetainExceptOnCreate'];

const unless =
  (missing: new (...parts: never[]) => Error) =>
  async (look: Promise<unknown>): Promise<boolean> =>
    look.then(
      () => true,
      (error: unknown) => {
        if (error instanceof missing) return false;
        throw error;
      },
    );

export class EmulatedStacks {
  readonly #kinds: Readonly<Record<string, Kind>>;
  readonly #runCustom: CustomProvider;
  /** Resources of each stack that exists, as last deployed. */
  readonly #stacks = new Map<string, readonly Resource[]>();
  readonly #leftOut = new Map<string, number>();

  constructor(aws: EmulatedAws, region: string, runCustom: CustomProvider) {
    this.#kinds = kindsAt(aws, region);
    this.#runCustom = runCustom;
  }

  /** Types of resources that were not created, and how many. */
  get leftOut(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#leftOut].sort());
  }

  /** Creates the stack, or changes the one that exists. Rejects when a resource fails; a creation is then rolled back. */
  async deploy({ stage, stack, importsExisting = false, failsAt }: Deploy): Promise<void> {
    const resources = inOrder(stage.resources.filter((each) => each.stack === stack));
    const before = this.#stacks.get(stack);
    if (before !== undefined) {
      await this.#change(stage, before, resources);
      this.#stacks.set(stack, resources);
      return;
    }
    const created: Resource[] = [];
    try {
      for (const resource of resources) {
        if (resource.id === failsAt) throw new Error(`${resource.id} fails, as the test wants`);
        if (await this.#create(stage, resource, importsExisting)) created.push(resource);
      }
    } catch (error) {
      // What cannot be deleted stays, and the others go all the same.
      for (const resource of created.reverse())
        if (resource.raw.DeletionPolicy !== 'Retain') await this.#remove(resource).catch(() => {});
      throw error;
    }
    this.#stacks.set(stack, resources);
  }

  async destroy(stack: string): Promise<void> {
    for (const resource of [...this.#stacks.get(stack)!].reverse())
      if (!IMPORTABLE.includes(resource.raw.DeletionPolicy)) await this.#remove(resource);
    this.#stacks.delete(stack);
  }

  /** @returns whether it is new */
  async #create(stage: SynthesisedStage, resource: Resource, importsExisting: boolean): Promise<boolean> {
    const { type, properties, raw, id } = resource;
    if (type.startsWith('Custom::')) {
      await this.#runCustom(stage, properties);
      return false;
    }
    const kind = this.#kinds[type];
    if (kind === undefined) {
      this.#leftOut.set(type, (this.#leftOut.get(type) ?? 0) + 1);
      return false;
    }
    if (await kind.exists(properties)) {
      const isImportable = IMPORTABLE.includes(raw.DeletionPolicy);
      if (importsExisting && isImportable) return false;
      throw new Error(`${id} already exists`);
    }
    await kind.create(properties);
    return true;
  }

  async #change(
    stage: SynthesisedStage,
    before: readonly Resource[],
    after: readonly Resource[],
  ): Promise<void> {
    for (const resource of after) {
      const { id, type, properties } = resource;
      const known = before.find((each) => each.id === id);
      if (known === undefined) await this.#create(stage, resource, false);
      else if (JSON.stringify(known.properties) !== JSON.stringify(properties)) {
        if (type.startsWith('Custom::')) await this.#runCustom(stage, properties);
        else if (type in this.#kinds) {
          const { update } = this.#kinds[type]!;
          if (update === undefined) throw new Error(`${id} cannot be changed`);
          await update(properties);
        }
      }
    }
    for (const resource of before)
      if (!after.some(({ id }) => id === resource.id) && !IMPORTABLE.includes(resource.raw.DeletionPolicy))
        await this.#remove(resource);
  }

  async #remove({ type, properties }: Resource): Promise<void> {
    await this.#kinds[type]?.remove(properties);
  }
}

/** Each after what it refers to or says that it depends on. */
function inOrder(resources: readonly Resource[]): Resource[] {
  const byId = new Map(resources.map((each) => [each.id, each]));
  const ordered = new Set<Resource>();
  const visit = (resource: Resource) => {
    if (ordered.has(resource)) return;
    const { DependsOn = [], Properties } = resource.raw;
    for (const id of [DependsOn, referredBy(Properties)].flat(2)) {
      const needed = byId.get(id);
      if (needed !== undefined) visit(needed);
    }
    ordered.add(resource);
  };
  for (const resource of resources) visit(resource);
  return [...ordered];
}

function referredBy(value: Json): string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (typeof value.Ref === 'string') return [value.Ref];
  if (Array.isArray(value['Fn::GetAtt'])) return [value['Fn::GetAtt'][0]];
  return Object.values(value).flatMap(referredBy);
}

function kindsAt({ endpoints }: EmulatedAws, region: string): Readonly<Record<string, Kind>> {
  const credentials = { accessKeyId: endpoints.accessKeyId, secretAccessKey: 'emulated' };
  const shared = { region, credentials, maxAttempts: 1 };
  return {
    'AWS::DynamoDB::Table': tables(new DynamoDBClient({ ...shared, endpoint: endpoints.dynamodb })),
    'AWS::S3::Bucket': buckets(
      new S3Client({ ...shared, endpoint: endpoints.s3, forcePathStyle: true }),
      region,
    ),
    'AWS::SSM::Parameter': parameters(new SSMClient({ ...shared, endpoint: endpoints.ssm })),
    'AWS::SNS::Topic': topics(new SNSClient({ ...shared, endpoint: endpoints.sns })),
  };
}

const tables = (client: DynamoDBClient): Kind => ({
  async create({ PointInTimeRecoverySpecification, TimeToLiveSpecification, ...table }) {
    const { TableName } = table;
    await client.send(new CreateTableCommand(table as CreateTableCommandInput));
    await client.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification }));
    if (TimeToLiveSpecification !== undefined)
      await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
  },
  exists: ({ TableName }) =>
    unless(ResourceNotFoundException)(client.send(new DescribeTableCommand({ TableName }))),
  remove: ({ TableName }) => client.send(new DeleteTableCommand({ TableName })),
});

const buckets = (client: S3Client, region: string): Kind => ({
  async create(properties) {
    const { BucketName: Bucket, VersioningConfiguration, PublicAccessBlockConfiguration } = properties;
    const LocationConstraint = region as 'eu-central-1';
    await client.send(new CreateBucketCommand({ Bucket, CreateBucketConfiguration: { LocationConstraint } }));
    await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
    await client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
    const { OwnershipControls, BucketEncryption, LifecycleConfiguration } = properties;
    await client.send(new PutBucketOwnershipControlsCommand({ Bucket, OwnershipControls }));
    const [{ ServerSideEncryptionByDefault: ApplyServerSideEncryptionByDefault }] =
      BucketEncryption.ServerSideEncryptionConfiguration;
    await client.send(
      new PutBucketEncryptionCommand({
        Bucket,
        ServerSideEncryptionConfiguration: { Rules: [{ ApplyServerSideEncryptionByDefault }] },
      }),
    );
    await client.send(
      new PutBucketLifecycleConfigurationCommand({
        Bucket,
        LifecycleConfiguration: { Rules: LifecycleConfiguration.Rules.map(lifecycleRule) },
      }),
    );
  },
  exists: ({ BucketName: Bucket }) => unless(NotFound)(client.send(new HeadBucketCommand({ Bucket }))),
  remove: ({ BucketName: Bucket }) => client.send(new DeleteBucketCommand({ Bucket })),
});

const lifecycleRule = ({ Id, Prefix = '', ExpirationInDays, ...rule }: Json) => ({
  ...rule,
  ID: Id,
  Filter: { Prefix },
  ...(ExpirationInDays !== undefined && { Expiration: { Days: ExpirationInDays } }),
});

function parameters(client: SSMClient): Kind {
  const put = ({ Tags: _, ...parameter }: Json, Overwrite: boolean) =>
    client.send(new PutParameterCommand({ ...parameter, Overwrite }));
  return {
    create: (properties) => put(properties, false),
    update: (properties) => put(properties, true),
    exists: ({ Name }) => unless(ParameterNotFound)(client.send(new GetParameterCommand({ Name }))),
    remove: ({ Name }) => client.send(new DeleteParameterCommand({ Name })),
  };
}

function topics(client: SNSClient): Kind {
  const arnOf = async (Name: string) => (await client.send(new CreateTopicCommand({ Name }))).TopicArn;
  return {
    create: ({ TopicName: Name, Tags }) => client.send(new CreateTopicCommand({ Name, Tags })),
    // A topic is created once more without an error: CloudFormation looks for it first.
    exists: async () => false,
    remove: async ({ TopicName }) =>
      client.send(new DeleteTopicCommand({ TopicArn: await arnOf(TopicName) })),
  };
}
