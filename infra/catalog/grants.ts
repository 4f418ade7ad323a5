// Everything that a function or an operator may be allowed, by purpose. A grant names single actions on single resources, or on the
// objects under one prefix: never a whole service, and never the deletion of data that decisions are based on.
import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { RISK_TABLE, SIGNALS_TABLE } from '../../lib/adapters/aws/resources.ts';
import type { ActFunction } from '../../lib/api/operator/operator-acts.ts';
import { EMERGENCY_FLAGS } from '../../lib/execution/use-cases/emergency-stop.ts';
import { UNIVERSE_KEY } from '../../lib/market/universe.ts';
import { COLLECTED_PREFIX } from '../../lib/market/use-cases/collected-candles.ts';
import { SHADOW_KEY } from '../../lib/models/ensemble.ts';
import { RECEIVER_KINDS } from '../../lib/notification/receiver-settings.ts';
import { CLOSED_FLAGS } from '../../lib/risk/breaker/transition-types.ts';
import { FLAG_NAMES } from '../../lib/risk/flags.ts';
import { CARRYING_FLAG } from '../../lib/risk/use-cases/unlatched-trip.ts';
import {
  apiTokensParameter,
  credentialParameters,
  dashboardParameter,
  functionUrlParameter,
  receiverParameter,
  resourcesOfStage,
} from '../../lib/runtime/config/stage.ts';
import { type SharedArns, sharedArns } from './shared-resources.ts';

interface Allowed {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  /** @default none */
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

type Grant = (arns: SharedArns, stage: string) => readonly Allowed[];

const readObjects =
  (...keys: readonly string[]): Grant =>
  (arns) => [
    { actions: ['s3:GetObject'], resources: keys.map(arns.objects) },
    // Without it S3 answers 403 instead of 404 for a missing key.
    { actions: ['s3:ListBucket'], resources: [arns.bucket] },
  ];
const writeObjects =
  (...keys: readonly string[]): Grant =>
  (arns) => [{ actions: ['s3:PutObject'], resources: keys.map(arns.objects) }];
/** For conditional writes: one whose answer was lost is recognised by reading it back. */
const writeConditionally =
  (...keys: readonly string[]): Grant =>
  (arns) => [{ actions: ['s3:PutObject', 's3:GetObject'], resources: keys.map(arns.objects) }];
/** New objects only: S3 rejects a write that does not carry that condition. */
const addObjects =
  (...keys: readonly string[]): Grant =>
  (arns) => [
    {
      actions: ['s3:PutObject'],
      resources: keys.map(arns.objects),
      conditions: { Null: { 's3:if-none-match': 'false' } },
    },
  ];
const onRisk =
  (...actions: readonly string[]): Grant =>
  (arns) => [{ actions: actions.map((action) => `dynamodb:${action}`), resources: [arns.riskTable] }];
const onFlags =
  (actions: readonly string[], names: readonly string[]): Grant =>
  (arns) => [{ actions: actions.map((action) => `ssm:${action}`), resources: names.map(arns.flag) }];

const receiversOf = (stage: string) => RECEIVER_KINDS.map((kind) => receiverParameter(stage, kind));
/** Through its URL, where AWS tells the function who calls: an event that somebody wrote himself is refused. */
const callFunction =
  (name: ActFunction): Grant =>
  (arns, stage) => [
    {
      actions: ['lambda:InvokeFunctionUrl'],
      resources: [arns.function(name)],
      conditions: { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } },
    },
    {
      actions: ['lambda:InvokeFunction'],
      resources: [arns.function(name)],
      conditions: { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } },
    },
    { actions: ['ssm:GetParameter'], resources: [arns.parameter(functionUrlParameter(stage, name))] },
  ];

const RELEASED = [
  'models/*',
  'ensembles/*',
  'policies/*',
  'quarantine/*',
  'profiles/*',
  'audit/*',
  'evidence/*',
  'universe/*',
] as const;

const GRANTS = {
  read_models: readObjects('models/*', 'ensembles/*', 'quarantine/*'),
  read_ensemble: readObjects('ensembles/*'),
  read_policies: readObjects('policies/*'),
  read_quarantine: readObjects('quarantine/*'),
  read_universe: readObjects(UNIVERSE_KEY),
  read_universe_changes: readObjects('universe/*'),
  read_evidence: readObjects('evidence/*'),
  write_universe: writeConditionally('universe/*'),
  read_candles: readObjects(`${COLLECTED_PREFIX}*`),
  write_candles: writeObjects(`${COLLECTED_PREFIX}*`),
  order_quarantine: writeConditionally('quarantine/*', 'audit/*'),
  write_shadow: writeConditionally('shadow/*'),
  write_evidence: writeConditionally('evidence/*'),
  write_signals: ({ signalsTable }) => [{ actions: ['dynamodb:PutItem'], resources: [signalsTable] }],
  read_signals: ({ signalsTable }) => [
    {
      actions: ['dynamodb:Query'],
      resources: [signalsTable, `${signalsTable}/index/${SIGNALS_TABLE.index.name}`],
    },
  ],
  /** Gate, latch and orders. */
  change_risk: onRisk('GetItem', 'PutItem', 'Query', 'UpdateItem'),
  /** Removes the record of a closed position. */
  close_positions: onRisk('DeleteItem'),
  read_risk: onRisk('GetItem', 'Query'),
  /** Orders and the audit trail in order of time. */
  read_risk_lists: ({ riskTable }) => [
    { actions: ['dynamodb:Query'], resources: [`${riskTable}/index/${RISK_TABLE.index.name}`] },
  ],
  // The latch of a gate, and no other attribute. Closing it stops entries; opening it takes what this does not allow to write.
  close_latch: ({ riskTable }) => [
    {
      actions: ['dynamodb:UpdateItem'],
      resources: [riskTable],
      conditions: {
        'ForAllValues:StringEquals': {
          'dynamodb:LeadingKeys': ['paper', 'live'],
          'dynamodb:Attributes': ['scope', 'sk', 'latch', 'writeId'],
        },
        StringEqualsIfExists: { 'dynamodb:ReturnValues': 'NONE' },
      },
    },
  ],
  call_operate: callFunction('operate'),
  call_approve: callFunction('approve'),
  call_emergency_stop: callFunction('emergency-stop'),
  assess: onRisk('GetItem', 'PutItem', 'Query'),
  read_flags: onFlags(['GetParameters'], FLAG_NAMES),
  // The one flag that a stop must not write over unread.
  read_carried_trips: onFlags(['GetParameters'], [CARRYING_FLAG]),
  close_flags: onFlags(['PutParameter'], Object.keys(CLOSED_FLAGS)),
  declare_emergency: onFlags(['PutParameter'], Object.keys(EMERGENCY_FLAGS)),
  operate_flags: onFlags(['GetParameters', 'GetParameterHistory', 'PutParameter'], FLAG_NAMES),
  // AWS's key for Parameter Store decrypts for anyone who may read the parameter.
  read_exchange_keys: (arns, stage) => [
    {
      actions: ['ssm:GetParameter'],
      resources: Object.values(credentialParameters(stage)).map(arns.parameter),
    },
  ],
  read_api_token: (arns, stage) => [
    { actions: ['ssm:GetParameter'], resources: [arns.parameter(apiTokensParameter(stage))] },
  ],
  write_api_token: (arns, stage) => [
    {
      actions: ['ssm:GetParameter', 'ssm:PutParameter'],
      resources: [arns.parameter(apiTokensParameter(stage))],
    },
  ],
  read_receivers: (arns, stage) => [
    { actions: ['ssm:GetParameters'], resources: receiversOf(stage).map(arns.parameter) },
  ],
  operate_receivers: (arns, stage) => [
    {
      actions: ['ssm:GetParameters', 'ssm:PutParameter', 'ssm:DeleteParameter'],
      resources: receiversOf(stage).map(arns.parameter),
    },
  ],
  find_dashboard: (arns, stage) => [
    { actions: ['ssm:GetParameter'], resources: [arns.parameter(dashboardParameter(stage))] },
  ],
  find_resources: (arns, stage) => {
    const names = resourcesOfStage(stage);
    const { bucketParameter, topicParameter, shardsParameter, exchangeParameter, symbolsParameter } = names;
    return [
      {
        actions: ['ssm:GetParameter'],
        resources: [
          bucketParameter,
          topicParameter,
          shardsParameter,
          exchangeParameter,
          symbolsParameter,
        ].map(arns.parameter),
      },
    ];
  },
  read_released: readObjects(...RELEASED, 'shadow/*'),
  release: writeObjects(...RELEASED),
  read_profiles: readObjects('profiles/*'),
  find_bucket: (arns, stage) => [
    { actions: ['ssm:GetParameter'], resources: [arns.parameter(resourcesOfStage(stage).bucketParameter)] },
  ],
  // The id of an ensemble begins with e; the name of the pointer does not.
  add_candidates: addObjects('models/*', 'ensembles/e*', 'profiles/*', 'audit/models/*'),
  read_audit: readObjects('audit/models/*'),
  name_shadow: writeObjects(SHADOW_KEY),
  notify: ({ topic }) => [{ actions: ['sns:Publish'], resources: [topic] }],
} as const satisfies Record<string, Grant>;

export type GrantName = keyof typeof GRANTS;

const READER_GRANTS = [
  'find_resources',
  'read_flags',
  'read_released',
  'read_candles',
  'read_signals',
  'read_risk',
  'read_risk_lists',
] as const satisfies readonly GrantName[];

/** The emergency stop, and what closes the gate when the function that stops does not answer. */
const EMERGENCY_GRANTS = [
  'call_emergency_stop',
  'read_carried_trips',
  'close_flags',
  'declare_emergency',
  'close_latch',
] as const satisfies readonly GrantName[];

/** What people may do. None of them reads the exchange's keys, or writes more of the risk table than a closed latch. */
export const PEOPLE_GRANTS = {
  reader: READER_GRANTS,
  operator: [
    'find_resources',
    'operate_flags',
    'read_released',
    'release',
    'read_candles',
    'write_candles',
    'read_signals',
    'read_risk',
    'read_risk_lists',
    'call_operate',
    'call_emergency_stop',
    'close_latch',
    'operate_receivers',
    'find_dashboard',
    'notify',
  ],
  approver: [...READER_GRANTS, 'call_approve'],
  emergency: EMERGENCY_GRANTS,
  // Whoever issues tokens says who their holders are: an operator who could would be two people.
  'token-issuer': ['write_api_token'],
} as const satisfies Readonly<Record<string, readonly GrantName[]>>;
export type PeoplePolicy = keyof typeof PEOPLE_GRANTS;

/** The retraining adds a candidate and puts it in shadow. It cannot replace, activate or delete anything. */
export const RETRAINING_GRANTS = [
  'find_bucket',
  'read_candles',
  'read_models',
  'read_profiles',
  'read_audit',
  'add_candidates',
  'name_shadow',
] as const satisfies readonly GrantName[];

export const statementsOf = (grants: readonly GrantName[], stack: Stack, stage: string): PolicyStatement[] =>
  grants
    .flatMap((grant) => (GRANTS[grant] as Grant)(sharedArns(stack, stage), stage))
    .map(
      ({ actions, resources, conditions }) =>
        new PolicyStatement({
          actions: [...actions],
          resources: [...resources],
          ...(conditions !== undefined && { conditions }),
        }),
    );

/** cdk-nag requires a reason for every `*` in a policy, by its text. */
export function acknowledgeWildcards(
  construct: Construct,
  statements: readonly PolicyStatement[],
  reason: string,
): void {
  const wildcards = new Set(
    statements.flatMap(({ resources }) => resources).filter((resource) => resource.endsWith('*')),
  );
  for (const wildcard of wildcards)
    Validations.of(construct).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${flatten(Stack.of(construct), wildcard)}]`,
      reason,
    });
}

/** As cdk-nag writes a resource: references in angle brackets. */
function flatten(stack: Stack, resource: string): string {
  const resolved: unknown = stack.resolve(resource);
  if (typeof resolved === 'string') return resolved;
  const { 'Fn::Join': join } = resolved as { 'Fn::Join': [string, (string | { Ref: string })[]] };
  return join[1].map((part) => (typeof part === 'string' ? part : `<${part.Ref}>`)).join(join[0]);
}
