// Names and ARNs that the stacks of a stage share. They derive from the stage's name, account and region, so that no stack exports
// anything to another: each can be changed, rolled back or destroyed on its own.
import { ArnFormat, Aws, type Stack } from 'aws-cdk-lib';
import { flagPath } from '../../lib/adapters/aws/resources.ts';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';

/**
 * Bucket names are unique across all of AWS: account and region make it so.
 * @param place of the stack that creates it: CloudFormation imports what a name without a function stands for. @default references
 */
export const bucketNameOf = (
  stage: string,
  { account, region } = { account: Aws.ACCOUNT_ID, region: Aws.REGION },
): string => `qt-${stage}-${account}-${region}`;
/** IAM policies and dashboards have one namespace for all regions of an account. */
export const globalNameOf = (stage: string, name: string): string => `qt-${stage}-${name}-${Aws.REGION}`;
export const topicNameOf = (stage: string): string => `qt-${stage}-alarms`;
export const functionNameOf = (stage: string, name: string): string => `qt-${stage}-${name}`;
/** Name of the state machine, its schedule and its queue, in the stage. */
export const RETRAINING = 'retraining';
/** Queue of the events that the function did not process. */
export const failedEventsNameOf = (stage: string, name: string): string => `qt-${stage}-${name}-failed`;

/** Parameters with which the network tells where the functions that hold keys run: ids of its private subnets, and of the group. */
export const networkParameters = (stage: string) => ({
  subnets: `/qt/${stage}/network/subnets`,
  securityGroup: `/qt/${stage}/network/security-group`,
});

export interface SharedArns {
  readonly bucket: string;
  readonly signalsTable: string;
  readonly riskTable: string;
  readonly topic: string;
  objects(keys: string): string;
  function(name: string): string;
  /** Queue of the function's failed events. */
  failedEvents(name: string): string;
  /** @param name with its leading slash */
  parameter(name: string): string;
  flag(name: string): string;
}

export function sharedArns(stack: Stack, stage: string): SharedArns {
  const { signalsTable, riskTable } = resourcesOfStage(stage);
  const arn = (service: string, resource: string, resourceName?: string, arnFormat?: ArnFormat) =>
    stack.formatArn({
      service,
      resource,
      ...(resourceName !== undefined && { resourceName }),
      ...(arnFormat !== undefined && { arnFormat }),
    });
  const bucket = `arn:${Aws.PARTITION}:s3:::${bucketNameOf(stage)}`;
  const parameter = (name: string) => arn('ssm', 'parameter', name.slice(1));
  return {
    bucket,
    signalsTable: arn('dynamodb', 'table', signalsTable),
    riskTable: arn('dynamodb', 'table', riskTable),
    topic: arn('sns', topicNameOf(stage)),
    objects: (keys) => `${bucket}/${keys}`,
    function: (name) => arn('lambda', 'function', functionNameOf(stage, name), ArnFormat.COLON_RESOURCE_NAME),
    failedEvents: (name) => arn('sqs', failedEventsNameOf(stage, name)),
    parameter,
    flag: (name) => parameter(flagPath(stage) + name),
  };
}
