// Whose token a call carries: its holder's name and role. Only the SHA-256 of each token is kept: in Parameter Store, which decides,
// and a copy in the risk table, by which an emergency stop is still let through when Parameter Store is down. A missing, a malformed
// and a wrong token are told apart by nothing: the same work is done for each.
import { timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { sha256Of } from '../core/hash.ts';
import { StoreError } from '../core/store-error.ts';
import { MINUTE_MS } from '../core/units.ts';
import type { RiskStore } from '../risk/ports.ts';
import type { RecordKind } from '../risk/record-kind.ts';
import { SingleRecord } from '../risk/use-cases/typed-records.ts';

/** A changed list holds after this time at the latest. Parameter Store is not asked for every call: trading needs it too. */
const LIST_AGE_MS_MAX = MINUTE_MS;
/** What a parameter of 4 KB has room for. */
const TOKENS_MAX = 20;

/**
 * A reader sees. An operator also acts and asks. An approver also approves what another person asked for. Operators and approvers
 * may stop everything.
 */
export const TOKEN_ROLES = ['reader', 'operator', 'approver'] as const;
export type TokenRole = (typeof TOKEN_ROLES)[number];

export const tokenNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._@-]{0,59}$/, 'must be lower case letters, digits and . _ @ -, at most 60');

const apiTokenSchema = z.strictObject({
  name: tokenNameSchema,
  role: z.enum(TOKEN_ROLES),
  /** Lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ApiToken = Readonly<z.infer<typeof apiTokenSchema>>;

/** One token a name. */
export const apiTokensSchema = z
  .array(apiTokenSchema)
  .max(TOKENS_MAX)
  .refine((tokens) => new Set(tokens.map(({ name }) => name)).size === tokens.length, 'a name comes twice');

/** The copy of the list, of the scope `paper`. */
export const API_TOKENS: RecordKind<{ tokens: ApiToken[] }> = {
  name: 'api-tokens',
  schema: z.strictObject({ tokens: apiTokensSchema }),
};
const BEARER = /^Bearer ([A-Za-z0-9._~+/=-]{16,200})$/i;

export interface TokenSources {
  /** The list as it is stored. Throws StoreError. */
  readonly readTokens: () => Promise<readonly ApiToken[]>;
  readonly risk: RiskStore;
  /** Monotonic, ms. */
  readonly stopwatchMs: () => number;
}

/** Whoever a token was issued to. */
export type TokenHolder = Pick<ApiToken, 'name' | 'role'>;

export interface TokenCheck {
  /** @param use `stop` takes the copy when Parameter Store does not answer. Never throws. */
  check(
    authorization: string | undefined,
    use: 'stop' | 'other',
  ): Promise<TokenHolder | 'wrong' | 'unavailable'>;
  /** Brings the copy up to date with what Parameter Store last said. Throws StoreError. */
  keepCopy(): Promise<void>;
}

export function createTokenCheck({ readTokens, risk, stopwatchMs }: TokenSources): TokenCheck {
  const copies = new SingleRecord(risk, API_TOKENS);
  let known: { readonly tokens: readonly ApiToken[]; readonly readMs: number } | undefined;
  let copied: readonly ApiToken[] | undefined;

  async function tokensFor(use: 'stop' | 'other'): Promise<readonly ApiToken[]> {
    if (known !== undefined && stopwatchMs() - known.readMs < LIST_AGE_MS_MAX) return known.tokens;
    try {
      known = { tokens: apiTokensSchema.parse(await readTokens()), readMs: stopwatchMs() };
      return known.tokens;
    } catch (error) {
      // A parameter that is gone, malformed or forbidden was made so by someone: then the copy is worth nothing either.
      if (use === 'other' || !(error instanceof StoreError && error.retryable)) return [];
      return (await copies.get('paper').catch(() => undefined))?.value.tokens ?? [];
    }
  }

  return {
    async check(authorization, use) {
      const token = BEARER.exec(authorization ?? '')?.[1] ?? '';
      const given = Buffer.from(sha256Of(token), 'hex');
      const tokens = await tokensFor(use);
      if (tokens.length === 0) return 'unavailable';
      // Every one is compared, whichever it is.
      const [found] = tokens.filter(({ sha256 }) => timingSafeEqual(given, Buffer.from(sha256, 'hex')));
      return found === undefined || token === '' ? 'wrong' : { name: found.name, role: found.role };
    },

    async keepCopy() {
      if (known === undefined || copied === known.tokens) return;
      const { tokens } = known;
      const copy = await copies.get('paper');
      if (JSON.stringify(copy?.value.tokens) !== JSON.stringify(tokens)) {
        const condition = copy === undefined ? { ifAbsent: true as const } : { ifRevision: copy.revision };
        await copies.put('paper', { tokens: [...tokens] }, condition);
      }
      copied = tokens;
    },
  };
}
