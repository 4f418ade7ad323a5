// `qtrader doctor --stage`: what of a stage is there without its stack, said with the command that helps, and nothing touched.
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { type Finding, hasFault } from '../../lib/diagnosis/finding.ts';
import { examineStage } from '../../lib/runtime/compose/diagnosis/doctor.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { type ControlPlane, startControlPlane } from '../support/infra/control-plane.ts';
import { ACCOUNT, REGION } from '../support/infra/synthesised-stage.ts';

const BUCKET = `qt-dev-${ACCOUNT}-${REGION}`;
const TOPIC = `arn:aws:sns:${REGION}:${ACCOUNT}:qt-dev-alarms`;
const POLICY = `arn:aws:iam::${ACCOUNT}:policy/qt-dev-operator-${REGION}`;
const LOG = '/aws/lambda/qt-dev-infer';
let target: EmbeddedTarget;
let plane: ControlPlane;

beforeEach(async () => {
  target = await openEmbedded();
  plane = await startControlPlane();
  const { dynamodb, s3, ssm, accessKeyId } = target.aws.endpoints;
  const environment = {
    AWS_ENDPOINT_URL: plane.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
    AWS_ENDPOINT_URL_S3: s3,
    AWS_ENDPOINT_URL_SSM: ssm,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: 'secret',
    AWS_REGION: REGION,
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await plane.close();
  await target.close();
});

/** Tables, bucket and flags of stage `dev`, and of another one whose name begins alike. */
async function createParts(): Promise<void> {
  for (const stage of ['dev', 'dev-2'])
    await ensureLocalResources(target.clients, {
      bucket: `qt-${stage}-${ACCOUNT}-${REGION}`,
      signalsTable: `qt-${stage}-signals`,
      riskTable: `qt-${stage}-risk`,
      stage,
    });
  plane.topics.push(TOPIC, TOPIC.replace('dev', 'dev-2'));
  plane.policies.push(POLICY, POLICY.replace('dev', 'dev-2'));
  plane.logGroups.push(LOG, LOG.replace('dev', 'dev-2'), `${LOG}-of-somebody`);
}

const leftOver = (findings: readonly Finding[]) =>
  findings.filter(({ check, verdict }) => check === 'left over' && verdict === 'warning');

it('says of a region without the stage that there is nothing', async () => {
  const findings = await examineStage('dev', REGION);
  expect(findings.filter(({ verdict }) => verdict === 'fault')).toEqual([]);
  expect(hasFault(findings)).toBe(false);
  expect(findings).toContainEqual({
    check: 'left over',
    verdict: 'ok',
    message: 'nothing is without its stack',
  });
  expect(findings.find(({ check }) => check === 'credentials')?.message).toContain(ACCOUNT);
});

it('names everything that a destroyed stage has left, how to take it over and how to remove it', async () => {
  await createParts();
  const taken = (['dynamodb', 's3', 'ssm'] as const).map((name) => vi.spyOn(target.aws.faults[name], 'take'));
  const findings = leftOver(await examineStage('dev', REGION));
  const text = findings.map(({ message, fix }) => `${message} | ${fix}`).join('\n');
  for (const [part, command] of [
    ['table qt-dev-signals', '--import-existing-resources'],
    ['table qt-dev-risk', 'aws dynamodb delete-table --table-name qt-dev-risk'],
    [`bucket ${BUCKET}`, '--import-existing-resources'],
    [`log group ${LOG}`, `aws logs delete-log-group --log-group-name ${LOG}`],
    [`topic ${TOPIC}`, `aws sns delete-topic --topic-arn ${TOPIC}`],
    [`policy ${POLICY}`, 'aws iam delete-policy'],
  ]) {
    const line = text.split('\n').find((each) => each.startsWith(`${part} `));
    expect([part, line]).toEqual([part, expect.stringContaining(command!)]);
  }
  expect(findings).toHaveLength(7);
  expect(text).toContain('7 parameters: flags');
  expect(text).not.toMatch(/dev-2|somebody/);
  const operations = [...plane.asked, ...taken.flatMap(({ mock }) => mock.calls.map(([name]) => name))];
  expect(new Set(operations.map((name) => name.replace(/^(Get|List|Describe|Head).*/, 'read')))).toEqual(
    new Set(['read']),
  );
});

it('counts as left over what a stack does not list, though it has the name', async () => {
  await createParts();
  const rest = [BUCKET, TOPIC, POLICY, LOG];
  plane.stacks.set('qt-dev-data', { status: 'CREATE_COMPLETE', resources: ['qt-dev-signals', ...rest] });
  const findings = leftOver(await examineStage('dev', REGION));
  expect(findings.map(({ message }) => message)).toEqual(['table qt-dev-risk exists without its stack']);
});

it.each([
  ['ROLLBACK_COMPLETE', 'fault', 'npx cdk deploy qt-dev-data -c stage=dev'],
  ['ROLLBACK_FAILED', 'fault', '--import-existing-resources'],
  ['DELETE_FAILED', 'fault', 'FORCE_DELETE_STACK'],
  ['UPDATE_ROLLBACK_FAILED', 'fault', 'continue-update-rollback'],
  ['UPDATE_ROLLBACK_COMPLETE', 'warning', 'npx cdk deploy qt-dev-data'],
  ['UPDATE_IN_PROGRESS', 'warning', 'wait for its end'],
] as const)('a stack in %s is a %s, with the way on', async (status, verdict, fix) => {
  plane.stacks.set('qt-dev-data', { status, resources: [] });
  const found = (await examineStage('dev', REGION)).find(({ check }) => check === 'qt-dev-data');
  expect(found).toMatchObject({ verdict, message: expect.stringContaining(status) });
  expect(found?.fix).toContain(fix);
});

it('is a fault when a table of the stack has gone, or part of the answer', async () => {
  plane.stacks.set('qt-dev-data', { status: 'CREATE_COMPLETE', resources: ['qt-dev-risk'] });
  const gone = await examineStage('dev', REGION);
  expect(gone.find(({ message }) => message.includes('qt-dev-risk is gone'))?.verdict).toBe('fault');
  target.aws.faults.dynamodb.inject({ kind: 'denied', operation: 'DescribeTable' });
  const unread = await examineStage('dev', REGION);
  expect(unread.find(({ message }) => message.includes('looking for the tables'))).toMatchObject({
    check: 'left over',
    verdict: 'fault',
  });
});
