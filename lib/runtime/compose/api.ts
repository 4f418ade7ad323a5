// Composes the api function.

import { createClients } from '../../adapters/aws/create-clients.ts';
import { createS3ObjectStore } from '../../adapters/aws/s3/s3-object-store.ts';
import { createSsmFlagStore } from '../../adapters/aws/ssm/ssm-flag-store.ts';
import { recordApiCall } from '../../adapters/telemetry/record-api-call.ts';
import { type ApiDependencies, createApi } from '../../api/answer-api.ts';
import type { ApiAnswer, ApiRequest } from '../../api/api-call.ts';
import { createEventStreams } from '../../api/events/event-streams.ts';
import { readMarks } from '../../api/events/read-marks.ts';
import { readSystemStatus } from '../../execution/use-cases/system-status.ts';
import { BREAKER_LIMITS } from '../../risk/breaker/limits.ts';
import type { ApiSettings } from '../config/function-settings.ts';
import { LOCAL_STAGE } from '../config/stage.ts';
import { liveRefusal } from '../config/venue.ts';
import { PROCESS_TIMERS } from '../timers.ts';
import { readApiTokens } from './api-tokens.ts';
import { openedBrokers } from './exchange/brokers.ts';
import { openMarketData } from './exchange/market-data.ts';
import { openFunctionRuntime, type RuntimeOverrides } from './function-runtime.ts';
import { openNotifier } from './notifier.ts';
import { openRiskStore, openSignalStore } from './stores.ts';

export interface ApiComposition {
  /** Never rejects. */
  answer(request: ApiRequest): Promise<ApiAnswer>;
  /** The server is about to close: streams of events end. */
  endEvents(): Promise<void>;
  close(): Promise<void>;
}

/** @param onWrite calls back after each write to the stores; without it no events are served */
export function composeApi(
  settings: ApiSettings,
  page: ApiDependencies['page'],
  overrides?: RuntimeOverrides,
  onWrite?: (written: () => void) => void,
): ApiComposition {
  const { stage, shards, notify, authorisation } = settings;
  const runtime = openFunctionRuntime(createClients, 'api', stage, overrides);
  const { clients, clock, codeVersion, telemetry } = runtime;
  const risk = openRiskStore(runtime, settings);
  const signals = openSignalStore(runtime, settings);
  const flags = createSsmFlagStore({ client: clients.ssm, stage });
  const sources = { risk, signals, flags, clock, readShards: async () => shards };
  const events =
    onWrite &&
    createEventStreams({
      readMarks: () => readMarks(sources, () => readSystemStatus(sources)),
      warn: (message) => telemetry.logger.warn('events', { message }),
      ...PROCESS_TIMERS,
    });
  if (events !== undefined) onWrite?.(events.written);
  const answer = createApi({
    events,
    authorisation,
    isLocal: stage === LOCAL_STAGE,
    readTokens: () => readApiTokens(clients.ssm, stage),
    venueRefusal: liveRefusal(settings.exchange),
    page,
    note: (call) => recordApiCall(telemetry, call),
    risk,
    signals,
    objects: createS3ObjectStore({ client: clients.s3, bucket: settings.bucket }),
    market: openMarketData(settings, runtime),
    flags,
    notifier: openNotifier(notify, clock),
    clock,
    codeVersion,
    shards,
    // An operator's trip judges no evidence.
    limits: BREAKER_LIMITS,
    openBroker: openedBrokers({ ...settings, ...runtime, risk }),
    ...PROCESS_TIMERS,
  });
  return { answer, endEvents: async () => events?.close(), close: runtime.close };
}
