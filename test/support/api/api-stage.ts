// The HTTP API over real HTTP, on the embedded services and the simulated exchange, as a caller meets it.
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, request as send } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { buildPage } from '../../../dashboard/build-page.ts';
import { readDashboard } from '../../../dashboard/page.ts';
import type { Clock } from '../../../lib/core/ports.ts';
import { BREAKER_LIMITS } from '../../../lib/risk/breaker/limits.ts';
import { firstArmed } from '../../../lib/risk/breaker/state.ts';
import { newGate } from '../../../lib/risk/gate.ts';
import { tickBreaker } from '../../../lib/risk/use-cases/circuit-breaker.ts';
import { composeApi } from '../../../lib/runtime/compose/api.ts';
import { issueApiToken } from '../../../lib/runtime/compose/api-tokens.ts';
import { prepareLocalStage } from '../../../lib/runtime/compose/local-stage.ts';
import { type OperatorSystem, openLocalStage } from '../../../lib/runtime/compose/operator.ts';
import { localApiSettings } from '../../../lib/runtime/config/local-settings.ts';
import { LOCAL_STAGE } from '../../../lib/runtime/config/stage.ts';
import { type EmbeddedAws, startEmbeddedAws } from '../../../local/aws/embedded-aws.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { claimApiPort, serveApi } from '../../../local/run/api-server.ts';
import { BROKER_START_MS, brokerMarket } from '../execution/broker-market.ts';

/** Of ada, an operator. */
export const TOKEN = 'a-token-of-the-right-length-0123456789abcdef';
/** Of bob. */
export const APPROVER_TOKEN = 'approver-token-of-the-right-length-0123456789';
/** Of eve. */
export const READER_TOKEN = 'a-reader-token-of-the-right-length-0123456789';

export interface Call {
  readonly method?: string;
  /** null: none. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are of any shape here, and checked against the document.
  readonly json: any;
}

interface ServedApi {
  readonly endpoint: string;
  /** Lines of this process. */
  readonly log: readonly string[];
  close(): Promise<void>;
}

export interface ApiStage {
  readonly stateDir: string;
  readonly aws: EmbeddedAws;
  readonly exchange: SimulatedExchange;
  readonly system: OperatorSystem;
  readonly clock: Clock;
  readonly api: ServedApi;
  /** Sends the path as it is, letter by letter. */
  call(path: string, call?: Call): Promise<Answered>;
  advance(ms: number): void;
  /** The same API in a new process, which remembers nothing. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** A stage whose breaker has ticked once. */
export async function startApiStage(): Promise<ApiStage> {
  let nowMs = BROKER_START_MS + 5_000;
  const clock = { nowMs: () => nowMs };
  const stateDir = await mkdtemp(join(tmpdir(), 'qt-api-'));
  const aws = await startEmbeddedAws({ stateDir });
  const exchange = await startSimulatedExchange({ market: brokerMarket, clock });
  const system = openLocalStage(aws.endpoints, stateDir, { name: 'binanceusdm', url: exchange.url });
  await prepareLocalStage(aws.endpoints, system.objects);
  const holders = [
    { name: 'ada', role: 'operator', token: TOKEN },
    { name: 'bob', role: 'approver', token: APPROVER_TOKEN },
    { name: 'eve', role: 'reader', token: READER_TOKEN },
  ] as const;
  for (const holder of holders) await issueApiToken(LOCAL_STAGE, holder, aws.endpoints);
  await system.risk.createGate('paper', newGate(firstArmed(nowMs)));
  await tickBreaker({ ...system, clock, shards: 1, limits: BREAKER_LIMITS }, 'paper');
  const serve = () => serveStage({ stateDir, aws, exchange, clock });
  let api = await serve();
  return {
    ...{ stateDir, aws, exchange, system, clock },
    get api() {
      return api;
    },
    call: (path, call) => sendCall(api.endpoint, path, call),
    advance(ms) {
      nowMs += ms;
    },
    async restart() {
      await api.close();
      api = await serve();
    },
    async close() {
      await api.close();
      await exchange.close();
      await system.close();
      await aws.close();
      await rm(stateDir, { recursive: true });
    },
  };
}

async function serveStage({
  stateDir,
  aws,
  exchange,
  clock,
}: Pick<ApiStage, 'aws' | 'exchange' | 'clock'> & { readonly stateDir: string }): Promise<ServedApi> {
  const log: string[] = [];
  const logOutput = new Writable({
    write: (chunk, _, done) => {
      log.push(...String(chunk).trim().split('\n'));
      done();
    },
  });
  const settings = localApiSettings(stateDir, { exchange: 'binanceusdm', exchangeUrl: exchange.url });
  buildPage();
  const composed = composeApi(
    settings,
    readDashboard(),
    {
      endpoints: aws.endpoints,
      clock,
      logOutput,
      isReplay: true,
    },
    aws.onWrite,
  );
  const port = await claimApiPort(0);
  serveApi(composed, port);
  return {
    endpoint: port.endpoint,
    log,
    close: async () => {
      await composed.endEvents();
      await port.close();
      await composed.close();
    },
  };
}

function sendCall(
  endpoint: string,
  path: string,
  { method = 'GET', token = TOKEN, headers = {}, body }: Call = {},
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const all = { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers };
    const request = send(endpoint, { path, method, headers: all, agent: false }, async (answer) => {
      let text = '';
      for await (const chunk of answer) text += chunk;
      const isJson = answer.headers['content-type']?.startsWith('application/json');
      resolve({
        status: answer.statusCode!,
        headers: answer.headers,
        text,
        json: isJson && text !== '' ? JSON.parse(text) : undefined,
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}
