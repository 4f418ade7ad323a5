// One message to a receiver over HTTP: bounded in time and in what is read of the answer, tried again while that can help, and told
// without the address, which is a secret.
import pRetry from 'p-retry';
import { SECOND_MS } from '../../core/units.ts';
import { DeliveryError } from '../../notification/delivery-error.ts';

export interface MessagePost {
  /** For the operator, such as `telegram`. */
  readonly receiver: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  /** None of them is ever part of an error. */
  readonly secrets: readonly string[];
}

export interface PostLimits {
  readonly attempts: number;
  /** Of one attempt, its answer included. */
  readonly attemptMs: number;
  /** Of all, pauses included. */
  readonly totalMs: number;
  readonly firstPauseMs: number;
}

const LIMITS: PostLimits = {
  attempts: 3,
  attemptMs: 4 * SECOND_MS,
  totalMs: 12 * SECOND_MS,
  firstPauseMs: SECOND_MS,
};
/** An answer says in a few words what is wrong; the rest is not read. */
const ANSWER_BYTES_MAX = 16_384;
const REASON_CHARS_MAX = 160;
/** Shorter parts of an address are words such as `api`. */
const SECRET_CHARS_MIN = 8;
/** A receiver cannot ask to be left alone for longer. */
const PAUSE_MS_MAX = 900 * SECOND_MS;

/** Throws DeliveryError, at the latest after `totalMs`. @param limits @default 3 attempts within 12 s */
export async function postMessage(post: MessagePost, limits: Partial<PostLimits> = {}): Promise<void> {
  const { attempts, attemptMs, totalMs, firstPauseMs } = { ...LIMITS, ...limits };
  const deadline = AbortSignal.timeout(totalMs);
  try {
    await pRetry(() => postOnce(post, AbortSignal.any([deadline, AbortSignal.timeout(attemptMs)])), {
      retries: attempts - 1,
      minTimeout: firstPauseMs,
      factor: 2,
      randomize: true,
      maxRetryTime: totalMs,
      signal: deadline,
      // One that asks for a pause gets it: the next run tries again.
      shouldRetry: ({ error }) => error instanceof DeliveryError && error.retryable && error.pauseMs === 0,
    });
  } catch (error) {
    if (error instanceof DeliveryError) throw error;
    throw new DeliveryError(`${post.receiver}: no answer within ${totalMs} ms`, { retryable: true });
  }
}

async function postOnce(
  { receiver, url, headers, body, secrets }: MessagePost,
  signal: AbortSignal,
): Promise<void> {
  let response: Response;
  let answer: string;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'user-agent': 'quantum-trader', ...headers },
      body,
      // A message, and the secret in its address, go where they were meant to go and nowhere else.
      redirect: 'manual',
      signal,
    });
    answer = await readStart(response);
  } catch (error) {
    throw new DeliveryError(`${receiver}: ${describeFailure(error, signal)}`, { retryable: true });
  }
  if (response.ok) return;
  const { status } = response;
  const reason = withoutSecrets(reasonIn(answer), [...secrets, url]);
  const what = status >= 300 && status < 400 ? 'a redirect, which is not followed' : reason;
  throw new DeliveryError(`${receiver}: HTTP ${status}${what === '' ? '' : `: ${what}`}`, {
    retryable: status >= 500 || status === 429 || status === 408,
    pauseMs: status === 429 || status === 503 ? pauseOf(response, answer) : 0,
  });
}

async function readStart({ body }: Response): Promise<string> {
  if (body === null) return '';
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (size < ANSWER_BYTES_MAX) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
  }
  await reader.cancel().catch(() => undefined);
  return Buffer.concat(chunks).subarray(0, ANSWER_BYTES_MAX).toString('utf8');
}

/** The error's own text may hold the address. */
function describeFailure(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return 'no answer in time';
  const cause = error instanceof Error ? (error.cause as { code?: unknown } | undefined) : undefined;
  return typeof cause?.code === 'string' ? `no answer: ${cause.code}` : 'no answer: the connection failed';
}

/** What Telegram, Discord and Slack say; anything else may be a page, or our own request repeated. */
function reasonIn(answer: string): string {
  const told = parseJson(answer) as { description?: unknown; message?: unknown } | undefined;
  const reason = [told?.description, told?.message, answer.trim()].find((text) => typeof text === 'string');
  const isKnown = told !== undefined || /^[a-z_]{3,60}$/.test(String(reason));
  return isKnown ? String(reason).replace(/\s+/g, ' ').slice(0, REASON_CHARS_MAX) : '';
}

/** Nor their parts: a receiver may repeat the path of the address alone. */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  const parts = secrets.flatMap((secret) => [secret, ...secret.split(/[/?&=:]/)]);
  const all = parts.filter(({ length }) => length >= SECRET_CHARS_MIN);
  return all
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .reduce((clean, secret) => clean.replaceAll(secret, '***'), text);
}

/** Seconds or a date in the header; Telegram and Discord also say it in the answer. */
function pauseOf(response: Response, answer: string): number {
  const header = response.headers.get('retry-after');
  const seconds = header === null || header.trim() === '' ? Number.NaN : Number(header);
  const untilMs = header === null ? Number.NaN : Date.parse(header);
  const pauseMs = [seconds * SECOND_MS, untilMs - Date.now(), secondsIn(answer) * SECOND_MS].find(
    (ms) => Number.isFinite(ms) && ms >= 0,
  );
  return Math.min(Math.ceil(pauseMs ?? 0), PAUSE_MS_MAX);
}

function secondsIn(answer: string): number {
  const told = parseJson(answer) as
    | { retry_after?: unknown; parameters?: { retry_after?: unknown } }
    | undefined;
  const seconds = told?.retry_after ?? told?.parameters?.retry_after;
  return typeof seconds === 'number' ? seconds : Number.NaN;
}

/** undefined for anything but an object. */
function parseJson(text: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}
