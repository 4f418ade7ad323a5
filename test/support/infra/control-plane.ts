// CloudFormation, CloudWatch Logs, SNS, IAM and STS, as far as reading goes, in the protocols that the SDK speaks. What is asked for is
// noted, and anything but reading is refused.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ACCOUNT } from './synthesised-stage.ts';

export interface ControlPlane {
  readonly url: string;
  readonly asked: readonly string[];
  /** By name. */
  readonly stacks: Map<string, { status: string; resources: string[] }>;
  readonly logGroups: string[];
  readonly topics: string[];
  readonly policies: string[];
  close(): Promise<void>;
}

const member = (xml: string) => `<member>${xml}</member>`;

export async function startControlPlane(): Promise<ControlPlane> {
  const asked: string[] = [];
  const stacks: ControlPlane['stacks'] = new Map();
  const [logGroups, topics, policies]: string[][] = [[], [], []];
  const answers: Readonly<Record<string, (form: URLSearchParams) => string | undefined>> = {
    GetCallerIdentity: () =>
      `<Account>${ACCOUNT}</Account><Arn>arn:aws:sts::${ACCOUNT}:assumed-role/o/s</Arn><UserId>U</UserId>`,
    DescribeStacks: (form) => {
      const name = form.get('StackName')!;
      const stack = stacks.get(name);
      return (
        stack &&
        `<Stacks>${member(`<StackName>${name}</StackName><StackStatus>${stack.status}</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime>`)}</Stacks>`
      );
    },
    ListStackResources: (form) =>
      `<StackResourceSummaries>${stacks
        .get(form.get('StackName')!)!
        .resources.map((id) =>
          member(
            `<LogicalResourceId>L</LogicalResourceId><PhysicalResourceId>${id}</PhysicalResourceId><ResourceType>T</ResourceType><LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp><ResourceStatus>CREATE_COMPLETE</ResourceStatus>`,
          ),
        )
        .join('')}</StackResourceSummaries>`,
    ListTopics: () =>
      `<Topics>${topics!.map((arn) => member(`<TopicArn>${arn}</TopicArn>`)).join('')}</Topics>`,
    ListPolicies: () =>
      `<IsTruncated>false</IsTruncated><Policies>${policies!.map((arn) => member(`<Arn>${arn}</Arn>`)).join('')}</Policies>`,
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const target = String(request.headers['x-amz-target'] ?? '').split('.')[1];
    if (target !== undefined) {
      asked.push(target);
      const { logGroupNamePrefix = '' } = JSON.parse(body);
      const found = logGroups!.filter((name) => name.startsWith(logGroupNamePrefix));
      response.writeHead(target === 'DescribeLogGroups' ? 200 : 400, {
        'content-type': 'application/x-amz-json-1.1',
      });
      return response.end(JSON.stringify({ logGroups: found.map((logGroupName) => ({ logGroupName })) }));
    }
    const form = new URLSearchParams(body);
    const action = String(form.get('Action'));
    asked.push(action);
    const answer = answers[action]?.(form);
    response.writeHead(answer === undefined ? 400 : 200, { 'content-type': 'text/xml' });
    return response.end(
      answer === undefined
        ? `<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id ${form.get('StackName')} does not exist</Message></Error></ErrorResponse>`
        : `<${action}Response><${action}Result>${answer}</${action}Result></${action}Response>`,
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    stacks,
    logGroups: logGroups!,
    topics: topics!,
    policies: policies!,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
