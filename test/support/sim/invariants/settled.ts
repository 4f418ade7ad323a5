// What must be true after some quiet, whatever came before.

import { MICRO, MINUTE_MS } from '../../../../lib/core/units.ts';
import { differencesOf } from '../../../../lib/execution/ledger/booked-ledger.ts';
import { executionRecords } from '../../../../lib/execution/use-cases/execution-records.ts';
import { isSettled } from '../../../../lib/execution/use-cases/send-order.ts';
import { allValues } from '../../../../lib/risk/use-cases/typed-records.ts';
import { FAULT_KINDS, type FaultKind } from '../kernel/fault-plan.ts';
import { DEPOSIT_USDT, SCOPE, type Stage } from '../world/stage.ts';
import type { Register } from './register.ts';

const CENT = 10_000;
const MOVES_DEPOSIT: ReadonlySet<FaultKind> = new Set([
  ...FAULT_KINDS.others,
  ...FAULT_KINDS.answers,
  ...FAULT_KINDS.exchange,
]);

/** @param entriesInQuiet how many were made since the faults had stopped and every gate was open */
export async function checkSettled(stage: Stage, register: Register): Promise<void> {
  const { risk, core, timeline } = stage;
  const records = executionRecords(risk);
  const { walletMicroUsdt, positions } = core.truth()!;
  const costed = positions.map((position) => ({ ...position, entryPrice: Number.NaN }));
  const booked = await records.bookedLedger.find(SCOPE);
  const ledger = booked?.value?.ledger;
  const differences =
    ledger === undefined ? ['no ledger'] : differencesOf(ledger, { walletMicroUsdt, positions: costed });
  register.check('ledger', differences.length === 0, () => differences.join('; '));
  if (ledger !== undefined) {
    const { depositMicroUsdt, realisedMicroUsdt, feesMicroUsdt, fundingMicroUsdt, cashMicroUsdt } = ledger;
    const cost = Object.values(ledger.positions).reduce((sum, { costMicroUsdt }) => sum + costMicroUsdt, 0);
    const wallet = depositMicroUsdt + realisedMicroUsdt - feesMicroUsdt + fundingMicroUsdt;
    register.check(
      'equity',
      Math.abs(wallet - walletMicroUsdt) <= CENT && cashMicroUsdt === wallet - cost,
      () =>
        `the ledger adds up to ${wallet}, its cash to ${cashMicroUsdt} beside ${cost}; the wallet is ${walletMicroUsdt}`,
    );
    // What others do, and answers that are not true, may be taken over as a deposit; what our own orders did may not.
    if (!stage.faults.log.some(({ kind }) => MOVES_DEPOSIT.has(kind)))
      register.check(
        'deposit',
        Math.abs(depositMicroUsdt - DEPOSIT_USDT * MICRO) <= CENT,
        () => `the ledger knows of ${depositMicroUsdt}, and ${DEPOSIT_USDT} USDT were paid in`,
      );
  }
  const gate = await risk.readGate(SCOPE);
  const manager = (await records.positionManager.find(SCOPE))?.value;
  const { nowMs } = timeline;
  const isAlive = (gate?.leaseUntilMs ?? 0) > nowMs && nowMs - (manager?.completedAtMs ?? 0) < 3 * MINUTE_MS;
  register.check(
    'recovers',
    isAlive && manager?.unprotectedSinceMs === null,
    () =>
      `lease ${gate?.leaseUntilMs}, last run ${manager?.completedAtMs}, unprotected ${manager?.unprotectedSinceMs}, now ${nowMs}`,
  );
  const held = positions.map(({ symbol }) => symbol).sort();
  const reserved = Object.keys(gate?.reserved ?? {}).sort();
  const recorded = allValues(await records.positions.all(SCOPE))
    .map(({ symbol }) => symbol)
    .sort();
  const unsettled = allValues(await records.orders.all(SCOPE)).filter(
    (order) => !isSettled(order) && !held.includes(order.symbol),
  );
  register.check(
    'no_rest',
    `${reserved}` === `${held}` && `${recorded}` === `${held}` && unsettled.length === 0,
    () =>
      `held ${held}, reserved ${reserved}, recorded ${recorded}, unsettled ${unsettled.map((order) => `${order.symbol} ${order.leg} ${order.state.status}`)}`,
  );
}
