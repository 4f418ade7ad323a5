// The function behind the flags and the first universe, called as CloudFormation calls it: with the permissions of its role, and with
// an address for its answer.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { CustomProvider } from './created-resources.ts';
import { type AwsEndpoints, guardAws } from './guarded-aws.ts';
import { startFunction } from './lambda-emulator.ts';
import { permissionsByRole, type SynthesisedStage } from './synthesised-stage.ts';

const EVENT = { RequestType: 'Create', StackId: 'arn:stack', RequestId: '1', LogicalResourceId: 'Missing' };

/** @param code whose bundle runs */
export const createOnceProvider =
  (endpoints: AwsEndpoints, code: SynthesisedStage): CustomProvider =>
  async (stage, ResourceProperties) => {
    const aws = await guardAws(endpoints, permissionsByRole(stage).get('CreateOnce/Role')!);
    const { raw, properties } = code
      .ofType('AWS::Lambda::Function')
      .find(({ path }) => path === 'CreateOnce/Function')!;
    const lambda = await startFunction({
      taskRoot: join(code.folder, raw.Metadata['aws:asset:path'] as string),
      handler: properties.Handler,
      environment: aws.environment,
      clockOffsetMs: 0,
    });
    let told = '';
    const server = createServer(async (request, response) => {
      for await (const chunk of request) told += chunk;
      response.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const ResponseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      await lambda.invoke({ ...EVENT, ResponseURL, ResourceProperties });
      if (JSON.parse(told).Status !== 'SUCCESS' || aws.denied.length > 0)
        throw new Error(`${told} ${aws.denied.join(', ')}`);
    } finally {
      server.closeAllConnections();
      server.close();
      await lambda.close();
      await aws.close();
    }
  };
