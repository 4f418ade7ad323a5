// The evidence of one decision, as one immutable object: whoever signs off later can see what was decided on, and anyone can
// prove that nothing in it was changed since.
import * as z from 'zod';
import { sha256Of } from '../../core/hash.ts';
import { encodeJson } from '../../core/json.ts';
import type { ObjectStore } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { driftRecordSchema } from '../../models/drift-record.ts';
import { LEVELS, type Level } from '../../risk/level.ts';
import { decideGoNoGo, GO_CRITERIA, type GoCriterion, type GoNoGo } from '../go-no-go.ts';
import type { CollectedEvidence } from './collect-evidence.ts';

const figure = z.number().nullable();
const EVIDENCE_FIGURES = [
  'windowHours',
  'barsExpected',
  'barsDecided',
  'positionsOpened',
  'stopLossHits',
  'featureMismatches',
  'modelLoadFailures',
  'agreementXgbLgbm',
  'actingSignals',
  'meanConfidence',
  'worstDailyDrawdown',
  'profitUsdt',
  'memoryBytesMax',
  'latencyMsPerSymbol',
] as const satisfies readonly (keyof CollectedEvidence['evidence'])[];
type EvidenceFigure = (typeof EVIDENCE_FIGURES)[number];

const bundleSchema = z.strictObject({
  schemaVersion: z.literal(1),
  decidedAtMs: z.int(),
  /** Of the rollout when it was decided; null when it could not be read. */
  level: z.enum(LEVELS).nullable(),
  window: z.strictObject({ hours: z.int(), fromMs: z.int(), toMs: z.int() }),
  /** null: not measured. */
  evidence: z.strictObject(
    Object.fromEntries(EVIDENCE_FIGURES.map((name) => [name, figure])) as Record<
      EvidenceFigure,
      typeof figure
    >,
  ),
  /** null: not measured in the window; absent before drift was watched. */
  drift: driftRecordSchema.nullish(),
  unreadable: z.array(z.string()),
  verdict: z.enum(['GO', 'NO_GO']),
  results: z.array(
    z.strictObject({
      criterion: z.enum(Object.keys(GO_CRITERIA) as [GoCriterion]),
      status: z.enum(['met', 'not_met', 'breach', 'unknown']),
      value: figure,
    }),
  ),
});
export type EvidenceBundle = z.infer<typeof bundleSchema>;

/** Where a bundle is stored, and the SHA-256 (hex) of its bytes. */
export interface EvidenceReference {
  readonly key: string;
  readonly sha256: string;
}

/** The bundle as it is to be stored, under a key that holds its time and the first 12 digits of its hash. */
export function packEvidence(decided: {
  readonly collected: CollectedEvidence;
  readonly decision: GoNoGo;
  readonly level: Level | undefined;
  readonly atMs: number;
}): { readonly reference: EvidenceReference; readonly body: Uint8Array } {
  const { collected, decision, level, atMs } = decided;
  const bundle: EvidenceBundle = {
    schemaVersion: 1,
    decidedAtMs: atMs,
    level: level ?? null,
    window: collected.window,
    evidence: Object.fromEntries(
      EVIDENCE_FIGURES.map((name) => [name, finiteOrNull(collected.evidence[name])]),
    ) as EvidenceBundle['evidence'],
    drift: collected.drift ?? null,
    unreadable: [...collected.unreadable],
    verdict: decision.verdict,
    results: decision.results.map((result) => ({ ...result, value: result.value ?? null })),
  };
  const body = encodeJson(bundle);
  const sha256 = sha256Of(body);
  const time = new Date(atMs).toISOString().replaceAll(':', '');
  return { reference: { key: `evidence/${time}-${sha256.slice(0, HASH_DIGITS)}.json`, sha256 }, body };
}

/** Written once: a key that is taken holds the same evidence of the same moment. Throws StoreError. */
export async function storeEvidence(
  objects: ObjectStore,
  { reference, body }: ReturnType<typeof packEvidence>,
): Promise<void> {
  await objects.put(reference.key, body, { ifAbsent: true });
}

const HASH_DIGITS = 12;
const KEY = new RegExp(`^evidence/[^/]+-([0-9a-f]{${HASH_DIGITS}})\\.json$`);

const finiteOrNull = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null;

/**
 * The bundle, proven: its bytes have the hash, and its verdict follows from its evidence. Fails with one line of what is wrong.
 * @param sha256 of the whole; without it the digits in the key have to do. Throws StoreError.
 */
export async function verifyEvidence(
  objects: ObjectStore,
  { key, sha256 }: { readonly key: string; readonly sha256: string | undefined },
): Promise<Result<EvidenceBundle, string>> {
  const digits = sha256 ?? KEY.exec(key)?.[1];
  if (digits === undefined) return failure(`${key} is not a key of evidence`);
  const object = await objects.get(key);
  if (object === undefined) return failure(`${key} is not in the store`);
  const found = sha256Of(object.body);
  if (!found.startsWith(digits))
    return failure(`${key} was changed: its sha256 begins ${found.slice(0, HASH_DIGITS)}`);
  return parseBundle(key, object.body);
}

function parseBundle(key: string, body: Uint8Array): Result<EvidenceBundle, string> {
  const text = new TextDecoder().decode(body);
  const parsed = z
    .string()
    .transform((json, context): unknown => {
      try {
        return JSON.parse(json);
      } catch {
        context.addIssue('is not JSON');
        return z.NEVER;
      }
    })
    .pipe(bundleSchema)
    .safeParse(text);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return failure(`${key} is not evidence: ${path.join('.')} ${message}`);
  }
  const bundle = parsed.data;
  const { verdict } = decideGoNoGo(measured(bundle.evidence));
  return verdict === bundle.verdict
    ? success(bundle)
    : failure(`${key} says ${bundle.verdict}, but its evidence says ${verdict}`);
}

const measured = (evidence: EvidenceBundle['evidence']) =>
  Object.fromEntries(
    Object.entries(evidence).map(([name, value]) => [name, value ?? undefined]),
  ) as unknown as CollectedEvidence['evidence'];
