// The steps of the Dockerfile in a clean folder, since not every machine has containers: only the files that it copies, the slim
// install, and a start as a user who may write nowhere but into the state folder.
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chownSync } from 'node:fs';
import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');
const NOBODY_UID = 65_534;
const isRoot = process.getuid?.() === 0;
/** Of a machine that has root, the image's user; else whoever runs the tests. */
const asUser = isRoot ? { uid: NOBODY_UID, gid: NOBODY_UID } : {};

let folder: string;
let app: string;
let state: string;
let dockerfile: string[];
const children: ChildProcess[] = [];
const outputs: string[] = [];

/** As Dockerfile.dockerignore lets them in. */
async function copySources(): Promise<void> {
  const patterns = (await readFile(join(ROOT, 'Dockerfile.dockerignore'), 'utf8')).split('\n');
  const let_in = patterns.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  // Those that are there, committed or about to be.
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const files = listed
    .split('\n')
    .filter((file) => let_in.some((path) => file === path || file.startsWith(`${path}/`)));
  expect(files.length).toBeGreaterThan(300);
  for (const file of files) {
    await mkdir(dirname(join(app, file)), { recursive: true });
    await copyFile(join(ROOT, file), join(app, file));
  }
}

/** What `npm ci` would install: links, so that it takes no time, and a copy of npm's own list, which npm writes. */
async function install(): Promise<void> {
  if (process.platform === 'linux') execFileSync('cp', ['-al', join(ROOT, 'node_modules'), app]);
  else await cp(join(ROOT, 'node_modules'), join(app, 'node_modules'), { recursive: true });
  const list = 'node_modules/.package-lock.json';
  await rm(join(app, list), { force: true });
  await copyFile(join(ROOT, list), join(app, list));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-self-hosted-'));
  await chmod(folder, 0o755);
  app = join(folder, 'app');
  state = join(folder, 'state');
  await mkdir(app);
  await mkdir(state);
  if (isRoot) chownSync(state, NOBODY_UID, NOBODY_UID);
  dockerfile = (await readFile(join(ROOT, 'Dockerfile'), 'utf8')).replaceAll('\\\n', ' ').split('\n');
  await copySources();
  await install();
  for (const script of ['build', 'slim', 'slim'])
    outputs.push((await run('npm', ['run', script], { cwd: app })).stdout);
}, 300_000);
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

const instructions = (name: string) =>
  dockerfile
    .filter((line) => line.startsWith(`${name} `))
    .map((line) => line.slice(name.length + 1).replace(/\s+/g, ' '));

const environment = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  NODE_ENV: 'production',
  QT_API_HOST: '0.0.0.0',
};
async function start(...args: readonly string[]) {
  const child = spawn(process.execPath, ['bin/qtrader.mjs', 'start', '--state', state, ...args], {
    cwd: app,
    env: environment,
    ...asUser,
  });
  children.push(child);
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      printed += chunk;
    });
  return { child, printed: () => printed, ended: new Promise((ended) => child.once('close', ended)) };
}
const healthOf = (port: string) =>
  run(process.execPath, ['bin/healthcheck.mjs', state, port], { cwd: app, ...asUser }).then(
    () => 'healthy',
    ({ code, stderr }) => `${code}: ${stderr.trim()}`,
  );

describe('the image', () => {
  it('is built by the steps that are taken here, from a base that is named exactly', () => {
    expect(instructions('RUN')).toEqual([
      'npm ci',
      'npm run build && npm run slim',
      'mkdir /state && chown 1000:1000 /state',
    ]);
    expect(new Set(instructions('FROM').map((from) => from.split(' ')[0]))).toEqual(
      new Set(['node:24.11.1-bookworm-slim']),
    );
    expect(instructions('USER')).toEqual(['1000:1000']);
    expect(instructions('ENTRYPOINT')).toEqual(['["node", "bin/qtrader.mjs"]']);
    expect(instructions('HEALTHCHECK')[0]).toMatch(
      /CMD \["node", "bin\/healthcheck.mjs", "\/state", "8420"\]$/,
    );
  });

  it('has neither history, nor state, nor tests, nor secrets in it', async () => {
    const names = await readdir(app);
    for (const name of ['.git', '.qt', 'test', 'training', 'secrets', 'docs'])
      expect(names).not.toContain(name);
  });
});

describe('the slim install', () => {
  it('is a quarter of the whole, and the same when it is made again', () => {
    const figures = outputs
      .slice(1)
      .map((text) => /node_modules: (\d+) MB, now (\d+) MB/.exec(text)!.slice(1).map(Number));
    const [[before, after], [again, still]] = figures as [[number, number], [number, number]];
    console.log(`node_modules: ${before} MB, slim ${after} MB`);
    expect(after).toBeLessThan(before / 3);
    expect([again, still]).toEqual([after, after]);
  });

  it('has the libraries of this system alone, and no tool for development', async () => {
    const onnx = await readdir(join(app, 'node_modules/onnxruntime-node/bin/napi-v6'), { recursive: true });
    expect(onnx.filter((path) => path.endsWith('.node'))).toEqual([
      join(process.platform, process.arch, 'onnxruntime_binding.node'),
    ]);
    const packages = await readdir(join(app, 'node_modules'));
    for (const name of ['vitest', 'aws-cdk', 'aws-cdk-lib', 'typescript', 'knip'])
      expect(packages).not.toContain(name);
  });

  it('removes nothing where this system has no library of its own', async () => {
    const own = join(app, 'node_modules/onnxruntime-node/bin/napi-v6', process.platform, process.arch);
    const aside = join(folder, 'aside');
    await run('mv', [own, aside]);
    const refused = await run('npm', ['run', 'slim'], { cwd: app }).catch((error) => error);
    await run('mv', [aside, own]);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has no library for .*nothing was removed/),
    });
  });

  it('runs, as a user who may write into the state folder alone, and says whether it is well', async () => {
    const { child, printed, ended } = await start('--speed', '60');
    await expect.poll(printed, { timeout: 120_000 }).toMatch(/\[1\]/);
    const port = /HTTP API: http:\/\/127\.0\.0\.1:(\d+)/.exec(printed())![1]!;
    await expect.poll(() => healthOf(port), { timeout: 60_000 }).toBe('healthy');
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(printed()).toMatch(/signals +\d+ stored/);
    expect(await healthOf(port)).toMatch(/^1: no answer/);
  }, 240_000);
});
