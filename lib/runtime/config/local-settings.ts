// Settings of the functions in the local run, which has no environment to read them from.
import type {
  ApiSettings,
  CircuitBreakerSettings,
  EvaluateRolloutSettings,
  Exchange,
  ExecuteSettings,
  InferSettings,
  ManagePositionsSettings,
  NotifySettings,
  RefreshUniverseSettings,
} from './function-settings.ts';
import { LOCAL_BUCKET, LOCAL_STAGE, localNotificationsFile, resourcesOfStage } from './stage.ts';

interface LocalMarket {
  readonly exchange: Exchange;
  /** Of the simulated exchange; undefined for the real one. */
  readonly exchangeUrl: string | undefined;
}

const { signalsTable, riskTable } = resourcesOfStage(LOCAL_STAGE);
const shards = 1;

/** Of infer, execute, manage-positions and evaluate-rollout. */
export const localTradingSettings = (
  market: LocalMarket,
): InferSettings & ExecuteSettings & ManagePositionsSettings & EvaluateRolloutSettings => ({
  ...market,
  stage: LOCAL_STAGE,
  bucket: LOCAL_BUCKET,
  signalsTable,
  riskTable,
  shards,
  externalPositions: 'adopt-and-close',
});

/** Of the circuit breaker, and of notify. */
export const localCircuitBreakerSettings = (stateDir: string): CircuitBreakerSettings & NotifySettings => ({
  stage: LOCAL_STAGE,
  signalsTable,
  riskTable,
  shards,
  notify: { file: localNotificationsFile(stateDir) },
});

export const localApiSettings = (stateDir: string, market: LocalMarket): ApiSettings => ({
  ...market,
  ...localCircuitBreakerSettings(stateDir),
  bucket: LOCAL_BUCKET,
  authorisation: 'token',
});

/** @param symbols size of the universe */
export const localRefreshUniverseSettings = (
  market: LocalMarket,
  symbols: number,
): RefreshUniverseSettings => ({
  ...market,
  stage: LOCAL_STAGE,
  bucket: LOCAL_BUCKET,
  symbols,
});
