// The shadow: a candidate ensemble that decides every bar on the same rows as the active one, after it, without being counted.
// Its decisions are kept in the store; its errors end as one line in the run.

import { messageOf } from '../../core/message-of.ts';
import type { ObjectStore } from '../../core/ports.ts';
import type { LoadedShadow } from '../../models/use-cases/load-ensemble.ts';
import { shadowPrefix } from '../../models/use-cases/shadow-bars.ts';
import type { ShadowRun } from '../infer-run.ts';
import type { Signal } from '../signal.ts';
import { askModels, type SymbolRow } from './ask-models.ts';

interface ShadowBar {
  readonly barOpenTimeMs: number;
  readonly shard: number;
  readonly shardCount: number;
  readonly rows: readonly SymbolRow[];
  /** What the active ensemble decided, in the order of `rows`. */
  readonly championSignals: readonly Signal[];
}
const shadowKey = (ensembleId: string, { barOpenTimeMs, shard, shardCount }: ShadowBar): string =>
  `${shadowPrefix(ensembleId)}${barOpenTimeMs}-${shard}-of-${shardCount}.json`;

/**
 * Decides the bar as the shadow would and keeps it: one object per bar and shard, written once. Never throws.
 * @param records where to; undefined keeps nothing but the run's own figures
 */
export async function runShadow(
  { ensembleId, loaded }: LoadedShadow,
  bar: ShadowBar,
  records: ObjectStore | undefined,
): Promise<ShadowRun> {
  const run: ShadowRun = { ensembleId, failed: null, signals: 0, agreement: null, quarantined: [] };
  if (!loaded.ok) return { ...run, failed: `${loaded.error.code}: ${loaded.error.message}` };
  try {
    const { signals, quarantined } = await askModels(loaded.value, bar.rows);
    // A bar is decided once, by its first run; a repeated run finds the object there.
    await records?.put(shadowKey(ensembleId, bar), encodeBar(bar, signals), { ifAbsent: true });
    return { ...run, signals: signals.length, agreement: agreementOf(signals, bar), quarantined };
  } catch (error) {
    return { ...run, failed: messageOf(error) };
  }
}

/** Share of the symbols for which shadow and active ensemble take the same action, 0…1; null without symbols. */
function agreementOf(signals: readonly Signal[], { championSignals }: ShadowBar): number | null {
  if (signals.length === 0) return null;
  const same = signals.filter(({ action }, index) => action === championSignals[index]!.action);
  return same.length / signals.length;
}

function encodeBar(
  { barOpenTimeMs, shard, shardCount, championSignals }: ShadowBar,
  signals: readonly Signal[],
) {
  const record = {
    schemaVersion: 1,
    barOpenTimeMs,
    shard,
    shardCount,
    championEnsembleId: championSignals[0]?.ensembleId ?? null,
    signals,
  };
  return new TextEncoder().encode(`${JSON.stringify(record)}\n`);
}
