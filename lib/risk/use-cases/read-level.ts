// Which capital level is active: the rollout's record, and what a reading of it means.
import type { Scope } from '../gate.ts';
import type { Level, RolloutState } from '../level.ts';
import { initialRollout } from '../level.ts';
import type { RiskStore } from '../ports.ts';
import { riskRecords } from './risk-records.ts';

/** There is one rollout; it is live trading that it lets grow. */
export const ROLLOUT_SCOPE: Scope = 'live';

type RecordState =
  | { readonly kind: 'value'; readonly state: RolloutState; readonly revision: number }
  | { readonly kind: 'malformed'; readonly revision: number }
  | { readonly kind: 'missing' };

export async function readRecord(risk: RiskStore): Promise<RecordState> {
  const record = await riskRecords(risk).rollout.find(ROLLOUT_SCOPE);
  if (record === undefined) return { kind: 'missing' };
  const { revision, value: state } = record;
  return state === undefined ? { kind: 'malformed', revision } : { kind: 'value', state, revision };
}

/** The active level: paper before the rollout ever began, undefined when it cannot be read. Never rejects. */
export async function readLevel(risk: RiskStore): Promise<Level | undefined> {
  const record = await readRecord(risk).catch(() => undefined);
  if (record === undefined || record.kind === 'malformed') return undefined;
  return record.kind === 'missing' ? initialRollout(0).level : record.state.level;
}
