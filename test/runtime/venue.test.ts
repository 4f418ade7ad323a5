import { describe, expect, it } from 'vitest';
import { createClients } from '../../lib/adapters/aws/create-clients.ts';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { openBroker } from '../../lib/runtime/compose/exchange/brokers.ts';

describe('a stage on spot market data', () => {
  // Nothing answers at these addresses: neither broker may need them to open, or to refuse.
  const nowhere = 'http://127.0.0.1:9';
  const clients = createClients({ dynamodb: nowhere, s3: nowhere, ssm: nowhere, accessKeyId: 'x' });
  const overrides = {
    stage: 'dev',
    clients,
    risk: createMemoryRiskStore(),
    exchangeUrl: nowhere,
    clock: { nowMs: () => 0 },
    isReplay: false,
  };

  it('opens no futures account, and says what to do, before any key is read', async () => {
    const opening = openBroker({ ...overrides, exchange: 'binance' }, 'live');
    await expect(opening).rejects.toThrow(
      /^stage dev: .*binance \(spot\).*USDT-M.*set its exchange to binanceusdm$/,
    );
  });

  it('trades on paper', async () => {
    expect((await openBroker({ ...overrides, exchange: 'binance' }, 'paper')).scope).toBe('paper');
  });
});
