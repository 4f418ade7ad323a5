// Whether a run of the position manager that counts as complete can have done its work.
import type { PositionManagerRecord } from '../../../../lib/risk/records.ts';
import type { SentRequest } from '../world/exchange-port.ts';
import type { FinishedRun } from '../world/lambda.ts';
import type { Register } from './register.ts';

const ACCOUNT_PATH = '/fapi/v3/positionRisk';

export class RunWatch {
  readonly #register: Register;
  /** Whether the account has been read since the last run ended. */
  #hasSeen = false;
  #completedAtMs: number | null = null;
  #saysComplete = false;

  constructor(register: Register) {
    this.#register = register;
  }

  answered({ path, environment }: SentRequest, status: number): void {
    if (path === ACCOUNT_PATH && status === 200 && environment.name.startsWith('manage-positions'))
      this.#hasSeen = true;
  }

  recordWritten(key: string, value: unknown): void {
    if (key !== 'position-manager') return;
    const { completedAtMs } = value as PositionManagerRecord;
    this.#saysComplete = completedAtMs !== this.#completedAtMs;
    this.#completedAtMs = completedAtMs;
  }

  /** One runs after the other. */
  finished({ name, invocation }: FinishedRun): void {
    if (name !== 'manage-positions') return;
    const holds = !this.#saysComplete || this.#hasSeen;
    this.#register.check('complete_runs', holds, () => `${invocation.key} has not seen the account`);
    this.#saysComplete = false;
    this.#hasSeen = false;
  }
}
