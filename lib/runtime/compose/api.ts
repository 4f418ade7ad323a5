// The api function, composed: adapters from settings, one use case, and its logs and metrics.
import { createClients, type ServiceEndpoints } from '../../adapters/aws/create-clients.ts';
import { createDynamoRiskStore } from '../../adapters/aws/dynamodb/dynamo-risk-store.ts';
import { createDynamoSignalStore } from '../../adapters/aws/dynamodb/dynamo-signal-store.ts';
import { createSnsNotifier } from '../../adapters/aws/sns/sns-notifier.ts';
import { readSecretParameter } from '../../adapters/aws/ssm/read-secret-parameter.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { writeSecretParameter } from '../../adapters/aws/ssm/write-secret-parameter.ts';
import { createFileNotifier } from '../../adapters/files/file-notifier.ts';
import { createTelemetry } from '../../adapters/telemetry/powertools-telemetry.ts';
import { recordApiCall } from '../../adapters/telemetry/record-api-call.ts';
import { type ApiAnswer, type ApiDependencies, type ApiRequest, createApi } from '../../api/answer-api.ts';
import { sha256Of } from '../../core/hash.ts';
import { BREAKER_LIMITS } from '../../risk/breaker/limits.ts';
import { CODE_VERSION } from '../config/code-version.ts';
import { type ApiConfiguration, DEFAULT_RETENTION_DAYS } from '../config/configuration.ts';
import type { RuntimeOverrides } from '../config/runtime-overrides.ts';
import { apiTokenParameter, LOCAL_STAGE } from '../config/stage.ts';
import { openedBrokers } from './brokers.ts';

export interface ApiComposition {
  /** Never rejects. */
  answer(request: ApiRequest): Promise<ApiAnswer>;
  close(): Promise<void>;
}

export function composeApi(
  configuration: ApiConfiguration,
  page: ApiDependencies['page'],
  {
    endpoints,
    clock = { nowMs: Date.now },
    logOutput,
    codeVersion = CODE_VERSION,
    unlimitedRequests = false,
  }: RuntimeOverrides = {},
): ApiComposition {
  const { stage, exchange, exchangeUrl, signalsTable, riskTable, shards, notify, authorisation } =
    configuration;
  const clients = createClients(endpoints);
  const telemetry = createTelemetry({ service: 'api', stage, ...(logOutput && { output: logOutput }) });
  const risk = createDynamoRiskStore({ client: clients.dynamodb, table: riskTable, clock });
  const answer = createApi({
    authorisation,
    isLocal: stage === LOCAL_STAGE,
    readTokenHash: () => readSecretParameter(clients.ssm, apiTokenParameter(stage)),
    page,
    note: (call) => recordApiCall(telemetry, call),
    risk,
    signals: createDynamoSignalStore({
      client: clients.dynamodb,
      table: signalsTable,
      retentionDays: DEFAULT_RETENTION_DAYS,
      clock,
    }),
    flags: createSsmFlagStore({ client: clients.ssm, stage }),
    notifier:
      'topicArn' in notify ? createSnsNotifier(notify) : createFileNotifier({ path: notify.file, clock }),
    clock,
    codeVersion,
    shards,
    // A trip by an operator judges no evidence.
    limits: BREAKER_LIMITS,
    openBroker: openedBrokers({ stage, clients, risk, exchange, exchangeUrl, clock, unlimitedRequests }),
    stopwatchMs: () => performance.now(),
  });
  return { answer, close: async () => clients.close() };
}

/** From now on the stage's API takes this token, a running function after a minute at the latest. Throws StoreError. */
export async function setApiToken(stage: string, token: string, endpoints?: ServiceEndpoints): Promise<void> {
  const clients = createClients(endpoints);
  try {
    await writeSecretParameter(clients.ssm, { name: apiTokenParameter(stage), value: sha256Of(token) });
  } finally {
    clients.close();
  }
}
