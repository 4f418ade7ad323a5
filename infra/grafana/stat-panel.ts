// One figure of now, or one state in words: what an operator looks at first. Grafana shows the newest value of the panel's own, short
// time; what is older is no state, and reads as unknown.
import {
  BigValueColorMode,
  BigValueGraphMode,
  ReduceDataOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { LEVELS } from '../../lib/risk/level.ts';

/** A number's meaning, and its colour. */
export type States = Readonly<Record<number, readonly [text: string, colour: string]>>;

export interface StatDefinition {
  readonly title: string;
  readonly description?: string;
  /** @default the figure itself */
  readonly states?: States;
  readonly unit?: string;
  /** Red from here on. @default never */
  readonly redFrom?: number;
  /** Of the newest value. @default 15 minutes */
  readonly within?: string;
}

const TILE = { widthOf24: 4, height: 4 };

export const MODE_STATES: States = { 0: ['OFF', 'orange'], 1: ['PAPER', 'blue'], 2: ['LIVE', 'green'] };
export const BREAKER_STATES: States = { 0: ['armed', 'green'], 1: ['TRIPPED', 'red'] };
export const LEVEL_STATES: States = Object.fromEntries(
  LEVELS.map((level, index) => [index, [level, index === 0 ? 'blue' : 'green'] as const]),
);

export function statPanel(definition: StatDefinition): PanelBuilder {
  const { title, description, states, unit, redFrom, within = '15m' } = definition;
  const red = redFrom === undefined ? [] : [{ value: redFrom, color: 'red' }];
  const panel = new PanelBuilder()
    .title(title)
    .span(TILE.widthOf24)
    .height(TILE.height)
    .timeFrom(within)
    .noValue('unknown')
    .graphMode(BigValueGraphMode.None)
    .colorMode(BigValueColorMode.Background)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .mappings(states === undefined ? [] : [mappingOf(states)])
    .thresholds(
      new ThresholdsConfigBuilder()
        .mode(ThresholdsMode.Absolute)
        .steps([{ value: null, color: states === undefined ? 'green' : 'text' }, ...red]),
    );
  if (unit !== undefined) panel.unit(unit);
  return description === undefined ? panel : panel.description(description);
}

export const mappingOf = (states: States): ValueMapping => ({
  type: MappingType.ValueToText,
  options: Object.fromEntries(
    Object.entries(states).map(([value, [text, color]], index) => [value, { text, color, index }]),
  ),
});
