// A rehearsal of losing money: the simulated exchange charges the paper account one payment. Everything else takes its usual
// course: the position manager books it, equity falls by it, the ledger still balances, and the breaker judges it.

import type { Clock } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import type { RiskStore } from '../../risk/ports.ts';
import type { PaperAccount } from '../paper/paper-account.ts';
import { executionRecords } from './execution-records.ts';

const WRITE_ATTEMPTS = 8;

export interface Shock {
  readonly chargedMicroUsdt: number;
  /** Equity as it will be marked, prices unchanged. */
  readonly equityMicroUsdt: number;
  readonly highWaterMicroUsdt: number;
}

/**
 * Brings the paper equity to `fraction` below its high-water mark. Fails with one line when there is no equity to take from.
 * @param options.fraction above 0, below 1
 */
export async function shockPaperAccount(
  { risk, clock }: { risk: RiskStore; clock: Clock },
  { fraction }: { fraction: number },
): Promise<Result<Shock, string>> {
  const snapshot = await executionRecords(risk).equity.latest('paper');
  if (snapshot === undefined) return failure('the equity was never marked: let the system run for a minute');
  const equity = snapshot.equityMicroUsdt;
  const breaker = (await risk.readGate('paper'))?.breaker;
  const highWaterMicroUsdt = Math.max(breaker?.highWaterMicroUsdt ?? 0, equity);
  const equityMicroUsdt = Math.floor(highWaterMicroUsdt * (1 - fraction));
  const chargedMicroUsdt = equity - equityMicroUsdt;
  if (chargedMicroUsdt <= 0) return failure('the equity is lower than that already');
  // After the ledger's last payment, which may be of this very moment.
  await charge(risk, { amountMicroUsdt: chargedMicroUsdt, atMs: clock.nowMs() + 1 });
  return success({ chargedMicroUsdt, equityMicroUsdt, highWaterMicroUsdt });
}

async function charge(risk: RiskStore, payment: { amountMicroUsdt: number; atMs: number }): Promise<void> {
  const { paperAccount } = executionRecords(risk);
  for (let attempt = 1; attempt <= WRITE_ATTEMPTS; attempt++) {
    const stored = await paperAccount.get('paper');
    if (stored === undefined) throw new StoreError('there is no paper account yet', { retryable: true });
    const charged = withCharge(stored.value, payment);
    const condition = { ifRevision: stored.revision };
    if ((await paperAccount.put('paper', charged, condition)) === 'written') return;
  }
  throw new StoreError('the paper account is written to by others all the time', { retryable: true });
}

function withCharge(
  account: PaperAccount,
  { amountMicroUsdt, atMs }: { amountMicroUsdt: number; atMs: number },
): PaperAccount {
  const { ledger, funding } = account;
  return {
    ...account,
    ledger: {
      ...ledger,
      cashMicroUsdt: ledger.cashMicroUsdt - amountMicroUsdt,
      fundingMicroUsdt: ledger.fundingMicroUsdt - amountMicroUsdt,
    },
    funding: [...funding, { symbol: 'SHOCK', atMs, amountMicroUsdt: -amountMicroUsdt, id: `shock-${atMs}` }],
  };
}
