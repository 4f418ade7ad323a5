// What befalls for minutes what infer decides on: candles that the exchange lacks, counts wrongly or corrects, and models whose objects are
// not those that the ensemble names.

import { MINUTE_MS } from '../../../../lib/core/units.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../../../lib/market/candle.ts';
import { between, type Draw, oneOf } from '../kernel/draws.ts';
import type { CandleChange } from './candle-book.ts';
import type { Spell } from './spells.ts';
import type { Stage } from './stage.ts';
import { OTHER_MODEL, STUB_MEMBERS, type StoredObject, storedModel } from './stub-models.ts';

/**
 * A candle is another one only within the hour after it has closed, as the product's windows assume: it is one of the last of its window
 * when it becomes so, and when it is as before again.
 */
const BACK_MAX = 5;
const CANDLE_MS_MAX = 20 * MINUTE_MS;
/** Of the candles that are missing, those that never come. */
const NEVER_SHARE = 0.25;

function changeCandle(
  { candles, timeline }: Stage,
  { symbol, draw, untilMs }: { symbol: string; draw: Draw; untilMs: number },
  to: CandleChange['to'],
): void {
  const fromMs = timeline.nowMs;
  const openTimeMs = lastClosedOpenTimeMs(fromMs) - between(draw, 0, BACK_MAX) * BAR_MS;
  const isForEver = to === undefined && draw() < NEVER_SHARE;
  const ends = isForEver ? Number.POSITIVE_INFINITY : untilMs;
  candles.change(symbol, { openTimeMs, fromMs, untilMs: ends, to });
}

const candleSpell = (kind: Spell['kind'], to: CandleChange['to']): Spell => ({
  kind,
  msMax: CANDLE_MS_MAX,
  begin: async (stage, about) => changeCandle(stage, about, to),
  end: async () => undefined,
});

/** One of them, or two, so that one answers alone. */
function pickedMembers(draw: Draw): typeof STUB_MEMBERS {
  const first = Math.floor(draw() * STUB_MEMBERS.length);
  const count = draw() < 0.7 ? 1 : 2;
  return STUB_MEMBERS.filter(
    (_member, index) => (index - first + STUB_MEMBERS.length) % STUB_MEMBERS.length < count,
  );
}

const modelSpell = (
  kind: Spell['kind'],
  damage: (stage: Stage, member: (typeof STUB_MEMBERS)[number], draw: Draw) => Promise<void>,
): Spell => ({
  kind,
  async begin(stage, { draw }) {
    for (const member of pickedMembers(draw)) {
      await damage(stage, member, draw);
      stage.models.unsoundSinceMs.set(member.name, stage.timeline.nowMs);
    }
  },
  async end({ objects, models }) {
    models.unsoundSinceMs.clear();
    for (const { model, manifest } of STUB_MEMBERS)
      for (const { key, body } of [model, manifest]) await objects.put(key, body);
  },
});

function torn({ key, body }: StoredObject, draw: Draw): StoredObject {
  const at = Math.floor(draw() * body.length);
  return { key, body: Uint8Array.from(body, (byte, index) => (index === at ? byte ^ 1 : byte)) };
}

export const DECISION_SPELLS: readonly Spell[] = [
  candleSpell('candle_missing', undefined),
  candleSpell('candle_revised', ([high, low, , volume]) => [high, low, (high + low) / 2, volume * 1.25]),
  candleSpell('candle_spiked', ([high, low, close, volume]) => [high * 1.2, low, close, volume * 3]),
  modelSpell('model_torn', async ({ objects }, { model, manifest }, draw) => {
    const { key, body } = torn(oneOf(draw, [model, manifest]), draw);
    await objects.put(key, body);
  }),
  modelSpell('model_swapped', async ({ objects }, { name, model }, draw) => {
    const other = storedModel(name, OTHER_MODEL);
    await objects.put(model.key, other.model.body);
    // With a manifest that says the truth about it, or under that of the one before.
    if (draw() < 0.5) await objects.put(other.manifest.key, other.manifest.body);
  }),
  modelSpell('model_gone', ({ objects }, { model, manifest }, draw) =>
    objects.remove(oneOf(draw, [model, manifest]).key),
  ),
  {
    kind: 'models_broken',
    begin: async ({ models }, { untilMs }) => {
      models.brokenUntilMs = untilMs;
    },
    end: async ({ models }) => {
      models.brokenUntilMs = 0;
    },
  },
];
