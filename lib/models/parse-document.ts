// Turns the bytes of a stored JSON document into its type, or into one line that says what is wrong and what to do: an
// operator reads that line in the middle of the night, in a log or in `qtrader models verify`.
import type * as z from 'zod';
import { failure, type Result, success } from '../core/result.ts';
import { MIB } from '../core/units.ts';
import { type FeatureProfile, featureProfileSchema } from '../features/feature-profile.ts';
import {
  type Ensemble,
  type EnsemblePointer,
  ensembleSchema,
  pointerSchema,
  type ShadowPointer,
  shadowSchema,
} from './ensemble.ts';
import { type ModelManifest, manifestSchema } from './manifest.ts';
import { type QuarantineOrder, quarantineSchema } from './quarantine.ts';
import { type PolicyManifest, policyManifestSchema } from './sizing-policy.ts';

/** A manifest with a thousand golden sequences stays below; anything larger is not ours. */
const DOCUMENT_BYTES_MAX = 8 * MIB;

/** @param subject how the error line starts, e.g. "manifest of xgboost v20240728_000000" */
export function parseManifest(bytes: Uint8Array, subject: string): Result<ModelManifest, string> {
  return parseDocument(manifestSchema, bytes, { subject, remedy: 'export the model again with training/' });
}

/** @param subject how the error line starts, e.g. "manifest of sizing v20240728_000000" */
export function parsePolicyManifest(bytes: Uint8Array, subject: string): Result<PolicyManifest, string> {
  return parseDocument(policyManifestSchema, bytes, {
    subject,
    remedy: 'export the policy again with training/',
  });
}

/** @param subject how the error line starts, e.g. "ensembles/e20240728_000000.json" */
export function parseEnsemble(bytes: Uint8Array, subject: string): Result<Ensemble, string> {
  return parseDocument(ensembleSchema, bytes, { subject, remedy: 'publish the ensemble again' });
}

/** @param subject how the error line starts: the pointer's key */
export function parsePointer(bytes: Uint8Array, subject: string): Result<EnsemblePointer, string> {
  return parseDocument(pointerSchema, bytes, { subject, remedy: 'promote an ensemble again' });
}

/** @param subject how the error line starts: the shadow's key */
export function parseShadow(bytes: Uint8Array, subject: string): Result<ShadowPointer, string> {
  return parseDocument(shadowSchema, bytes, { subject, remedy: 'name the shadow again, or none' });
}

/** @param subject how the error line starts: the order's key */
export function parseQuarantine(bytes: Uint8Array, subject: string): Result<QuarantineOrder, string> {
  return parseDocument(quarantineSchema, bytes, { subject, remedy: 'quarantine or lift the model again' });
}

/** @param subject how the error line starts: the profile's key */
export function parseFeatureProfile(bytes: Uint8Array, subject: string): Result<FeatureProfile, string> {
  return parseDocument(featureProfileSchema, bytes, {
    subject,
    remedy: 'make it again with qtrader drift profile --force',
  });
}

function parseDocument<S extends z.ZodType>(
  schema: S,
  bytes: Uint8Array,
  text: { subject: string; remedy: string },
): Result<z.infer<S>, string> {
  const refuse = (what: string) => failure(`${text.subject}: ${what}; ${text.remedy}`);
  if (bytes.length === 0) return refuse('the document is empty (0 bytes)');
  if (bytes.length > DOCUMENT_BYTES_MAX) return refuse(`${bytes.length} bytes is too large for a document`);
  let parsed: z.ZodSafeParseResult<z.infer<S>>;
  try {
    const json: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    // Throws where thousands of lists stand in each other, as no document of ours.
    parsed = schema.safeParse(json, { reportInput: true });
  } catch {
    return refuse(`not JSON, it starts with ${printableStart(bytes)}`);
  }
  if (parsed.success) return success(parsed.data);
  const [first, ...others] = parsed.error.issues;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return refuse(`${printable(describeIssue(first!).replace(/\s+/g, ' '), ISSUE_CHARS_MAX)}${more}`);
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String).join('.') || 'the document';
  if (issue.code === 'unrecognized_keys') {
    return `${path} has unknown field${issue.keys.length > 1 ? 's' : ''} ${issue.keys.join(', ')}`;
  }
  if (issue.code === 'invalid_type' && issue.input === undefined) return `${path} is missing`;
  return `${path}: ${issue.message}`;
}

/** Names of fields come from the document, and may be as long as it is. */
const ISSUE_CHARS_MAX = 300;

/** Safe for a terminal and a log. */
const printable = (text: string, charsMax: number): string =>
  text.slice(0, charsMax).replace(/[^\x20-\x7e]/g, '.');

/** First bytes, quoted: enough to recognise HTML, a pickle or a truncated download. */
const printableStart = (bytes: Uint8Array): string =>
  JSON.stringify(printable(new TextDecoder().decode(bytes.subarray(0, 24)), 24));
