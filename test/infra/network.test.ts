// A stage with the network: which functions reach the exchange from the fixed address, and what they reach without the NAT gateway.
import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FUNCTION_NAMES } from '../../infra/catalog/functions.ts';
import {
  ACCOUNT,
  type Json,
  permissionsByRole,
  REGION,
  type SynthesisedStage,
  synthesise,
} from '../support/infra/synthesised-stage.ts';

const STACK = 'qt-dev-network';
let stage: SynthesisedStage;
let plain: SynthesisedStage;
beforeAll(async () => {
  stage = await synthesise({ settings: { network: {} }, bundle: false });
  plain = await synthesise({ bundle: false });
}, 240_000);
afterAll(async () => {
  for (const { folder } of [stage, plain]) await rm(folder, { recursive: true });
});

const one = (type: string): Json => {
  const found = stage.ofType(type);
  expect(found).toHaveLength(1);
  return found[0]!;
};
const lambda = (name: string): Json =>
  stage.ofType('AWS::Lambda::Function').find(({ path }) => path === `${name}/Function`)!;
const templateOf = async ({ folder }: SynthesisedStage, stack: string): Promise<Json> =>
  JSON.parse(await readFile(`${folder}/${stack}.template.json`, 'utf8'));

/** Functions whose role may read the keys of the exchange. */
const keyHolders = () =>
  FUNCTION_NAMES.filter((name) =>
    permissionsByRole(stage)
      .get(`${name}/Role`)!
      .some(({ resources }) => resources.some((resource) => resource.includes('/exchange/'))),
  );

describe('the network', () => {
  it('is not there unless the stage asks for it', () => {
    expect(plain.resources.filter(({ type }) => type.startsWith('AWS::EC2::'))).toEqual([]);
    for (const { properties } of plain.ofType('AWS::Lambda::Function'))
      expect(properties).not.toHaveProperty('VpcConfig');
  });

  it('has one NAT gateway with one address, which is an output, and is kept when the stack goes', async () => {
    const address = one('AWS::EC2::EIP');
    expect(one('AWS::EC2::NatGateway').properties.AllocationId).toBe(`${address.id}.AllocationId`);
    expect(address.raw).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
    });
    const { Outputs: outputs } = await templateOf(stage, STACK);
    expect(outputs.ExchangeAddress.Value).toEqual({ 'Fn::GetAtt': [address.id, 'PublicIp'] });
  });

  it('takes up the address that a former one left', async () => {
    const settings = { network: { addressAllocationId: 'eipalloc-0123456789abcdef0' } };
    const again = await synthesise({ settings, bundle: false });
    await rm(again.folder, { recursive: true });
    expect(again.ofType('AWS::EC2::EIP')).toEqual([]);
    expect(again.ofType('AWS::EC2::NatGateway').map(({ properties }) => properties.AllocationId)).toEqual([
      'eipalloc-0123456789abcdef0',
    ]);
  });

  it('routes tables and objects past the NAT gateway, from every subnet that functions run in', () => {
    const routed = (table: Json) => stage.resources.find(({ id }) => id === table)!.path;
    const endpoints = stage.ofType('AWS::EC2::VPCEndpoint').map(({ properties }) => ({
      service: properties.ServiceName,
      type: properties.VpcEndpointType,
      tables: properties.RouteTableIds.map(routed).filter((path: string) => path.includes('Private')),
    }));
    const tables = [1, 2].map((zone) => `Vpc/PrivateSubnet${zone}/RouteTable`);
    expect(endpoints).toEqual(
      ['s3', 'dynamodb'].map((service) => ({
        service: `com.amazonaws.${REGION}.${service}`,
        type: 'Gateway',
        tables,
      })),
    );
  });

  it('lets HTTPS out and nothing in', () => {
    const { properties } = one('AWS::EC2::SecurityGroup');
    expect(properties).not.toHaveProperty('SecurityGroupIngress');
    expect(properties.SecurityGroupEgress).toMatchObject([
      { IpProtocol: 'tcp', FromPort: 443, ToPort: 443, CidrIp: '0.0.0.0/0' },
    ]);
    expect(stage.ofType('AWS::EC2::SecurityGroupIngress')).toEqual([]);
  });

  it('is deployed before the functions in it, and exports nothing', async () => {
    const { artifacts } = JSON.parse(await readFile(`${stage.folder}/manifest.json`, 'utf8'));
    expect(artifacts['qt-dev-trading'].dependencies).toContain(STACK);
    const { Outputs: outputs } = await templateOf(stage, STACK);
    for (const output of Object.values<Json>(outputs)) expect(output).not.toHaveProperty('Export');
  });
});

describe('the functions in the network', () => {
  it('are those that may read the keys of the exchange, and no others', () => {
    const placed = FUNCTION_NAMES.filter((name) => 'VpcConfig' in lambda(name).properties);
    expect(placed).toEqual(keyHolders());
    expect(placed).toEqual(['execute', 'manage-positions', 'api', 'emergency-stop']);
  });

  it('run in its private subnets and its group, whose ids its parameters tell', async () => {
    const names = new Map(
      stage.ofType('AWS::SSM::Parameter').map(({ properties }) => [properties.Name, properties.Value]),
    );
    const subnets = [1, 2].map((zone) =>
      expect.stringMatching(new RegExp(`^VpcPrivateSubnet${zone}Subnet[0-9A-F]{8}$`)),
    );
    expect(names.get('/qt/dev/network/subnets')!.split(',')).toEqual(subnets);
    expect(names.get('/qt/dev/network/security-group')).toBe(`${one('AWS::EC2::SecurityGroup').id}.GroupId`);
    const { Parameters: parameters } = await templateOf(stage, 'qt-dev-trading');
    const parameterOf = (reference: Json) => parameters[reference.Ref].Default;
    for (const name of keyHolders()) {
      const { SubnetIds, SecurityGroupIds } = lambda(name).raw.Properties.VpcConfig;
      expect(SubnetIds['Fn::Split'].map((part: Json) => (part.Ref ? parameterOf(part) : part))).toEqual([
        ',',
        '/qt/dev/network/subnets',
      ]);
      expect(SecurityGroupIds.map(parameterOf)).toEqual(['/qt/dev/network/security-group']);
    }
  });

  it('leave network interfaces to Lambda: their own code may not touch them', () => {
    for (const name of keyHolders()) {
      const onInterfaces = permissionsByRole(stage)
        .get(`${name}/Role`)!
        .filter(({ actions }) => actions.some((action) => action.startsWith('ec2:')));
      expect(onInterfaces.map(({ effect }) => effect)).toEqual(['Allow', 'Deny']);
      const [allowed, denied] = onInterfaces;
      expect(denied!.actions).toEqual(allowed!.actions);
      expect(denied!.condition).toEqual({
        ArnEquals: {
          'lambda:SourceFunctionArn': `arn:aws:lambda:${REGION}:${ACCOUNT}:function:qt-dev-${name}`,
        },
      });
    }
  });

  it('are otherwise what they are without it', () => {
    for (const name of FUNCTION_NAMES) {
      const { VpcConfig: _, ...properties } = lambda(name).properties;
      const without = plain.resources.find(({ path }) => path === `${name}/Function`)!.properties;
      expect(properties).toEqual(without);
    }
  });
});
