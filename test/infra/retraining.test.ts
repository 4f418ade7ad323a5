// The weekly retraining, where it is switched on: what a deploy would create, and its steps with the permissions of its role.
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PutParameterCommand } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureLocalResources } from '../../lib/adapters/aws/resources.ts';
import { createS3ObjectStore } from '../../lib/adapters/aws/s3/s3-object-store.ts';
import { candleParquet } from '../../lib/adapters/files/candle-parquet.ts';
import { createFolderObjectStore } from '../../lib/adapters/files/folder-object-store.ts';
import type { ObjectStore } from '../../lib/core/ports.ts';
import { featureProfileKey } from '../../lib/features/feature-profile.ts';
import { monthOf } from '../../lib/market/bar-range.ts';
import { BAR_MS } from '../../lib/market/candle.ts';
import { CollectedSymbol } from '../../lib/market/use-cases/collected-candles.ts';
import { POINTER_KEY, SHADOW_KEY } from '../../lib/models/ensemble.ts';
import { resourcesOfStage } from '../../lib/runtime/config/stage.ts';
import { type EmbeddedTarget, openEmbedded } from '../support/aws-target.ts';
import { type GuardedAws, guardAws } from '../support/infra/guarded-aws.ts';
import {
  ACCOUNT,
  BASE_IMAGES,
  permissionsByRole,
  REGION,
  type Statement,
  type SynthesisedStage,
  synthesise,
} from '../support/infra/synthesised-stage.ts';
import { randomWalk, WALK_START_MS } from '../support/market/random-walk.ts';
import { buildModelFolder, membersTrainedOn } from '../support/models/build-model-folder.ts';

const BUCKET = `qt-dev-${ACCOUNT}-${REGION}`;
let stage: SynthesisedStage;
let roles: ReadonlyMap<string, readonly Statement[]>;

beforeAll(async () => {
  stage = await synthesise({
    settings: { retraining: { ...BASE_IMAGES, trainArguments: ['--folds', '4'] } },
    bundle: false,
  });
  roles = permissionsByRole(stage);
}, 240_000);
afterAll(() => rm(stage.folder, { recursive: true }));

const withoutArn = (resource: string) => resource.replace(/^arn:aws:[a-z0-9]+:[^:]*:[^:]*:/, '');
const allowedOf = (role: string): string[] =>
  roles
    .get(role)!
    .flatMap(({ actions, resources }) =>
      actions.flatMap((action) => resources.map((resource) => `${action} ${withoutArn(resource)}`)),
    )
    .sort();

describe('the retraining', () => {
  it('reads candles and models, adds new ones and names a shadow: no pointer, no deletion, nothing of trading', () => {
    expect(allowedOf('TaskRole')).toEqual(
      [
        'ssm:GetParameter parameter/qt/dev/resources/bucket',
        ...['candles', 'models', 'ensembles', 'quarantine', 'profiles', 'audit/models'].map(
          (prefix) => `s3:GetObject ${BUCKET}/${prefix}/*`,
        ),
        `s3:ListBucket ${BUCKET}`,
        ...['models/*', 'ensembles/e*', 'profiles/*', 'audit/models/*', SHADOW_KEY].map(
          (keys) => `s3:PutObject ${BUCKET}/${keys}`,
        ),
      ].sort(),
    );
    for (const { actions, resources, condition } of roles.get('TaskRole')!) {
      const isNew = actions.includes('s3:PutObject') && !resources[0]!.endsWith(SHADOW_KEY);
      expect(condition).toEqual(isNew ? { Null: { 's3:if-none-match': 'false' } } : undefined);
    }
  });

  it('is started once a week, and only by its schedule', () => {
    const schedule = stage
      .ofType('AWS::Scheduler::Schedule')
      .find(({ properties }) => properties.Name === 'qt-dev-retraining')!.properties;
    expect(schedule.ScheduleExpression).toBe('cron(0 3 ? * SUN *)');
    expect(schedule.Target.DeadLetterConfig.Arn).toMatch(/:qt-dev-retraining-failed$/);
    const starters = [...roles.keys()].filter((role) =>
      allowedOf(role).some((each) => each.startsWith('states:')),
    );
    expect(starters).toEqual(['SchedulerRole']);
  });

  it('runs the image of training/Dockerfile with the options of the stage', () => {
    const [task] = stage.ofType('AWS::ECS::TaskDefinition');
    const [container] = task!.properties.ContainerDefinitions;
    expect(container.Command).toEqual(['--folds', '4']);
    expect(container.Environment).toContainEqual({ Name: 'QT_STAGE', Value: 'dev' });
  });

  it('is built from images that no other can take the place of: by digest', async () => {
    const files = (await readdir(stage.folder)).filter((name) => name.endsWith('.assets.json'));
    const manifests = await Promise.all(files.map((name) => readFile(join(stage.folder, name), 'utf8')));
    const images = manifests.flatMap((manifest) => Object.values(JSON.parse(manifest).dockerImages ?? {}));
    expect(images).toMatchObject([
      {
        source: {
          dockerBuildArgs: { NODE_IMAGE: BASE_IMAGES.nodeImage, PYTHON_IMAGE: BASE_IMAGES.pythonImage },
        },
      },
    ]);
    expect(await readFile('training/Dockerfile', 'utf8')).not.toMatch(
      /^FROM (?!\$\{[A-Z]+_IMAGE\})|^ARG \w+=/m,
    );
  });

  it('calls people when it fails, is stopped, comes too late or cannot be started', () => {
    const alarms = stage.ofType('AWS::CloudWatch::Alarm').map(({ properties }) => properties);
    const failed = alarms.find(({ AlarmName }) => AlarmName === 'qt-dev-retraining-failed')!;
    const watched = failed.Metrics.flatMap(
      (metric: { MetricStat?: { Metric: { MetricName: string } } }) =>
        metric.MetricStat?.Metric.MetricName ?? [],
    );
    expect(watched).toEqual(['ExecutionsFailed', 'ExecutionsAborted', 'ExecutionsTimedOut']);
    expect(alarms.map(({ AlarmName }) => AlarmName)).toContain('qt-dev-failed-events-retraining');
  });

  it('is left out where the stage does not ask for it', async () => {
    const plain = await synthesise({ bundle: false });
    expect(plain.ofType('AWS::ECS::TaskDefinition')).toEqual([]);
    expect(plain.ofType('AWS::StepFunctions::StateMachine')).toEqual([]);
    await rm(plain.folder, { recursive: true });
  }, 120_000);
});

/** A month of candles, as `qtrader collect` stores them. */
async function collect(objects: ObjectStore, symbol: string, seed: number): Promise<void> {
  const opened = await CollectedSymbol.open({ objects, codec: candleParquet }, { symbol, source: 'test' });
  if (!opened.ok) throw new Error(opened.error);
  const series = randomWalk({ seed, bars: 1_400 });
  expect(await opened.value.write(monthOf(series.openTimeMs[0]!), series)).toBe(true);
  expect(await opened.value.save()).toBe(true);
}

describe.each([
  ['', false],
  [', and every first answer to a write lost', true],
])('the steps of the retraining, with the permissions of its role%s', (_, losesAnswers) => {
  let target: EmbeddedTarget;
  let aws: GuardedAws;
  let folder: string;
  let objects: ObjectStore;
  const CHAMPION = 'e20240701_000000';
  const CANDIDATE = 'e20240801_000000';

  beforeAll(async () => {
    target = await openEmbedded();
    const { signalsTable, riskTable, bucketParameter } = resourcesOfStage('dev');
    await ensureLocalResources(target.clients, { bucket: BUCKET, signalsTable, riskTable, stage: 'dev' });
    await target.clients.ssm.send(
      new PutParameterCommand({ Name: bucketParameter, Value: BUCKET, Type: 'String' }),
    );
    objects = createS3ObjectStore({ client: target.clients.s3, bucket: BUCKET });
    const members = membersTrainedOn({
      fromMs: WALK_START_MS,
      toMs: WALK_START_MS + 1_300 * BAR_MS,
      symbols: ['AAAUSDT', 'BBUSDT'],
    });
    await buildModelFolder({ store: objects, ensemble: { id: CHAMPION }, members });
    await collect(objects, 'AAAUSDT', 1);
    await collect(objects, 'BBUSDT', 2);
    aws = await guardAws(target.aws.endpoints, roles.get('TaskRole')!, { losesAnswers });
    folder = await mkdtemp(join(tmpdir(), 'qt-retraining-'));
    // Training takes minutes and Python; here its part is to bring what it would have brought, if it is asked rightly.
    const trained = join(folder, 'trained');
    await buildModelFolder({ store: createFolderObjectStore(trained), ensemble: { id: CANDIDATE }, members });
    const python = join(folder, 'python');
    await writeFile(
      python,
      `#!/bin/sh\nset -eu\nprintf '%s\\n' "$@" > '${folder}/asked'\ntest -s "$5/dataset.json"\ncp -r '${trained}' "$7"\n`,
    );
    await chmod(python, 0o755);
  }, 120_000);
  afterAll(async () => {
    await aws.close();
    await target.close();
    await rm(folder, { recursive: true });
  });

  const retrain = (name: string) =>
    promisify(execFile)('training/retrain.sh', ['--folds', '4'], {
      env: {
        ...aws.environment,
        PATH: `${folder}:${process.env.PATH}`,
        QT_STAGE: 'dev',
        QT_RETRAIN_DIR: join(folder, name),
      },
    });
  const read = async (key: string) => JSON.parse(new TextDecoder().decode((await objects.get(key))!.body));

  it('bring a candidate into shadow; the active ensemble stays, and a repetition changes nothing', async () => {
    const pointer = await objects.get(POINTER_KEY);
    const { stdout } = await retrain('first');
    expect(aws.denied).toEqual([]);
    expect(aws.lost.length > 0).toBe(losesAnswers);
    expect(stdout).toMatch(/4 files of collected candles[\s\S]*e20240801_000000 runs as the shadow/);
    const out = join(folder, 'first');
    expect((await readFile(join(folder, 'asked'), 'utf8')).trim().split('\n')).toEqual(
      `-m training train --data ${out}/dataset --out ${out}/models --work ${out}/trials --folds 4`.split(' '),
    );
    expect(await read(SHADOW_KEY)).toMatchObject({ ensembleId: CANDIDATE });
    expect(await read(featureProfileKey(CANDIDATE))).toMatchObject({ symbols: ['AAAUSDT', 'BBUSDT'] });
    expect(await objects.get(POINTER_KEY)).toEqual(pointer);
    await expect(retrain('again')).rejects.toMatchObject({ stderr: expect.stringMatching(/already_so/) });
    expect(await objects.get(POINTER_KEY)).toEqual(pointer);
  }, 120_000);

  it('end at the first that fails: nothing is published', async () => {
    const before = await objects.list('');
    await writeFile(join(folder, 'python'), '#!/bin/sh\nexit 3\n');
    await expect(retrain('failed')).rejects.toMatchObject({ code: 3 });
    expect(await objects.list('')).toEqual(before);
  }, 60_000);
});
