// What people are told of, when and how often: records in memory, receivers over real HTTP.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryRiskStore } from '../../lib/adapters/memory/memory-risk-store.ts';
import { createMemorySignalStore } from '../../lib/adapters/memory/memory-signal-store.ts';
import { HOUR_MS, MICRO, MINUTE_MS, SECOND_MS } from '../../lib/core/units.ts';
import { FEATURE_SET_HASH } from '../../lib/features/feature-set.ts';
import type { ReceiverKind } from '../../lib/notification/receiver-settings.ts';
import { type NotifyReport, notifyReceivers } from '../../lib/notification/use-cases/notify-receivers.ts';
import { firstArmed } from '../../lib/risk/breaker/state.ts';
import { newGate } from '../../lib/risk/gate.ts';
import { dayId, type TradeRecord } from '../../lib/risk/records.ts';
import { ROLLOUT_SCOPE } from '../../lib/risk/use-cases/read-level.ts';
import { rolloutRecords } from '../../lib/rollout/use-cases/rollout-records.ts';
import { openReceivers } from '../../lib/runtime/compose/receivers.ts';
import { type MessageReceiver, startMessageReceiver } from '../support/notification/message-receiver.ts';

/** A run of infer in which everything went well. */
const RUN = {
  ensembleId: 'e1',
  featureSetHash: FEATURE_SET_HASH,
  symbols: 0,
  written: 0,
  alreadyDecided: 0,
  actions: { SELL: 0, HOLD: 0, BUY: 0 },
  abstentions: [],
  candleWindows: { newest: 0, whole: 0, proven: 0, differing: [], revised: [] },
  servedModels: 4,
  unwritten: [],
  meanConsensus: null,
  meanConfidence: null,
  residentBytes: 1,
  timingsMs: { models: 0, fetch: 0, features: 0, inference: 0, store: 0, total: 0 },
};
const START_MS = Date.UTC(2024, 7, 5, 10);
const PATH = '/hook/s3cr3t-path';

let receiver: MessageReceiver;
let nowMs: number;
let risk: ReturnType<typeof createMemoryRiskStore>;
let signals: ReturnType<typeof createMemorySignalStore>;
let settings: Map<ReceiverKind, string>;
let mailed: string[];

beforeEach(async () => {
  receiver = await startMessageReceiver();
  nowMs = START_MS;
  risk = createMemoryRiskStore();
  signals = createMemorySignalStore();
  mailed = [];
  settings = new Map([['slack', JSON.stringify({ kind: 'slack', url: receiver.url + PATH })]]);
});
afterEach(() => receiver.close());

function notify(overrides: object = {}): Promise<NotifyReport> {
  const clock = { nowMs: () => nowMs };
  return notifyReceivers({
    stage: 'dev',
    shards: 1,
    clock,
    wallClock: clock,
    risk,
    signals,
    flags: { read: async () => new Map(), write: async () => undefined },
    receivers: {
      read: async () => settings,
      write: async () => undefined,
      remove: async () => undefined,
    },
    open: openReceivers({ notify: async ({ text }) => void mailed.push(text) }),
    readDashboard: async () => 'https://dash.example/',
    ...overrides,
  });
}
/** A minute later. */
const notifyNext = async (overrides?: object) => {
  nowMs += MINUTE_MS;
  return notify(overrides);
};
const reportOf = ({ receivers }: NotifyReport, kind: ReceiverKind = 'slack') =>
  receivers.find((each) => each.receiver === kind);
const texts = () => receiver.received.map(({ body }) => JSON.parse(body).text as string);

const trade = (symbol: string, reason: string, closedAtMs = nowMs): TradeRecord => ({
  symbol,
  side: 'BUY',
  quantity: 2,
  entryPrice: 100,
  exitPrice: 95,
  reason,
  feesMicroUsdt: MICRO,
  profitMicroUsdt: -11 * MICRO,
  openedAtMs: closedAtMs - 10 * MINUTE_MS,
  closedAtMs,
  entryClientOrderId: `entry-${symbol}`,
  ensembleId: null,
});
const close = (symbol: string, reason: string, closedAtMs?: number) =>
  rolloutRecords(risk).trades.add('paper', trade(symbol, reason, closedAtMs));
async function open(symbol: string): Promise<void> {
  const { side, quantity, entryPrice, entryClientOrderId } = trade(symbol, '');
  const position = {
    ...{ symbol, side, quantity, entryPrice, entryClientOrderId, stopPrice: 97, stopClientOrderId: null },
    ...{ stopSequence: null, unprotectedSinceMs: null, exitClientOrderId: null, exitSequence: null },
    ...{ exitDueMs: nowMs + HOUR_MS, openedAtMs: nowMs },
  };
  await rolloutRecords(risk).positions.put('paper', position, { ifAbsent: true });
}

describe('what is told', () => {
  it('is nothing of what happened before the receiver was set', async () => {
    await close('OLDUSDT', 'stop');
    expect(reportOf(await notify())).toEqual({ receiver: 'slack', told: 0, lost: 0 });
    await notifyNext();
    expect(receiver.received).toEqual([]);
  });

  it('is one message for everything of a bar, the most pressing first, with a link, and once only', async () => {
    await notify();
    for (let index = 0; index < 40; index++) await open(`S${index}USDT`);
    await close('AUSDT', 'stop');
    await close('BUSDT', 'horizon');
    expect(reportOf(await notifyNext())).toEqual({ receiver: 'slack', told: 44, lost: 0 });
    await notifyNext();
    await notifyNext();
    expect(texts()).toHaveLength(1);
    const [subject, ...lines] = texts()[0]!.split('\n');
    expect(subject).toBe('Quantum Trader dev: position stopped out, position closed, 42 positions entered');
    expect(lines.slice(0, 3)).toEqual([
      'Stopped out paper BUY 2 AUSDT from 100 to 95, -11.00 USDT net of fees',
      'https://dash.example/',
      'Closed paper BUY 2 BUSDT from 100 to 95, -11.00 USDT net of fees: horizon',
    ]);
    expect(lines).toContain('Entered paper BUY 2 S39USDT at 100, stop 97');
  });

  it('is a trip and its reset, once each', async () => {
    let gate = newGate(firstArmed(nowMs));
    risk = { ...risk, readGate: async (scope) => (scope === 'live' ? gate : undefined) };
    await notify();
    await notifyNext();
    const cause = { code: 'drawdown' as const, message: 'equity is 12.5 % below its high, above <12 %>' };
    const tripped = {
      latch: 'TRIPPED' as const,
      trippedAtMs: nowMs,
      causes: [cause],
      notified: true,
      resetRequest: null,
    };
    gate = newGate({ ...firstArmed(nowMs), epoch: 2, ...tripped });
    await notifyNext();
    await notifyNext();
    gate = newGate({ ...firstArmed(nowMs), epoch: 3 });
    await notifyNext();
    await notifyNext();
    expect(texts()).toEqual([
      'Quantum Trader dev: circuit breaker tripped\nThe live circuit breaker tripped at 2024-08-05 10:01 UTC, no new exposure: equity is 12.5 % below its high, above &lt;12 %&gt;\nhttps://dash.example/',
      'Quantum Trader dev: circuit breaker reset\nThe live circuit breaker was reset, and is armed\nhttps://dash.example/',
    ]);
    // The breaker mails these itself.
    expect(mailed).toEqual([]);
  });

  it('is a change of the capital level, by mail too', async () => {
    await notify();
    const signOffs = { technical_lead: null, risk_manager: null };
    const state = { level: 'HOUR_1_6' as const, enteredAtMs: nowMs, signOffs };
    await rolloutRecords(risk).rollout.put(ROLLOUT_SCOPE, state, { ifAbsent: true });
    await notifyNext();
    expect(texts()[0]).toContain('The capital level is HOUR_1_6: 10 % of capital, 5 positions');
    expect(mailed).toHaveLength(1);
  });

  it('is a model when it stops serving, not at every bar', async () => {
    const failed = {
      model: 'nhits',
      version: '1',
      reason: 'sha256_mismatch' as const,
      message: 'another file',
    };
    const putRun = async (quarantined: readonly (typeof failed)[]) => {
      const run = {
        barOpenTimeMs: nowMs,
        shard: 0,
        shardCount: 1,
        startedAtMs: nowMs,
        quarantined: [...quarantined],
      };
      await signals.putRun({ ...RUN, ...run });
    };
    await putRun([]);
    await notify();
    for (let bar = 0; bar < 3; bar++) {
      nowMs += 5 * MINUTE_MS;
      await putRun([failed]);
      await notify();
    }
    expect(texts()).toHaveLength(1);
    expect(texts()[0]).toContain('Model nhits/1 does not serve: sha256_mismatch: another file');
  });

  it('is a summary of the day that has ended, once its end is known', async () => {
    const { days } = rolloutRecords(risk);
    await days.add('paper', dayId(nowMs), { startMicroUsdt: 10_000 * MICRO });
    await close('AUSDT', 'stop');
    await notify();
    nowMs = Date.UTC(2024, 7, 6) + 10 * SECOND_MS;
    await notify();
    expect(texts()).toEqual([]);
    await days.add('paper', dayId(nowMs), { startMicroUsdt: 9_900 * MICRO });
    for (let hour = 0; hour < 23; hour++) {
      nowMs += HOUR_MS;
      await notify();
    }
    expect(texts()).toHaveLength(1);
    expect(texts()[0]).toContain(
      '2024-08-05, paper: equity 9900.00 USDT (-1.00 %); 1 trades closed, 1 by their stop, -11.00 USDT net of fees; 0 positions open; mode OFF, level PAPER, circuit breaker unknown\nhttps://dash.example/',
    );
    expect(mailed).toHaveLength(1);
  });

  it('leaves out what a receiver does not want', async () => {
    settings.set('slack', JSON.stringify({ kind: 'slack', url: receiver.url + PATH, events: ['stop'] }));
    await notify();
    await close('AUSDT', 'stop');
    await notifyNext();
    expect(texts()[0]).toContain('position stopped out\n');
    expect(texts()[0]).not.toContain('Entered');
  });
});

describe('a receiver that does not take its messages', () => {
  it('is asked again every minute, then told everything at once', async () => {
    await notify();
    receiver.always = { kind: 'answers', status: 400 };
    await close('AUSDT', 'stop');
    expect(reportOf(await notifyNext())).toMatchObject({ told: 0, lost: 0, failed: 'slack: HTTP 400' });
    await close('BUSDT', 'stop');
    expect(reportOf(await notifyNext())).toMatchObject({ failed: 'slack: HTTP 400' });
    receiver.always = { kind: 'takes' };
    expect(reportOf(await notifyNext())).toEqual({ receiver: 'slack', told: 4, lost: 0 });
    expect(texts().at(-1)).toContain('2 positions stopped out, 2 positions entered');
  });

  it('has lost, and is counted to have, what is hours old', async () => {
    await notify();
    receiver.always = { kind: 'answers', status: 400 };
    await close('AUSDT', 'stop');
    for (let minutes = 0; minutes < 5 * 60; minutes += 30) {
      nowMs += 30 * MINUTE_MS;
      expect(reportOf(await notify())).toMatchObject({ told: 0, lost: 0 });
    }
    nowMs += 2 * HOUR_MS;
    expect(reportOf(await notify())).toEqual({ receiver: 'slack', told: 0, lost: 2 });
    expect(reportOf(await notifyNext())).toEqual({ receiver: 'slack', told: 0, lost: 0 });
  });

  it('is left alone for as long as it asks', async () => {
    await notify();
    receiver.next.push({ kind: 'answers', status: 429, headers: { 'retry-after': '150' } });
    await close('AUSDT', 'stop');
    await notifyNext();
    await notifyNext();
    await notifyNext();
    expect(receiver.received).toHaveLength(1);
    expect(reportOf(await notifyNext())).toMatchObject({ told: 2 });
  });

  it('is sent no two messages within seconds, and loses none', async () => {
    await notify();
    await close('AUSDT', 'stop');
    await notifyNext();
    await close('BUSDT', 'stop');
    nowMs += 5 * SECOND_MS;
    expect(reportOf(await notify())).toMatchObject({ told: 0 });
    expect(reportOf(await notifyNext())).toMatchObject({ told: 2 });
    expect(receiver.received).toHaveLength(2);
  });

  it('keeps no other receiver from being told, and puts no secret into the report', async () => {
    const other = await startMessageReceiver();
    settings.set('discord', JSON.stringify({ kind: 'discord', url: other.url + PATH }));
    settings.set('telegram', '{"kind":"telegram","botToken":"s3cr3t-path"}');
    await notify();
    receiver.always = { kind: 'closes' };
    await close('AUSDT', 'stop');
    const report = await notifyNext();
    await other.close();
    expect(reportOf(report, 'discord')).toEqual({ receiver: 'discord', told: 2, lost: 0 });
    expect(reportOf(report)!.failed).toMatch(/^slack: no answer/);
    expect(report.problems).toEqual([
      expect.stringMatching(/^receiver telegram cannot be used: botToken: .*chatId/),
    ]);
    expect(JSON.stringify(report)).not.toContain('s3cr3t-path');
  });
});

it('tells of everything that can be read, though something cannot, and repeats nothing afterwards', async () => {
  await notify();
  await close('AUSDT', 'stop');
  await notifyNext();
  await close('BUSDT', 'stop');
  const broken = { ...risk, readGate: () => Promise.reject(new Error('the table is away')) };
  const report = await notifyNext({ risk: broken });
  expect(reportOf(report)).toMatchObject({ told: 2, lost: 0 });
  expect(report.problems).toContain('the table is away');
  await notifyNext();
  expect(texts()).toHaveLength(2);
});

it('fails when the settings cannot be read, and tells in the next run', async () => {
  await notify();
  await close('AUSDT', 'stop');
  const broken = { read: () => Promise.reject(new Error('Parameter Store is away')) };
  await expect(notifyNext({ receivers: broken })).rejects.toThrow('Parameter Store is away');
  await notifyNext();
  expect(texts()).toHaveLength(1);
});
