// A stage's life on the emulator: resources from the synthesised templates, the bundles on Node 24 with the permissions of their roles,
// and the commands of docs/OPERATIONS.md with the permissions of their policy. One story, in order.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { codeVersionOf } from '../../infra/constructs/bundle-function.ts';
import { createFolderObjectStore } from '../../lib/adapters/files/folder-object-store.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import type { SimulatedExchange } from '../../local/exchange/simulated-exchange.ts';
import { type EmulatedAws, startEmulatedAws } from '../support/emulated-aws.ts';
import { createOnceProvider } from '../support/infra/create-once-provider.ts';
import { EmulatedStacks } from '../support/infra/created-resources.ts';
import { FIRST_BAR_MS, fillBucket, market, startExchange, startMs } from '../support/infra/filled-stage.ts';
import { type GuardedAws, guardAws } from '../support/infra/guarded-aws.ts';
import { installLambdaNode } from '../support/infra/lambda-emulator.ts';
import { StageFunctions } from '../support/infra/stage-functions.ts';
import {
  ACCOUNT,
  permissionsByRole,
  REGION,
  type SynthesisedStage,
  synthesise,
} from '../support/infra/synthesised-stage.ts';
import { qtrader } from '../support/qtrader.ts';

const ENSEMBLE = 'e20240728_000000';
const STACKS = ['data', 'data-jobs', 'trading', 'inference', 'monitoring', 'schedules'] as const;
const SHIFTED_CLOCK = new URL('../support/infra/shifted-clock.mjs', import.meta.url).href;
const settings = { symbols: 4, universe: { asOf: '2024-01-01', symbols: [...market.symbols] } };
const deploying = { account: ACCOUNT, region: REGION };
const COMPLETED = { scopes: [{ scope: 'paper', outcome: 'completed' }] };

let aws: EmulatedAws;
let stage: SynthesisedStage;
let resharded: SynthesisedStage;
let newer: SynthesisedStage;
let stacks: EmulatedStacks;
let exchange: SimulatedExchange;
let operator: GuardedAws;
let models: string;
let offsetMs = startMs - Date.now();
/** By what each function was last deployed with. */
let functions: StageFunctions;

beforeAll(async () => {
  installLambdaNode();
  aws = await startEmulatedAws();
  stage = await synthesise({ settings, bundle: true, deploying });
  resharded = await synthesise({ settings: { ...settings, shards: 2 }, bundle: false, deploying });
  newer = { ...stage, folder: await copyAsNewerCode(stage.folder) };
  stacks = new EmulatedStacks(aws, REGION, createOnceProvider(aws.endpoints, stage));
  exchange = await startExchange(() => offsetMs);
  models = await mkdtemp(join(tmpdir(), 'qt-models-'));
  await fillBucket(createFolderObjectStore(models));
  // Who issues the tokens of the API holds one more policy than an operator.
  const policies = ['operator', 'token-issuer'].flatMap((name) => permissionsByRole(stage).get(name)!);
  operator = await guardAws(aws.endpoints, policies);
  for (const [name, value] of Object.entries(operator.environment)) vi.stubEnv(name, value);
  vi.stubEnv('NODE_OPTIONS', `--import ${SHIFTED_CLOCK}`);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await functions?.close();
  await operator.close();
  await exchange.close();
  await aws.close();
  for (const folder of [stage.folder, resharded.folder, newer.folder, models])
    await rm(folder, { recursive: true });
});

/** The same bundles with another version of the code stamped into them. */
async function copyAsNewerCode(folder: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'qt-newer-'));
  await cp(folder, copy, { recursive: true });
  const version = codeVersionOf(process.cwd());
  for (const entry of await readdir(copy, { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.mjs')) continue;
    const file = join(entry.parentPath, entry.name);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replaceAll(version, '0123456789ab'));
  }
  return copy;
}

/** Ten seconds after the close of a bar; the functions run anew, by the settings and the code given. */
async function atBar(bar: number, by: { stage: SynthesisedStage; code: SynthesisedStage }): Promise<void> {
  await functions?.close();
  offsetMs = startMs + bar * BAR_MS - Date.now();
  vi.stubEnv('CLOCK_OFFSET_MS', String(offsetMs));
  const { endpoints } = aws;
  functions = new StageFunctions({
    ...{ ...by, endpoints, exchangeUrl: exchange.url },
    clockOffsetMs: offsetMs,
  });
}

/** @returns standard output of a command that does what it is asked for, by the permissions of the operator */
async function command(...words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await qtrader(...words, '--stage', 'dev');
  expect([words.join(' '), exitCode, operator.denied, exitCode === 0 ? '' : stderr]).toEqual([
    words.join(' '),
    0,
    [],
    '',
  ]);
  return stdout;
}

const tick = async () => {
  const { scopes } = (await functions.run('circuit-breaker')) as {
    scopes: readonly { latch: string; causes: readonly string[] }[];
  };
  return scopes.map(({ latch, causes }) => [latch, ...causes].join(' '));
};

/** The signals of one bar by one shard or several, and all that follows from them. */
async function decide(shardCount: number) {
  const decided = [];
  for (let shard = 0; shard < shardCount; shard++)
    decided.push((await functions.run('infer', { shard, shardCount })) as { symbols: readonly string[] });
  return decided;
}

describe('a first deploy, in the order of the manual', () => {
  it('creates data, flags and universe, takes models, and is NOT_STARTED until everything has run', async () => {
    await atBar(0, { stage, code: stage });
    await stacks.deploy({ stage, stack: 'qt-dev-data' });
    expect(await command('universe', 'show')).toContain(market.symbols[0]);
    await command('models', 'publish', models);
    await command('models', 'promote', ENSEMBLE, '--force', '--reason', 'the first one');
    for (const name of STACKS.slice(1)) await stacks.deploy({ stage, stack: `qt-dev-${name}` });
    await command('api-token', 'create', 'ada', '--role', 'operator');
    expect(await tick()).toEqual([
      expect.stringMatching(/^NOT_STARTED no signals of infer yet no completed run of manage-positions yet/),
    ]);
    expect(await command('status')).toMatch(/NOT_STARTED/);
    expect(await command('flags', 'get')).toMatch(/QT_ENABLE_AI_TRADING\s+false/);
  });

  it('trades on paper from the first bar after the operator allows it', async () => {
    await command('flags', 'set', 'QT_ENABLE_AI_TRADING', 'true');
    await atBar(1, { stage, code: stage });
    const [decided] = await decide(1);
    expect(decided).toMatchObject({ barOpenTimeMs: FIRST_BAR_MS + BAR_MS, symbols: expect.any(Array) });
    expect(decided!.symbols).toHaveLength(4);
    expect(await functions.run('manage-positions')).toEqual(COMPLETED);
    expect(await tick()).toEqual(['ARMED']);
    const asLambdaSends = { version: '1.0', responsePayload: decided };
    const report = await functions.run('execute', asLambdaSends);
    expect(report).toMatchObject({ mode: 'PAPER', decisions: 4, entered: expect.any(Number) });
    const { entered } = report as { entered: number };
    expect(entered).toBeGreaterThan(0);
    expect(await functions.run('execute', asLambdaSends)).toMatchObject({ entered: 0 });
    expect(await functions.run('manage-positions')).toEqual(COMPLETED);
    expect(await functions.run('evaluate-rollout')).toMatchObject({ verdict: 'NO_GO', breaches: [] });
    expect(await functions.run('collect-candles')).toMatchObject({ symbols: 4, complete: 4 });
    expect(await functions.run('refresh-universe')).toMatchObject({ outcome: 'confirmed' });
    const status = await command('status');
    expect(status).toMatch(/mode\s+PAPER/);
    expect(status).toMatch(new RegExp(`positions\\s+${entered}`));
    expect(await command('signals')).toContain('BTCUSDT');
  });
});

describe('a change of the number of shards on the running stage', () => {
  it('trips nothing, and every symbol is decided before and after', async () => {
    // Trading is deployed before the schedules: the breaker expects two shards while one still decides.
    for (const name of ['data', 'trading'])
      await stacks.deploy({ stage: resharded, stack: `qt-dev-${name}` });
    await atBar(2, { stage: resharded, code: stage });
    expect((await decide(1)).flatMap(({ symbols }) => symbols)).toHaveLength(4);
    expect(await functions.run('manage-positions')).toEqual(COMPLETED);
    expect(await tick()).toEqual(['ARMED']);
    for (const name of ['inference', 'schedules'])
      await stacks.deploy({ stage: resharded, stack: `qt-dev-${name}` });
    await atBar(3, { stage: resharded, code: stage });
    const decided = await decide(2);
    expect(decided.flatMap(({ symbols }) => symbols).sort()).toEqual([...market.symbols].sort());
    expect(await functions.run('manage-positions')).toEqual(COMPLETED);
    expect(await tick()).toEqual(['ARMED']);
    for (const event of decided)
      expect(await functions.run('execute', event)).toMatchObject({ mode: 'PAPER' });
    expect(await command('status')).toMatch(/mode\s+PAPER/);
  });
});

describe('new code over the running stage', () => {
  it('is halted, deployed and set going again as the manual says; two versions at once enter nothing', async () => {
    await command('flags', 'set', 'QT_ENABLE_AI_TRADING', 'false');
    await atBar(4, { stage: resharded, code: newer });
    expect(await functions.run('manage-positions')).toEqual(COMPLETED);
    await tick();
    await functions.close();
    await atBar(4, { stage: resharded, code: stage });
    const decided = await decide(2);
    await functions.close();
    await atBar(4, { stage: resharded, code: newer });
    await command('flags', 'set', 'QT_ENABLE_AI_TRADING', 'true');
    for (const event of decided) expect(await functions.run('execute', event)).toMatchObject({ entered: 0 });
    expect(await tick()).toEqual(['ARMED']);
    expect(await command('status')).toContain('versions_differ');

    await atBar(5, { stage: resharded, code: newer });
    const next = await decide(2);
    expect(await functions.run('manage-positions')).toEqual(COMPLETED);
    expect(await tick()).toEqual(['ARMED']);
    for (const event of next) expect(await functions.run('execute', event)).toMatchObject({ mode: 'PAPER' });
    expect(await command('status')).not.toContain('versions_differ');
  });
});

describe('a stage that is destroyed and deployed again', () => {
  it('needs the import, and finds flags, records and models as they were', async () => {
    await command('flags', 'set', 'QT_MAX_POSITIONS', '3');
    const positions = async () => JSON.parse(await command('status', '--json')).positions;
    const before = await positions();
    expect(before).not.toEqual([]);
    for (const name of [...STACKS].reverse()) await stacks.destroy(`qt-dev-${name}`);
    await expect(stacks.deploy({ stage: resharded, stack: 'qt-dev-data' })).rejects.toThrow('already exists');
    for (const name of STACKS)
      await stacks.deploy({ stage: resharded, stack: `qt-dev-${name}`, importsExisting: true });
    expect(await command('flags', 'get')).toMatch(/QT_MAX_POSITIONS\s+3/);
    expect(await command('models', 'list')).toContain(ENSEMBLE);
    expect(await positions()).toEqual(before);
    await atBar(6, { stage: resharded, code: newer });
    await decide(2);
    expect(await functions.run('manage-positions')).toEqual(COMPLETED);
    expect(await tick()).toEqual(['ARMED']);
  });
});
