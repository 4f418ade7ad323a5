// A scope in which everything is as it should be: what guard and infer would have written by now.
import { z } from 'zod';
import { MINUTE_MS } from '../../../lib/core/units.ts';
import type { SignalStore } from '../../../lib/inference/ports.ts';
import type { Scope } from '../../../lib/risk/gate.ts';
import type { RiskStore } from '../../../lib/risk/ports.ts';
import { keyOf, sortable } from '../../../lib/risk/record-kind.ts';
import { DAYS, dayId, EQUITY, POSITION_MANAGER } from '../../../lib/risk/records.ts';
import { runOf } from '../inference/sample-signals.ts';

export const START_MS = Date.UTC(2024, 7, 5, 12, 0, 10);
const BAR_MS = 300_000;
const EQUITY_MICRO_USDT = 10_000_000_000;

/** Writes a record whether it is there or not, well formed or not. */
export async function writeRecord(risk: RiskStore, scope: Scope, key: string, value: unknown): Promise<void> {
  const stored = await risk.get(scope, key, z.unknown());
  const condition = stored === undefined ? { ifAbsent: true as const } : { ifRevision: stored.revision };
  await risk.put(scope, key, value, condition);
}

export async function beHealthy(
  stores: { readonly risk: RiskStore; readonly signals: SignalStore },
  state: { scope: Scope; nowMs: number; written?: number; openDay?: boolean },
): Promise<void> {
  const { scope, nowMs, written = 1, openDay = true } = state;
  const put = (key: string, value: unknown) => writeRecord(stores.risk, scope, key, value);
  for (const atMs of [nowMs - MINUTE_MS, nowMs])
    await put(keyOf(EQUITY, sortable(atMs)), {
      atMs,
      equityMicroUsdt: EQUITY_MICRO_USDT,
      walletMicroUsdt: EQUITY_MICRO_USDT,
      exposureMicroUsdt: 0,
      positions: 0,
    });
  if (openDay) await put(keyOf(DAYS, dayId(nowMs)), { startMicroUsdt: EQUITY_MICRO_USDT });
  await put(keyOf(POSITION_MANAGER), {
    completedAtMs: nowMs,
    differences: [],
    unprotectedSinceMs: null,
    fundingBookedUntilMs: nowMs,
  });
  const barOpenTimeMs = Math.floor(nowMs / BAR_MS) * BAR_MS - BAR_MS;
  await stores.signals.putRun(runOf(barOpenTimeMs, { written }));
}
