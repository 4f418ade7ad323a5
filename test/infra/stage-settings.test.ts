import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readStageSettings } from '../../infra/catalog/stage-settings.ts';
import { BASE_IMAGES } from '../support/infra/synthesised-stage.ts';

const good = { exchange: 'binanceusdm', shards: 2, symbols: 50 };
const read = (settings: unknown, stage: unknown = 'dev') =>
  readStageSettings((key) => ({ stage, stages: { dev: settings } })[key]);

describe('settings of a stage', () => {
  it('come from the context of cdk.json as it stands', () => {
    const { context } = JSON.parse(readFileSync('cdk.json', 'utf8'));
    for (const stage of Object.keys(context.stages))
      expect(readStageSettings((key) => ({ ...context, stage })[key])).toMatchObject({ stage });
  });

  it('may name a universe, an address and a region', () => {
    const settings = {
      ...good,
      apiAuthorisation: 'iam',
      externalPositions: 'leave-and-halt',
      universe: { asOf: '2026-01-31', symbols: ['BTCUSDT'] },
      notifyEmail: 'desk@example.com',
      region: 'eu-central-1',
    };
    expect(read(settings)).toEqual({ stage: 'dev', paperOnly: false, ...settings });
  });

  it('follow spot on paper only, and only when that is said', () => {
    const spot = { ...good, exchange: 'binance' };
    expect(() => read(spot)).toThrow(/stages\.dev\.exchange: .*live broker trades Binance USDT-M.*paperOnly/);
    expect(read({ ...spot, paperOnly: true })).toMatchObject({ exchange: 'binance', paperOnly: true });
  });

  it('ask for 100 symbols when they do not say how many', () => {
    expect(read({ exchange: 'binanceusdm', shards: 2 })).toMatchObject({ symbols: 100 });
  });

  it('close positions of others when they do not say what becomes of them', () => {
    expect(read(good)).toMatchObject({ externalPositions: 'adopt-and-close' });
  });

  it.each([
    ['no symbols to follow', { ...good, symbols: 0 }, /stages\.dev\.symbols/],
    ['a way to authorise that there is not', { ...good, apiAuthorisation: 'none' }, /apiAuthorisation/],
    ['an unknown way with positions of others', { ...good, externalPositions: 'keep' }, /externalPositions/],
    ['no exchange', { shards: 1 }, /stages\.dev\.exchange/],
    ['an unknown exchange', { ...good, exchange: 'mtgox' }, /stages\.dev\.exchange/],
    ['no shards', { ...good, shards: 0 }, /stages\.dev\.shards/],
    ['shards as text', { ...good, shards: '2' }, /stages\.dev\.shards/],
    ['half a shard', { ...good, shards: 1.5 }, /stages\.dev\.shards/],
    ['a misspelt setting', { ...good, notifyMail: 'desk@example.com' }, /notifyMail/],
    ['an address that is none', { ...good, notifyEmail: 'desk' }, /stages\.dev\.notifyEmail/],
    ['an empty universe', { ...good, universe: { asOf: '2026-01-31', symbols: [] } }, /universe\.symbols/],
    [
      'a symbol that is none',
      { ...good, universe: { asOf: '2026-01-31', symbols: ['btc/usdt'] } },
      /symbols\.0/,
    ],
    ['a region that is none', { ...good, region: 'Frankfurt' }, /stages\.dev\.region/],
    ['a retraining without images', { ...good, retraining: {} }, /retraining\.nodeImage[\s\S]*pythonImage/],
    [
      'an image by its tag',
      { ...good, retraining: { ...BASE_IMAGES, nodeImage: 'node:24' } },
      /nodeImage: must name the image by its digest/,
    ],
    ['no settings at all', null, /stages\.dev/],
  ])('are refused with %s, by name', (_, settings, message) => {
    expect(() => read(settings)).toThrow(message);
  });

  it.each([
    ['that is not configured', 'prod', /stages has no prod: there are dev/],
    ['of this machine', 'local', /local is the name of the stage on this machine/],
    ['that is not lower case', 'Dev', /stage: must be lower case/],
    ['that the context leaves out', undefined, /context: stage/],
    ['that every object has', 'constructor', /stages has no constructor/],
  ])('are refused for a stage %s', (_, stage, message) => {
    expect(() => readStageSettings((key) => ({ stage, stages: { dev: good } })[key])).toThrow(message);
  });

  it('say every fault at once', () => {
    expect(() => read({ exchange: 'x', shards: -1 })).toThrow(/exchange[\s\S]*shards/);
  });
});
