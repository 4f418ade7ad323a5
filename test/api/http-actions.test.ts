// Actions over HTTP: which role may do what, that each is done by the use case that the command uses, in the token's name, with its
// reason in the audit trail, and that a refusal changes nothing.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ActionRequest, mayAct } from '../../lib/api/actions/action-schema.ts';
import { TOKEN_ROLES, type TokenRole } from '../../lib/api/api-token.ts';
import { MINUTE_MS } from '../../lib/core/units.ts';
import { riskRecords } from '../../lib/risk/use-cases/risk-records.ts';
import { allValues } from '../../lib/risk/use-cases/typed-records.ts';
import {
  APPROVER_TOKEN,
  type ApiStage,
  type Call,
  READER_TOKEN,
  startApiStage,
  TOKEN,
} from '../support/api/api-stage.ts';

let stage: ApiStage;
beforeEach(async () => {
  stage = await startApiStage();
});
afterEach(() => stage.close());

const TOKENS: Readonly<Record<TokenRole, string>> = {
  reader: READER_TOKEN,
  operator: TOKEN,
  approver: APPROVER_TOKEN,
};
const reason = 'a test';
const model = { model: 'xgboost', version: 'v20240728_000000' } as const;
const EVERY: readonly ActionRequest[] = [
  { act: 'set_flag', name: 'QT_ENABLE_AI_TRADING', value: 'false', reason },
  { act: 'trip', scope: 'paper', reason },
  { act: 'request_reset', scope: 'paper', reason },
  { act: 'approve_reset', scope: 'paper', reason },
  { act: 'sign_off', role: 'risk_manager', reason },
  { act: 'advance', reason },
  { act: 'step_down', reason },
  { act: 'quarantine', ...model, reason },
  { act: 'lift_quarantine', ...model, reason },
];

const post = (body: unknown, more: Call = {}) =>
  stage.call('/api/actions', {
    method: 'POST',
    body: JSON.stringify(body),
    ...more,
    headers: { 'content-type': 'application/json', ...more.headers },
  });
const flag = async (name: string) => (await stage.system.flags.read([name])).get(name);
const audited = async () => allValues(await riskRecords(stage.system.risk).audit.all('paper', 'api#'));

describe('who may', () => {
  it('tell whose token it is', async () => {
    for (const [role, name] of [
      ['reader', 'eve'],
      ['operator', 'ada'],
      ['approver', 'bob'],
    ] as const)
      expect((await stage.call('/api/me', { token: TOKENS[role] })).json).toEqual({ name, role });
  });

  it.each(TOKEN_ROLES)('act as %s: nothing but what the role allows', async (role) => {
    for (const body of EVERY) {
      const { status, json } = await post(body, { token: TOKENS[role] });
      if (mayAct(role, body.act)) expect([body.act, status]).not.toEqual([body.act, 403]);
      else expect([body.act, status, json.error?.code]).toEqual([body.act, 403, 'forbidden']);
    }
    if (role === 'reader') expect(await audited()).toEqual([]);
  });

  it('never both ask and approve, and a reader nothing at all', () => {
    for (const { act } of EVERY) {
      expect(mayAct('reader', act)).toBe(false);
      expect(mayAct('operator', act)).not.toBe(mayAct('approver', act));
    }
  });

  it('stop everything: an operator and an approver, not a reader', async () => {
    const stop = (token: string) =>
      stage.call('/api/emergency/stop', {
        ...{ method: 'POST', token, headers: { 'content-type': 'application/json' } },
        body: JSON.stringify({ reason }),
      });
    const refused = await stop(READER_TOKEN);
    expect([refused.status, refused.json.error.code]).toEqual([403, 'forbidden']);
    expect((await stage.system.risk.readGate('paper'))?.latch).toBe('ARMED');
    expect((await stop(APPROVER_TOKEN)).status).toBe(200);
    expect((await stage.system.risk.readGate('paper'))?.latch).toBe('TRIPPED');
  });

  it('call from a page of this API, with JSON, and with a reason', async () => {
    const body = EVERY[0]!;
    expect((await post(body, { headers: { origin: 'http://evil.example' } })).status).toBe(403);
    expect((await post(body, { headers: { 'content-type': 'text/plain' } })).status).toBe(415);
    expect((await post(body, { token: null })).status).toBe(401);
    for (const wrong of [
      { ...body, reason: ' ' },
      { ...body, reason: undefined },
      { ...body, by: 'another' },
      { ...body, name: 'QT_ANYTHING' },
      { act: 'open_everything', reason },
    ])
      expect((await post(wrong)).status).toBe(400);
    expect(await flag('QT_ENABLE_AI_TRADING')).toEqual({ kind: 'text', text: 'true' });
    const answer = await stage.call('/api/actions', {
      method: 'OPTIONS',
      headers: { origin: stage.api.endpoint },
    });
    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([405, undefined]);
  });
});

describe('an action', () => {
  it('sets a flag, and tells what it was, who did it and why', async () => {
    const { status, json } = await post(EVERY[0]);
    expect([status, json]).toEqual([
      200,
      {
        outcome: 'done',
        by: 'ada',
        done: ['QT_ENABLE_AI_TRADING: true -> false'],
        refused: null,
        failures: [],
      },
    ]);
    expect(await flag('QT_ENABLE_AI_TRADING')).toEqual({ kind: 'text', text: 'false' });
    expect(await audited()).toMatchObject([
      {
        what: 'set_flag',
        by: { name: 'ada', proven: true },
        message: expect.stringContaining('QT_ENABLE_AI_TRADING false: a test'),
      },
    ]);
  });

  it('is refused for a value that the gate would not accept', async () => {
    const { status, json } = await post({ ...EVERY[0], value: 'False' });
    expect([status, json.outcome, json.done]).toEqual([409, 'refused', []]);
    expect(json.refused).toContain('exactly true or false');
    expect(await flag('QT_ENABLE_AI_TRADING')).toEqual({ kind: 'text', text: 'true' });
  });

  it('opens nothing that it cannot record, and closes it all the same', async () => {
    stage.aws.faults.dynamodb.inject({ kind: 'error', times: 10_000 });
    const opened = await post({ act: 'set_flag', name: 'QT_MAX_POSITIONS', value: '20', reason });
    expect([opened.status, opened.json.outcome]).toEqual([409, 'refused']);
    expect(await flag('QT_MAX_POSITIONS')).toEqual({ kind: 'text', text: '10' });
    const closed = await post(EVERY[0]);
    expect([closed.status, closed.json.outcome]).toEqual([500, 'unknown']);
    expect(closed.json.failures.join()).toMatch(/^audit: /);
    expect(await flag('QT_ENABLE_AI_TRADING')).toEqual({ kind: 'text', text: 'false' });
  }, 120_000);

  it('whose answer was lost is unknown, not refused', async () => {
    stage.aws.faults.ssm.inject({ kind: 'error', times: 10_000, operation: 'PutParameter' });
    const { status, json } = await post(EVERY[0]);
    expect([status, json.outcome, json.refused]).toEqual([500, 'unknown', null]);
    expect(json.failures.length).toBeGreaterThan(0);
  }, 120_000);

  it('resets the circuit breaker by two people only', async () => {
    expect((await post({ act: 'trip', scope: 'paper', reason })).json.outcome).toBe('done');
    expect((await stage.system.risk.readGate('paper'))?.latch).toBe('TRIPPED');
    const early = await post({ act: 'approve_reset', scope: 'paper', reason }, { token: APPROVER_TOKEN });
    expect([early.status, early.json.outcome]).toEqual([409, 'refused']);
    stage.advance(60 * MINUTE_MS);
    const asked = await post({ act: 'request_reset', scope: 'paper', reason });
    expect(asked.json).toMatchObject({ outcome: 'done', by: 'ada' });
    const { breaker } = (await stage.system.risk.readGate('paper'))!;
    expect(breaker).toMatchObject({ resetRequest: { operator: { name: 'ada', proven: true } } });
  });

  it('takes a model out of service and puts it back', async () => {
    const unknown = await post({ act: 'quarantine', model: 'xgboost', version: 'v20200101_000000', reason });
    expect([unknown.status, unknown.json.outcome]).toEqual([409, 'refused']);
    expect(unknown.json.refused).toContain('model_unknown');
  });
});
