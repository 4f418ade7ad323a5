// What an operator must know in five seconds: may it trade, why or why not, what the account is worth, and how old all that is.
import type { Status } from './api.ts';
import { duration, instant, percent, usdt, words } from './format.ts';

const BAR_MS = 300_000;
/** A bar is decided within seconds of its close, a snapshot is taken every minute. */
const BAR_AGE_MS_MAX = 2 * BAR_MS;
const SNAPSHOT_AGE_MS_MAX = 150_000;

const barAgeMs = ({ atMs, lastBar }: Status): number | undefined =>
  lastBar === null ? undefined : atMs - (lastBar.barOpenTimeMs + BAR_MS);

export function Header({ status, behindMs }: { status: Status; behindMs: number | undefined }) {
  const { mode, level, equity, allowance, breaker, atMs } = status;
  const barAge = barAgeMs(status);
  const snapshotAge = equity === null ? undefined : atMs - equity.atMs;
  const tripped = breaker?.latch === 'TRIPPED';
  return (
    <header class={`bar mode-${mode}`}>
      <div class="mode">
        <strong data-mode={mode}>{mode}</strong>
        <span>
          {status.scope} account{level !== null && `, level ${level}`}
        </span>
      </div>
      <dl class="facts">
        <Fact name="Equity" value={equity === null ? 'none yet' : `${usdt(equity.equityMicroUsdt)} USDT`} />
        <Fact
          name="Capital"
          value={allowance === null ? 'unknown' : `${usdt(allowance.capitalMicroUsdt)} USDT`}
        />
        <Fact
          name="Positions"
          value={`${status.positions.length} of ${allowance === null ? 'unknown' : allowance.positions}`}
        />
        <Fact
          name="Net beta"
          value={
            status.book === null
              ? 'unknown'
              : `${usdt(status.book.netBetaMicroUsdt)} of ${allowance === null ? 'unknown' : usdt(allowance.netBetaMicroUsdt)} USDT`
          }
        />
        <Fact
          name="Circuit breaker"
          value={breaker === null ? 'unknown' : breaker.latch}
          alarm={breaker === null || tripped}
        />
        <Fact
          name="Last bar"
          value={barAge === undefined ? 'none yet' : `${duration(barAge)} ago`}
          alarm={barAge !== undefined && barAge > BAR_AGE_MS_MAX}
        />
        <Fact
          name="Snapshot"
          value={snapshotAge === undefined ? 'none yet' : `${duration(snapshotAge)} ago`}
          alarm={snapshotAge !== undefined && snapshotAge > SNAPSHOT_AGE_MS_MAX}
        />
        {behindMs !== undefined && <Fact name="Page" value={`${duration(behindMs)} behind`} alarm />}
      </dl>
    </header>
  );
}

function Fact({ name, value, alarm = false }: { name: string; value: string; alarm?: boolean }) {
  return (
    <div class={alarm ? 'fact alarm' : 'fact'}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** What happened, in one paragraph. */
export function Summary({ status }: { status: Status }) {
  const { mode, breaker, lastBar, positions, equity } = status;
  const sentences = [
    mode === 'OFF'
      ? 'No new position may be opened; open ones keep their stops and can be closed.'
      : `New positions may be opened on the ${mode === 'LIVE' ? 'real' : 'simulated'} account.`,
  ];
  if (breaker?.latch === 'TRIPPED') {
    const causes = breaker.causes.map(({ code, message }) => `${words(code)}, ${message}`).join('; ');
    sentences.push(`The circuit breaker tripped at ${instant(breaker.trippedAtMs)} UTC: ${causes}.`);
  }
  if (lastBar !== null) {
    const { BUY, SELL, HOLD } = lastBar.actions;
    const abstained = lastBar.abstentions.length;
    sentences.push(
      `The bar of ${instant(lastBar.barOpenTimeMs)} UTC gave ${BUY} BUY, ${SELL} SELL and ${HOLD} HOLD` +
        `${abstained === 0 ? '' : `; ${abstained} symbols abstained`}.`,
    );
  }
  const highWater = breaker?.highWaterMicroUsdt ?? null;
  if (equity !== null && highWater !== null && equity.equityMicroUsdt < highWater)
    sentences.push(`Equity is ${percent(1 - equity.equityMicroUsdt / highWater)} below its high-water mark.`);
  sentences.push(
    positions.length === 0
      ? 'Nothing is held.'
      : `Held: ${positions.map(({ side, symbol }) => `${symbol} ${side === 'BUY' ? 'long' : 'short'}`).join(', ')}.`,
  );
  return <p class="summary">{sentences.join(' ')}</p>;
}

/** Every reason for the mode, and whatever could not be read. */
export function Reasons({ status }: { status: Status }) {
  const causes = status.breaker?.latch === 'TRIPPED' ? status.breaker.causes : [];
  const lines = [
    ...status.reasons.map(({ code, message }) => [words(code), message] as const),
    ...causes.map(({ code, message }) => [`breaker: ${words(code)}`, message] as const),
    ...status.missedBars.map((bar) => ['missed bar', bar] as const),
    ...status.unread.map((message) => ['unreadable', message] as const),
  ];
  if (lines.length === 0) return null;
  return (
    <details class="reasons" open={status.mode === 'OFF' || status.unread.length > 0}>
      <summary>
        Why {status.mode}: {lines.length} {lines.length === 1 ? 'reason' : 'reasons'}
      </summary>
      <ul>
        {lines.map(([code, message]) => (
          <li key={code + message}>
            <strong>{code}</strong> {message}
          </li>
        ))}
      </ul>
    </details>
  );
}
