// Whether a call carries the token. Only the SHA-256 of the token is kept: in Parameter Store, which decides, and a copy in the
// risk table, by which an emergency stop is still let through when Parameter Store is down. A missing, a malformed and a wrong
// token are told apart by nothing: the same work is done for each.
import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { sha256Of } from '../core/hash.ts';
import { StoreError } from '../core/store-error.ts';
import { MINUTE_MS } from '../core/units.ts';
import type { RiskStore } from '../risk/ports.ts';
import type { RecordKind } from '../risk/record-kind.ts';
import { SingleRecord } from '../risk/use-cases/typed-records.ts';

/** A changed token holds after this time at the latest. Parameter Store is not asked for every call: trading needs it too. */
const HASH_AGE_MS_MAX = MINUTE_MS;

const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);
/** The copy of the hash, of the scope `paper`. */
export const API_TOKEN: RecordKind<{ sha256: string }> = {
  name: 'api-token',
  schema: z.strictObject({ sha256: hashSchema }),
};
const BEARER = /^Bearer ([A-Za-z0-9._~+/=-]{16,200})$/i;

export interface TokenSources {
  /** SHA-256 of the token, lower-case hex. Throws StoreError. */
  readonly readParameter: () => Promise<string>;
  readonly risk: RiskStore;
  /** Monotonic, ms. */
  readonly stopwatchMs: () => number;
}

export interface TokenCheck {
  /** @param use `stop` takes the copy when Parameter Store does not answer. Never throws. */
  check(authorization: string | undefined, use: 'stop' | 'read'): Promise<'right' | 'wrong' | 'unavailable'>;
  /** Brings the copy up to date with what Parameter Store last said. Throws StoreError. */
  keepCopy(): Promise<void>;
}

export function createTokenCheck({ readParameter, risk, stopwatchMs }: TokenSources): TokenCheck {
  const copies = new SingleRecord(risk, API_TOKEN);
  let known: { readonly sha256: string; readonly readMs: number } | undefined;
  let copied: string | undefined;

  async function hashOf(use: 'stop' | 'read'): Promise<string | undefined> {
    if (known !== undefined && stopwatchMs() - known.readMs < HASH_AGE_MS_MAX) return known.sha256;
    try {
      known = { sha256: hashSchema.parse(await readParameter()), readMs: stopwatchMs() };
      return known.sha256;
    } catch (error) {
      // A parameter that is gone, malformed or forbidden was made so by someone: then the copy is worth nothing either.
      if (use === 'read' || !(error instanceof StoreError && error.retryable)) return undefined;
      return (await copies.get('paper').catch(() => undefined))?.value.sha256;
    }
  }

  return {
    async check(authorization, use) {
      const token = BEARER.exec(authorization ?? '')?.[1] ?? '';
      const given = sha256Of(token);
      const expected = await hashOf(use);
      if (expected === undefined) return 'unavailable';
      const isSame = timingSafeEqual(Buffer.from(given, 'hex'), Buffer.from(expected, 'hex'));
      return isSame && token !== '' ? 'right' : 'wrong';
    },

    async keepCopy() {
      if (known === undefined || copied === known.sha256) return;
      const { sha256 } = known;
      const copy = await copies.get('paper');
      if (copy?.value.sha256 !== sha256) {
        const condition = copy === undefined ? { ifAbsent: true as const } : { ifRevision: copy.revision };
        await copies.put('paper', { sha256 }, condition);
      }
      copied = sha256;
    },
  };
}
