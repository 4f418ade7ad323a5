// What befalls a stage for minutes: the table takes nothing, objects are damaged or swapped, the capital level moves, a contract
// stands still. One at a time, each undone by whoever looks after such things.
import { z } from 'zod';
import { MINUTE_MS, SECOND_MS } from '../../../../lib/core/units.ts';
import { ensembleKey, POINTER_KEY } from '../../../../lib/models/ensemble.ts';
import { ExternalActError } from '../../../../local/exchange/external-acts.ts';
import { ENSEMBLE_ID, putEnsemble } from '../../trading/trading-world.ts';
import { type Draw, oneOf } from '../kernel/draws.ts';
import type { FaultKind } from '../kernel/fault-plan.ts';
import { LEVEL, SCOPE, type Stage } from './stage.ts';

const SPELL_MS_MAX = 6 * MINUTE_MS;
const OTHER_ENSEMBLE = 'e20240727_000000';
const TORN = Buffer.from('{"ensembleId": "e');

export interface Spell {
  readonly kind: FaultKind;
  /** @default six minutes */
  readonly msMax?: number;
  readonly begin: (stage: Stage, about: { symbol: string; draw: Draw; untilMs: number }) => Promise<void>;
  readonly end: (stage: Stage, symbol: string) => Promise<void>;
}

const putJson = (stage: Stage, key: string, value: unknown) =>
  stage.objects.put(key, Buffer.from(JSON.stringify(value)));

/** As somebody writes it who knows what stands there. */
async function putLevel(stage: Stage, level: string, about: object): Promise<void> {
  const { risk, flags, watch, timeline } = stage;
  const stored = await risk.get(SCOPE, 'rollout', z.looseObject({}));
  await risk.put(SCOPE, 'rollout', { ...stored!.value, ...about }, { ifRevision: stored!.revision });
  flags.write(LEVEL, level, timeline.nowMs);
  watch.flagsMoved(LEVEL);
}

const soundEnsemble = async (stage: Stage): Promise<void> => {
  await putEnsemble(stage.objects, stage.ensemble);
  activate(stage, ENSEMBLE_ID);
};

/** @param id undefined: none can be read */
function activate(stage: Stage, id: string | undefined): void {
  stage.active = { id, sinceMs: stage.timeline.nowMs, before: stage.active.id };
}
const fullLevel = (stage: Stage) => putLevel(stage, 'FULL', { level: 'FULL' });

function change(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof ExternalActError)) throw error;
  }
}

export const SPELLS: readonly Spell[] = [
  {
    kind: 'table_out',
    async begin(stage, { untilMs }) {
      stage.tableOutUntilMs = untilMs;
    },
    async end(stage) {
      stage.tableOutUntilMs = 0;
    },
  },
  {
    kind: 'ensemble_torn',
    async begin(stage, { draw }) {
      activate(stage, undefined);
      await stage.objects.put(draw() < 0.5 ? POINTER_KEY : ensembleKey(ENSEMBLE_ID), TORN);
    },
    end: soundEnsemble,
  },
  {
    kind: 'ensemble_swapped',
    async begin(stage, { draw }) {
      const other = { ...stage.ensemble, id: OTHER_ENSEMBLE };
      // Activated as another one, or its bytes in the place of the active one's.
      const isActivated = draw() >= 0.5;
      activate(stage, isActivated ? OTHER_ENSEMBLE : undefined);
      if (!isActivated) return void (await putJson(stage, ensembleKey(ENSEMBLE_ID), other));
      await putJson(stage, ensembleKey(OTHER_ENSEMBLE), other);
      await putJson(stage, POINTER_KEY, { ensembleId: OTHER_ENSEMBLE });
    },
    end: soundEnsemble,
  },
  {
    kind: 'level_changed',
    begin(stage, { draw }) {
      const level = oneOf(draw, ['PAPER', 'HOUR_1_6', 'HOUR_6_24'] as const);
      return putLevel(stage, level, { level });
    },
    end: fullLevel,
  },
  {
    kind: 'level_torn',
    begin: (stage) => putLevel(stage, 'unreadable', { level: 'FULL ' }),
    end: fullLevel,
  },
  {
    kind: 'contract_halted',
    begin: async ({ core }, { symbol }) =>
      change(() => core.external.changeContract({ symbol, status: 'PRE_SETTLE' })),
    end: async ({ core }, symbol) =>
      change(() => core.external.changeContract({ symbol, status: 'TRADING' })),
  },
  {
    kind: 'leverage_changed',
    begin: async ({ core }, { symbol, draw }) =>
      change(() => core.external.changeSymbol({ symbol, leverage: 1 + Math.floor(draw() * 20) })),
    end: async () => undefined,
  },
];

export class Spells {
  readonly #stage: Stage;
  readonly #tell: (line: string) => void;
  /** Whose position is then not for us alone to protect. */
  readonly #touchedAtMs: Map<string, number>;
  readonly #spells: readonly Spell[];
  /** Of its draws, so that one list of spells moves nothing of another. */
  readonly #label: string;
  #current: { readonly spell: Spell; readonly symbol: string } | undefined;

  constructor(
    stage: Stage,
    touchedAtMs: Map<string, number>,
    tell: (line: string) => void,
    list: { readonly spells: readonly Spell[]; readonly label: string },
  ) {
    this.#stage = stage;
    this.#touchedAtMs = touchedAtMs;
    this.#tell = tell;
    this.#spells = list.spells;
    this.#label = list.label;
  }

  minute(minuteMs: number): void {
    if (this.#current !== undefined) return;
    const { faults, timeline, symbols } = this.#stage;
    const label = new Date(minuteMs).toISOString().slice(5, 16);
    const draw = faults.drawAt(`${this.#label} ${label}`);
    if (draw() >= 0.008 + faults.weather(minuteMs).share / 2) return;
    const spell = oneOf(draw, this.#spells);
    const symbol = oneOf(draw, symbols);
    const fromMs = minuteMs + draw() * MINUTE_MS;
    const untilMs = fromMs + 20 * SECOND_MS + draw() ** 2 * (spell.msMax ?? SPELL_MS_MAX);
    if (!faults.happens({ key: `${spell.kind} ${label}`, kind: spell.kind, atMs: minuteMs })) return;
    this.#current = { spell, symbol };
    timeline.at(fromMs, () => {
      this.#tell(`${spell.kind} ${symbol}`);
      if (spell.kind === 'contract_halted') this.#touchedAtMs.set(symbol, untilMs);
      void spell.begin(this.#stage, { symbol, draw, untilMs });
    });
    timeline.at(untilMs, () => void this.end());
  }

  async end(): Promise<void> {
    const ending = this.#current;
    this.#current = undefined;
    if (ending === undefined) return;
    this.#tell(`${ending.spell.kind} is over`);
    await ending.spell.end(this.#stage, ending.symbol);
  }
}
