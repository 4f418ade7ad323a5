// Whether a run on this machine may trade the real account: with keys, a level above PAPER, and a state folder of its own. The gate, the
// levels and the flags then decide each order as they do on AWS.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLevel } from '../../lib/risk/use-cases/read-level.ts';
import type { ExchangeKeys } from '../../lib/runtime/compose/exchange/keyed-broker.ts';
import type { OperatorSystem } from '../../lib/runtime/compose/operator.ts';
import { exchangeKeySchema, type SelfHostedSettings } from '../../lib/runtime/config/self-hosted-settings.ts';
import { describeFileFailure, LocalStartError } from '../aws/host/local-start-error.ts';

/** Says that the folder holds the records of a real account. */
const MARKER = 'live-account';

/** Of the real account. Throws LocalStartError, which never holds a key. */
export function readExchangeKeys(settings: SelfHostedSettings): ExchangeKeys {
  return {
    apiKey: readKey('QT_EXCHANGE_API_KEY', settings.apiKey, settings.apiKeyFile),
    secret: readKey('QT_EXCHANGE_SECRET', settings.secret, settings.secretFile),
  };
}

function readKey(name: string, value: string | undefined, file: string | undefined): string {
  if (value !== undefined && file !== undefined)
    throw new LocalStartError(`${name} and ${name}_FILE are both set: keep one of them`);
  if (value !== undefined) return value;
  if (file === undefined)
    throw new LocalStartError(`--live needs the keys of the exchange account: set ${name} or ${name}_FILE`);
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch {
    throw new LocalStartError(`${name}_FILE: ${file} cannot be read: check its path and its owner`);
  }
  if (!exchangeKeySchema.safeParse(text).success)
    throw new LocalStartError(`${name}_FILE: ${file} does not hold a key, and nothing else`);
  return text;
}

/** The records of a real account stay in force, and no other run's take their place. Throws LocalStartError. */
export function checkFolder(stateDir: string, run: { isLive: boolean; isOtherState: boolean }): void {
  const isMarked = existsSync(join(stateDir, MARKER));
  if (isMarked && (run.isOtherState || !run.isLive))
    throw new LocalStartError(
      `${stateDir} holds the records of a real account: start it with --live, which protects its positions, or choose another --state`,
    );
  if (run.isLive && run.isOtherState)
    throw new LocalStartError(
      `${stateDir} holds another run: --live continues a run on paper at the same exchange; choose its --state`,
    );
}

/**
 * Checks what the records allow, before anything is called. Throws LocalStartError, or StoreError.
 * @returns one line for the operator
 */
export async function checkRecords({ risk }: OperatorSystem, stateDir: string): Promise<string> {
  const level = await readLevel(risk);
  const hasTraded = (await risk.readGate('live')) !== undefined;
  const mayEnter = level !== undefined && level !== 'PAPER';
  if (!mayEnter && !hasTraded)
    throw new LocalStartError(
      `--live needs a capital level above PAPER, and it is ${level ?? 'unreadable'}: run on paper until GO (qtrader gonogo --hours 24), then two operators sign off (qtrader rollout approve) and one advances (qtrader rollout advance)`,
    );
  try {
    writeFileSync(join(stateDir, MARKER), '', { mode: 0o600 });
  } catch (error) {
    throw describeFileFailure(join(stateDir, MARKER), error);
  }
  const entries = mayEnter
    ? `level ${level}`
    : `level ${level ?? 'unreadable'}: nothing is entered, positions are protected and closed`;
  return `LIVE, ${entries}. Operators' names are not proven on this machine: whoever may use it can sign as two.`;
}
