// A rehearsed loss: one payment that brings the paper equity to where it is wanted, and nothing else.
import { describe, expect, it } from 'vitest';
import { newLedger } from '../../../lib/execution/ledger/ledger.ts';
import { executionRecords } from '../../../lib/execution/use-cases/execution-records.ts';
import { shockPaperAccount } from '../../../lib/execution/use-cases/shock-paper-account.ts';
import { planBreakerWrite } from '../../../lib/risk/gate.ts';
import { TradingWorld } from '../../support/trading/trading-world.ts';

const EQUITY = 10_000_000_000;

/** A paper account of this equity, which has been as high as this. */
async function account(highWaterMicroUsdt: number | null = null) {
  const world = await TradingWorld.open();
  const { breaker } = await world.gate();
  const current = { ...breaker, revision: breaker.revision + 1, highWaterMicroUsdt };
  await world.risk.commit('paper', planBreakerWrite({ previous: breaker, current, lease: undefined }));
  const { paperAccount } = executionRecords(world.risk);
  const opened = {
    ...{ ledger: newLedger(EQUITY), orders: {}, followed: {}, trades: [] },
    funding: [{ symbol: 'BTCUSDT', atMs: 1, amountMicroUsdt: 5, id: 'before' }],
  };
  await paperAccount.put('paper', opened as never, { ifAbsent: true });
  const stored = async () => (await paperAccount.get('paper'))!.value;
  const shock = (fraction: number) => shockPaperAccount(world, { fraction });
  return { world, paperAccount, opened: await stored(), stored, shock };
}

describe('a shock', () => {
  it('charges what brings the equity to a share below its high', async () => {
    const { world, opened, stored, shock } = await account(20_000_000_001);
    const chargedMicroUsdt = EQUITY - 9_000_000_000;
    expect(await shock(0.55)).toEqual({
      ok: true,
      value: { chargedMicroUsdt, equityMicroUsdt: 9_000_000_000, highWaterMicroUsdt: 20_000_000_001 },
    });
    const atMs = world.nowMs + 1;
    expect(await stored()).toEqual({
      ...opened,
      ledger: {
        ...opened.ledger,
        cashMicroUsdt: EQUITY - chargedMicroUsdt,
        fundingMicroUsdt: -chargedMicroUsdt,
      },
      funding: [
        ...opened.funding,
        { symbol: 'SHOCK', atMs, amountMicroUsdt: -chargedMicroUsdt, id: `shock-${atMs}` },
      ],
    });
  });

  it('is by the equity where that is the high, or no high is known', async () => {
    for (const high of [null, 1]) {
      const { shock } = await account(high);
      expect(await shock(0.1)).toMatchObject({
        value: {
          chargedMicroUsdt: 1_000_000_000,
          equityMicroUsdt: 9_000_000_000,
          highWaterMicroUsdt: EQUITY,
        },
      });
    }
    const { world, shock } = await account();
    world.risk.readGate = async () => undefined;
    expect(await shock(0.1)).toMatchObject({ value: { highWaterMicroUsdt: EQUITY } });
  });

  it('takes nothing where the equity is as low already, or was never marked', async () => {
    const { opened, stored, shock } = await account(20_000_000_000);
    expect(await shock(0.5)).toEqual({ ok: false, error: 'the equity is lower than that already' });
    expect(await shock(0.4)).toEqual({ ok: false, error: 'the equity is lower than that already' });
    expect(await stored()).toEqual(opened);
    expect(await shockPaperAccount(new TradingWorld(), { fraction: 0.1 })).toEqual({
      ok: false,
      error: 'the equity was never marked: let the system run for a minute',
    });
  });

  it('is charged once, whoever else writes the account, and given up when they write all the time', async () => {
    const { world, stored, shock } = await account();
    const { put } = world.risk;
    let puts = 0;
    world.risk.put = async (...given) => (++puts < 8 ? 'conflict' : put(...given));
    expect(await shock(0.1)).toMatchObject({ ok: true });
    expect((await stored()).funding).toHaveLength(2);
    puts = -1;
    await expect(shock(0.2)).rejects.toMatchObject({
      ...{ message: 'the paper account is written to by others all the time', retryable: true },
    });
    expect(puts).toBe(7);
  });

  it('needs an account', async () => {
    const world = await TradingWorld.open();
    await expect(shockPaperAccount(world, { fraction: 0.1 })).rejects.toMatchObject({
      ...{ message: 'there is no paper account yet', retryable: true },
    });
  });
});
