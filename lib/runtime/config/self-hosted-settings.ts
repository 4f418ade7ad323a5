// What a self-hosted system takes from the environment: the keys of the exchange account, themselves or in files as containers get
// secrets, and where it listens.
import * as z from 'zod';
import { defineSettings, override, type SettingsOf } from './define-settings.ts';

const LOOPBACK = new Set(['127.0.0.1', 'localhost']);

const originSchema = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname } = new URL(text);
  return pathname === '/' && (protocol === 'https:' || (protocol === 'http:' && LOOPBACK.has(hostname)));
}, 'must be an https:// origin, or an http:// one on this machine');

/** A key as an exchange gives it: what is not one, such as a whole file, is refused before it is used. */
export const exchangeKeySchema = z.string().regex(/^[\w-]{16,256}$/, 'is not the form of a key');

export const selfHostedSettings = defineSettings({
  apiKey: override('QT_EXCHANGE_API_KEY', exchangeKeySchema),
  apiKeyFile: override('QT_EXCHANGE_API_KEY_FILE', z.string().min(1)),
  secret: override('QT_EXCHANGE_SECRET', exchangeKeySchema),
  secretFile: override('QT_EXCHANGE_SECRET_FILE', z.string().min(1)),
  /** Origin that replaces the exchange's own: its test network, or a simulated exchange. */
  exchangeUrl: override('QT_EXCHANGE_URL', originSchema),
  /** 0.0.0.0 within a container, whose published port decides who reaches it. @default 127.0.0.1 */
  apiHost: override('QT_API_HOST', z.enum(['127.0.0.1', '0.0.0.0'])),
});
export type SelfHostedSettings = SettingsOf<typeof selfHostedSettings>;
