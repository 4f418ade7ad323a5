// The life of an ensemble in S3, over the real client and HTTP: copied in, loaded, damaged, rolled back, cut off.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, DeleteObjectCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AwsClients, createClients } from '../../lib/adapters/aws/create-clients.ts';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3/s3-object-store.ts';
import { createFolderObjectStore } from '../../lib/adapters/files/folder-object-store.ts';
import { createOnnxModelRuntime } from '../../lib/adapters/onnx/onnx-model-runtime.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { modelKey } from '../../lib/models/ensemble.ts';
import { copyEnsemble } from '../../lib/models/use-cases/copy-ensemble.ts';
import { createEnsembleProvider, type EnsembleProvider } from '../../lib/models/use-cases/load-ensemble.ts';
import { promoteEnsemble, rollbackEnsemble } from '../../lib/models/use-cases/release-ensemble.ts';
import { setQuarantine } from '../../lib/models/use-cases/release-quarantine.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../local/aws/embedded-aws.ts';
import { buildModelFolder, DEFAULT_MEMBERS } from '../support/models/build-model-folder.ts';

const Bucket = 'models';
const VERSION = 'v20240728_000000';
const XGBOOST = modelKey({ name: 'xgboost', version: VERSION });
const runtime = createOnnxModelRuntime();

let stateDir: string;
let aws: EmbeddedAws;
let clients: AwsClients;
let store: ObjectStore;
let provider: EnsembleProvider;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'qt-ensemble-'));
  aws = await startEmbeddedAws({ stateDir });
  clients = createClients(aws.endpoints);
  await clients.s3.send(new CreateBucketCommand({ Bucket }));
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await clients.s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  store = createS3ObjectStore({ client: clients.s3, bucket: Bucket });
  provider = createEnsembleProvider({ store, runtime });
});

afterEach(async () => {
  await provider.close();
  clients.close();
  await aws.close();
  await rm(stateDir, { recursive: true, force: true });
});

async function publish(plan: Omit<Parameters<typeof buildModelFolder>[0], 'store'> = {}) {
  const from = createFolderObjectStore(join(stateDir, 'folder'));
  await buildModelFolder({ store: from, ...plan });
  const copied = await copyEnsemble({ from, to: store, runtime, pointer: 'set_first' });
  if (!copied.ok) throw new Error(copied.error.message);
  return copied.value;
}

/** What serves and what does not, in one line each. */
async function look() {
  const current = await provider.current();
  if (!current.ok) return current.error.code;
  await current.value.release();
  const { ensemble, serving, quarantined } = current.value;
  return [
    ensemble.id,
    ...serving.map(({ name }) => name),
    ...quarantined.map(({ model, reason }) => `${model}: ${reason}`),
  ].join(' ');
}

const ALL = 'e20240728_000000 xgboost lightgbm nhits patchtst';

test('copying twice writes once, and all members serve', async () => {
  expect(await look()).toBe('pointer_missing');
  expect(await publish()).toMatchObject({ uploaded: 9, pointer: 'set' });
  expect(await publish()).toMatchObject({ uploaded: 0, pointer: 'untouched' });
  expect([await look(), await look()]).toEqual([ALL, ALL]);
});

test('a model deleted, then overwritten, is out at once; with its version back it serves again', async () => {
  await publish();
  const right = (await store.get(XGBOOST))!.body;
  await look();
  const deleted = await clients.s3.send(new DeleteObjectCommand({ Bucket, Key: XGBOOST }));
  expect(await look()).toBe('e20240728_000000 lightgbm nhits patchtst xgboost: model_missing');
  await store.put(XGBOOST, right);
  expect(await look()).toBe('e20240728_000000 lightgbm nhits patchtst xgboost: object_changed');
  const overwriting = (await store.head(XGBOOST))!.versionId;
  for (const VersionId of [overwriting, deleted.VersionId]) {
    await clients.s3.send(new DeleteObjectCommand({ Bucket, Key: XGBOOST, VersionId }));
  }
  expect(await look()).toBe(ALL);
});

test('promote and rollback take effect at the next look; of two at the same moment one wins', async () => {
  await publish();
  await look();
  for (const day of ['0801', '0802'])
    await publish({
      members: DEFAULT_MEMBERS.map((member) => ({ ...member, version: `v2024${day}_000000` })),
      ensemble: { id: `e2024${day}_000000` },
    });
  expect(await look(), 'publishing activates nothing').toBe(ALL);
  const source = { store, runtime };
  const actor = { by: 'ana', reason: 'test', atMs: 1_722_500_000_000 };
  const promotions = await Promise.all(
    ['e20240801_000000', 'e20240802_000000'].map((ensembleId) =>
      promoteEnsemble(source, { ensembleId, actor, evidence: 'forced' }),
    ),
  );
  const won = promotions.findIndex(({ ok }) => ok);
  expect(promotions[1 - won]).toMatchObject({ ok: false, error: { code: 'conflict' } });
  expect(await look()).toBe(ALL.replace('0728', won === 0 ? '0801' : '0802'));
  expect(await rollbackEnsemble(source, actor)).toMatchObject({ ok: true });
  expect(await look()).toBe(ALL);
});

test('a model in quarantine is out at the next look, in again once that is lifted', async () => {
  await publish();
  await look();
  const model = { name: 'xgboost', version: VERSION };
  const actor = { by: 'ana', reason: 'drifts', atMs: 1_722_500_000_000 };
  await setQuarantine(store, model, { state: 'quarantined', actor });
  expect(await look()).toBe('e20240728_000000 lightgbm nhits patchtst xgboost: quarantined_by_operator');
  await setQuarantine(store, model, { state: 'lifted', actor });
  expect(await look()).toBe(ALL);
});

test('with S3 gone no model votes, though all are in memory', async () => {
  await publish();
  await look();
  await aws.close();
  const silent = ['xgboost', 'lightgbm', 'nhits', 'patchtst'].map((name) => `${name}: store_unavailable`);
  expect(await look()).toBe(['e20240728_000000', ...silent].join(' '));
});
