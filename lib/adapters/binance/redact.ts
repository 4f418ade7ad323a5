// Takes out of a text what must not be read by others. Exchanges and proxies echo what they were sent, so every text of theirs
// passes here before it is cut, quoted or logged: a key cut in half is still half a key.

const REDACTED = '[redacted]';
/** A name that announces a credential, whatever separates it from its value: query, header or JSON. */
const NAMED = /(signature|x-mbx-apikey|api-?key|secret)((?:%3d|[\s"'=:\\])+)[^\s"'&,;<>\\{}]+/gi;
/** An HMAC-SHA256 in hex, whatever is around it. */
const SIGNATURE = /[0-9a-f]{64}/gi;

/** @param secrets taken out wherever they stand, URL-encoded ones too, in any case */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const known = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [secret, encodeURIComponent(secret)])
    .map((secret) => secret.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const spelt = known.length === 0 ? undefined : new RegExp(known.join('|'), 'gi');
  return (text) => {
    const named = text.replace(SIGNATURE, REDACTED).replace(NAMED, `$1$2${REDACTED}`);
    return spelt === undefined ? named : named.replace(spelt, REDACTED);
  };
}
