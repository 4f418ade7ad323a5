// The settings that a sweep tries: every combination of the values given, and the settings without any of them.
import { failure, type Result, success } from '../../core/result.ts';
import {
  BACKTEST_SETTINGS,
  type BacktestSettings,
  parseSetting,
  SETTING_NAMES,
  type SettingName,
} from '../backtest-settings.ts';

/** More take hours, and find luck. */
export const TRIALS_MAX = 500;

export interface VariedSetting {
  readonly name: SettingName;
  readonly values: readonly (number | boolean)[];
}

/** `stop-atr=1,1.5,2`; fails with one line. */
export function parseVaried(text: string): Result<VariedSetting, string> {
  const [option, list, ...more] = text.split('=');
  const name = SETTING_NAMES.find((known) => BACKTEST_SETTINGS[known].option === option);
  const known = SETTING_NAMES.map((of) => BACKTEST_SETTINGS[of].option).join(', ');
  if (name === undefined) return failure(`"${option}" is no setting: there are ${known}`);
  if (list === undefined || more.length > 0) return failure(`"${text}" must read ${option}=VALUE,VALUE`);
  const values: (number | boolean)[] = [];
  for (const part of list.split(',')) {
    const value = parseSetting(name, part.trim());
    if (!value.ok) return value;
    if (!values.includes(value.value)) values.push(value.value);
  }
  return success({ name, values });
}

/** The base first, then every other combination, each once. Fails with one line when there are too many. */
export function expandGrid(
  base: BacktestSettings,
  varied: readonly VariedSetting[],
): Result<BacktestSettings[], string> {
  const count = varied.reduce((product, { values }) => product * values.length, 1);
  if (count > TRIALS_MAX)
    return failure(`the grid has ${count} combinations, more than ${TRIALS_MAX}: give fewer values`);
  const combinations = varied.reduce<BacktestSettings[]>(
    (so, { name, values }) =>
      so.flatMap((settings) => values.map((value) => ({ ...settings, [name]: value }))),
    [base],
  );
  const isBase = (settings: BacktestSettings) => SETTING_NAMES.every((name) => settings[name] === base[name]);
  return success([base, ...combinations.filter((settings) => !isBase(settings))]);
}
