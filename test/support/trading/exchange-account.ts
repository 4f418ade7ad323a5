// An account on the simulated exchange, asked over HTTP with signed requests and nothing in between: for the tests of the exchange
// itself. Time is the test's; prices stand still but for the bars that a test bends.
import { createHmac } from 'node:crypto';
import { BAR_MS } from '../../../lib/market/candle.ts';
import { seriesFromCandles } from '../../../lib/market/candle-series.ts';
import {
  type SimulatedExchange,
  startSimulatedExchange,
} from '../../../local/exchange/simulated-exchange.ts';
import { marketOf } from '../../../local/market/market-source.ts';

type StartOptions = Parameters<typeof startSimulatedExchange>[0];
type Parameters_ = Readonly<Record<string, string | number | boolean>>;
export type Row = Record<string, unknown>;

export const START_MS = Date.UTC(2024, 5, 3, 12, 1);
const BARS_BEFORE = 300;
const BARS = 10_000;
const FIRST_MS = Math.floor(START_MS / BAR_MS) * BAR_MS - BARS_BEFORE * BAR_MS;
const PRICES = { BTCUSDT: 50_000, ETHUSDT: 2_500, SOLUSDT: 140 } as const;
export const DEPOSIT = 10_000;
const KEYS = { apiKey: 'key-1', secret: 'secret-1' } as const;
export const COSTS = { impactBps: 0, takerFeeBps: 4, fundingRatePer8h: 0.0001 };

/** Bars after the one that the test starts in, and the lowest price of each, as a share of the usual one. */
export type Dips = Readonly<Record<number, number>>;

/** Prices with one decimal, volumes with three: what tick and step are derived from. */
function steadyMarket(dips: Dips) {
  const seriesOf = (price: number) => {
    const candles = Array.from({ length: BARS }, (_, index) => ({
      openTimeMs: FIRST_MS + index * BAR_MS,
      open: price,
      high: price + 0.1,
      low: Number((price * (dips[index - BARS_BEFORE] ?? 1)).toFixed(1)),
      close: price,
      volume: 12.345,
    }));
    const series = seriesFromCandles(candles);
    if (!series.ok) throw new Error(series.error.problem);
    return series.value;
  };
  return marketOf(new Map(Object.entries(PRICES).map(([symbol, price]) => [symbol, seriesOf(price)])));
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of an answer
  readonly body: any;
  readonly headers: Headers;
}

export class ExchangeAccount {
  nowMs = START_MS;
  keys: { readonly apiKey: string; readonly secret: string } = KEYS;
  exchange!: SimulatedExchange;

  static async open(options: Partial<StartOptions> & { dips?: Dips } = {}): Promise<ExchangeAccount> {
    const { dips = {}, ...others } = options;
    const opened = new ExchangeAccount();
    opened.exchange = await startSimulatedExchange({
      market: steadyMarket(dips),
      clock: { nowMs: () => opened.nowMs },
      account: { ...KEYS, depositUsdt: DEPOSIT, costs: COSTS },
      ...others,
    });
    return opened;
  }

  close = (): Promise<void> => this.exchange.close();

  async ask(method: string, path: string, parameters: Parameters_ = {}): Promise<Answer> {
    const query = new URLSearchParams({ timestamp: String(this.nowMs) });
    for (const [name, value] of Object.entries(parameters)) query.set(name, String(value));
    const signature = createHmac('sha256', this.keys.secret).update(query.toString()).digest('hex');
    const url = `${this.exchange.url}${path.startsWith('/') ? path : `/fapi/v1/${path}`}`;
    const headers = { 'X-MBX-APIKEY': this.keys.apiKey };
    const response = await fetch(`${url}?${query}&signature=${signature}`, { method, headers });
    return { status: response.status, body: await response.json(), headers: response.headers };
  }

  get = (path: string, parameters?: Parameters_): Promise<Answer> => this.ask('GET', path, parameters);
  delete = (path: string, parameters?: Parameters_): Promise<Answer> => this.ask('DELETE', path, parameters);
  post = (path: string, parameters?: Parameters_): Promise<Answer> => this.ask('POST', path, parameters);

  /** The rows of a list. */
  async rows(path: string, parameters?: Parameters_): Promise<Row[]> {
    const { body } = await this.get(path, parameters);
    if (!Array.isArray(body)) throw new Error(`no list: ${JSON.stringify(body)}`);
    return body as Row[];
  }

  order(parameters: Parameters_ = {}): Promise<Answer> {
    const usual = { symbol: 'BTCUSDT', side: 'BUY', type: 'MARKET', quantity: '0.01' };
    return this.post('order', { ...usual, newClientOrderId: `qt-${++this.#orders}`, ...parameters });
  }

  stop(parameters: Parameters_ = {}): Promise<Answer> {
    const usual = { symbol: 'BTCUSDT', side: 'SELL', type: 'STOP_MARKET', triggerPrice: '49000' };
    const sized = 'closePosition' in parameters ? {} : { quantity: '0.01', reduceOnly: 'true' };
    const id = { clientAlgoId: `qt-stop-${++this.#orders}` };
    return this.post('algoOrder', { algoType: 'CONDITIONAL', ...usual, ...sized, ...id, ...parameters });
  }

  async held(symbol = 'BTCUSDT'): Promise<number> {
    const [row] = await this.rows('/fapi/v3/positionRisk', { symbol });
    return Number(row?.positionAmt ?? 0);
  }

  async wallet(asset = 'USDT'): Promise<number> {
    const row = (await this.rows('/fapi/v3/balance')).find((balance) => balance.asset === asset);
    return Number(row?.balance ?? 0);
  }

  async filters(symbol = 'BTCUSDT'): Promise<Record<string, Row>> {
    const { filters } = await this.contract(symbol);
    return Object.fromEntries((filters as Row[]).map((filter) => [filter.filterType as string, filter]));
  }

  async contract(symbol = 'BTCUSDT'): Promise<Row> {
    const { body } = await this.get('exchangeInfo');
    return (body.symbols as Row[]).find((contract) => contract.symbol === symbol)!;
  }

  #orders = 0;
}
