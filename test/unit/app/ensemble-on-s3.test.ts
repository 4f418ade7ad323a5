// The life of an ensemble in S3, over the real client and HTTP: copied in, loaded, damaged, rolled back, cut off.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, DeleteObjectCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type AwsClients, createClients } from '../../../lib/adapters/aws/create-clients.ts';
import { createS3ObjectStore } from '../../../lib/adapters/aws/s3-object-store.ts';
import { createFolderObjectStore } from '../../../lib/adapters/files/folder-object-store.ts';
import { createOnnxModelRuntime } from '../../../lib/adapters/onnx/onnx-model-runtime.ts';
import { createEnsembleProvider, type EnsembleProvider } from '../../../lib/app/load-ensemble.ts';
import { copyEnsemble } from '../../../lib/app/model-registry.ts';
import type { ObjectStore } from '../../../lib/app/ports.ts';
import { modelKey, POINTER_KEY } from '../../../lib/models/ensemble.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import { buildModelFolder, DEFAULT_MEMBERS, toJson } from '../../onnx/build-model-folder.ts';

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
  const copied = await copyEnsemble({ from, to: store, runtime, pointer: 'move' });
  if (!copied.ok) throw new Error(copied.error.detail);
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
  expect(await publish()).toMatchObject({ uploaded: 9, pointer: 'moved' });
  expect(await publish()).toMatchObject({ uploaded: 0, pointer: 'unchanged' });
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

test('promote and rollback take effect at the next look', async () => {
  await publish();
  await look();
  const members = DEFAULT_MEMBERS.map((member) => ({ ...member, version: 'v20240801_000000' }));
  await publish({ members, ensemble: { id: 'e20240801_000000' } });
  expect(await look()).toBe(ALL.replace('0728', '0801'));
  const { etag } = (await store.head(POINTER_KEY))!;
  await store.put(POINTER_KEY, toJson({ ensembleId: 'e20240728_000000' }), { ifMatch: etag });
  expect(await look()).toBe(ALL);
});

test('with S3 gone no model votes, though all are in memory', async () => {
  await publish();
  await look();
  await aws.close();
  const silent = ['xgboost', 'lightgbm', 'nhits', 'patchtst'].map((name) => `${name}: store_unavailable`);
  expect(await look()).toBe(['e20240728_000000', ...silent].join(' '));
});
