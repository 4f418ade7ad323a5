// The models that decide and those on trial: versions, weights, training range, quarantine and drift.
import * as z from 'zod';
import type { ObjectStore } from '../../core/ports.ts';
import type { Result } from '../../core/result.ts';
import { driftRecordSchema } from '../../models/drift-record.ts';
import { type EnsembleMember, ensembleSchema, manifestKey, quarantineKey } from '../../models/ensemble.ts';
import { manifestSchema } from '../../models/manifest.ts';
import { parseManifest } from '../../models/parse-document.ts';
import type { NamedPolicy } from '../../models/sizing-policy.ts';
import { findQuarantine, readQuarantine } from '../../models/use-cases/load-model.ts';
import {
  type EnsembleFailure,
  readCurrentEnsemble,
  readEnsemble,
  readShadowId,
  type StoredEnsemble,
} from '../../models/use-cases/read-ensemble.ts';
import type { RiskStore } from '../../risk/ports.ts';
import { rolloutRecords } from '../../rollout/use-cases/rollout-records.ts';

const memberSchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  weight: z.number(),
  training: manifestSchema.shape.training.omit({ symbols: true }).nullable(),
  outOfFold: manifestSchema.shape.metrics.shape.outOfFold.describe('Over the validation folds.'),
  calibration: manifestSchema.shape.calibration.nullable(),
  quarantine: z.string().nullable().describe('Why an operator took it out of service.'),
});
type Member = z.infer<typeof memberSchema>;

const policySchema = z.strictObject({
  name: z.string(),
  version: z.string(),
  quarantine: z.string().nullable().describe('Why an operator took it out of service: nothing is entered.'),
});

const ensembleAnswerSchema = ensembleSchema
  .pick({
    id: true,
    featureSetHash: true,
    label: true,
    costs: true,
    edgeThresholdBps: true,
    confidence: true,
    stopAtrMultiple: true,
    stopAtrTimeframe: true,
    holdBars: true,
  })
  .extend({
    members: z.array(memberSchema),
    sizingPolicy: policySchema
      .nullable()
      .describe('What scales every entry, from nothing to its full size; null: a constant, the full size.'),
  });

export const modelsAnswerSchema = z.strictObject({
  active: ensembleAnswerSchema.nullable(),
  shadow: ensembleAnswerSchema.nullable().describe('Votes are recorded and never counted.'),
  drift: driftRecordSchema.nullable().describe('The newest measurement.'),
  problems: z.array(z.string()).describe('Why an ensemble is missing although there should be one.'),
});
type ModelsAnswer = z.infer<typeof modelsAnswerSchema>;

/** Throws StoreError. */
export async function readModels({
  objects,
  risk,
}: {
  readonly objects: ObjectStore;
  readonly risk: RiskStore;
}): Promise<ModelsAnswer> {
  const problems: string[] = [];
  const describe = async (stored: Result<StoredEnsemble, EnsembleFailure>) => {
    if (stored.ok) return describeEnsemble(objects, stored.value);
    problems.push(`${stored.error.code}: ${stored.error.message}`);
    return null;
  };
  const [active, shadow, drift] = await Promise.all([
    readCurrentEnsemble(objects).then(describe),
    readShadow(objects).then((stored) => (stored === undefined ? null : describe(stored))),
    rolloutRecords(risk).drift.latest('paper'),
  ]);
  return { active, shadow, drift: drift ?? null, problems };
}

async function readShadow(objects: ObjectStore) {
  const id = await readShadowId(objects);
  if (!id.ok) return id;
  return id.value === undefined ? undefined : readEnsemble(objects, id.value);
}

async function describeEnsemble(objects: ObjectStore, { ensemble }: StoredEnsemble) {
  const { schemaVersion: _, members, sizingPolicy, ...rest } = ensemble;
  return {
    ...rest,
    members: await Promise.all(members.map((member) => describeMember(objects, member))),
    sizingPolicy: sizingPolicy && (await describePolicy(objects, sizingPolicy)),
  };
}

const describePolicy = async (objects: ObjectStore, { name, version }: NamedPolicy) => ({
  name,
  version,
  quarantine: await readQuarantine(objects, { name, version }),
});

async function describeMember(objects: ObjectStore, member: EnsembleMember): Promise<Member> {
  const { name, version, weight } = member;
  const key = manifestKey(member);
  const [stored, order] = await Promise.all([objects.get(key), objects.get(quarantineKey(member))]);
  const manifest = stored === undefined ? undefined : parseManifest(stored.body, key);
  const quarantine = (order && findQuarantine(order)?.message) ?? null;
  if (!manifest?.ok)
    return { name, version, weight, quarantine, training: null, outOfFold: null, calibration: null };
  const { calibration, metrics } = manifest.value;
  const { symbols: __, ...training } = manifest.value.training;
  return { name, version, weight, quarantine, training, outOfFold: metrics.outOfFold, calibration };
}
