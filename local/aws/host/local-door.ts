// Who may talk to a listener of this machine. The loopback interface is no door: any page in the operator's browser reaches it,
// under its own name (a foreign Origin) or under one that it lets resolve to this machine (a foreign Host, DNS rebinding). So
// every listener asks here first, before it reads a body or counts a fault.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Door {
  /** Serves a page of its own: that page's Origin is welcome, and a link elsewhere may lead to it. @default false */
  readonly servesPages?: boolean;
  /** What a caller must carry. @default nothing: the listener knows its callers by other means */
  readonly secret?: {
    readonly value: string;
    readonly carriedBy: (request: IncomingMessage) => string | undefined;
  };
}

export type DoorRefusal = 'foreign_host' | 'foreign_origin' | 'wrong_secret';

export const DOOR_REFUSALS: Readonly<Record<DoorRefusal, string>> = {
  foreign_host: 'the Host header names another machine',
  foreign_origin: 'a page of another site sent this',
  wrong_secret: 'the credentials are not those of this run',
};

/** Header that carries the secret of a run where no credentials of the protocol's own do. */
export const SECRET_HEADER = 'x-qt-secret';

const SECRET_BYTES = 32;
const LOOPBACK_NAMES = ['127.0.0.1', 'localhost'];

/** The secret of one run, fit for an AWS access key id. */
export const newRunSecret = (): string => randomBytes(SECRET_BYTES).toString('hex');

/** Why the request is not let in; undefined when it is. */
export function refusalAtDoor(request: IncomingMessage, door: Door): DoorRefusal | undefined {
  const { localPort, localAddress = '' } = request.socket;
  const hosts = [...LOOPBACK_NAMES, localAddress].map((name) => `${name}:${localPort}`);
  const host = request.headers.host ?? '';
  if (!hosts.includes(host)) return 'foreign_host';
  if (isFromForeignPage(request, door.servesPages === true ? host : undefined)) return 'foreign_origin';
  const { secret } = door;
  if (secret !== undefined && !isSame(secret.carriedBy(request), secret.value)) return 'wrong_secret';
  return undefined;
}

/** The access key id of a signed AWS request. */
export const accessKeyIdOf = ({ headers }: IncomingMessage): string | undefined =>
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\//.exec(headers.authorization ?? '')?.[1];

export const secretHeaderOf = ({ headers }: IncomingMessage): string | undefined =>
  [headers[SECRET_HEADER]].flat()[0];

/**
 * Browsers name the page in Origin, except for plain reads, which `Sec-Fetch-Site` tells; programs send neither.
 * @param ownHost undefined where no page is served
 */
function isFromForeignPage({ method, headers }: IncomingMessage, ownHost: string | undefined): boolean {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-dest': destination } = headers;
  if (ownHost === undefined) return origin !== undefined || (site !== undefined && site !== 'none');
  if (origin !== undefined) return origin !== `http://${ownHost}`;
  const followsLink = method === 'GET' && destination === 'document';
  return site !== undefined && !['none', 'same-origin'].includes(String(site)) && !followsLink;
}

/** Compared by their hashes, in a time that tells nothing of the secret. */
function isSame(given: string | undefined, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given ?? ''), digest(expected));
}
