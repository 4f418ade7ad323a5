// Flags in memory, for backtests: every flag as `npm start` seeds it unless given otherwise.

import { StoreError } from '../../core/store-error.ts';
import { FLAG_NAMES, FLAGS, type FlagName, parseFlag } from '../../risk/flags.ts';
import type { FlagStore } from '../../risk/ports.ts';

export function createMemoryFlagStore(texts: Readonly<Partial<Record<FlagName, string>>> = {}): FlagStore {
  const flags = new Map<string, string>(FLAG_NAMES.map((name) => [name, texts[name] ?? FLAGS[name].local]));
  return {
    async read(names) {
      return new Map(
        names.map((name) => {
          const text = flags.get(name);
          return [name, text === undefined ? { kind: 'missing' } : { kind: 'text', text }];
        }),
      );
    },
    async write(name, text) {
      const parsed = Object.hasOwn(FLAGS, name) ? parseFlag(name as FlagName, text) : undefined;
      if (parsed?.ok === false) throw new StoreError(parsed.error, { retryable: false });
      flags.set(name, text);
    },
  };
}
