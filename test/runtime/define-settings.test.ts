// Settings of a function: one table gives its type, its parser and the names that infra sets; a problem stops it by name.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineSettings, override, required, text } from '../../lib/runtime/config/define-settings.ts';
import { FUNCTION_SETTINGS } from '../../lib/runtime/config/function-settings.ts';

const settings = defineSettings({
  table: text('QT_TABLE'),
  shards: required('QT_SHARDS', z.coerce.number().int().min(1)),
  url: override('QT_URL', z.url()),
  simulatedUrl: override('QT_SIMULATED_URL', z.url()),
});

describe('defineSettings', () => {
  it('reads every setting by its type, and leaves out what may be missing', () => {
    const read = settings.read({ QT_TABLE: 'qt-risk', QT_SHARDS: '2', QT_OTHER: 'x' });
    expect(read).toEqual({ table: 'qt-risk', shards: 2, url: undefined, simulatedUrl: undefined });
    expect(read.shards satisfies number).toBe(2);
    expect(
      settings.read({
        QT_TABLE: 'qt-risk',
        QT_SHARDS: '2',
        QT_URL: 'https://a.b',
        QT_SIMULATED_URL: 'http://c',
      }),
    ).toMatchObject({ url: 'https://a.b', simulatedUrl: 'http://c' });
  });

  it('names every missing or malformed setting in one line', () => {
    expect(() => settings.read({ QT_SHARDS: '0', QT_URL: 'nowhere' })).toThrow(
      /^invalid settings: QT_TABLE: [^\n]+; QT_SHARDS: [^\n]+; QT_URL: [^\n]+$/,
    );
    expect(() => settings.read({ QT_TABLE: 'qt-risk', QT_SHARDS: '' })).toThrow(/QT_SHARDS/);
  });

  it('asks infra for what it must set, never for an override', () => {
    expect(settings.required).toEqual(['QT_TABLE', 'QT_SHARDS']);
  });
});

describe.each(Object.entries(FUNCTION_SETTINGS))('the settings of %s', (_, { required, read }) => {
  const environment: Record<string, string> = {
    QT_STAGE: 'dev',
    QT_EXCHANGE: 'binanceusdm',
    QT_BUCKET: 'qt-dev',
    QT_SIGNALS_TABLE: 'qt-dev-signals',
    QT_RISK_TABLE: 'qt-dev-risk',
    QT_SHARDS: '1',
    QT_ALARM_TOPIC_ARN: 'arn:aws:sns:eu-central-1:123456789012:qt-dev-alarms',
    QT_SYMBOLS: '100',
    QT_API_AUTHORISATION: 'token',
    QT_EXTERNAL_POSITIONS: 'adopt-and-close',
    QT_ACCOUNT: '123456789012',
  };

  it('stop the function when a single one is missing, empty or malformed', () => {
    expect(() => read(environment)).not.toThrow();
    for (const name of required)
      for (const value of [undefined, '', '?'])
        expect(() => read({ ...environment, [name]: value })).toThrow(new RegExp(`${name}: [^;]+$`));
  });
});
