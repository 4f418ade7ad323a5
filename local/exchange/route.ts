// One endpoint of the simulated exchange. Each group of endpoints is a file that makes such routes; the server knows no endpoint.

export interface ExchangeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** As sent, without the question mark: signatures cover every byte. */
  readonly rawQuery: string;
  /** Value of a header, by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** Of whoever asks: weights and bans are by address. */
  readonly address: string;
  readonly body: string;
  /** Share of an order for which there is somebody on the other side. @default 1 */
  readonly fillable?: number | undefined;
  /** What becomes of the rest of it. @default EXPIRED */
  readonly restBecomes?: 'EXPIRED' | 'EXPIRED_IN_MATCH' | undefined;
  /** The answer is that of so many ms ago. @default 0 */
  readonly lateMs?: number | undefined;
}

/** JSON that is written already. */
export class JsonText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export interface ExchangeReply {
  readonly status: number;
  /** Sent as JSON; bytes as they are. */
  readonly body: unknown;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  weight(query: URLSearchParams): number;
  /** Counts as a new order. @default false */
  readonly isOrder?: boolean;
  answer(request: ExchangeRequest): ExchangeReply;
}

export const reply = (body: unknown): ExchangeReply => ({ status: 200, body });

/** Binance's error body. */
export const refuse = (code: number, msg: string, status = 400): ExchangeReply => ({
  status,
  body: { code, msg },
});
