// One call of the HTTP API: the request, the answer, and what the log says of both.

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  /** A name that comes twice has its values joined by commas. */
  readonly query: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  readonly sourceIp: string;
  readonly requestId: string;
  /** Where the API itself is served, e.g. `http://127.0.0.1:4000`. */
  readonly origin: string;
  /** The caller whose signature AWS has verified; undefined without a signature. */
  readonly iamPrincipal: string | undefined;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Follows instead of the body, on this machine alone. */
  readonly stream?: AsyncIterable<string>;
}

/** For log and metrics. */
export interface ApiCall {
  readonly requestId: string;
  readonly sourceIp: string;
  readonly method: string;
  readonly path: string;
  /** The verified caller; undefined when the call was refused before that, or needs no caller. */
  readonly who: string | undefined;
  readonly status: number | 'begun';
  /** Why it was refused, or what a stop was asked for and could not do. */
  readonly message: string | undefined;
  readonly tookMs: number;
  /** A further refusal of a source that is refused often: counted, not logged. */
  readonly isRepeated: boolean;
}

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const;

/** An answer with the headers that every one has. `headers` override them. */
export const answerWith = ({ headers, ...answer }: ApiAnswer): ApiAnswer => ({
  ...answer,
  headers: { ...HEADERS, ...headers },
});

export const answerJson = (status: number, body: unknown, headers: ApiAnswer['headers'] = {}): ApiAnswer =>
  answerWith({
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  });
