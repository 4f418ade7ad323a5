// Network, optional: one fixed address from which the functions that hold the exchange's keys reach the exchange, so that the keys can
// be bound to it. Tables and objects do not take that way: with the NAT gateway down the latch can still be tripped, and the records
// of positions are still written.
import { CfnOutput, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import {
  CfnEIP,
  CfnSecurityGroup,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  NatProvider,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import { networkParameters } from '../catalog/shared-resources.ts';
import type { StageSettings } from '../catalog/stage-settings.ts';
import type { StageStackProps } from '../constructs/function-stack.ts';

/** The functions outlive a failed zone; the NAT gateway, being the one with the address, does not. */
const ZONES = 2;
const HTTPS = 443;

interface NetworkStackProps extends StageStackProps {
  readonly network: NonNullable<StageSettings['network']>;
}

export class NetworkStack extends Stack {
  constructor(scope: Construct, id: string, props: NetworkStackProps) {
    super(scope, id, { ...props, terminationProtection: true });
    const { stage } = props.settings;
    const vpc = this.createVpc(this.findAddress(props.network.addressAllocationId));
    const securityGroup = new CfnSecurityGroup(this, 'KeyHolders', {
      vpcId: vpc.vpcId,
      groupDescription: 'Functions that hold the keys of the exchange: HTTPS out, nothing in',
      securityGroupEgress: [
        {
          ipProtocol: 'tcp',
          fromPort: HTTPS,
          toPort: HTTPS,
          cidrIp: '0.0.0.0/0',
          description: 'The exchange and AWS',
        },
      ],
    });
    const { subnetIds } = vpc.selectSubnets({ subnetType: SubnetType.PRIVATE_WITH_EGRESS });
    const names = networkParameters(stage);
    for (const [name, parameterName, stringValue] of [
      ['Subnets', names.subnets, subnetIds.join(',')],
      ['SecurityGroup', names.securityGroup, securityGroup.attrGroupId],
    ] as const)
      new StringParameter(this, `${name}Parameter`, { parameterName, stringValue });
  }

  /** An address that a former stack left, or a new one. It is kept when the stack goes: the exchange's allow-list names it. */
  private findAddress(addressAllocationId: string | undefined): string {
    if (addressAllocationId !== undefined) return addressAllocationId;
    const address = new CfnEIP(this, 'Address', { domain: 'vpc' });
    address.applyRemovalPolicy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE);
    new CfnOutput(this, 'ExchangeAddress', {
      value: address.attrPublicIp,
      description: "For the allow-list of the exchange's keys",
    });
    return address.attrAllocationId;
  }

  private createVpc(addressAllocationId: string): Vpc {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.0.0.0/24'),
      maxAzs: ZONES,
      natGateways: 1,
      natGatewayProvider: NatProvider.gateway({ eipAllocationIds: [addressAllocationId] }),
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        { name: 'Public', subnetType: SubnetType.PUBLIC, mapPublicIpOnLaunch: false, cidrMask: 28 },
        { name: 'Private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 26 },
      ],
      gatewayEndpoints: {
        S3: { service: GatewayVpcEndpointAwsService.S3 },
        DynamoDb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
      },
    });
    Validations.of(vpc).acknowledge({
      id: 'AwsSolutions-VPC7',
      reason:
        'Nothing in this network accepts a connection, and what the functions send is in their own logs and traces.',
    });
    return vpc;
  }
}
