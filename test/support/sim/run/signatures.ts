// Signatures of requests, made once for the client that signs and the exchange that checks: to make one takes longer than to sign with it.
import { createHmac } from 'node:crypto';

/** More than are under way at any time. */
const KEPT = 100;
const made = new Map<string, string>();

export function signatureOf(request: string, secret: string): string {
  const key = `${secret} ${request}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const signature = createHmac('sha256', secret).update(request).digest('hex');
  if (made.size >= KEPT) made.clear();
  made.set(key, signature);
  return signature;
}
