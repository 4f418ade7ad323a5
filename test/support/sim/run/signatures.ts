// Signatures of requests within a simulation, where an HMAC for each would take longer than most of what is simulated. As an HMAC they
// depend on every character of request and secret; that HMACs are right is proven by what talks to an exchange over HTTP.

/** Signed by ccxt as bytes, checked by the exchange as text; ASCII both. */
type Signed = Uint8Array | string;

/** @returns hexadecimal, as long as a SHA-256 */
export function signatureOf(request: Signed, secret: Signed): string {
  let hash = 0x811c9dc5;
  for (const part of [secret, request])
    for (let index = 0; index < part.length; index++)
      hash = Math.imul(hash ^ (typeof part === 'string' ? part.charCodeAt(index) : part[index]!), 0x01000193);
  return (hash >>> 0).toString(16).padStart(64, '0');
}
