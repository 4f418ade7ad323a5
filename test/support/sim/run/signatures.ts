// Signatures of requests within a simulation, where an HMAC for each would take longer than most of what is simulated. As an HMAC they
// depend on every character of request and secret; that HMACs are right is proven by what talks to an exchange over HTTP.
import { hashOfText } from '../kernel/draws.ts';

/** Signed by ccxt as bytes, checked by the exchange as text; ASCII both. */
type Signed = Uint8Array | string;

const textOf = (signed: Signed): string =>
  typeof signed === 'string' ? signed : Buffer.from(signed).toString('latin1');

/** @returns hexadecimal, as long as a SHA-256 */
export const signatureOf = (request: Signed, secret: Signed): string =>
  hashOfText(`${textOf(secret)} ${textOf(request)}`)
    .toString(16)
    .padStart(64, '0');
