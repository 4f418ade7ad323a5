// An exchange on this machine that speaks Binance's REST to the real ccxt client: what `npm start` trades on and what the tests
// break. It follows the clock it is given, so a replay at any speed has the same limits, times and bars as the real thing.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newRunSecret } from '../aws/host/local-door.ts';
import type { AccountTruth } from './account/account-truth.ts';
import type { Contract } from './contracts.ts';
import { ExchangeCore, type ExchangeOptions } from './exchange-core.ts';
import { turnAway } from './exchange-door.ts';
import type { ExternalActs } from './external-acts.ts';
import type { FaultControl } from './faults.ts';
import { type AnswerSink, readBody, send } from './http-answers.ts';
import { type ExchangeRequest, refuse } from './route.ts';

interface SimulatedExchangeOptions extends ExchangeOptions {
  /** @default a free one */
  readonly port?: number;
  /** @default 127.0.0.1 */
  readonly host?: string;
}

export interface SimulatedExchange {
  /** Origin to give to clients, without a slash at the end. */
  readonly url: string;
  /** Also over HTTP: POST, GET, DELETE `/__faults`, with the secret. */
  readonly faults: FaultControl;
  /** What others do meanwhile. Also over HTTP: POST `/__external/<act>`. */
  readonly external: ExternalActs;
  /** The account as it is, without lags or faults; undefined without one. */
  truth(): AccountTruth | undefined;
  /** Terms and filters as they are; undefined for a symbol that the market has not. */
  contract(symbol: string): Contract | undefined;
  /** Of this run, in the header `x-qt-secret` of its control routes. */
  readonly secret: string;
  /** Tears down open connections too; may be called again. */
  close(): Promise<void>;
}

/** Rejects when the port is taken. */
export async function startSimulatedExchange(options: SimulatedExchangeOptions): Promise<SimulatedExchange> {
  const exchange = new ExchangeCore(options);
  const secret = newRunSecret();
  const server = createServer((incoming, response) => {
    if (turnAway(incoming, response, secret)) return;
    serve(exchange, incoming, response).catch(() => response.destroy());
  });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    faults: exchange.faults,
    external: exchange.external,
    truth: () => exchange.truth(),
    contract: (symbol) => exchange.contracts.of(symbol),
    secret,
    close: async () => {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(
  exchange: ExchangeCore,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(incoming.url ?? '', 'http://localhost');
  const body = await readBody(incoming);
  const request: ExchangeRequest = {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    rawQuery: url.search.slice(1),
    header: (name) => [incoming.headers[name]].flat()[0],
    address: incoming.socket.remoteAddress ?? '',
    body: body ?? '',
  };
  const sink: AnswerSink = {
    setHeader: (name, value) => void response.setHeader(name, value),
    writeHead: (status, headers) => void response.writeHead(status, headers),
    write: (text) => void response.write(text),
    end: (text) => void response.end(text),
    reset: () => void incoming.socket.destroy(),
  };
  // The exchange's own date: clients may judge by it which bars are closed.
  response.sendDate = false;
  response.setHeader('Date', new Date(exchange.nowMs()).toUTCString());
  if (body === undefined) return send(sink, refuse(-1000, 'The request is too large.', 413));
  exchange.handle(request, sink, exchange.takeFault(request));
}
