// The embedded database under damage to its files: whatever is changed, cut off or gone, a tripped latch never comes back armed.
// It stands, or the start is refused by a line that names the damage.
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AwsClients, createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { ensureLocalResources } from '../../../lib/adapters/aws/resources.ts';
import { startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import { LocalStartError } from '../../../local/aws/host/local-start-error.ts';

const names = { bucket: 'qt-bucket', signalsTable: 'signals', riskTable: 'risk', stage: 'local' };
const Key = { scope: 'paper', sk: 'gate' };
const LOG_BLOCK_BYTES = 32_768;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(`${tmpdir()}/qt-damage-`);
});
afterAll(() => rm(root, { recursive: true }));

const setLatch = ({ dynamodb }: AwsClients, latch: string) =>
  dynamodb.send(
    new UpdateCommand({
      TableName: names.riskTable,
      Key,
      UpdateExpression: 'SET latch = :latch',
      ExpressionAttributeValues: { ':latch': latch },
    }),
  );

/**
 * A state whose latch was armed, tripped, and touched by nothing after that but other items.
 * @param bytesAfter of items on both sides of the trip: many of them move the gate from the log to a table
 * @param isKilled as a process leaves it that is killed: the folder is copied while it is open
 */
async function prepareState(name: string, bytes: number, isKilled: boolean): Promise<string> {
  const stateDir = `${root}/${name}`;
  const aws = await startEmbeddedAws({ stateDir });
  const clients = createClients(aws.endpoints);
  await ensureLocalResources(clients, names);
  const fill = async (sk: string) => {
    for (let left = bytes; left > 0; left -= 200_000) {
      const Item = { scope: 'paper', sk: `${sk}#${left}`, text: randomText(Math.min(left, 200_000)) };
      await clients.dynamodb.send(new PutCommand({ TableName: names.riskTable, Item }));
    }
  };
  await setLatch(clients, 'ARMED');
  await fill('before');
  await setLatch(clients, 'TRIPPED');
  await fill('after');
  const copy = `${root}/${name}-killed`;
  await cp(stateDir, copy, { recursive: true });
  clients.close();
  await aws.close();
  return isKilled ? copy : stateDir;
}

let randomState = 1;
/** Text that does not compress. */
function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    randomState = (Math.imul(randomState, 1_664_525) + 1_013_904_223) >>> 0;
    text += randomState.toString(36);
  }
  return text.slice(0, length);
}

/** The latch as a start on this state finds it, or the one line that refuses the start. */
async function latchOf(stateDir: string): Promise<string> {
  try {
    const aws = await startEmbeddedAws({ stateDir });
    const clients = createClients(aws.endpoints);
    try {
      const { Item } = await clients.dynamodb.send(
        new GetCommand({ TableName: names.riskTable, Key, ConsistentRead: true }),
      );
      return String(Item?.latch);
    } finally {
      clients.close();
      await aws.close();
    }
  } catch (error) {
    if (!(error instanceof LocalStartError)) throw error;
    expect(error.message).not.toContain('\n');
    return `refused: ${error.message}`;
  }
}

/** What becomes of the latch when `damage` is done to a copy of one file of the database. */
async function afterDamage(stateDir: string, file: string, damage: (path: string) => Promise<void>) {
  const copy = `${root}/damaged`;
  await rm(copy, { recursive: true, force: true });
  await cp(stateDir, copy, { recursive: true });
  await damage(`${copy}/dynamodb/${file}`);
  return latchOf(copy);
}

/** Bytes to flip: all of a small file; of a large one the ends, each block's beginning, each record's header, and every n-th. */
function positionsIn(file: string, bytes: Buffer): number[] {
  if (bytes.length <= 64) return [...bytes.keys()];
  const chosen = new Set<number>();
  for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 24)) chosen.add(at);
  for (let back = 1; back <= 48; back += 3) chosen.add(bytes.length - back);
  if (file.endsWith('.log') || file.startsWith('MANIFEST')) {
    const headers: number[] = [];
    for (let at = 0; at + 7 <= bytes.length; ) {
      const blockLeft = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES);
      if (blockLeft < 7) at += blockLeft;
      else {
        headers.push(at);
        at += 7 + bytes.readUInt16LE(at + 4);
      }
    }
    for (const header of [...headers.slice(0, 2), ...headers.slice(-4)])
      for (const offset of [0, 4, 5, 6]) chosen.add(header + offset);
  }
  return [...chosen].filter((at) => at >= 0 && at < bytes.length);
}

const isDataFile = (file: string) => !['LOCK', 'LOG', 'LOG.old'].includes(file);

describe.each([
  { name: 'in the log', bytes: 1_000, isKilled: false },
  { name: 'in the log of a killed process', bytes: 1_000, isKilled: true },
  { name: 'in tables', bytes: 5_000_000, isKilled: true },
])('a tripped latch $name', ({ name, bytes, isKilled }) => {
  let stateDir: string;
  let files: string[];
  beforeAll(async () => {
    stateDir = await prepareState(name.replaceAll(' ', '-'), bytes, isKilled);
    files = (await readdir(`${stateDir}/dynamodb`)).filter(isDataFile);
  });

  it('stands when nothing is damaged', async () => {
    expect(await afterDamage(stateDir, '', async () => {})).toBe('TRIPPED');
    expect(files.some((file) => file.endsWith('.ldb'))).toBe(bytes > 1_000_000);
  });

  it('never comes back armed after one flipped bit, wherever', { timeout: 300_000 }, async () => {
    const outcomes = new Map<string, number>();
    for (const file of files) {
      const whole = await readFile(`${stateDir}/dynamodb/${file}`);
      for (const at of positionsIn(file, whole)) {
        const outcome = await afterDamage(stateDir, file, async (path) => {
          const flipped = Buffer.from(whole);
          flipped[at]! ^= 1 << (at % 8);
          await writeFile(path, flipped);
        });
        const isRefused = outcome.startsWith('refused: ');
        if (isRefused) expect(outcome).toMatch(/dynamodb is damaged \(.+\); restore/);
        else expect(`${file} at ${at}: ${outcome}`).toBe(`${file} at ${at}: TRIPPED`);
        const kind = `${isRefused ? 'refused' : 'stands'} ${file.replace(/\d+/, 'N')}`;
        outcomes.set(kind, (outcomes.get(kind) ?? 0) + 1);
      }
    }
    expect(outcomes.get('refused N.log')).toBeGreaterThan(20);
    expect(outcomes.get('refused CURRENT')).toBeGreaterThan(10);
  });

  it('never comes back armed when a file is cut short, emptied or gone', { timeout: 300_000 }, async () => {
    for (const file of files) {
      const { length } = await readFile(`${stateDir}/dynamodb/${file}`);
      const damages: [string, (path: string) => Promise<void>][] = [
        ['gone', (path) => rm(path)],
        ['emptied', (path) => truncate(path, 0)],
        ['halved', (path) => truncate(path, Math.floor(length / 2))],
        ['shorter by a byte', (path) => truncate(path, Math.max(0, length - 1))],
      ];
      for (const [what, damage] of damages) {
        if (length === 0 && what !== 'gone') continue;
        const outcome = await afterDamage(stateDir, file, damage);
        expect(`${file} ${what}: ${outcome}`).toMatch(/refused: .*dynamodb is damaged/);
      }
    }
  });
});

it('is named at the second start too, and left as it is', async () => {
  const stateDir = await prepareState('twice', 1_000, true);
  const [log] = (await readdir(`${stateDir}/dynamodb`)).filter((file) => file.endsWith('.log'));
  const whole = await readFile(`${stateDir}/dynamodb/${log}`);
  whole[Math.floor(whole.length / 2)]! ^= 1;
  await writeFile(`${stateDir}/dynamodb/${log}`, whole);
  for (let start = 0; start < 2; start++) expect(await latchOf(stateDir)).toContain(`${log}: wrong checksum`);
  expect(Buffer.compare(await readFile(`${stateDir}/dynamodb/${log}`), whole)).toBe(0);
});

it('is not what a table is that was half written when the disk was full or the process killed', async () => {
  const stateDir = await prepareState('half-written', 5_000_000, true);
  const folder = `${stateDir}/dynamodb`;
  const [table] = (await readdir(folder)).filter((file) => file.endsWith('.ldb'));
  const whole = await readFile(`${folder}/${table}`);
  await writeFile(`${folder}/999999.ldb`, whole.subarray(0, 65_536));
  expect(await latchOf(stateDir)).toBe('TRIPPED');
  expect(await readdir(folder)).not.toContain('999999.ldb');
});
