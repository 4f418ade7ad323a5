// The record of the simulated account: every change is made on the newest one, caught up with the market, and written only if
// nobody else wrote since.

import pLimit from 'p-limit';
import type { Clock } from '../../core/ports.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { StoreError } from '../../core/store-error.ts';
import {
  endedOrders,
  newPaperAccount,
  type PaperAccount,
  type PaperOrder,
  paperAccountSchema,
  unseenBars,
  withoutOrders,
} from '../../execution/paper/paper-account.ts';
import { followCandles, type PaperCosts } from '../../execution/paper/paper-matching.ts';
import type { BrokerError } from '../../execution/ports.ts';
import { executionRecords } from '../../execution/use-cases/execution-records.ts';
import { BAR_MS, lastClosedOpenTimeMs } from '../../market/candle.ts';
import type { MarketData } from '../../market/ports.ts';
import type { RecordStore } from '../../risk/ports.ts';
import { toBrokerError } from '../binance/account/broker-error.ts';

const CANDLES_MAX = 998;
/** Functions that write at the same moment; each retry is behind one more of them. */
const WRITE_ATTEMPTS = 8;
const IF_ABSENT = { ifAbsent: true } as const;

export interface PaperBrokerOptions {
  /** Holds the account. */
  readonly records: RecordStore;
  readonly market: MarketData;
  /** The exchange's clock: a replayed one in a replay. */
  readonly clock: Clock;
  readonly costs: PaperCosts;
  /** Of an account that does not exist yet. */
  readonly depositMicroUsdt: number;
}

type Change<E> = (account: PaperAccount) => Result<PaperAccount, E> | Promise<Result<PaperAccount, E>>;

export class KeptAccount {
  readonly #options: PaperBrokerOptions;
  readonly #records: ReturnType<typeof executionRecords>;
  readonly #oneAtATime = pLimit(1);
  /** What the record of this revision says: reading it again need not judge it again. */
  #judged: { readonly revision: number; readonly account: PaperAccount } | undefined;

  constructor(options: PaperBrokerOptions) {
    this.#options = options;
    this.#records = executionRecords(options.records);
  }

  /**
   * The account after the change. Throws StoreError.
   * @param objection asked immediately before the change is written; what it returns is the outcome, and nothing is written
   */
  update<E>(
    change: Change<E>,
    objection: () => E | undefined = () => undefined,
  ): Promise<Result<PaperAccount, E | BrokerError>> {
    return this.#oneAtATime(() => this.#update(change, objection));
  }

  async endedOrder(clientOrderId: string): Promise<PaperOrder | undefined> {
    return (await this.#records.paperOrders.get('paper', clientOrderId))?.value;
  }

  async #update<E>(
    change: Change<E>,
    objection: () => E | undefined,
  ): Promise<Result<PaperAccount, E | BrokerError>> {
    const { paperAccount, paperOrders } = this.#records;
    for (let attempt = 1; attempt <= WRITE_ATTEMPTS; attempt++) {
      const kept = await this.#read();
      const caughtUp = await this.#catchUp(kept.account);
      if (!caughtUp.ok) return caughtUp;
      const changed = await change(caughtUp.value);
      // What was caught up with is written even when the change is refused: the candles will not come again.
      const next = changed.ok ? changed.value : caughtUp.value;
      if (next === kept.account && kept.revision !== undefined) return changed;
      // Only what ended in the account as written: what is put away here has certainly happened. Each is a record of its own, so
      // that the account stays small, and its id stays known.
      const ended = endedOrders(kept.account);
      for (const order of ended) await paperOrders.put('paper', order, IF_ABSENT);
      const condition = kept.revision === undefined ? IF_ABSENT : { ifRevision: kept.revision };
      const objected = changed.ok && changed.value !== caughtUp.value ? objection() : undefined;
      if (objected !== undefined) return failure(objected);
      const written = await paperAccount.put('paper', withoutOrders(next, ended), condition);
      if (written === 'written') return changed;
    }
    throw new StoreError(`the paper account was written to by others ${WRITE_ATTEMPTS} times in a row`, {
      retryable: true,
    });
  }

  async #read(): Promise<{ account: PaperAccount; revision: number | undefined }> {
    const record = await this.#records.paperAccount.getStored('paper');
    if (record === undefined) {
      return { account: newPaperAccount(this.#options.depositMicroUsdt), revision: undefined };
    }
    if (this.#judged?.revision !== record.revision) {
      const parsed = paperAccountSchema.safeParse(record.value);
      if (!parsed.success)
        throw new StoreError(`the record of the paper account is malformed: ${parsed.error.message}`, {
          retryable: false,
        });
      this.#judged = { revision: record.revision, account: parsed.data };
    }
    return this.#judged;
  }

  async #catchUp(account: PaperAccount): Promise<Result<PaperAccount, BrokerError>> {
    const nowMs = this.#options.clock.nowMs();
    let current = account;
    for (const [symbol, nextOpenTimeMs] of unseenBars(account)) {
      const followed = await this.#follow(current, symbol, { nextOpenTimeMs, nowMs });
      if (!followed.ok) return followed;
      current = followed.value;
    }
    return success(current);
  }

  async #follow(
    account: PaperAccount,
    symbol: string,
    { nextOpenTimeMs, nowMs }: { nextOpenTimeMs: number; nowMs: number },
  ): Promise<Result<PaperAccount, BrokerError>> {
    const { market, costs } = this.#options;
    const lastOpenTimeMs = lastClosedOpenTimeMs(nowMs);
    let current = account;
    for (let from = nextOpenTimeMs; from <= lastOpenTimeMs; from += CANDLES_MAX * BAR_MS) {
      const to = Math.min(lastOpenTimeMs, from + (CANDLES_MAX - 1) * BAR_MS);
      const count = (to - from) / BAR_MS + 1;
      const candles = await market.closedCandles({ symbol, count, lastOpenTimeMs: to });
      if (!candles.ok) return failure(toBrokerError(candles.error));
      current = followCandles(current, symbol, { candles: candles.value, costs, nowMs });
    }
    return success(current);
  }
}
