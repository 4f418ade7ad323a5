// Lets a function run inside the stage's network. Where that is, the network's stack tells by parameters: an export would tie both
// stacks together, and neither could be changed or removed alone.
import { Fn } from 'aws-cdk-lib';
import { Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { CfnFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import { networkParameters } from '../catalog/shared-resources.ts';

/** What Lambda does, in the function's name, to reach into a network; EC2 knows no narrower resource for most of it. */
const INTERFACE_ACTIONS = [
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

export function placeInNetwork(lambda: LambdaFunction, functionArn: string, stage: string): void {
  const names = networkParameters(stage);
  const value = (name: string) => StringParameter.valueForStringParameter(lambda, name);
  (lambda.node.defaultChild as CfnFunction).vpcConfig = {
    subnetIds: Fn.split(',', value(names.subnets)),
    securityGroupIds: [value(names.securityGroup)],
  };
  lambda.addToRolePolicy(new PolicyStatement({ actions: INTERFACE_ACTIONS, resources: ['*'] }));
  // Lambda itself may; the function's code, which has the same role, may not.
  lambda.addToRolePolicy(
    new PolicyStatement({
      effect: Effect.DENY,
      actions: INTERFACE_ACTIONS,
      resources: ['*'],
      conditions: { ArnEquals: { 'lambda:SourceFunctionArn': functionArn } },
    }),
  );
}
