// An operator's word that a transfer is wanted: written down once, with who said it and why.
import { describe, expect, it } from 'vitest';
import { createMemoryRiskStore } from '../../../lib/adapters/memory/memory-risk-store.ts';
import { unproven } from '../../../lib/core/actor.ts';
import { declareTransfer } from '../../../lib/execution/use-cases/declare-transfer.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { allRecords, allValues } from '../../../lib/risk/use-cases/typed-records.ts';

const by = unproven('ada');
const declaration = { scope: 'paper', amountMicroUsdt: -500_000_000, by, reason: 'less' } as const;

async function declared(...times: readonly number[]) {
  const risk = createMemoryRiskStore();
  const answers: Awaited<ReturnType<typeof declareTransfer>>[] = [];
  for (const nowMs of times) answers.push(await declareTransfer(risk, { ...declaration, nowMs }));
  const { transferDeclarations, audit } = executionRecords(risk);
  return {
    answers,
    records: allValues(await transferDeclarations.since('paper', 0)),
    audited: allRecords(await audit.all('paper')).map(({ id, value }) => ({ id, ...value })),
  };
}

describe('a declaration', () => {
  it('is kept, and so is who said it and why', async () => {
    const { answers, records, audited } = await declared(7);
    const record = { atMs: 7, amountMicroUsdt: -500_000_000, by, reason: 'less' };
    expect(answers).toEqual([{ ok: true, value: record }]);
    expect(records).toEqual([record]);
    expect(audited).toEqual([
      {
        ...{ id: 'operator#7#transfer', atMs: 7, what: 'transfer_declared', by },
        message: '-500000000 micro-USDT: less',
      },
    ]);
  });

  it('of the very moment of another one is refused, and leaves that one as it is', async () => {
    const { answers, records, audited } = await declared(7, 7, 8);
    expect(answers.map((answer) => (answer.ok ? answer.value.atMs : answer.error))).toEqual([
      ...[7, 'another transfer was declared at this very moment: declare it again', 8],
    ]);
    expect(records).toHaveLength(2);
    expect(audited).toHaveLength(2);
  });
});
