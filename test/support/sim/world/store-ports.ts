// The stores as a function sees them: each call is a step of its environment, which may be refused, lost, late, or the last thing that
// the process does. What the stores themselves do is the memory adapters', which keep the contract of those on AWS.
import { StoreError } from '../../../../lib/core/store-error.ts';
import type { SignalStore } from '../../../../lib/inference/ports.ts';
import type { FlagReading } from '../../../../lib/risk/flags.ts';
import type { FlagStore } from '../../../../lib/risk/ports.ts';
import type { Draw } from '../kernel/draws.ts';
import type { Environment, StepFault } from '../kernel/environment.ts';

const refused = () => new StoreError('throttled: the store took nothing', { retryable: true });
const lost = () => new StoreError('no answer in time', { retryable: true });

function storeFault(draw: Draw, share: number): StepFault | undefined {
  const pick = draw() / share;
  if (pick < 0.55) return { kind: 'store_refuses', error: { when: 'before', of: refused } };
  return pick < 1 ? { kind: 'store_answer_lost', error: { when: 'after', of: lost } } : undefined;
}

/** Every method of the port as a step. */
export function throughSteps<Port extends object>(environment: Environment, name: string, port: Port): Port {
  const methods = Object.entries(port).map(([method, act]) => {
    const where = `${name}.${method}`;
    const step = (...given: unknown[]) =>
      environment.step(where, () => (act as (...all: unknown[]) => unknown)(...given), storeFault);
    return [method, step];
  });
  return Object.fromEntries(methods) as Port;
}

/** Nothing answers while it is out: the same port before its steps, so that no call gets through. */
export function unlessOut<Port extends object>(
  environment: Environment,
  port: Port,
  isOut: () => boolean,
): Port {
  const methods = Object.entries(port).map(([method, act]) => [
    method,
    async (...given: unknown[]) => {
      if (!isOut()) return (act as (...all: unknown[]) => unknown)(...given);
      if (environment.invocation !== undefined) environment.invocation.faults++;
      await environment.sleep(OUT_ANSWER_MS);
      throw refused();
    },
  ]);
  return Object.fromEntries(methods) as Port;
}
/** How long a client tries before it gives up. */
const OUT_ANSWER_MS = 1_500;

const FLAG_CHANGE_SEEN_MS = 1_000;

/** Flag texts with their past, for readings that are stale. */
export class FlagTable {
  readonly texts = new Map<string, string>();
  readonly #changes: { readonly atMs: number; readonly name: string; readonly before: string | undefined }[] =
    [];

  write(name: string, text: string, atMs: number): void {
    this.#changes.push({ atMs, name, before: this.texts.get(name) });
    this.texts.set(name, text);
  }

  /** As it was just before this time. */
  textAt(name: string, atMs: number): string | undefined {
    const since = this.#changes.find((change) => change.name === name && change.atMs > atMs);
    return since === undefined ? this.texts.get(name) : since.before;
  }
}

/** The longest that a reading of the flags may lag. */
export const FLAGS_LAG_MS = FLAG_CHANGE_SEEN_MS;

export function flagPort(
  environment: Environment,
  table: FlagTable,
  hooks: { readonly nowMs: () => number; readonly written: (name: string, text: string) => void },
): FlagStore {
  const readAt = (names: readonly string[], atMs: number) =>
    new Map<string, FlagReading>(
      names.map((name) => {
        const text = table.textAt(name, atMs);
        return [name, text === undefined ? { kind: 'missing' } : { kind: 'text', text }];
      }),
    );
  const odd = (names: readonly string[], draw: Draw, reading: FlagReading) => () => {
    const readings = readAt(names, hooks.nowMs());
    return readings.set(names[Math.floor(draw() * names.length)]!, reading);
  };
  return {
    read: (names) =>
      environment.step(
        'flags.read',
        () => readAt(names, hooks.nowMs()),
        (draw, share) => {
          const pick = draw() / share;
          const message = 'throttled';
          if (pick < 0.3) {
            const all = names.map((name) => [name, { kind: 'unreadable', message }] as const);
            return { kind: 'flags_unreadable', effect: () => new Map<string, FlagReading>(all) };
          }
          if (pick < 0.5) return { kind: 'flag_missing', effect: odd(names, draw, { kind: 'missing' }) };
          if (pick < 0.7)
            return { kind: 'flag_malformed', effect: odd(names, draw, { kind: 'text', text: 'True ' }) };
          const stale = () => readAt(names, hooks.nowMs() - FLAG_CHANGE_SEEN_MS);
          return pick < 1 ? { kind: 'flags_stale', effect: stale } : undefined;
        },
      ),
    write: (name, text) =>
      environment.step(
        'flags.write',
        () => {
          table.write(name, text, hooks.nowMs());
          hooks.written(name, text);
        },
        storeFault,
      ),
  };
}

const INDEX_LAG_MS = 3_000;

/** The index by bar shows what was written after a while. @param writtenAtMs by `<what>@<bar>` */
export function signalPort(
  environment: Environment,
  store: SignalStore,
  writtenAtMs: ReadonlyMap<string, number>,
  nowMs: () => number,
): SignalStore {
  const port = throughSteps(environment, 'signals', store);
  const lagging = <Row extends { readonly barOpenTimeMs: number }>(
    where: string,
    read: () => Promise<readonly Row[]>,
    keyOf: (row: Row) => string,
  ) =>
    environment.step(where, read, (draw, share) => {
      if (draw() >= 0.5) return storeFault(draw, share);
      const visible = (row: Row) => nowMs() - (writtenAtMs.get(keyOf(row)) ?? 0) > INDEX_LAG_MS;
      const effect = async () => (await read()).filter(visible);
      return draw() < share * 4 ? { kind: 'index_lags', effect } : undefined;
    });
  return {
    ...port,
    ofBar: (bar) =>
      lagging(
        'signals.ofBar',
        () => store.ofBar(bar),
        ({ symbol, barOpenTimeMs }) => `${symbol}@${barOpenTimeMs}`,
      ),
    runsOfBar: (bar) =>
      lagging(
        'signals.runsOfBar',
        () => store.runsOfBar(bar),
        ({ shard, shardCount, barOpenTimeMs }) => `#${shard}/${shardCount}@${barOpenTimeMs}`,
      ),
  };
}
