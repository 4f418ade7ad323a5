// What of the local state others may read: nothing. Secrets lie encrypted or for their owner alone, and no link leads them elsewhere.
import { chmod, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { GetParameterCommand, PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import { LocalStartError } from '../../../local/aws/host/local-start-error.ts';
import { apiTokenFile, openApiToken } from '../../../local/run/api-token-file.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(`${tmpdir()}/qt-private-`);
});
afterEach(() => rm(dir, { recursive: true }));

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

async function withSsm<T>(work: (ssm: ReturnType<typeof createClients>['ssm']) => Promise<T>): Promise<T> {
  const aws = await startEmbeddedAws({ stateDir: dir });
  const clients = createClients(aws.endpoints);
  try {
    return await work(clients.ssm);
  } finally {
    clients.close();
    await aws.close();
  }
}
const put = (Name: string, Value: string) =>
  withSsm((ssm) => ssm.send(new PutParameterCommand({ Name, Value, Type: 'SecureString', Overwrite: true })));
const read = (Name: string) =>
  withSsm(async (ssm) => {
    const answer = await ssm.send(new GetParameterCommand({ Name, WithDecryption: true }));
    return answer.Parameter?.Value;
  });
const refusal = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LocalStartError);
  return (error as Error).message;
};

describe('a SecureString', () => {
  const MARK = 'the-secret-itself';

  it('comes back after a restart, and stands in no file', async () => {
    await put('/a', MARK);
    await put('/a', `${MARK}-2`);
    expect(await read('/a')).toBe(`${MARK}-2`);
    expect(await read('/a:1')).toBe(MARK);
    const files = (await readdir(dir, { recursive: true, withFileTypes: true })).filter((f) => f.isFile());
    for (const { parentPath, name } of files) {
      const bytes = await readFile(`${parentPath}/${name}`);
      for (const text of [MARK, Buffer.from(MARK).toString('base64').slice(0, 16)])
        expect(`${name}: ${bytes.includes(text)}`).toBe(`${name}: false`);
    }
  });

  it('lies for its owner alone, with its key, whatever the folder was before', async () => {
    await put('/a', MARK);
    await chmod(`${dir}/ssm`, 0o755);
    await put('/b', MARK);
    for (const folder of ['ssm', 's3', 'dynamodb']) expect(await modeOf(`${dir}/${folder}`)).toBe(0o700);
    for (const file of ['parameters.json', 'key']) expect(await modeOf(`${dir}/ssm/${file}`)).toBe(0o600);
  });

  it('is refused, not made up, with another key, without one, in another place, or changed', async () => {
    await put('/a', MARK);
    await put('/b', 'another');
    const file = `${dir}/ssm/parameters.json`;
    const [key, text] = [await readFile(`${dir}/ssm/key`, 'utf8'), await readFile(file, 'utf8')];
    const state = JSON.parse(text);
    const changed = structuredClone(state);
    changed.parameters['/a'][0].sealed = changed.parameters['/a'][0].sealed.replace(/^./, (c: string) =>
      c === 'A' ? 'B' : 'A',
    );
    const swapped = structuredClone(state);
    swapped.parameters['/a'][0].sealed = state.parameters['/b'][0].sealed;
    const short = structuredClone(state);
    short.parameters['/a'][0].sealed = 'AAAA';
    const plain = structuredClone(state);
    plain.parameters['/a'][0] = { ...plain.parameters['/a'][0], value: MARK };
    for (const damaged of [changed, swapped, short, plain]) {
      await writeFile(file, JSON.stringify(damaged));
      expect(await refusal(read('/a'))).toContain('ssm/parameters.json is not readable as saved state');
    }
    await writeFile(file, text);
    for (const wrong of ['0'.repeat(64), key.slice(2), '']) {
      await writeFile(`${dir}/ssm/key`, wrong);
      expect(await refusal(read('/a'))).toMatch(/ssm\/(parameters\.json|key) is not readable/);
    }
    await rm(`${dir}/ssm/key`);
    expect(await refusal(read('/a'))).toContain('does not fit the key');
    await writeFile(`${dir}/ssm/key`, key);
    expect(await read('/a')).toBe(MARK);
  });

  it('is shown without decryption as something that tells nothing of it', async () => {
    await put('/a', MARK);
    const shown = await withSsm(async (ssm) => {
      const { Parameter } = await ssm.send(new GetParameterCommand({ Name: '/a' }));
      return Buffer.from(Parameter!.Value!, 'base64');
    });
    expect(shown.includes(MARK)).toBe(false);
    expect(shown.length).toBeGreaterThan(MARK.length);
  });
});

describe("the API's token", () => {
  it('is made once, for its owner alone, and kept', async () => {
    const token = await openApiToken(dir);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    await chmod(apiTokenFile(dir), 0o644);
    expect(await openApiToken(dir)).toBe(token);
    expect(await modeOf(apiTokenFile(dir))).toBe(0o600);
    await writeFile(apiTokenFile(dir), 'half a tok');
    expect(await openApiToken(dir)).not.toBe(token);
  });

  it.each(['to a file', 'to nothing'])('is not read or written through a link %s', async (kind) => {
    const target = `${dir}/elsewhere`;
    if (kind === 'to a file') await writeFile(target, `${'x'.repeat(43)}\n`);
    await symlink(target, apiTokenFile(dir));
    expect(await refusal(openApiToken(dir))).toMatch(/api-token: it is a symbolic link/);
    expect((await lstat(apiTokenFile(dir))).isSymbolicLink()).toBe(true);
    if (kind === 'to a file') expect(await readFile(target, 'utf8')).toBe(`${'x'.repeat(43)}\n`);
    else expect(await readdir(dir)).toEqual(['api-token']);
  });
});
