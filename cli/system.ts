// Which system a command works on: the local one (running, or its saved state), or a stage on AWS with --stage.
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { formatDuration } from '../lib/core/format-figure.ts';
import { messageOf } from '../lib/core/message-of.ts';
import type { OperatorSystem } from '../lib/runtime/compose/operator.ts';
import { liveRefusal } from '../lib/runtime/config/venue.ts';
import { CommandFailure } from './command-error.ts';
import { note } from './output.ts';

export interface SystemOptions {
  readonly stage?: string;
  readonly state: string;
}

export const addSystemOptions = (command: Command): Command =>
  command
    .option('--stage <name>', 'a stage deployed on AWS, with the credentials of the environment')
    .option('--state <dir>', 'state folder of the local system', '.qt');

/** `saved`: the local system does not run, and its state is opened for this command alone. */
export type SystemOrigin =
  | { readonly kind: 'aws'; readonly stage: string }
  | { readonly kind: 'running' }
  /** `savedAtMs`: real time at which it last ran; undefined when unknown. */
  | { readonly kind: 'saved'; readonly savedAtMs: number | undefined };

type SavedOrigin = Extract<SystemOrigin, { kind: 'saved' }>;

/** `, saved 3 min ago`; empty when that is not known. */
export const describeSaved = ({ savedAtMs }: SavedOrigin): string =>
  savedAtMs === undefined ? '' : `, saved ${formatDuration(Math.max(0, Date.now() - savedAtMs))} ago`;

/** Tells people, on stderr, that what they read is no longer moving. */
export function noteSavedState(origin: SystemOrigin): void {
  if (origin.kind === 'saved')
    note(`the local system is not running: this is its last state${describeSaved(origin)}`);
}

/**
 * Opens the system, does the work, closes it.
 * @param opening.checked false when the work has to be tried although Parameter Store is down
 */
export async function withSystem<T>(
  options: SystemOptions,
  work: (system: OperatorSystem, origin: SystemOrigin) => Promise<T>,
  opening = { checked: true },
): Promise<T> {
  const { close, system, origin } = await openSystem(options, opening);
  try {
    return await work(system, origin);
  } catch (error) {
    throw error instanceof Error && error.name === 'StoreError' ? new CommandFailure(error.message) : error;
  } finally {
    await close();
  }
}

/** Fails the command when the system's market data are not those of the venue that the live broker trades at. */
export async function requireLiveVenue({ readExchange }: OperatorSystem): Promise<void> {
  const exchange = await readExchange();
  const refusal = exchange === undefined ? undefined : liveRefusal(exchange);
  if (refusal !== undefined) throw new CommandFailure(refusal);
}

interface OpenedSystem {
  readonly system: OperatorSystem;
  readonly origin: SystemOrigin;
  close(): Promise<void>;
}

async function openSystem(
  { stage, state }: SystemOptions,
  opening: { readonly checked: boolean },
): Promise<OpenedSystem> {
  const { openAwsStage, openLocalStage } = await import('../lib/runtime/compose/operator.ts');
  if (stage !== undefined) {
    const system = await openAwsStage(stage, opening).catch((error: unknown) => {
      throw new CommandFailure(`stage ${stage}: ${messageOf(error)}`);
    });
    return { system, origin: { kind: 'aws', stage }, close: () => system.close() };
  }
  const { findRunningSystem } = await import('../local/run/running-system.ts');
  const running = await findRunningSystem(state);
  if (running !== undefined) {
    const system = openLocalStage(running.endpoints, state, {
      name: running.exchange,
      url: running.simulatedExchange?.url ?? null,
      origin: running.exchangeUrl ?? undefined,
    });
    return { system, origin: { kind: 'running' }, close: () => system.close() };
  }
  if (!existsSync(state))
    throw new CommandFailure(
      `there is no local system in ${state}: start one with npm start, or name a stage with --stage`,
    );
  return openSavedState(state);
}

async function openSavedState(state: string): Promise<OpenedSystem> {
  const { startEmbeddedAws } = await import('../local/aws/embedded-aws.ts');
  const { LocalStartError } = await import('../local/aws/host/local-start-error.ts');
  const { openLocalStage } = await import('../lib/runtime/compose/operator.ts');
  const { replaySavedAtMs } = await import('../local/run/replay-position.ts');
  const aws = await startEmbeddedAws({ stateDir: state }).catch((error: unknown) => {
    throw error instanceof LocalStartError ? new CommandFailure(error.message) : error;
  });
  const system = openLocalStage(aws.endpoints, state);
  return {
    system,
    origin: { kind: 'saved', savedAtMs: replaySavedAtMs(state) },
    async close() {
      await system.close();
      await aws.close();
    },
  };
}
