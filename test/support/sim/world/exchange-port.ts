// The network between a function and the simulated exchange, in memory: the real client on one side, the exchange's rules on the other,
// and on the way whatever befalls requests.
import type { Transport, TransportAnswer } from '../../../../lib/adapters/binance/http-transport.ts';
import type { ExchangeCore } from '../../../../local/exchange/exchange-core.ts';
import { type AnswerFault, ODDITIES } from '../../../../local/exchange/faults.ts';
import type { AnswerSink } from '../../../../local/exchange/http-answers.ts';
import type { ExchangeRequest } from '../../../../local/exchange/route.ts';
import { parametersOf } from '../../../../local/exchange/signed-request.ts';
import { between, type Draw, oneOf } from '../kernel/draws.ts';
import type { Environment, StepFault } from '../kernel/environment.ts';
import type { FaultKind } from '../kernel/fault-plan.ts';
import { type CandleBook, drawLie, KLINES_PATH } from './candle-book.ts';
import { INCOME_PATH, type IncomeBook } from './income-book.ts';

export interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly parameters: URLSearchParams;
  readonly environment: Environment;
}

/** What the outside sees of the requests; each before anything of them has happened. */
export interface ExchangeWatch {
  /** The request leaves. */
  sent(request: SentRequest): void;
  /** It has been carried out, or refused. */
  answered(request: SentRequest, status: number, body: string): void;
}

export const EXCHANGE_ORIGIN = 'http://exchange.invalid';
/** Of one request, as the functions ask for it. */
const TIMEOUT_MS = 5_000;

class TornConnection extends Error {
  override readonly message = 'connection reset';
}
const torn = () => new TornConnection();

/** The exchange, and how it lists what it knows. */
export interface ExchangeSide {
  readonly core: ExchangeCore;
  readonly candles: CandleBook;
  readonly income: IncomeBook;
}

/** @param isOut whether the exchange does not answer at all on this path */
export function exchangeTransport(
  environment: Environment,
  { core, candles, income }: ExchangeSide,
  watch: ExchangeWatch,
  isOut: (method: string, path: string) => boolean,
): Transport {
  return (url, { method, headers, body }) => {
    const [path, rawQuery] = partsOf(url);
    const text = typeof body === 'string' ? body : '';
    const query = new URLSearchParams(rawQuery);
    const names = headers as Readonly<Record<string, string>>;
    const request: ExchangeRequest = {
      ...{ method, path, query, rawQuery, body: text, address: environment.name },
      header: (wanted) => names[Object.keys(names).find((name) => name.toLowerCase() === wanted) ?? ''],
    };
    const parameters = parametersOf(request);
    const sent = { method, path, parameters, environment };
    const carry = (fault: AnswerFault | undefined, lie?: Parameters<CandleBook['answer']>[2]) => () => {
      if (isOut(method, path)) return unavailable();
      const answer = new MemoryAnswer(core.nowMs());
      if (path === KLINES_PATH) answerCandles(core, candles, { request, answer, fault, lie });
      else core.handle(request, answer, fault);
      if (path === INCOME_PATH && fault === undefined && answer.status === 200)
        answer.text = income.answer(answer.text, core.nowMs());
      watch.answered(sent, answer.status, answer.text);
      if (answer.isTorn) throw torn();
      return answer.response();
    };
    watch.sent(sent);
    const isWrite = method !== 'GET';
    return environment.step(
      `${method} ${path}`,
      carry(undefined),
      (draw, share) => {
        if (path === KLINES_PATH && draw() < CANDLE_SHARE) {
          const kind = drawLie(draw);
          return draw() < share * LIES ? { kind, effect: carry(undefined, { kind, draw }) } : undefined;
        }
        const drawn = isWrite ? writeFault(draw, share, parameters) : readFault(draw, share);
        if (drawn === undefined) return undefined;
        const { kind, fault, delayMs = 0 } = drawn;
        return { kind, delayMs, ...(fault === undefined ? lostOnTheWay(kind) : { effect: carry(fault) }) };
      },
      torn,
    );
  };
}

/** Path and query. Of our own client, and so well formed: URL would take three times as long. */
function partsOf(url: string): [path: string, rawQuery: string] {
  const [address, query = ''] = url.split('?', 2);
  return [address!.slice(EXCHANGE_ORIGIN.length), query];
}

/** Of the answers with candles, those that are judged as such; and how much oftener than other answers they are wrong. */
const CANDLE_SHARE = 0.5;
const LIES = 8;

function answerCandles(
  core: ExchangeCore,
  candles: CandleBook,
  asked: {
    readonly request: ExchangeRequest;
    readonly answer: MemoryAnswer;
    readonly fault: AnswerFault | undefined;
    readonly lie: Parameters<CandleBook['answer']>[2];
  },
): void {
  const { request, answer, fault, lie } = asked;
  const symbol = request.query.get('symbol') ?? '';
  const limit = Number(request.query.get('limit'));
  const nowMs = core.nowMs();
  const query = new URLSearchParams(request.query);
  query.set('limit', String(limit + candles.absentOf(symbol, nowMs)));
  core.handle({ ...request, query }, answer, fault);
  const isTrue = fault === undefined || fault.kind === 'late';
  if (answer.status === 200 && !answer.isTorn && isTrue)
    answer.text = candles.answer(answer.text, { symbol, limit, nowMs }, lie);
}

/** It never arrives. */
const lostOnTheWay = (kind: FaultKind): Pick<StepFault, 'error'> => ({
  error: { when: kind === 'answer_lost' ? 'after' : 'before', of: torn },
});

interface Drawn {
  readonly kind: FaultKind;
  readonly fault?: AnswerFault;
  readonly delayMs?: number;
}

const server: AnswerFault = { kind: 'server_error', status: 503 };

function readFault(draw: Draw, share: number): Drawn | undefined {
  // What a client has to live with on any day comes oftener than what keeps it from its work.
  if (draw() < 0.5) return mildFault(draw, share);
  const pick = draw() / (share * 2);
  if (pick < 0.15) return { kind: 'reset' };
  if (pick < 0.25) return { kind: 'no_answer', delayMs: TIMEOUT_MS };
  if (pick < 0.4) return { kind: 'answer_lost' };
  if (pick < 0.6) return { kind: 'server_error', fault: server };
  if (pick < 0.7) return { kind: 'page', fault: { kind: 'html' } };
  if (pick < 0.78) return { kind: 'cut_answer', fault: { kind: 'truncated' } };
  if (pick < 0.86) return { kind: 'nulls', fault: { kind: 'nulls' } };
  if (pick < 0.98)
    return { kind: 'rate_limited', fault: { kind: 'rate_limited', retryAfterSeconds: between(draw, 1, 15) } };
  return pick < 1 ? { kind: 'banned', fault: { kind: 'banned', retryAfterSeconds: 120 } } : undefined;
}

const MILD = 6;
function mildFault(draw: Draw, share: number): Drawn | undefined {
  const pick = draw() / Math.min(0.5, share * MILD + 0.01);
  if (pick < 0.6) return { kind: 'late_answer', fault: { kind: 'late', seconds: between(draw, 2, 20) } };
  if (pick >= 1) return undefined;
  const place = oneOf(draw, ['replace', 'insert'] as const);
  return { kind: 'odd_row', fault: { kind: 'odd_row', how: oneOf(draw, ODDITIES), place } };
}

const REFUSALS = [
  { code: -2019, msg: 'Margin is insufficient.' },
  { code: -4131, msg: "The counterparty's best price does not meet the PERCENT_PRICE filter limit." },
] as const;

function writeFault(draw: Draw, share: number, parameters: URLSearchParams): Drawn | undefined {
  const pick = draw() / (share * 3);
  const reduces = parameters.get('reduceOnly') === 'true' || parameters.get('closePosition') === 'true';
  if (pick < 0.15) return { kind: 'reset' };
  if (pick < 0.25) return { kind: 'no_answer', delayMs: TIMEOUT_MS };
  if (pick < 0.55) return { kind: 'answer_lost', fault: { kind: 'accept_then', how: oneOf(draw, LOST) } };
  if (pick < 0.65) return { kind: 'server_error', fault: server };
  if (pick < 0.7) return { kind: 'page', fault: { kind: 'html' } };
  if (pick < 0.78)
    return { kind: 'partial_fill', fault: { kind: 'partial_fill', share: draw(), restBecomes: 'EXPIRED' } };
  if (pick < 0.84)
    return { kind: 'rate_limited', fault: { kind: 'rate_limited', retryAfterSeconds: between(draw, 1, 10) } };
  // Orders that reduce are exempt, but not always.
  if (pick < (reduces ? 0.88 : 0.92))
    return { kind: 'overloaded', fault: { kind: 'overloaded', sparesReductions: false } };
  return pick < 1
    ? { kind: 'order_refused', fault: { kind: 'reject', ...oneOf(draw, REFUSALS) } }
    : undefined;
}
const LOST = ['reset', 'server_error'] as const;

const unavailable = (): TransportAnswer => {
  const answer = new MemoryAnswer(0);
  answer.writeHead(503, {});
  answer.end('<html>down</html>');
  return answer.response();
};

let latestDate = { second: Number.NaN, text: '' };
/** Of HTTP: whole seconds. */
function dateOf(nowMs: number): string {
  const second = Math.floor(nowMs / 1_000);
  if (latestDate.second !== second) latestDate = { second, text: new Date(nowMs).toUTCString() };
  return latestDate.text;
}

/** The exchange's answer, as the client's fetch gives it. */
class MemoryAnswer implements AnswerSink {
  status = 200;
  isTorn = false;
  text = '';
  readonly #headers = new Map<string, string>();

  constructor(nowMs: number) {
    this.#headers.set('date', dateOf(nowMs));
  }

  setHeader(name: string, value: string): void {
    this.#headers.set(name.toLowerCase(), value);
  }

  writeHead(status: number, headers: Readonly<Record<string, string | number>>): void {
    this.status = status;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, String(value));
  }

  write(): void {}

  end(body: string | Uint8Array): void {
    this.text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  }

  reset(): void {
    this.isTorn = true;
  }

  response(): TransportAnswer {
    const { status } = this;
    const named = this.#headers;
    const headers = {
      get: (name: string) => named.get(name.toLowerCase()) ?? null,
      forEach: (each: (value: string, name: string) => void) =>
        named.forEach((value, name) => void each(value, name)),
      entries: () => named.entries(),
      [Symbol.iterator]: () => named.entries(),
    };
    return {
      ...{ ok: status >= 200 && status < 300, status, statusText: '' },
      headers: headers as unknown as Headers,
      body: [Buffer.from(this.text)],
    };
  }
}
