// Takes out of a text what must not be read by others. Exchanges, proxies and AWS endpoints echo what they were sent, so every text of
// theirs passes here before it is cut, quoted or logged: a key cut in half is still half a key.

const REDACTED = '[redacted]';
/** A name that announces a credential, whatever separates it from its value: query, header or JSON. */
const NAMED =
  /(signature|x-mbx-apikey|api-?key|secret|security-token|credential|authorization|bearer)((?:%3d|[\s"'=:\\])+(?:bearer\s+|aws4-hmac-sha256\s+)?)[^\s"'&,;<>\\{}]+/gi;
/** An HMAC-SHA256 in hex, whatever is around it. */
const SIGNATURE = /[0-9a-f]{64}/gi;
/** A key id of AWS: of a user, or of a session. */
const AWS_KEY_ID = /\b(AKIA|ASIA)[A-Z0-9]{16}\b/g;
/** Nothing that an exchange tells people is a word as long as this; an encoded request is. */
const ENCODED = /[A-Za-z0-9+/_-]{40,}={0,2}/g;

/** @param secrets taken out wherever they stand, URL-encoded, in base64 or as JSON too, in any case */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const known = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [...spellings(secret)])
    .map((secret) => secret.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const spelt = known.length === 0 ? undefined : new RegExp(known.join('|'), 'gi');
  return (text) => {
    const named = redactNamed(text).replace(ENCODED, REDACTED);
    return spelt === undefined ? named : named.replace(spelt, REDACTED);
  };
}

/** For texts that name resources: what announces itself as a credential. */
export const redactNamed = (text: string): string =>
  text.replace(NAMED, `$1$2${REDACTED}`).replace(SIGNATURE, REDACTED).replace(AWS_KEY_ID, REDACTED);

/** Secrets shorter than this have no base64 that could be told from a word. */
const BASE64_CHARS_MIN = 8;

function spellings(secret: string): Set<string> {
  const encoded = [0, 1, 2].map((offset) => base64At(secret, offset));
  return new Set([
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    ...[...encoded, ...encoded.map(toBase64Url)].filter(({ length }) => length >= BASE64_CHARS_MIN),
  ]);
}

/** The characters that the secret alone decides when it stands after so many other bytes, modulo 3. */
function base64At(secret: string, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
  return bytes.toString('base64').slice(Math.ceil((offset * 4) / 3), Math.floor((bytes.length * 4) / 3));
}

const toBase64Url = (text: string): string => text.replaceAll('+', '-').replaceAll('/', '_');
