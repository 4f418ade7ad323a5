// Options of the commands that trade recorded candles: the range, the account, and what may differ from the system as released.
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  BACKTEST_SETTINGS,
  type BacktestSettings,
  parseSetting,
  SETTING_NAMES,
  type SettingName,
} from '../../../lib/research/backtest-settings.ts';
import type { ProgressLine } from '../../format/progress-line.ts';
import { createTimeLeft } from '../../format/time-left.ts';
import {
  addRecordedModelsOptions,
  parseCount,
  parseInstant,
  type RecordedModelsOptions,
} from '../../options.ts';

export interface TradedRangeOptions extends RecordedModelsOptions {
  readonly from: number;
  readonly to: number;
  readonly deposit: number;
  readonly predictions?: string;
}

const DEPOSIT_USDT = 10_000;

export const addTradedRangeOptions = (command: Command): Command =>
  addReplayedRangeOptions(command).option(
    '--deposit <usdt>',
    'initial deposit of the account',
    parseCount,
    DEPOSIT_USDT,
  );

export const addReplayedRangeOptions = (command: Command): Command =>
  addRecordedModelsOptions(command)
    .requiredOption('--from <iso>', 'first bar to trade; earlier bars feed the features', parseInstant)
    .requiredOption('--to <iso>', 'end, exclusive; later candles are not read', parseInstant)
    .option('--predictions <file>', "cache of the models' answers, reused when it fits");

/** The options as both use cases take them. */
export function tradedRangeOf(options: Omit<TradedRangeOptions, 'deposit'>, progress: ProgressLine) {
  const timeLeft = createTimeLeft();
  return {
    dataFolder: options.data,
    modelsFolder: options.models,
    symbols: options.symbols,
    fromMs: options.from,
    toMs: options.to,
    predictionsFile: options.predictions,
    settings: settingsOf({ ...options }),
    onSymbol: ({
      done,
      of,
      symbol,
    }: {
      readonly done: number;
      readonly of: number;
      readonly symbol: string;
    }) => progress.show(`${done}/${of} ${symbol}${timeLeft({ done, of })}`),
  };
}

/** One option for each setting, without a default: what is not given stays as released. */
export function addSettingsOptions(command: Command, names: readonly SettingName[] = SETTING_NAMES): Command {
  for (const name of names) {
    const { option, meaning, yesOrNo } = BACKTEST_SETTINGS[name];
    if (yesOrNo) command.option(`--${option}`, meaning);
    else
      command.option(`--${option} <n>`, meaning, (text) => {
        const value = parseSetting(name, text);
        if (!value.ok) throw new InvalidArgumentError(`${value.error}.`);
        return value.value;
      });
  }
  return command;
}

/** @param options as commander read them: under the names of the options */
function settingsOf(options: Readonly<Record<string, unknown>>): Partial<BacktestSettings> {
  const given = SETTING_NAMES.flatMap((name) => {
    const value = options[new Option(`--${BACKTEST_SETTINGS[name].option}`).attributeName()];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(given);
}
