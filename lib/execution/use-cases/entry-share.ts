// The share of its full size that an entry gets: 1 where the ensemble names no policy, else what its policy answers to the state of that
// moment. Where it cannot be asked, or answers no share, there is none, and nothing is entered.
import { failure, type Result, success } from '../../core/result.ts';
import type { Ensemble } from '../../models/ensemble.ts';
import { SIZING_COLUMNS } from '../../models/sizing-policy.ts';
import type { SizingPolicies, SizingPolicy } from '../../models/use-cases/sizing-policies.ts';
import type { GateItem, Scope } from '../../risk/gate.ts';
import type { RiskStore } from '../../risk/ports.ts';
import { allValues } from '../../risk/use-cases/typed-records.ts';
import {
  type Allowance,
  accountState,
  type SizedSignal,
  STOP_HITS_WINDOW_MS,
  signalState,
  usage,
} from '../entry-account.ts';
import type { TradingLimits } from '../limits.ts';
import { executionRecords } from './execution-records.ts';

/** How the entries of one run are sized. */
export interface EntrySizing {
  /** undefined: none is named. Fails with one line when the one that is named cannot be used. */
  readonly policy: Result<SizingPolicy | undefined, string>;
  readonly stopHits: number;
}

/** The caller releases the policy. Throws StoreError when the trades cannot be read. */
export async function openSizing(
  { policies, risk }: { readonly policies: SizingPolicies; readonly risk: RiskStore },
  ensemble: Pick<Ensemble, 'sizingPolicy'>,
  { scope, nowMs }: { readonly scope: Scope; readonly nowMs: number },
): Promise<EntrySizing> {
  const policy = await policies.of(ensemble);
  if (!policy.ok) {
    const { reason, message } = policy.error;
    return { policy: failure(`${reason}: ${message}`), stopHits: 0 };
  }
  if (policy.value === undefined) return { policy, stopHits: 0 };
  try {
    const trades = allValues(await executionRecords(risk).trades.since(scope, nowMs - STOP_HITS_WINDOW_MS));
    return { policy, stopHits: trades.filter(({ reason }) => reason === 'stop').length };
  } catch (error) {
    await policy.value.release();
    throw error;
  }
}

/** Fails with one line. */
export async function entryShare(
  { policy, stopHits }: EntrySizing,
  signal: SizedSignal,
  now: {
    readonly account: Allowance;
    readonly gate: GateItem;
    readonly limits: TradingLimits;
    readonly nowMs: number;
  },
): Promise<Result<number, string>> {
  if (!policy.ok) return policy;
  if (policy.value === undefined) return success(1);
  const { gate, limits, nowMs } = now;
  const { highWaterMicroUsdt } = gate.breaker;
  const account = { ...now.account, ...usage(gate, nowMs) };
  const state = {
    ...signalState(signal),
    ...accountState(account, { limits, highWaterMicroUsdt, stopHits }),
  };
  const unknown = SIZING_COLUMNS.filter((column) => !Number.isFinite(state[column]));
  if (unknown.length > 0) return failure(`the policy's state is not known: ${unknown.join(', ')}`);
  return policy.value.shareOf(state);
}
