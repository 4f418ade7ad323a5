// Who is told of what: one receiver of each kind at most, its address a secret wherever whoever knows it can write there.
import * as z from 'zod';
import { failure, type Result, success } from '../core/result.ts';
import { ALERT_KINDS, type AlertKind } from './alert.ts';

export const RECEIVER_KINDS = ['email', 'webhook', 'telegram', 'slack', 'discord'] as const;
export type ReceiverKind = (typeof RECEIVER_KINDS)[number];

const eventsSchema = z
  .array(z.enum(ALERT_KINDS))
  .min(1, 'name at least one event')
  .default([...ALERT_KINDS]);

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Encrypted, or on this machine. */
const urlSchema = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname));
}, 'must be an https:// address without a user name, or one on this machine');

const webhookSecretSchema = z
  .string()
  .regex(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/, 'must be whsec_ and at least 24 bytes in base64');

const SCHEMAS = {
  email: z.strictObject({
    kind: z.literal('email'),
    /** Without trips and resets: the circuit breaker mails these itself, at once. */
    events: z
      .array(z.enum(ALERT_KINDS).exclude(['trip', 'reset']))
      .min(1, 'name at least one event')
      .default(['level', 'model_failure', 'daily']),
  }),
  webhook: z.strictObject({
    kind: z.literal('webhook'),
    events: eventsSchema,
    url: urlSchema,
    signingSecret: webhookSecretSchema,
  }),
  telegram: z.strictObject({
    kind: z.literal('telegram'),
    events: eventsSchema,
    botToken: z
      .string()
      .regex(/^\d+:[A-Za-z0-9_-]{30,}$/, 'must look like 123456:ABC…, as BotFather gives it'),
    chatId: z.string().regex(/^(-?\d+|@\w{5,})$/, 'must be a number or @channel'),
    /** @default Telegram's own */
    apiUrl: urlSchema.default('https://api.telegram.org'),
  }),
  slack: z.strictObject({ kind: z.literal('slack'), events: eventsSchema, url: urlSchema }),
  discord: z.strictObject({ kind: z.literal('discord'), events: eventsSchema, url: urlSchema }),
} as const satisfies Record<ReceiverKind, z.ZodType>;

export type SettingsOfKind<Kind extends ReceiverKind> = z.infer<(typeof SCHEMAS)[Kind]>;
export type ReceiverSettings = { [Kind in ReceiverKind]: SettingsOfKind<Kind> }[ReceiverKind];

/** Mail needs no setting: whoever subscribes to the topic is told. */
export const DEFAULT_EMAIL: ReceiverSettings = SCHEMAS.email.parse({ kind: 'email' });

/** Fails with one line that names every problem, and repeats no value: it may be a secret. */
export function parseReceiver(kind: ReceiverKind, fields: unknown): Result<ReceiverSettings, string> {
  const parsed = SCHEMAS[kind].safeParse(fields);
  if (parsed.success) return success(parsed.data);
  const problems = parsed.error.issues.map(({ path, message, code }) => {
    const field = path[0] === undefined ? kind : String(path[0]);
    return `${field}: ${code === 'invalid_type' ? 'is missing or not a text' : message}`;
  });
  return failure([...new Set(problems)].join('; '));
}

/** What is stored of a receiver, as it was written. */
export function parseStoredReceiver(kind: ReceiverKind, text: string): Result<ReceiverSettings, string> {
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    return failure('the setting is not JSON');
  }
  return parseReceiver(kind, fields);
}

export const wants = (settings: ReceiverSettings, kind: AlertKind): boolean =>
  (settings.events as readonly AlertKind[]).includes(kind);
