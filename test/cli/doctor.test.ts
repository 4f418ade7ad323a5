// `qtrader doctor` as its user runs it: on a fresh machine, and on saved states with something wrong.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClients } from '../../lib/adapters/aws/create-clients.ts';
import type { Finding } from '../../lib/diagnosis/finding.ts';
import { judgeClock, judgeDisk, judgeNode } from '../../lib/diagnosis/machine.ts';
import { prepareLocalStage } from '../../lib/runtime/compose/local-stage.ts';
import { openLocalStage } from '../../lib/runtime/compose/operator.ts';
import { startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
import { qtrader } from '../support/qtrader.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/qt-doctor-`);
});
afterEach(() => rmSync(folder, { recursive: true }));

async function doctor(state: string) {
  const { exitCode, stdout, stderr } = await qtrader('doctor', '--json', '--state', state);
  expect(
    stderr.replace(/^\(node.*|^(versions|will require|To continue|and security|More info).*|^$/gm, ''),
  ).not.toMatch(/error/);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  const of = (check: string) => findings.filter((finding) => finding.check === check);
  return { exitCode, findings, of };
}

/** A state folder as a run leaves it. */
async function saveState(
  state: string,
  change: (ssm: ReturnType<typeof createClients>['ssm']) => Promise<unknown>,
) {
  const aws = await startEmbeddedAws({ stateDir: state });
  const system = openLocalStage(aws.endpoints, state);
  await prepareLocalStage(aws.endpoints, system.objects);
  await system.close();
  const clients = createClients(aws.endpoints);
  await change(clients.ssm);
  clients.close();
  await aws.close();
  chmodSync(state, 0o700);
}

it('finds a fresh machine able to start, and says why each line is there', async () => {
  const { exitCode, findings, of } = await doctor(join(folder, 'none'));
  expect([exitCode, findings.filter(({ verdict }) => verdict === 'fault')]).toEqual([0, []]);
  expect(of('models')[0]).toMatchObject({ verdict: 'ok' });
  expect(of('node')).toHaveLength(1);
  expect(of('disk')).toHaveLength(1);
  expect(of('exchange')).toHaveLength(1);
  for (const { verdict, fix } of findings) if (verdict !== 'ok') expect(fix).toMatch(/\w/);
});

it('names a flag that is missing and one that is malformed, an open folder and what a killed run has left', async () => {
  const state = join(folder, 'state');
  const path = '/qt/local/flags/';
  await saveState(state, async (ssm) => {
    await ssm.send(new DeleteParameterCommand({ Name: `${path}EMERGENCY_MODE` }));
    const Name = `${path}QT_MAX_POSITIONS`;
    await ssm.send(new PutParameterCommand({ Name, Value: 'many', Type: 'String', Overwrite: true }));
  });
  chmodSync(state, 0o755);
  writeFileSync(join(state, 'running.json'), '{}');
  const { exitCode, of } = await doctor(state);
  expect(exitCode).toBe(1);
  expect(of('flags').map(({ verdict, fix }) => [verdict, fix])).toEqual([
    ['fault', 'qtrader flags set EMERGENCY_MODE VALUE'],
    ['fault', 'qtrader flags set QT_MAX_POSITIONS VALUE'],
  ]);
  const odd = of('state folder').map(({ message }) => message);
  expect(odd).toEqual([
    expect.stringContaining('open to other users'),
    expect.stringContaining('running.json'),
  ]);
  expect(of('models')[0]).toMatchObject({ verdict: 'ok' });
});

it('tells a damaged database, and leaves it as it is', async () => {
  const state = join(folder, 'state');
  await saveState(state, async () => undefined);
  const database = join(state, 'dynamodb');
  const log = readdirSync(database).find((name) => name.endsWith('.log'))!;
  const bytes = readFileSync(join(database, log));
  bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
  writeFileSync(join(database, log), bytes);
  const { exitCode, of } = await doctor(state);
  expect(exitCode).toBe(1);
  expect(of('state')[0]).toMatchObject({ verdict: 'fault', message: expect.stringContaining('dynamodb') });
  expect(readFileSync(join(database, log))).toEqual(bytes);
});

it('refuses a region without a stage', async () => {
  expect(await qtrader('doctor', '--region', 'eu-central-1')).toMatchObject({ exitCode: 2 });
});

describe('the machine', () => {
  it.each([
    [judgeNode('20.18.9'), 'fault'],
    [judgeNode('20.19.0'), 'warning'],
    [judgeNode('24.1.0'), 'ok'],
    [judgeDisk('.', 1e8), 'fault'],
    [judgeDisk('.', 1e9), 'warning'],
    [judgeDisk('.', 1e10), 'ok'],
    [judgeClock('AWS', -900, 0), 'ok'],
    [judgeClock('AWS', -1_500, 0), 'warning'],
    [judgeClock('AWS', -1_500, 800), 'ok'],
    [judgeClock('AWS', 6_000, 500), 'fault'],
  ] as const)('%o is a %s', ({ verdict, fix }, expected) => {
    expect(verdict).toBe(expected);
    expect(fix === undefined).toBe(expected === 'ok');
  });
});
