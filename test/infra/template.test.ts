// What a deploy would create, read from the templates: who may do what above all.
import { readdirSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { type App, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FUNCTION_NAMES, FUNCTIONS } from '../../infra/catalog/functions.ts';
import { createMissing, missingSchema } from '../../infra/create-once/create-missing.ts';
import { flagPath, RISK_TABLE, SIGNALS_TABLE } from '../../lib/adapters/aws/resources.ts';
import { createSsmFlagStore } from '../../lib/adapters/aws/ssm/ssm-flag-store.ts';
import { API_ROUTES } from '../../lib/api/api-contract.ts';
import { methodsOf } from '../../lib/api/api-route.ts';
import { UNIVERSE_KEY } from '../../lib/market/universe.ts';
import { CLOSED_FLAGS } from '../../lib/risk/breaker/transition-types.ts';
import { FLAG_NAMES, FLAGS, parseFlags } from '../../lib/risk/flags.ts';
import { FUNCTION_SETTINGS } from '../../lib/runtime/config/function-settings.ts';
import {
  dashboardParameter,
  functionUrlParameter,
  resourcesOfStage,
} from '../../lib/runtime/config/stage.ts';
import { openEmbedded } from '../support/aws-target.ts';
import {
  ACCOUNT,
  type Json,
  permissionsByRole,
  REGION,
  type Statement,
  type SynthesisedStage,
  synthesise,
} from '../support/infra/synthesised-stage.ts';

const SHARDS = 2;
const UNIVERSE = { asOf: '2026-01-31', symbols: ['BTCUSDT', 'ETHUSDT'] };
let stage: SynthesisedStage;
let roles: ReadonlyMap<string, readonly Statement[]>;

beforeAll(async () => {
  stage = await synthesise({
    settings: {
      shards: SHARDS,
      symbols: 50,
      universe: UNIVERSE,
      notifyEmail: 'desk@example.com',
    },
    bundle: false,
  });
  roles = permissionsByRole(stage);
}, 240_000);
afterAll(() => rm(stage.folder, { recursive: true }));

const withoutArn = (resource: string) => resource.replace(/^arn:aws:[a-z0-9]+:[^:]*:[^:]*:/, '');
/** `service:Action resource`, one for each pair, sorted. */
const allowedOf = (role: string): string[] =>
  roles
    .get(role)!
    .flatMap(({ actions, resources }) =>
      actions.flatMap((action) => resources.map((resource) => `${action} ${withoutArn(resource)}`)),
    )
    .sort();
const rolesThatMay = (pattern: RegExp): string[] =>
  [...roles.keys()].filter((role) => allowedOf(role).some((each) => pattern.test(each))).sort();

const flag = (name: string) => `parameter/qt/dev/flags/${name}`;
const BUCKET = `qt-dev-${ACCOUNT}-${REGION}`;
const READ_FLAGS = FLAG_NAMES.map((name) => `ssm:GetParameters ${flag(name)}`);
const READ_SIGNALS = [
  'dynamodb:Query table/qt-dev-signals',
  'dynamodb:Query table/qt-dev-signals/index/byBar',
];
const CHANGE_RISK = ['GetItem', 'PutItem', 'Query', 'UpdateItem'].map(
  (verb) => `dynamodb:${verb} table/qt-dev-risk`,
);
const READ_RISK_LISTS = 'dynamodb:Query table/qt-dev-risk/index/listed';
const READ_KEYS = ['api-key', 'secret'].map((name) => `ssm:GetParameter parameter/qt/dev/exchange/${name}`);
const READ_ENSEMBLE = [`s3:GetObject ${BUCKET}/ensembles/*`, `s3:ListBucket ${BUCKET}`];
const RECEIVERS = ['email', 'webhook', 'telegram', 'slack', 'discord'].map(
  (kind) => `parameter/qt/dev/notify/${kind}`,
);
/** What every function may: write its own log and traces, and hand on what failed. */
const own = (name: string) => [
  `logs:CreateLogStream log-group:/aws/lambda/qt-dev-${name}:*`,
  `logs:PutLogEvents log-group:/aws/lambda/qt-dev-${name}:*`,
  'xray:PutTelemetryRecords *',
  'xray:PutTraceSegments *',
  ...['GetQueueAttributes', 'GetQueueUrl', 'SendMessage'].map((verb) => `sqs:${verb} qt-dev-${name}-failed`),
];

const CLOSE_FLAGS = Object.keys(CLOSED_FLAGS).map((name) => `ssm:PutParameter ${flag(name)}`);
/** With its condition: of one attribute. */
const CLOSE_LATCH = 'dynamodb:UpdateItem table/qt-dev-risk';
const READ_ALL = [
  ...['bucket', 'alarm-topic', 'shards', 'exchange', 'symbols'].map(
    (name) => `ssm:GetParameter parameter/qt/dev/resources/${name}`,
  ),
  ...READ_FLAGS,
  ...[
    'models',
    'ensembles',
    'policies',
    'quarantine',
    'profiles',
    'audit',
    'evidence',
    'universe',
    'candles',
    'shadow',
  ].map((prefix) => `s3:GetObject ${BUCKET}/${prefix}/*`),
  `s3:ListBucket ${BUCKET}`,
  ...READ_SIGNALS,
  'dynamodb:GetItem table/qt-dev-risk',
  'dynamodb:Query table/qt-dev-risk',
  READ_RISK_LISTS,
];
/** Through its URL alone. */
const callOf = (name: string) => [
  `lambda:InvokeFunctionUrl function:qt-dev-${name}`,
  `lambda:InvokeFunction function:qt-dev-${name}`,
  `ssm:GetParameter parameter/qt/dev/resources/${name}-url`,
];

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'infer/Role': [
    ...own('infer'),
    ...READ_ENSEMBLE,
    `s3:GetObject ${BUCKET}/models/*`,
    `s3:GetObject ${BUCKET}/quarantine/*`,
    `s3:PutObject ${BUCKET}/shadow/*`,
    `s3:GetObject ${BUCKET}/shadow/*`,
    `s3:GetObject ${BUCKET}/universe/current.json`,
    'dynamodb:PutItem table/qt-dev-signals',
    'lambda:InvokeFunction function:qt-dev-execute',
  ],
  'execute/Role': [
    ...own('execute'),
    ...READ_ENSEMBLE,
    `s3:GetObject ${BUCKET}/policies/*`,
    `s3:GetObject ${BUCKET}/quarantine/*`,
    ...READ_SIGNALS,
    ...READ_FLAGS,
    ...READ_KEYS,
    ...CHANGE_RISK,
  ],
  'manage-positions/Role': [
    ...own('manage-positions'),
    ...READ_FLAGS,
    ...READ_KEYS,
    ...CHANGE_RISK,
    'dynamodb:DeleteItem table/qt-dev-risk',
  ],
  'circuit-breaker/Role': [
    ...own('circuit-breaker'),
    ...READ_SIGNALS,
    ...READ_FLAGS,
    ...CHANGE_RISK,
    ...Object.keys(CLOSED_FLAGS).map((name) => `ssm:PutParameter ${flag(name)}`),
    'sns:Publish qt-dev-alarms',
  ],
  'api/Role': [
    ...own('api'),
    'ssm:GetParameter parameter/qt/dev/api/tokens',
    ...READ_SIGNALS,
    ...READ_FLAGS,
    ...READ_KEYS,
    ...CHANGE_RISK,
    READ_RISK_LISTS,
    ...FLAG_NAMES.map((name) => `ssm:GetParameterHistory ${flag(name)}`),
    ...FLAG_NAMES.map((name) => `ssm:PutParameter ${flag(name)}`),
    ...['audit', 'quarantine'].flatMap((folder) => [
      `s3:GetObject ${BUCKET}/${folder}/*`,
      `s3:PutObject ${BUCKET}/${folder}/*`,
    ]),
    ...['ensembles', 'evidence', 'models', 'policies', 'quarantine', 'universe'].map(
      (folder) => `s3:GetObject ${BUCKET}/${folder}/*`,
    ),
    `s3:ListBucket ${BUCKET}`,
    'sns:Publish qt-dev-alarms',
  ],
  'evaluate-rollout/Role': [
    ...own('evaluate-rollout'),
    ...READ_SIGNALS,
    `s3:GetObject ${BUCKET}/ensembles/*`,
    `s3:GetObject ${BUCKET}/profiles/*`,
    `s3:GetObject ${BUCKET}/universe/current.json`,
    `s3:ListBucket ${BUCKET}`,
    `s3:PutObject ${BUCKET}/evidence/*`,
    `s3:GetObject ${BUCKET}/evidence/*`,
    ...CHANGE_RISK.filter((each) => !each.includes('UpdateItem')),
  ],
  'refresh-universe/Role': [
    ...own('refresh-universe'),
    `s3:GetObject ${BUCKET}/universe/current.json`,
    `s3:ListBucket ${BUCKET}`,
    `s3:PutObject ${BUCKET}/universe/*`,
    `s3:GetObject ${BUCKET}/universe/*`,
  ],
  'collect-candles/Role': [
    ...own('collect-candles'),
    `s3:GetObject ${BUCKET}/candles/*`,
    `s3:GetObject ${BUCKET}/universe/current.json`,
    `s3:ListBucket ${BUCKET}`,
    `s3:PutObject ${BUCKET}/candles/*`,
  ],
  'notify/Role': [
    ...own('notify'),
    ...READ_SIGNALS,
    ...READ_FLAGS,
    ...CHANGE_RISK.filter((each) => !each.includes('UpdateItem')),
    ...RECEIVERS.map((name) => `ssm:GetParameters ${name}`),
    'ssm:GetParameter parameter/qt/dev/resources/dashboard',
    'sns:Publish qt-dev-alarms',
  ],
  ...Object.fromEntries(
    [
      'infer',
      'manage-positions',
      'circuit-breaker',
      'evaluate-rollout',
      'refresh-universe',
      'collect-candles',
      'notify',
    ].map((name) => [
      `${name}/SchedulerRole`,
      [`lambda:InvokeFunction function:qt-dev-${name}`, `sqs:SendMessage qt-dev-${name}-failed`],
    ]),
  ),
  'operate/Role': [
    ...own('operate'),
    ...READ_FLAGS,
    ...CHANGE_RISK,
    ...CLOSE_FLAGS,
    `s3:GetObject ${BUCKET}/evidence/*`,
    `s3:ListBucket ${BUCKET}`,
    'sns:Publish qt-dev-alarms',
  ],
  'approve/Role': [...own('approve'), ...READ_SIGNALS, ...CHANGE_RISK, 'sns:Publish qt-dev-alarms'],
  'emergency-stop/Role': [
    ...own('emergency-stop'),
    ...READ_FLAGS,
    ...READ_KEYS,
    ...CHANGE_RISK,
    ...CLOSE_FLAGS,
    `ssm:PutParameter ${flag('EMERGENCY_MODE')}`,
    'sns:Publish qt-dev-alarms',
  ],
  reader: READ_ALL,
  approver: [...READ_ALL, ...callOf('approve')],
  emergency: [
    ...callOf('emergency-stop'),
    `ssm:GetParameters ${flag('CIRCUIT_BREAKER_TRIGGERED')}`,
    ...CLOSE_FLAGS,
    `ssm:PutParameter ${flag('EMERGENCY_MODE')}`,
    CLOSE_LATCH,
  ],
  'token-issuer': [
    'ssm:GetParameter parameter/qt/dev/api/tokens',
    'ssm:PutParameter parameter/qt/dev/api/tokens',
  ],
  operator: [
    ...READ_ALL,
    ...FLAG_NAMES.map((name) => `ssm:GetParameterHistory ${flag(name)}`),
    ...FLAG_NAMES.map((name) => `ssm:PutParameter ${flag(name)}`),
    ...[
      ...['models', 'ensembles', 'policies', 'quarantine', 'profiles', 'audit', 'evidence', 'universe'],
      'candles',
    ].map((prefix) => `s3:PutObject ${BUCKET}/${prefix}/*`),
    ...callOf('operate'),
    ...callOf('emergency-stop'),
    CLOSE_LATCH,
    ...['GetParameters', 'PutParameter', 'DeleteParameter'].flatMap((verb) =>
      RECEIVERS.map((name) => `ssm:${verb} ${name}`),
    ),
    'ssm:GetParameter parameter/qt/dev/resources/dashboard',
    'sns:Publish qt-dev-alarms',
  ],
};

describe('the roles', () => {
  it('are these, and the one that creates what is not there', () => {
    expect([...roles.keys()].sort()).toEqual([...Object.keys(ALLOWED), 'CreateOnce/Role'].sort());
  });

  it.each(Object.keys(ALLOWED))('%s may do exactly what it needs', (role) => {
    expect(allowedOf(role)).toEqual([...ALLOWED[role]!].sort());
  });

  it('write flags in the hands of the breaker, the operator, his API, and the deploy that may not overwrite', () => {
    expect(rolesThatMay(/^ssm:PutParameter .*flags/)).toEqual([
      'CreateOnce/Role',
      'api/Role',
      'circuit-breaker/Role',
      'emergency',
      'emergency-stop/Role',
      'operate/Role',
      'operator',
    ]);
    for (const { actions, condition } of roles.get('CreateOnce/Role')!) {
      if (actions.includes('ssm:PutParameter'))
        expect(condition).toEqual({ StringEquals: { 'ssm:Overwrite': 'false' } });
      else if (actions.includes('s3:PutObject'))
        expect(condition).toEqual({ Null: { 's3:if-none-match': 'false' } });
      else expect(actions).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents']);
    }
  });

  it('keep the keys of the exchange from whoever does not trade', () => {
    expect(rolesThatMay(/exchange\//)).toEqual([
      'api/Role',
      'emergency-stop/Role',
      'execute/Role',
      'manage-positions/Role',
    ]);
  });

  it('hold no action by wildcard, and nothing of AWS’s own policies', () => {
    for (const role of roles.keys())
      for (const each of allowedOf(role)) expect(each).toMatch(/^[a-z0-9]+:[A-Za-z]+ /);
  });

  it('read back whatever they write, so that a write whose answer was lost is known as their own', () => {
    const objectsOf = (role: string, action: string) =>
      allowedOf(role).flatMap((each) => (each.startsWith(`${action} `) ? [each.split(' ')[1]!] : []));
    const blind = [...roles.keys()].flatMap((role) => {
      const readable = objectsOf(role, 's3:GetObject');
      return objectsOf(role, 's3:PutObject')
        .filter(
          (written) => !readable.some((key) => written === key || written.startsWith(key.replace(/\*$/, ''))),
        )
        .map((written) => `${role} ${written}`);
    });
    // The deploy asks no second time what it created.
    expect(blind).toEqual([`CreateOnce/Role ${BUCKET}/${UNIVERSE_KEY}`]);
  });

  it('delete no object, and nobody else may delete models or evidence', () => {
    expect(rolesThatMay(/^s3:Delete/)).toEqual([]);
    const policy = stage.ofType('AWS::S3::BucketPolicy')[0]!.properties.PolicyDocument.Statement;
    expect(policy).toContainEqual({
      Sid: 'NobodyDeletesModelsOrEvidence',
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
      Resource: [
        'candles',
        'models',
        'ensembles',
        'policies',
        'quarantine',
        'profiles',
        'audit',
        'evidence',
        'universe',
      ].map((prefix) => `arn:aws:s3:::${BUCKET}/${prefix}/*`),
    });
  });

  it('stop the synthesis when one may do more than cdk-nag lets pass unexplained', async () => {
    const change = (app: App) => {
      const role = new Role(new Stack(app, 'careless'), 'Role', {
        assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      });
      role.addToPolicy(new PolicyStatement({ actions: ['s3:*'], resources: ['*'] }));
    };
    await expect(synthesise({ bundle: false, change })).rejects.toThrow(/[Vv]alidation/);
  });
});

describe('the functions', () => {
  it('are all that there are in functions/', () => {
    expect([...FUNCTION_NAMES].sort()).toEqual(readdirSync('functions').sort());
    expect(stage.ofType('AWS::Lambda::Function')).toHaveLength(FUNCTION_NAMES.length + 1);
  });

  const lambda = (name: string) =>
    stage.ofType('AWS::Lambda::Function').find(({ path }) => path === `${name}/Function`)!.properties;

  it.each(FUNCTION_NAMES)('%s finds every setting it reads, and no other', (name) => {
    const environment: Record<string, string> = lambda(name).Environment.Variables;
    const read = new Set<string>();
    const watched = new Proxy(environment, {
      get(target, key) {
        read.add(String(key));
        return Reflect.get(target, key);
      },
    });
    const { signalsTable, riskTable } = resourcesOfStage('dev');
    const settings: Record<string, unknown> = { ...FUNCTION_SETTINGS[name].read(watched) };
    expect(settings.stage).toBe('dev');
    const expected = {
      signalsTable,
      riskTable,
      shards: SHARDS,
      bucket: BUCKET,
      exchange: 'binanceusdm',
      symbols: 50,
    };
    for (const [key, value] of Object.entries(expected))
      if (key in settings) expect([key, settings[key]]).toEqual([key, value]);
    expect(Object.keys(environment).filter((key) => !read.has(key))).toEqual([]);
  });

  it.each(FUNCTION_NAMES)('%s runs on Node 24 on x86_64, keeps its log, and hands on what failed', (name) => {
    expect(lambda(name)).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['x86_64'],
      Handler: 'handler.handler',
      LoggingConfig: { LogGroup: `/aws/lambda/qt-dev-${name}` },
    });
    const events = stage
      .ofType('AWS::Lambda::EventInvokeConfig')
      .find(({ properties }) => properties.FunctionName === `qt-dev-${name}`)!.properties;
    expect(events.DestinationConfig.OnFailure.Destination).toMatch(new RegExp(`:qt-dev-${name}-failed$`));
    expect(events.MaximumRetryAttempts).toBe(FUNCTIONS[name].retry.attempts);
  });

  it('one at a time are those that must not overlap', () => {
    const limited = FUNCTION_NAMES.filter((name) => lambda(name).ReservedConcurrentExecutions === 1);
    expect(limited).toEqual([
      'manage-positions',
      'circuit-breaker',
      'evaluate-rollout',
      'refresh-universe',
      'collect-candles',
      'notify',
    ]);
  });

  it('infer starts execute when it succeeds, and nothing else starts anything', () => {
    const started = stage
      .ofType('AWS::Lambda::EventInvokeConfig')
      .map(({ properties }) => [properties.FunctionName, properties.DestinationConfig.OnSuccess?.Destination])
      .filter(([, destination]) => destination !== undefined);
    expect(started).toEqual([
      ['qt-dev-infer', `arn:aws:lambda:${REGION}:${ACCOUNT}:function:qt-dev-execute`],
    ]);
  });

  it('are called on schedule: infer once a bar and shard, position manager and breaker every minute', () => {
    const schedules = stage
      .ofType('AWS::Scheduler::Schedule')
      .map(({ properties }) => [
        properties.Name,
        properties.ScheduleExpression,
        JSON.parse(properties.Target.Input),
      ]);
    expect(schedules).toEqual([
      ['qt-dev-infer-0-of-2', 'cron(0/5 * * * ? *)', { shard: 0, shardCount: 2 }],
      ['qt-dev-infer-1-of-2', 'cron(0/5 * * * ? *)', { shard: 1, shardCount: 2 }],
      ['qt-dev-manage-positions', 'cron(* * * * ? *)', {}],
      ['qt-dev-circuit-breaker', 'cron(* * * * ? *)', {}],
      ['qt-dev-evaluate-rollout', 'cron(7 * * * ? *)', {}],
      ['qt-dev-refresh-universe', 'cron(20 0 * * ? *)', {}],
      ['qt-dev-collect-candles', 'cron(40 9 * * ? *)', {}],
      ['qt-dev-notify', 'cron(* * * * ? *)', {}],
    ]);
  });
});

describe('the stacks', () => {
  it('deploy the schedules last: nothing runs before what it needs is there', async () => {
    const { artifacts } = JSON.parse(await readFile(`${stage.folder}/manifest.json`, 'utf8'));
    const predecessorsOf = (stack: string): string[] =>
      (artifacts[stack].dependencies ?? [])
        .filter((id: string) => artifacts[id].type === 'aws:cloudformation:stack')
        .flatMap((id: string) => [id, ...predecessorsOf(id)]);
    const stacks = [...new Set(stage.resources.map(({ stack }) => stack))];
    const schedules = stage.ofType('AWS::Scheduler::Schedule').map(({ stack }) => stack);
    expect(new Set(schedules)).toEqual(new Set(['qt-dev-schedules']));
    expect(new Set(predecessorsOf('qt-dev-schedules'))).toEqual(
      new Set(stacks.filter((stack) => stack !== 'qt-dev-schedules')),
    );
  });

  it('name what all regions share with their region, so that a stage can move or exist twice', () => {
    const GLOBAL = {
      'AWS::IAM::ManagedPolicy': 'ManagedPolicyName',
      'AWS::IAM::Role': 'RoleName',
      'AWS::CloudWatch::Dashboard': 'DashboardName',
      'AWS::S3::Bucket': 'BucketName',
    };
    const names = Object.entries(GLOBAL).flatMap(([type, property]) =>
      stage.ofType(type).flatMap(({ properties }) => properties[property] ?? []),
    );
    expect(names).toHaveLength(7);
    for (const name of names) expect(name).toMatch(new RegExp(`^qt-dev-.*${REGION}$`));
  });
});

describe('the HTTP API', () => {
  const ofApi = (type: string, from = stage) =>
    from.ofType(`AWS::ApiGatewayV2::${type}`).map(({ properties }) => properties);

  it('has the routes of its contract and no other, each to the function alone', () => {
    const routes = Object.values(API_ROUTES).flatMap((route) =>
      methodsOf(route).map((method) => `${method} ${route.path}`),
    );
    expect(
      ofApi('Route')
        .map(({ RouteKey }) => RouteKey)
        .sort(),
    ).toEqual(routes.sort());
    expect(ofApi('Integration')).toEqual([
      expect.objectContaining({
        IntegrationType: 'AWS_PROXY',
        IntegrationUri: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:qt-dev-api`,
        PayloadFormatVersion: '2.0',
      }),
    ]);
    for (const { properties } of stage.ofType('AWS::Lambda::Permission'))
      expect(properties).toMatchObject({
        Action: 'lambda:InvokeFunction',
        Principal: 'apigateway.amazonaws.com',
      });
    expect(ofApi('Api')[0]).not.toHaveProperty('CorsConfiguration');
  });

  it('bounds the calls, those of the emergency stop apart, and logs them without their headers', () => {
    const [served] = ofApi('Stage');
    expect(served.DefaultRouteSettings).toEqual({ ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10 });
    expect(served.RouteSettings).toEqual({
      'POST /api/emergency/stop': { ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10 },
    });
    const { Format } = served.AccessLogSettings;
    expect(Object.keys(JSON.parse(Format))).toEqual(
      expect.arrayContaining(['ip', 'route', 'status', 'requestId']),
    );
    expect(Format).not.toMatch(/header|authorization/i);
  });

  it('asks for a signature on every route where the stage says so, and for the token else', async () => {
    expect(new Set(ofApi('Route').map(({ AuthorizationType }) => AuthorizationType))).toEqual(
      new Set(['NONE']),
    );
    const authorisationOf = (from: SynthesisedStage) =>
      from.ofType('AWS::Lambda::Function').find(({ path }) => path === 'api/Function')!.properties.Environment
        .Variables.QT_API_AUTHORISATION;
    expect(authorisationOf(stage)).toBe('token');
    const signed = await synthesise({ settings: { apiAuthorisation: 'iam' }, bundle: false });
    try {
      const kinds = new Set(ofApi('Route', signed).map(({ AuthorizationType }) => AuthorizationType));
      expect([...kinds]).toEqual(['AWS_IAM']);
      expect(authorisationOf(signed)).toBe('iam');
    } finally {
      await rm(signed.folder, { recursive: true });
    }
  });
});

describe('the flags', () => {
  it('are no resources of the stack, which an update would set back', () => {
    const owned = stage.ofType('AWS::SSM::Parameter').map(({ properties }) => properties.Name);
    expect(owned.filter((name) => name.startsWith(flagPath('dev')))).toEqual([]);
  });

  it('are not in the change set of a deploy with other settings, and what is calls nothing', async () => {
    const settings = { shards: SHARDS + 1, universe: { ...UNIVERSE, symbols: ['SOLUSDT'] } };
    const second = await synthesise({ settings, bundle: false });
    await rm(second.folder, { recursive: true });
    const before = new Map(stage.resources.map(({ stack, id, raw }) => [`${stack}/${id}`, raw]));
    const changed = second.resources.filter(
      ({ stack, id, raw }) => !isDeepStrictEqual(raw, before.get(`${stack}/${id}`)),
    );
    const paths = changed.map(({ path }) => path);
    expect(paths).toContain('infer/Schedule-2-of-3');
    expect(paths.filter((path) => FLAG_NAMES.some((name) => path.includes(name)))).toEqual([]);
    const calls = changed.filter(({ type }) => type.startsWith('Custom::'));
    expect(calls.map(({ path, properties }) => [path, properties.Flags])).toEqual([
      ['CreateOnce/Missing/Default', stage.ofType('Custom::CreateOnce')[0]!.properties.Flags],
    ]);
  });

  it('are closed after the first deploy, on paper; a second one leaves what the operator wrote', async () => {
    const target = await openEmbedded();
    try {
      const { Flags } = stage.ofType('Custom::CreateOnce')[0]!.properties;
      const missing = missingSchema.parse({ Flags });
      const context = {
        ...target.clients,
        sleep: async () => {},
        remainingMs: () => 60_000,
        random: () => 0,
      };
      const deploy = () => createMissing(missing, context);
      const flags = createSsmFlagStore({ client: target.clients.ssm, stage: 'dev' });
      const values = async () =>
        Object.fromEntries(
          Object.entries(parseFlags(await flags.read(FLAG_NAMES))).map(([name, state]) => [
            name,
            state.state === 'value' ? String(state.value) : state.message,
          ]),
        );
      await deploy();
      const deployed = Object.fromEntries(FLAG_NAMES.map((name) => [name, FLAGS[name].deployed]));
      expect(await values()).toEqual(deployed);
      expect(deployed).toMatchObject({ QT_ENABLE_EXECUTION: 'false', QT_ENABLE_AI_TRADING: 'false' });

      const written = { QT_ENABLE_AI_TRADING: 'true', EMERGENCY_MODE: 'true', QT_MAX_POSITIONS: '1' };
      for (const [name, text] of Object.entries(written)) await flags.write(name, text);
      await deploy();
      expect(await values()).toEqual({ ...deployed, ...written });
      await expect(flags.write('EMERGENCY_MODE', 'no')).rejects.toThrow();
    } finally {
      await target.close();
    }
  });
});

describe('what is stored', () => {
  it('is kept when the stack goes, and not when its creation fails: tables that can be restored to any second, a bucket with versions', () => {
    const tables = stage.ofType('AWS::DynamoDB::Table');
    expect(tables).toHaveLength(2);
    for (const { raw, properties } of tables) {
      expect(raw).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
      expect(properties).toMatchObject({
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      });
    }
    const bucket = stage.ofType('AWS::S3::Bucket')[0]!;
    expect(bucket.raw).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
    });
    expect(bucket.properties).toMatchObject({
      VersioningConfiguration: { Status: 'Enabled' },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
    });
  });

  it('keeps the logs of a function that goes, but not those of a deploy that failed: their names are free again', () => {
    const logs = stage.ofType('AWS::Logs::LogGroup').filter(({ properties }) => properties.LogGroupName);
    expect(logs.length).toBe(FUNCTION_NAMES.length + 1);
    for (const { raw } of logs)
      expect(raw).toMatchObject({ DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' });
  });

  it('has the tables of the local run', () => {
    const keysOf = (name: string) => {
      const { KeySchema, TimeToLiveSpecification } = stage
        .ofType('AWS::DynamoDB::Table')
        .find(({ properties }) => properties.TableName === name)!.properties;
      const keys = KeySchema.map(({ AttributeName }: { AttributeName: string }) => AttributeName);
      return [...keys, TimeToLiveSpecification?.AttributeName];
    };
    const { signalsTable, riskTable } = resourcesOfStage('dev');
    for (const [name, definition] of [
      [signalsTable, SIGNALS_TABLE],
      [riskTable, RISK_TABLE],
    ] as const) {
      const { partitionKey, sortKey, timeToLiveAttribute } = definition;
      expect(keysOf(name)).toEqual([partitionKey.name, sortKey.name, timeToLiveAttribute]);
    }
  });

  it('is told to the commands by parameters', () => {
    const names = resourcesOfStage('dev');
    const parameters = Object.fromEntries(
      stage.ofType('AWS::SSM::Parameter').map(({ properties }) => [properties.Name, properties.Value]),
    );
    expect(parameters).toEqual({
      [names.bucketParameter]: BUCKET,
      [names.topicParameter]: `arn:aws:sns:${REGION}:${ACCOUNT}:qt-dev-alarms`,
      [names.shardsParameter]: String(SHARDS),
      [names.exchangeParameter]: 'binanceusdm',
      [names.symbolsParameter]: '50',
      [dashboardParameter('dev')]: expect.stringMatching(/ApiEndpoint\/$/),
      ...Object.fromEntries(
        ['operate', 'approve', 'emergency-stop'].map((name) => [
          functionUrlParameter('dev', name),
          expect.stringContaining('FunctionUrl'),
        ]),
      ),
    });
  });

  it('lets people call functions by signature alone, and fits into policies', () => {
    for (const { properties } of stage.ofType('AWS::Lambda::Url'))
      expect(properties.AuthType).toBe('AWS_IAM');
    expect(stage.ofType('AWS::Lambda::Url')).toHaveLength(3);
    // No resource policy lets anybody past IAM; of AWS's limit of 6,144 characters.
    expect(
      stage.ofType('AWS::Lambda::Permission').map(({ properties }) => properties.Principal),
    ).not.toContain('*');
    for (const { properties } of stage.ofType('AWS::IAM::ManagedPolicy'))
      expect(JSON.stringify(properties.PolicyDocument).length).toBeLessThan(6_144);
  });
});

describe('the alarms', () => {
  const alarms = () => stage.ofType('AWS::CloudWatch::Alarm').map(({ properties }) => properties);

  it('tell people when they begin and when they end, and name their runbook', () => {
    const topic = [`arn:aws:sns:${REGION}:${ACCOUNT}:qt-dev-alarms`];
    for (const alarm of alarms()) {
      expect(alarm).toMatchObject({ AlarmActions: topic, OKActions: topic });
      expect(alarm.AlarmDescription).toMatch(/ Runbook: docs\/OPERATIONS\.md#[a-z-]+$/);
    }
    expect(stage.ofType('AWS::SNS::TopicPolicy')[0]!.properties.PolicyDocument.Statement).toContainEqual(
      expect.objectContaining({
        Effect: 'Allow',
        Action: 'sns:Publish',
        Principal: { Service: 'cloudwatch.amazonaws.com' },
      }),
    );
  });

  it('sound on silence where silence is the danger', () => {
    const names = alarms()
      .filter(({ TreatMissingData }) => TreatMissingData === 'breaching')
      .map(({ AlarmName }) => AlarmName);
    expect(names.sort()).toEqual([
      'qt-dev-candles-stale',
      'qt-dev-lease-expired',
      'qt-dev-no-signals',
      'qt-dev-notify-silent',
      'qt-dev-position-manager-silent',
      'qt-dev-shard-silent',
      'qt-dev-universe-stale',
    ]);
  });

  it('notice every way in which infer’s result does not reach execute', () => {
    const metricsOf = (name: string) =>
      alarms()
        .find(({ AlarmName }) => AlarmName === `qt-dev-${name}`)!
        .Metrics.flatMap(({ MetricStat: stat }: { MetricStat?: Json }) =>
          stat === undefined ? [] : [`${stat.Metric.Dimensions[0].Value} ${stat.Metric.MetricName}`],
        )
        .sort();
    for (const name of ['infer', 'execute'])
      expect(metricsOf(`events-lost-${name}`)).toEqual([
        `qt-dev-${name} AsyncEventsDropped`,
        `qt-dev-${name} DestinationDeliveryFailures`,
      ]);
    expect(metricsOf('execute-silent')).toEqual([
      'qt-dev-execute Errors',
      'qt-dev-execute Invocations',
      'qt-dev-infer Errors',
      'qt-dev-infer Invocations',
    ]);
    // Who is not part of the chain has no such alarm.
    expect(alarms().filter(({ AlarmName }) => AlarmName.includes('events-lost'))).toHaveLength(2);
  });

  it('are what the design asks for', () => {
    const runbooks = new Set(alarms().map(({ AlarmDescription }) => AlarmDescription.split('#')[1]));
    for (const runbook of [
      'breaker-tripped',
      'lease-expired',
      'no-signals',
      'abstentions',
      'model-load-failure',
      'feature-mismatch',
      'latency',
      'memory',
      'failed-events',
      'drawdown',
      'consensus',
      'missed-bars',
      'signals-missing',
      'events-lost',
      'execute-silent',
      'versions-differ',
      'universe-kept',
    ])
      expect(runbooks).toContain(runbook);
  });
});
